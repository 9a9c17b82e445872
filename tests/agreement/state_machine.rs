//! Checks the state machine beside the functions that it calls and the errors that these know.

use std::collections::{BTreeMap, BTreeSet};

use job::DatasetName;
use job::ErrorKind;
use job::hold::MAX_HOLD_SECONDS;
use job::message::{
    Abandon, Caught, EndJob, HoldJob, JobId, JobRef, MakeFiles, MergeFiles, MergeItem, MergeList,
    Planned, Settled, Shard, ShardList, TransformShard, Verified, VerifyJob,
};
use registry::JobStatus;
use serde::Serialize;
use serde_json::{Value, json};
use steps::functions::{FUNCTIONS, LANDING};
use xtask::asl;

use super::sources::{between, properties, state_machine, template, text};

/// What the states call functions by, and what each answers and is asked.
const LAMBDA: &str = "arn:aws:states:::lambda:invoke";
/// How Lambda, the local cloud and Step Functions name what another attempt may mend.
const TRANSIENT_OF_AWS: [&str; 10] = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
];
/// Seconds that an Express execution may take.
const EXPRESS_SECONDS: u64 = 300;

/// The states that call a function, with its resource in the template.
fn calls(machine: &Value) -> Vec<(String, &Value, String)> {
    let is_call = |state: &Value| {
        state["Resource"] == LAMBDA || state["Resource"] == format!("{LAMBDA}.waitForTaskToken")
    };
    let states = asl::states(machine).into_iter().filter(|(_, state)| is_call(state));
    let function = |state: &Value| {
        state["Parameters"]["FunctionName"]
            .as_str()
            .unwrap()
            .trim_matches(['$', '{', '}'])
            .to_owned()
    };
    states.map(|(name, state)| (name, state, function(state))).collect()
}

fn names(entries: &Value) -> impl Iterator<Item = &str> {
    entries
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|entry| entry["ErrorEquals"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
}

#[test]
fn the_definition_is_sound() {
    assert_eq!(asl::faults(&text("statemachine/landing.asl.json")), Vec::<String>::new());
}

/// What runs in one process, for `landfall run` and for `tests/flow`, is what is deployed.
#[test]
fn the_definition_is_the_one_that_is_run_in_one_process() {
    let definition = text("statemachine/landing.asl.json");
    assert_eq!(LANDING, definition);
    flow::Machine::read("landing", LANDING, &FUNCTIONS).unwrap();
    let open: BTreeSet<&str> = between(&definition, "${", "}").collect();
    assert_eq!(FUNCTIONS.map(|(open, _)| open).into_iter().collect::<BTreeSet<_>>(), open);
    for (open, function) in FUNCTIONS {
        assert_eq!(open.trim_end_matches("Function").to_lowercase(), function);
    }
}

#[test]
fn states_are_named_by_the_steps_they_call() {
    let machine = state_machine();
    let called: BTreeMap<String, String> =
        calls(&machine).into_iter().map(|(state, _, function)| (state, function)).collect();
    let expected = [
        ("Ingest", "IngestFunction"),
        ("Transform", "TransformFunction"),
        ("TransformAll/TransformShard", "TransformFunction"),
        ("TransformAgain/TransformShard", "TransformFunction"),
        ("Verify", "VerifyFunction"),
        ("VerifyAgain", "VerifyFunction"),
        ("Merge", "TransformFunction"),
        ("MergeAll/MergeFiles", "TransformFunction"),
        ("Hold", "StoreFunction"),
        ("Store", "StoreFunction"),
        ("Abandon", "StoreFunction"),
    ];
    assert_eq!(
        called,
        expected.map(|(state, function)| (state.to_owned(), function.to_owned())).into()
    );
}

#[test]
fn the_template_puts_in_what_the_definition_leaves_open() {
    let (template, definition) = (template(), text("statemachine/landing.asl.json"));
    let open: BTreeSet<&str> = between(&definition, "${", "}").collect();
    let given: BTreeSet<&str> = properties(&template, "Landing")["DefinitionSubstitutions"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(given, open);
}

#[test]
fn a_state_waits_longer_than_its_function_may_run() {
    let (template, machine) = (template(), state_machine());
    for (state, definition, function) in calls(&machine) {
        let (wait, run) = (
            definition["TimeoutSeconds"].as_u64().unwrap(),
            properties(&template, &function)["Timeout"].as_u64().unwrap(),
        );
        assert!(wait > run, "{state} waits {wait} s, {function} may run {run} s");
        assert!(
            !state.contains('/') || wait < EXPRESS_SECONDS,
            "{state}: an Express execution ends after {EXPRESS_SECONDS} s"
        );
    }
}

#[test]
fn every_call_is_tried_again_for_what_may_pass_and_for_nothing_else() {
    let machine = state_machine();
    let wanted: BTreeSet<&str> = ErrorKind::ALL
        .into_iter()
        .filter(|(kind, _)| kind.is_transient())
        .map(|(_, name)| name)
        .chain(TRANSIENT_OF_AWS)
        .collect();
    for (state, definition, _) in calls(&machine) {
        // Whoever waits for approval is not asked again when the time is over.
        let waits = definition["Resource"] != LAMBDA;
        let wanted: BTreeSet<&str> =
            wanted.iter().copied().filter(|name| !waits || *name != "States.Timeout").collect();
        assert_eq!(names(&definition["Retry"]).collect::<BTreeSet<_>>(), wanted, "{state}");
        assert_eq!(
            names(&definition["Retry"]).next(),
            Some(TRANSIENT_OF_AWS[0]),
            "{state}: AWS's own first"
        );
    }
}

#[test]
fn every_retry_backs_off_with_jitter_and_outlives_three_kills() {
    for (state, definition) in asl::states(&state_machine()) {
        for retry in definition.get("Retry").and_then(Value::as_array).into_iter().flatten() {
            assert!(
                retry["BackoffRate"].as_f64().unwrap() > 1.0 && retry["MaxDelaySeconds"].is_u64(),
                "{state}"
            );
            assert_eq!(retry["JitterStrategy"], "FULL", "{state}");
            assert!(retry["MaxAttempts"].as_u64().unwrap() >= 3, "{state}");
        }
    }
}

#[test]
fn every_failure_is_caught() {
    let machine = state_machine();
    for (state, definition) in asl::states(&machine).into_iter().filter(|(state, definition)| {
        let works = definition["Type"] == "Task" || definition["Type"] == "Map";
        works && !state.contains('/')
    }) {
        // What is committed has landed, heard of or not; and who abandons has nobody to turn to.
        let (path, next) = match state.as_str() {
            "Announce" => (Value::Null, "Landed"),
            "Abandon" => (json!("$.unabandoned"), "Left behind"),
            _ => (json!("$.failure"), "Abandon"),
        };
        let mut expected =
            vec![json!({ "ErrorEquals": ["States.ALL"], "ResultPath": path, "Next": next })];
        if state == "Hold" {
            let expired = json!({ "ErrorEquals": ["States.Timeout"], "ResultPath": null, "Next": "Hold expired" });
            expected.insert(0, expired);
        }
        assert_eq!(definition["Catch"], json!(expected), "{state}");
    }
}

#[test]
fn both_rounds_and_the_only_shard_are_run_alike() {
    let machine = state_machine();
    let states = &machine["States"];
    let shard = |map: &str| states[map]["ItemProcessor"].clone();
    assert_eq!(shard("TransformAll"), shard("TransformAgain"));
    for map in ["TransformAll", "TransformAgain", "MergeAll"] {
        assert_eq!(states[map]["MaxConcurrencyPath"], "$.plan.max_concurrency");
        assert_eq!(
            states[map]["ItemProcessor"]["ProcessorConfig"],
            json!({ "Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS" })
        );
        assert_eq!(states[map]["ToleratedFailurePercentage"], 0, "one lost shard is a lost job");
        for state in states[map]["ItemProcessor"]["States"].as_object().unwrap().values() {
            assert_eq!(state["Retry"], states["Transform"]["Retry"]);
        }
    }
    assert_eq!(states["Merge"]["Retry"], states["Transform"]["Retry"]);
}

#[test]
fn messages_are_what_the_functions_read_and_write() {
    let (job, dataset) = (JobId::parse("job-1").unwrap(), DatasetName::parse("flights").unwrap());
    let shard = Shard::of_range(0, 0, 0..1);
    let list = || ShardList {
        count: 1,
        bucket: "b".to_owned(),
        key: "k".to_owned(),
        only: Some(shard.clone()),
    };
    let caught = Caught { error: "e".to_owned(), cause: "c".to_owned() };
    let states = state_machine()["States"].clone();
    let payload = |state: &str| keys(&states[state]["Parameters"]["Payload"]);
    let answer = |state: &str| -> BTreeSet<String> {
        states[state]["ResultSelector"]
            .as_object()
            .unwrap()
            .values()
            .map(|path| path.as_str().unwrap().replace("$.Payload.", ""))
            .collect()
    };

    let one = TransformShard { job: job.clone(), dataset: dataset.clone(), shard: shard.clone() };
    assert_eq!(payload("Transform"), fields(&one));
    assert_eq!(keys(&states["TransformAll"]["ItemSelector"]), fields(&one));
    let merge =
        MergeFiles { job: job.clone(), dataset: dataset.clone(), merge: MergeItem { index: 0 } };
    assert_eq!(
        (payload("Merge"), keys(&states["MergeAll"]["ItemSelector"])),
        (fields(&merge), fields(&merge))
    );
    let only = &states["Merge"]["Parameters"]["Payload"]["merge.$"];
    assert_eq!(only, "$.verified.merges.only");
    let only = &states["Transform"]["Parameters"]["Payload"]["shard.$"];
    assert_eq!(only, "$.plan.shards.only");
    for (message, expected) in [
        (serde_json::to_value(&one), MakeFiles::Shard(one.clone())),
        (serde_json::to_value(&merge), MakeFiles::Merge(merge.clone())),
    ] {
        assert_eq!(
            serde_json::from_value::<MakeFiles>(message.unwrap()).unwrap(),
            expected,
            "a message is of one kind"
        );
    }
    assert_eq!(
        payload("Verify"),
        fields(&VerifyJob { job: job.clone(), dataset: dataset.clone(), round: 1 })
    );
    assert_eq!(
        (
            &states["Verify"]["Parameters"]["Payload"]["round"],
            &states["VerifyAgain"]["Parameters"]["Payload"]["round"]
        ),
        (&json!(1), &Value::Null)
    );
    assert_eq!(
        states["VerifyAgain"]["Parameters"]["Payload"]["round.$"], "$.verified.round",
        "as often as shards are run again"
    );
    for field in ["ResultSelector", "ResultPath", "Next"] {
        assert_eq!(states["Verify"][field], states["VerifyAgain"][field], "{field}");
    }
    assert_eq!(payload("VerifyAgain"), payload("Verify"));
    let store = EndJob::Store(JobRef { job: job.clone(), dataset: dataset.clone() });
    assert_eq!(
        paths(&states["Store"]["Parameters"]["Payload"]),
        paths(&serde_json::to_value(&store).unwrap())
    );
    let hold = HoldJob { job: job.clone(), dataset: dataset.clone(), token: String::new() };
    assert_eq!(
        paths(&states["Hold"]["Parameters"]["Payload"]),
        paths(&serde_json::to_value(EndJob::Hold(hold)).unwrap())
    );
    assert_eq!(states["Hold"]["TimeoutSeconds"], MAX_HOLD_SECONDS);
    let abandon = EndJob::Abandon(Abandon {
        job: job.clone(),
        dataset: dataset.clone(),
        failure: caught,
        execution: Some(String::new()),
    });
    let caught_fields = ["abandon/failure/Cause", "abandon/failure/Error"].map(str::to_owned);
    let mut expected = paths(&serde_json::to_value(&abandon).unwrap());
    assert!(
        caught_fields.iter().all(|field| expected.remove(field)),
        "a Catch writes Error and Cause"
    );
    expected.insert("abandon/failure".to_owned());
    assert_eq!(paths(&states["Abandon"]["Parameters"]["Payload"]), expected);

    let planned = Planned { job, dataset, shards: list(), max_concurrency: 1 };
    assert!(answer("Ingest").is_subset(&fields(&planned)));
    let merges = || MergeList { count: 0, bucket: "b".to_owned(), key: "k".to_owned(), only: None };
    assert_eq!(
        answer("Verify"),
        fields(&Verified {
            again: list(),
            round: 2,
            merges: merges(),
            hold: false,
            counts: Default::default()
        })
    );
    let settled = Settled {
        job: planned.job.clone(),
        dataset: planned.dataset.clone(),
        status: String::new(),
        error: String::new(),
        cause: String::new(),
        other: None,
        redrivable_until: None,
        stored: None,
    };
    assert!(answer("Abandon").is_subset(&fields(&settled)), "what is always there");
    let asked: BTreeSet<&str> = between(
        &text("statemachine/landing.asl.json"),
        "\"$.abandoned.status\", \"StringEquals\": \"",
        "\"",
    )
    .map(|status| {
        JobStatus::ALL.into_iter().find(|known| known.as_str() == status).unwrap().as_str()
    })
    .collect();
    assert_eq!(asked, ["DUPLICATE", "SUCCEEDED", "SUPERSEDED"].into());
    let list = fields(&list());
    for path in ["count", "bucket", "key", "only"] {
        assert!(list.contains(path), "the state machine reads `{path}` of a list of shards");
    }
    let merges = fields(&merges());
    for path in ["count", "bucket", "key"] {
        assert!(merges.contains(path), "the state machine reads `{path}` of a list of merges");
    }
}

fn fields(message: &impl Serialize) -> BTreeSet<String> {
    keys(&serde_json::to_value(message).unwrap())
}

/// The keys of an object, without the `.$` that marks a path.
fn keys(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().map(|key| key.trim_end_matches(".$").to_owned()).collect()
}

/// The places of all leaves of an object.
fn paths(object: &Value) -> BTreeSet<String> {
    let entries =
        object.as_object().unwrap().iter().map(|(key, value)| (key.trim_end_matches(".$"), value));
    entries
        .flat_map(|(key, value)| match value {
            Value::Object(_) => {
                paths(value).into_iter().map(|path| format!("{key}/{path}")).collect()
            }
            _ => vec![key.to_owned()],
        })
        .collect()
}
