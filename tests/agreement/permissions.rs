//! Checks that every function may do what its code does, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use xtask::functions;

use super::sources::{between, properties, resource_of, rust, template, text};

/// A method of a port, and the permissions that its AWS implementation needs.
type Needs = [(&'static str, &'static [&'static str])];

const OBJECTS: &Needs = &[
    ("head", READS),
    ("get", READS),
    ("read", &["s3:GetObject"]),
    ("put", &["s3:PutObject"]),
    ("create_upload", &["s3:PutObject"]),
    ("put_part", &["s3:PutObject"]),
    ("complete_upload", &["s3:PutObject"]),
    ("abort_upload", &["s3:AbortMultipartUpload"]),
    ("uploads", &["s3:ListBucketMultipartUploads"]),
    ("list", &["s3:ListBucket"]),
    ("versions", &["s3:ListBucketVersions"]),
    ("tags", &["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]),
    ("put_tags", &["s3:PutObjectTagging", "s3:PutObjectVersionTagging"]),
    ("delete", &["s3:DeleteObject"]),
    ("presign_get", &["s3:GetObject"]),
    ("presign_put", &["s3:PutObject"]),
];
/// The current version of an object, or a pinned one.
const READS: &[&str] = &["s3:GetObject", "s3:GetObjectVersion"];

const REGISTRY: &Needs = &[
    ("put_contract", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("contract", &["dynamodb:GetItem"]),
    ("contract_versions", &["dynamodb:Query"]),
    ("datasets", &["dynamodb:Query"]),
    ("delete_dataset", &["dynamodb:GetItem", "dynamodb:DeleteItem"]),
    ("put_job", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("job", &["dynamodb:GetItem"]),
    ("jobs", &["dynamodb:Query"]),
    ("update_job", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("redrive_job", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("take_turns", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("loaded", &["dynamodb:GetItem"]),
    ("claim", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("release", &["dynamodb:GetItem", "dynamodb:DeleteItem"]),
    ("newest", &["dynamodb:GetItem"]),
    ("set_newest", &["dynamodb:PutItem"]),
    ("arrive", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("arrived", &["dynamodb:GetItem"]),
    ("gather", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("batch", &["dynamodb:GetItem"]),
    ("close_batch", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("tell_once", &["dynamodb:PutItem"]),
    ("forget_batch", &["dynamodb:GetItem", "dynamodb:DeleteItem"]),
    ("gathered", &["dynamodb:GetItem"]),
    ("count_request", &["dynamodb:UpdateItem"]),
];

const LIVE: &Needs = &[
    ("issue_ticket", &["dynamodb:PutItem"]),
    ("use_ticket", &["dynamodb:GetItem", "dynamodb:DeleteItem"]),
    ("connect", &["dynamodb:PutItem"]),
    ("connection", &["dynamodb:GetItem"]),
    ("disconnect", &["dynamodb:GetItem", "dynamodb:DeleteItem"]),
    ("subscribe", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("unsubscribe", &["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]),
    ("subscribers", &["dynamodb:Query"]),
    ("note_plan", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("note_shard", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("told", &["dynamodb:Query"]),
    ("begin_push", &["dynamodb:GetItem", "dynamodb:PutItem"]),
    ("note_quiet", &["dynamodb:GetItem", "dynamodb:PutItem"]),
];

const EXECUTIONS: &Needs = &[
    ("start", &["states:StartExecution", "states:DescribeExecution"]),
    ("describe", &["states:DescribeExecution"]),
    ("answer", &["states:SendTaskSuccess", "states:SendTaskFailure"]),
    ("stop", &["states:StopExecution"]),
    ("history", &["states:GetExecutionHistory", "states:ListMapRuns", "states:DescribeMapRun"]),
];

const CATALOG: &Needs = &[
    ("get_table", &["glue:GetTable"]),
    ("create_table", &["glue:CreateTable"]),
    ("update_table", &["glue:UpdateTable"]),
    ("create_partitions", &["glue:BatchCreatePartition"]),
];

/// What a bus asks of whoever puts an event on it. `put` is a method of other ports too, so it is
/// looked for by its whole call.
const EVENTS: &Needs = &[("put", &["events:PutEvents"])];

/// What a function is made of, and which methods of which port it calls.
struct Function {
    name: &'static str,
    sources: &'static [&'static str],
    objects: &'static [&'static str],
    registry: &'static [&'static str],
    live: &'static [&'static str],
    executions: &'static [&'static str],
    catalog: &'static [&'static str],
}

const FUNCTIONS: [Function; 8] = [
    Function {
        name: "api",
        sources: &[
            "functions/api/src/caller.rs",
            "functions/api/src/datasets.rs",
            "functions/api/src/execution.rs",
            "functions/api/src/files.rs",
            "functions/api/src/infer.rs",
            "functions/api/src/jobs.rs",
            "functions/api/src/hold.rs",
            "functions/api/src/redrive.rs",
            "functions/api/src/dismiss.rs",
            "functions/api/src/open_rejects.rs",
            "functions/api/src/rate.rs",
            "functions/api/src/replay.rs",
            "functions/api/src/results.rs",
            "functions/api/src/source.rs",
            "functions/api/src/tickets.rs",
            "functions/api/src/uploads.rs",
            "crates/steps/src/dry_run.rs",
            "crates/steps/src/open_rejects.rs",
            "crates/steps/src/replay.rs",
            "crates/steps/src/references.rs",
            "crates/steps/src/documents.rs",
            "crates/steps/src/planned.rs",
            "crates/steps/src/shards.rs",
            "crates/admission/src/lib.rs",
        ],
        objects: &["head", "get", "list", "read", "put", "presign_get", "presign_put"],
        registry: &[
            "contract",
            "contract_versions",
            "count_request",
            "datasets",
            "delete_dataset",
            "job",
            "jobs",
            "put_contract",
            "put_job",
            "redrive_job",
            "take_turns",
            "update_job",
        ],
        live: &["issue_ticket"],
        executions: &["start", "describe", "history", "answer", "stop"],
        catalog: &[],
    },
    Function {
        name: "admit",
        sources: &[
            "functions/admit/src",
            "crates/admission/src/lib.rs",
            "crates/admission/src/arrivals.rs",
        ],
        objects: &[],
        registry: &[
            "arrive",
            "batch",
            "close_batch",
            "contract",
            "forget_batch",
            "gather",
            "gathered",
            "job",
            "put_job",
            "redrive_job",
            "take_turns",
            "update_job",
        ],
        live: &[],
        executions: &["start"],
        catalog: &[],
    },
    Function {
        name: "ingest",
        sources: &[
            "crates/steps/src/ingest.rs",
            "crates/steps/src/found.rs",
            "crates/steps/src/left.rs",
            "crates/steps/src/planned.rs",
            "crates/steps/src/skipped.rs",
            "crates/steps/src/source.rs",
            "crates/steps/src/standing.rs",
            "crates/steps/src/order.rs",
            "crates/steps/src/references.rs",
            "crates/steps/src/pieces.rs",
            "crates/steps/src/replay.rs",
            "crates/steps/src/documents.rs",
            "crates/tables/src",
        ],
        objects: &["head", "get", "read", "put", "list", "versions", "delete"],
        registry: &["contract", "gathered", "job", "loaded", "newest", "update_job"],
        live: &[],
        executions: &[],
        catalog: &[],
    },
    Function {
        name: "transform",
        sources: &[
            "crates/steps/src/transform.rs",
            "crates/steps/src/attempt.rs",
            "crates/steps/src/live.rs",
            "crates/steps/src/merge.rs",
            "crates/steps/src/planned.rs",
            "crates/steps/src/documents.rs",
            "crates/steps/src/output.rs",
            "crates/steps/src/upload.rs",
        ],
        objects: &[
            "get",
            "read",
            "put",
            "create_upload",
            "put_part",
            "complete_upload",
            "abort_upload",
            "delete",
        ],
        registry: &[],
        live: &["note_shard"],
        executions: &[],
        catalog: &[],
    },
    Function {
        name: "verify",
        sources: &[
            "crates/steps/src/verify.rs",
            "crates/steps/src/left.rs",
            "crates/tables/src/log.rs",
            "crates/steps/src/planned.rs",
            "crates/steps/src/skipped.rs",
            "crates/steps/src/documents.rs",
        ],
        objects: &["head", "read", "put", "list"],
        registry: &[],
        live: &[],
        executions: &[],
        catalog: &[],
    },
    Function {
        name: "store",
        sources: &[
            "crates/steps/src/afterwards.rs",
            "crates/steps/src/bill.rs",
            "crates/steps/src/claims.rs",
            "crates/steps/src/commit.rs",
            "crates/steps/src/decision.rs",
            "crates/steps/src/documents.rs",
            "crates/steps/src/hold.rs",
            "crates/steps/src/newest.rs",
            "crates/steps/src/order.rs",
            "crates/steps/src/pieces.rs",
            "crates/steps/src/planned.rs",
            "crates/steps/src/skipped.rs",
            "crates/steps/src/ready.rs",
            "crates/steps/src/register.rs",
            "crates/steps/src/replay.rs",
            "crates/steps/src/settle.rs",
            "crates/steps/src/standing.rs",
            "crates/steps/src/store.rs",
            "crates/steps/src/sweep.rs",
            "crates/steps/src/undo.rs",
            "crates/steps/src/upload.rs",
            "crates/catalog/src/register.rs",
            "crates/tables/src",
        ],
        objects: &[
            "head",
            "get",
            "read",
            "put",
            "create_upload",
            "put_part",
            "complete_upload",
            "abort_upload",
            "uploads",
            "list",
            "versions",
            "tags",
            "put_tags",
            "delete",
        ],
        registry: &[
            "claim",
            "job",
            "loaded",
            "newest",
            "release",
            "set_newest",
            "tell_once",
            "update_job",
        ],
        live: &[],
        executions: &[],
        catalog: &["get_table", "create_table", "update_table", "create_partitions"],
    },
    Function {
        name: "settle",
        sources: &[
            "functions/settle/src",
            "crates/admission/src/lib.rs",
            "crates/admission/src/arrivals.rs",
            "crates/steps/src/afterwards.rs",
            "crates/steps/src/bill.rs",
            "crates/steps/src/claims.rs",
            "crates/steps/src/commit.rs",
            "crates/steps/src/decision.rs",
            "crates/steps/src/documents.rs",
            "crates/steps/src/hold.rs",
            "crates/steps/src/newest.rs",
            "crates/steps/src/order.rs",
            "crates/steps/src/pieces.rs",
            "crates/steps/src/planned.rs",
            "crates/steps/src/skipped.rs",
            "crates/steps/src/ready.rs",
            "crates/steps/src/register.rs",
            "crates/steps/src/replay.rs",
            "crates/steps/src/settle.rs",
            "crates/steps/src/standing.rs",
            "crates/steps/src/store.rs",
            "crates/steps/src/sweep.rs",
            "crates/steps/src/undo.rs",
            "crates/steps/src/upload.rs",
            "crates/catalog/src/register.rs",
            "crates/tables/src",
        ],
        objects: &[
            "head",
            "get",
            "read",
            "put",
            "create_upload",
            "put_part",
            "complete_upload",
            "abort_upload",
            "uploads",
            "list",
            "versions",
            "tags",
            "put_tags",
            "delete",
        ],
        registry: &[
            "arrive",
            "arrived",
            "batch",
            "claim",
            "close_batch",
            "contract",
            "datasets",
            "forget_batch",
            "gather",
            "gathered",
            "job",
            "jobs",
            "loaded",
            "newest",
            "put_job",
            "redrive_job",
            "release",
            "set_newest",
            "take_turns",
            "tell_once",
            "update_job",
        ],
        live: &[],
        executions: &["start", "describe", "stop"],
        catalog: &["get_table", "create_table", "update_table", "create_partitions"],
    },
    Function {
        name: "live",
        sources: &["functions/live/src"],
        objects: &[],
        registry: &["job", "jobs"],
        live: &[
            "use_ticket",
            "connect",
            "connection",
            "disconnect",
            "subscribe",
            "unsubscribe",
            "subscribers",
            "note_plan",
            "told",
            "begin_push",
            "note_quiet",
        ],
        executions: &[],
        catalog: &[],
    },
];

/// The methods of a trait, in the order of its source.
fn methods(source: &str, port: &str) -> Vec<String> {
    let body = between(source, &format!("pub trait {port}"), "\n}")
        .next()
        .unwrap_or_else(|| panic!("there is no trait {port}"))
        .to_owned();
    between(&body, "async fn ", "(").map(str::to_owned).collect()
}

/// Every permission that a source names.
fn named(source: &str, service: &str) -> BTreeSet<String> {
    let is_action =
        |rest: &&str| rest[service.len()..].starts_with(|c: char| c.is_ascii_uppercase());
    let starts = source.match_indices(service).map(|(at, _)| &source[at..]).filter(is_action);
    starts
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect())
        .collect()
}

fn needed(port: &Needs, called: &[&str]) -> BTreeSet<String> {
    let needs = |method: &&str| {
        port.iter()
            .find(|(name, _)| name == method)
            .unwrap_or_else(|| panic!("no method `{method}`"))
            .1
    };
    called.iter().flat_map(needs).map(|action| (*action).to_owned()).collect()
}

/// The statements of a function's role, the conditional ones included.
fn statements(template: &Value, function: &str) -> Vec<Value> {
    let policies = properties(template, &resource_of(function))
        .get("Policies")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let all = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap().clone());
    all.map(|statement| if statement.is_array() { statement[1].clone() } else { statement })
        .collect()
}

/// A value or a list of values.
fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => {
            values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
        }
        value => vec![value.as_str().unwrap().to_owned()],
    }
}

#[test]
fn the_tables_know_every_method_and_every_permission() {
    let ports = [
        (
            &["Objects"][..],
            OBJECTS,
            "crates/objects/src/port.rs",
            "crates/objects/src/s3.rs",
            "s3:",
        ),
        (
            &["Registry"][..],
            REGISTRY,
            "crates/registry/src/port.rs",
            "crates/registry/src/dynamodb.rs",
            "dynamodb:",
        ),
        (
            &["Live"][..],
            LIVE,
            "crates/registry/src/live.rs",
            "crates/registry/src/dynamodb.rs",
            "dynamodb:",
        ),
        (
            &["Executions", "Histories"][..],
            EXECUTIONS,
            "crates/executions/src/lib.rs",
            "crates/executions/src/step_functions.rs",
            "states:",
        ),
        (
            &["Catalog"][..],
            CATALOG,
            "crates/catalog/src/lib.rs",
            "crates/catalog/src/glue.rs",
            "glue:",
        ),
        (
            &["Events"][..],
            EVENTS,
            "crates/events/src/lib.rs",
            "crates/events/src/event_bridge.rs",
            "events:",
        ),
    ];
    for (port, needs, source, adapter, service) in ports {
        assert_eq!(
            port.iter().flat_map(|port| methods(&text(source), port)).collect::<Vec<_>>(),
            needs.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>(),
            "{port:?}"
        );
        // An adapter needs what all of its ports need.
        let known: BTreeSet<String> = ports
            .iter()
            .filter(|port| port.3 == adapter)
            .flat_map(|(_, needs, ..)| needs.iter())
            .flat_map(|(_, actions)| actions.iter().map(|action| (*action).to_owned()))
            .collect();
        assert_eq!(named(&rust(adapter), service), known, "{adapter}");
    }
}

#[test]
fn each_call_to_s3_names_the_permission_of_the_table() {
    let adapter = rust("crates/objects/src/s3.rs");
    for (method, needs) in OBJECTS.iter().filter(|(method, _)| !method.starts_with("presign")) {
        let body = between(&adapter, &format!("async fn {method}("), "async fn ")
            .next()
            .unwrap()
            .to_owned();
        assert_eq!(
            named(&body, "s3:"),
            needs.iter().map(|need| (*need).to_owned()).collect(),
            "{method}"
        );
    }
}

#[test]
fn functions_call_what_the_table_says() {
    for function in &FUNCTIONS {
        let code: String = function.sources.iter().map(|source| rust(source)).collect();
        let ports = [
            (OBJECTS, function.objects),
            (REGISTRY, function.registry),
            (LIVE, function.live),
            (EXECUTIONS, function.executions),
            (CATALOG, function.catalog),
        ];
        for (needs, called) in ports {
            // A map has a `get` too; what the port's needs is covered by `head` and `read`.
            let calls = |method: &str| code.contains(&format!(".{method}("));
            let found: BTreeSet<&str> = needs
                .iter()
                .map(|(method, _)| *method)
                .filter(|method| *method != "get" && calls(method))
                .collect();
            assert_eq!(
                found,
                called.iter().copied().filter(|method| *method != "get").collect(),
                "{}",
                function.name
            );
        }
    }
}

#[test]
fn functions_may_do_what_they_call_and_nothing_else() {
    let template = template();
    assert_eq!(
        FUNCTIONS.iter().map(|function| function.name).collect::<Vec<_>>(),
        functions::NAMES
    );
    for function in &FUNCTIONS {
        let mut expected = needed(OBJECTS, function.objects);
        if !expected.is_empty() {
            expected.insert("s3:ListBucket".to_owned()); // Without it S3 answers 403 for a key that is not there.
        }
        if function.name == "verify" {
            expected.remove("s3:GetObjectVersion"); // It reads no source, and what it does read has no versions.
        }
        expected.extend(needed(REGISTRY, function.registry));
        expected.extend(needed(LIVE, function.live));
        expected.extend(needed(EXECUTIONS, function.executions));
        expected.extend(needed(CATALOG, function.catalog));
        if ["ingest", "transform", "store", "settle"].contains(&function.name) {
            expected.extend(needed(EVENTS, &["put"]));
        }
        if rust(&format!("functions/{}/src", function.name)).contains("deployment::context")
            && properties(&template, &resource_of(function.name))["Environment"]["Variables"]
                .get("LANDFALL_MASK_SALT_ARN")
                .is_some()
        {
            expected.insert("secretsmanager:GetSecretValue".to_owned());
        }
        if function.name == "live" {
            // To push, and to have the API do what a watcher asks for.
            let calls = ["execute-api:ManageConnections", "lambda:InvokeFunction"];
            expected.extend(calls.map(str::to_owned));
        }
        if function.name == "admit" {
            expected.extend(
                // Lambda's poller, in its name.
                ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
                    .map(str::to_owned),
            );
        }
        if ["admit", "settle"].contains(&function.name) {
            expected.insert("sqs:SendMessage".to_owned()); // Reminders of batches.
        }
        let granted: BTreeSet<String> = statements(&template, function.name)
            .iter()
            .flat_map(|statement| list(&statement["Action"]))
            .collect();
        assert_eq!(granted, expected, "{}", function.name);
    }
}

#[test]
fn permissions_end_at_prefixes() {
    let template = template();
    for function in functions::NAMES {
        for statement in statements(&template, function) {
            assert_eq!(statement["Effect"], "Allow", "{function}");
            let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
            for resource in resources {
                let on_objects = actions
                    .iter()
                    .any(|action| action.contains("Object") || action == "s3:AbortMultipartUpload");
                let fits = match on_objects {
                    true => [
                        "Arn}/inbox/*",
                        "Arn}/staged/*",
                        "Arn}/archive/*",
                        "Arn}/reference/*",
                        "Arn}/jobs/*",
                        "Arn}/jobs/*/decision.json",
                        "Arn}/jobs/*/failure.json",
                        "Arn}/jobs/*/mended-*.csv",
                        "Arn}/jobs/*/replays/*.json",
                        "Arn}/jobs/.rejects/*.parquet",
                        "Arn}/small/*",
                        "Arn}/lake/*",
                        "SourceBucketArns",
                    ]
                    .iter()
                    .any(|end| resource.ends_with(end)),
                    // Calls with a token name no resource.
                    false if actions.iter().all(|action| action.starts_with("states:SendTask")) => {
                        true
                    }
                    false => !resource.starts_with('*'),
                };
                assert!(fits, "{function}: {actions:?} on {resource}");
            }
        }
    }
}

/// The data path may write what those who watch are shown, and read or change no contract, no job
/// and no claim.
#[test]
fn a_shard_reaches_its_progress_and_nothing_else_of_the_registry() {
    let template = template();
    let reaches_table = |statement: &Value| list(&statement["Resource"]) == ["Table.Arn"];
    let mut granted = statements(&template, "transform");
    granted.retain(reaches_table);
    let keys = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["live#*"] } });
    assert_eq!(granted.len(), 1, "{granted:?}");
    assert_eq!(granted[0]["Condition"], keys);
}

#[test]
fn only_transform_and_store_change_the_lake() {
    let template = template();
    for function in functions::NAMES {
        let of_lake = statements(&template, function).into_iter().filter(|statement| {
            list(&statement["Resource"]).iter().any(|name| name.contains("LakeBucket"))
        });
        let granted: BTreeSet<String> =
            of_lake.flat_map(|statement| list(&statement["Action"])).collect();
        let expected = match function {
            "api" | "ingest" | "verify" => vec!["s3:GetObject", "s3:ListBucket"],
            "transform" => vec!["s3:AbortMultipartUpload", "s3:PutObject"],
            "store" | "settle" => {
                vec![
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:GetObject",
                    "s3:ListBucket",
                    "s3:ListBucketMultipartUploads",
                    "s3:PutObject",
                ]
            }
            _ => vec![],
        };
        assert_eq!(granted.into_iter().collect::<Vec<_>>(), expected, "{function}");
    }
}

#[test]
fn the_state_machine_may_call_its_steps_and_announce() {
    let template = template();
    let of_machine =
        properties(&template, "Landing")["Policies"][0]["Statement"].as_array().unwrap();
    let by = |action: &str| {
        of_machine
            .iter()
            .find(|statement| statement["Action"] == action)
            .unwrap_or_else(|| panic!("{action} is not granted"))
    };
    let steps =
        ["IngestFunction.Arn", "TransformFunction.Arn", "VerifyFunction.Arn", "StoreFunction.Arn"];
    assert_eq!(by("lambda:InvokeFunction")["Resource"], json!(steps));
    assert_eq!(by("s3:GetObject")["Resource"], "${WorkBucket.Arn}/jobs/*");
    assert_eq!(
        by("events:PutEvents")["Condition"],
        json!({ "StringEquals": { "events:source": "landfall" } })
    );
    let map_runs = properties(&template, "LandingMapRuns");
    assert_eq!(map_runs["Roles"], json!(["LandingRole"]));
    assert_eq!(map_runs["PolicyDocument"]["Statement"][0]["Action"], "states:StartExecution");
}
