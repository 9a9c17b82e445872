//! Who may what: scopes, datasets, and what the audit tells of it. Whose tokens are good is the
//! gateway's to say: see `tests/end_to_end/tokens.rs`.

use std::io;
use std::sync::{Arc, Mutex};

use api::{Access, NEEDS, Scope};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use job::message::{Counts, JobId};
use lambda_http::RequestExt;
use registry::{JobChange, JobStatus, Registry};
use serde_json::{Value, json};

use crate::door::{Answer, Door};

/// A request as API Gateway hands it to the function.
pub(crate) async fn through_the_gateway(
    door: &Door,
    method: &str,
    target: &str,
    body: &str,
    authorizer: Value,
) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let event = json!({
        "version": "2.0",
        "routeKey": "GET /{proxy+}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc.execute-api.eu-central-1.amazonaws.com"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "abc", "requestId": "r-1", "stage": "$default", "timeEpoch": 0,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
            "authorizer": authorizer,
        },
        "body": body,
        "isBase64Encoded": false,
    });
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert!(request.request_context_ref().is_some());
    let (mut parts, _) = request.into_parts();
    // The real one tells the host too.
    parts.uri = target.parse().unwrap();
    door.send(Request::from_parts(parts, Body::from(body.to_owned()))).await
}

pub(crate) fn token(scopes: &str) -> Value {
    json!({"jwt": {"claims": {"sub": "somebody", "scope": scopes}, "scopes": null}})
}

/// A token with every scope, for some datasets.
pub(crate) fn token_for(datasets: &str) -> Value {
    let scopes = Scope::ALL.map(Scope::name).join(" ");
    json!({"jwt": {"claims": {"sub": "somebody", "scope": scopes, "landfall:datasets": datasets}, "scopes": null}})
}

fn contract(name: &str) -> String {
    format!("name: {name}\nschema: {{ fields: [ {{ name: year, type: integer }} ] }}\n")
}

/// A door for tokens, with the datasets `orders`, `sales_de` and `sales_fr`, and a job of each. The
/// jobs, in that order.
async fn with_jobs() -> (Door, Vec<String>) {
    let door = Door::with(Access::Jwt);
    let mut jobs = Vec::new();
    for name in ["orders", "sales_de", "sales_fr"] {
        let put = format!("/datasets/{name}");
        through_the_gateway(&door, "PUT", &put, &contract(name), token_for("*"))
            .await
            .expect(StatusCode::CREATED);
        let key = format!("staged/{name}/a.csv");
        door.drop_off(&key, "year\n2013\n").await;
        let body = json!({"dataset": name, "source": {"key": key}}).to_string();
        let job = through_the_gateway(&door, "POST", "/jobs", &body, token_for("*"))
            .await
            .expect(StatusCode::ACCEPTED);
        jobs.push(job.body["job"].as_str().unwrap().to_owned());
    }
    (door, jobs)
}

fn path_of(route: &str) -> String {
    route.replace("{name}", "orders").replace("{id}", "j-1")
}

/// Each route with each set of scopes: it is refused for want of one, or gets further.
#[tokio::test]
async fn a_token_needs_the_scopes_of_the_route() {
    let door = Door::with(Access::Jwt);
    for held in 0..1_u8 << Scope::ALL.len() {
        let held: Vec<Scope> = Scope::ALL
            .into_iter()
            .enumerate()
            .filter_map(|(bit, scope)| (held >> bit & 1 == 1).then_some(scope))
            .collect();
        let scopes: Vec<_> = held.iter().map(|scope| scope.name()).collect();
        let scopes = format!("openid {} landfall:reader", scopes.join(" "));
        for (method, route, needed) in NEEDS {
            let has = |scope: &Scope| scope.granted_by().iter().any(|scope| held.contains(scope));
            let answer =
                through_the_gateway(&door, method, &path_of(route), "", token(&scopes)).await;
            match needed.iter().find(|scope| !has(scope)) {
                Some(missing) => {
                    let refused = answer.expect_kind(StatusCode::FORBIDDEN, "forbidden");
                    assert!(refused.detail().contains(missing.name()), "{}", refused.detail());
                }
                None => assert_ne!(answer.status, StatusCode::FORBIDDEN, "{method} {route}"),
            }
        }
    }
}

/// Records, and URLs that lead to them, are for nobody who only runs the pipeline.
#[test]
fn records_need_a_scope_of_their_own() {
    let with_data = NEEDS.iter().filter(|(_, _, needed)| needed.contains(&Scope::Data));
    let with_data: Vec<_> = with_data.map(|(_, route, _)| *route).collect();
    for route in ["files", "infer", "rejects", "errors", "profile", "outputs"] {
        assert!(with_data.iter().any(|with| with.ends_with(route)), "{route}");
    }
    assert!(Scope::Data.granted_by() == [Scope::Data]);
}

/// A dry run answers with values, whatever it tries.
#[tokio::test]
async fn dry_runs_need_the_scope_of_records() {
    let (door, jobs) = with_jobs().await;
    let job = JobId::parse(&jobs[0]).unwrap();
    let counts = Some(Counts { read: 2, stored: 1, rejected: 1, filtered: 0 });
    let status = Some(JobStatus::Succeeded);
    door.change(&job, JobChange { status, counts, ..JobChange::default() }).await;
    let key = "staged/orders/a.csv";
    for (path, body) in [
        ("/jobs".to_owned(), json!({"dataset": "orders", "source": {"key": key}, "dryRun": true})),
        (format!("/jobs/{job}/replay"), json!({"source": {"key": key}, "dryRun": true})),
    ] {
        let (writer, body) = ("landfall:write", body.to_string());
        let refused = through_the_gateway(&door, "POST", &path, &body, token(writer)).await;
        let refused = refused.expect_kind(StatusCode::FORBIDDEN, "forbidden");
        assert!(refused.detail().contains("landfall:data"), "{}", refused.detail());
        let both = token("landfall:write landfall:data");
        through_the_gateway(&door, "POST", &path, &body, both).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn claims_come_as_lists_too() {
    let door = Door::with(Access::Jwt);
    for jwt in [
        json!({"claims": {}, "scopes": ["landfall:read"]}),
        json!({"claims": {"scp": "[openid landfall:read]"}}),
    ] {
        through_the_gateway(&door, "GET", "/jobs", "", json!({"jwt": jwt}))
            .await
            .expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_verified_identity_nobody_enters() {
    let signed = json!({"iam": {"accountId": "000000000000", "userArn": "arn:aws:iam::000000000000:user/somebody"}});
    let jwt = Door::with(Access::Jwt);
    let iam = Door::with(Access::Iam);
    through_the_gateway(&iam, "GET", "/jobs", "", signed.clone()).await.expect(StatusCode::OK);
    for (door, authorizer) in [
        (&jwt, Value::Null),
        (&jwt, signed),
        (&iam, Value::Null),
        (&iam, token("landfall:read landfall:write landfall:admin landfall:data")),
    ] {
        for (method, route, _) in NEEDS {
            through_the_gateway(door, method, &path_of(route), "", authorizer.clone())
                .await
                .expect_kind(StatusCode::UNAUTHORIZED, "unauthorized");
        }
    }
    jwt.get("/jobs").await.expect_kind(StatusCode::UNAUTHORIZED, "unauthorized");
}

/// Whatever is asked of a job or a dataset of somebody else's, the answer is that of one that is
/// not there.
#[tokio::test]
async fn what_is_of_another_dataset_is_not_there() {
    let (door, jobs) = with_jobs().await;
    for (method, route, _) in NEEDS {
        for datasets in ["sales_de", "sales_*", "[sales_de sales_fr]", ""] {
            let ask = async |path: &str, body: &str| {
                through_the_gateway(&door, method, path, body, token_for(datasets)).await
            };
            if route.contains("{id}") {
                let body = if route.ends_with("/dismiss") { r#"{"why": "w"}"# } else { "{}" };
                let there = ask(&route.replace("{id}", &jobs[0]), body).await;
                let missing = ask(&route.replace("{id}", "job-none"), body).await;
                let [mut there, mut missing] = [there, missing]
                    .map(|answer| answer.expect_kind(StatusCode::NOT_FOUND, "no-such-job").body);
                for (body, id) in [(&mut there, jobs[0].as_str()), (&mut missing, "job-none")] {
                    for member in ["detail", "instance"] {
                        body[member] = body[member].as_str().unwrap().replace(id, "…").into();
                    }
                }
                assert_eq!(there, missing, "{method} {route}");
            } else if route.contains("{name}") {
                let body = if *method == "PUT" { contract("orders") } else { String::new() };
                ask(&path_of(route), &body)
                    .await
                    .expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
            }
        }
    }
    for (path, body) in [
        ("/jobs", json!({"dataset": "orders", "source": {"key": "staged/orders/a.csv"}})),
        ("/uploads", json!({"dataset": "orders", "name": "a.csv"})),
    ] {
        through_the_gateway(&door, "POST", path, &body.to_string(), token_for("sales_*"))
            .await
            .expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    }
    // It is untouched.
    let job = door.registry.job(&JobId::parse(&jobs[0]).unwrap()).await.unwrap().unwrap();
    assert!(!job.status.is_terminal() && door.decision(&job.submission.job).await.is_none());
    let path = format!("/jobs/{}", jobs[1]);
    through_the_gateway(&door, "GET", &path, "", token_for("sales_*")).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn lists_show_what_the_caller_may_see() {
    let (door, _) = with_jobs().await;
    for (datasets, expected) in [
        ("sales_*", &["sales_de", "sales_fr"][..]),
        ("orders sales_fr", &["orders", "sales_fr"]),
        ("*", &["orders", "sales_de", "sales_fr"]),
        ("none", &[]),
        ("", &[]),
    ] {
        for list in ["/datasets", "/jobs"] {
            let (mut shown, mut after, mut pages) = (Vec::new(), String::new(), 0);
            loop {
                let path = format!("{list}?limit=1{after}");
                let page = through_the_gateway(&door, "GET", &path, "", token_for(datasets)).await;
                let page = page.expect(StatusCode::OK).body;
                let items = page["items"].as_array().unwrap();
                shown.extend(items.iter().map(|item| item["dataset"].as_str().unwrap().to_owned()));
                pages += 1;
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            shown.sort();
            assert_eq!(shown, expected, "{list} of {datasets}");
            assert_eq!(pages, expected.len().max(1), "no page is empty or says that more follows");
        }
        let path = "/jobs?dataset=orders";
        let of_one = through_the_gateway(&door, "GET", path, "", token_for(datasets)).await;
        let count = of_one.expect(StatusCode::OK).body["items"].as_array().unwrap().len();
        assert_eq!(count, usize::from(expected.contains(&"orders")), "{datasets}");
    }
}

/// Whoever may land in one dataset must not read another one by it.
#[tokio::test]
async fn sources_and_joins_are_those_of_the_callers_datasets() {
    let (door, _) = with_jobs().await;
    let may = json!({"key": "staged/sales_de/a.csv"});
    let may_not = [
        json!({"key": "staged/orders/a.csv"}),
        json!({"key": "inbox/orders/a.csv"}),
        json!({"bucket": "elsewhere", "key": "in/a.csv"}),
    ];
    let many = [
        json!({"prefix": "staged/"}),
        json!({"prefix": "inbox/orders/"}),
        json!({"objects": [may, may_not[0]]}),
        json!({"manifest": may}),
    ];
    let ask = async |path: &str, body: Value| {
        through_the_gateway(&door, "POST", path, &body.to_string(), token_for("sales_de")).await
    };
    for source in may_not.iter().chain(&many) {
        ask("/jobs", json!({"dataset": "sales_de", "source": source}))
            .await
            .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "source-forbidden");
    }
    for source in &may_not {
        ask("/infer", json!({"source": source}))
            .await
            .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "source-forbidden");
    }
    ask("/infer", json!({"source": may})).await.expect(StatusCode::OK);
    ask("/jobs", json!({"dataset": "sales_de", "source": {"prefix": "staged/sales_de/"}}))
        .await
        .expect(StatusCode::ACCEPTED);

    let joining = "name: sales_de\nschema: { fields: [ { name: year, type: integer } ] }\n\
        transform: { join: [ { dataset: orders, fields: [ { name: year, type: integer }, { name: more, type: string } ], on: [ year ], columns: [ more ] } ] }\n";
    let put = async |datasets: &str| {
        through_the_gateway(&door, "PUT", "/datasets/sales_de", joining, token_for(datasets)).await
    };
    put("sales_*").await.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    put("sales_* orders").await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_claim_that_names_no_datasets_lets_nobody_in() {
    let door = Door::with(Access::Jwt);
    for claim in ["Sales", "sales_* *_de", "a/b"] {
        let refused = through_the_gateway(&door, "GET", "/jobs", "", token_for(claim))
            .await
            .expect_kind(StatusCode::FORBIDDEN, "forbidden");
        assert!(refused.detail().contains("landfall:datasets"), "{}", refused.detail());
    }
}

/// Somewhere to read what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The audit's lines since the last look.
    fn audit(&self) -> Vec<Value> {
        let text = std::mem::take(&mut *self.0.lock().unwrap());
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice::<Value>(line).unwrap())
            .filter(|line| line["kind"] == "audit")
            .collect()
    }
}

#[tokio::test]
async fn the_audit_tells_who_changed_what() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(move || writer.clone())
        .finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let (door, jobs) = with_jobs().await;
    log.audit();
    let cancel = format!("/jobs/{}/cancel", jobs[1]);
    let rejects = format!("/jobs/{}/rejects", jobs[1]);
    let submit = json!({"dataset": "sales_de", "source": {"key": "staged/sales_de/a.csv"}});
    let (submit, put) = (submit.to_string(), contract("sales_de"));
    let mine = token_for("sales_*");
    for (method, path, body, authorizer, expected) in [
        (
            "PUT",
            "/datasets/sales_de",
            put.as_str(),
            mine.clone(),
            json!(["somebody", "PUT", "/datasets/{name}", "sales_de", null, "done", 200]),
        ),
        (
            "DELETE",
            "/datasets/sales_de",
            "",
            token("landfall:write"),
            json!(["somebody", "DELETE", "/datasets/{name}", null, null, "forbidden", 403]),
        ),
        (
            "POST",
            cancel.as_str(),
            "",
            mine.clone(),
            json!(["somebody", "POST", "/jobs/{id}/cancel", "sales_de", jobs[1], "done", 200]),
        ),
        (
            "POST",
            cancel.as_str(),
            "",
            token_for("orders"),
            json!(["somebody", "POST", "/jobs/{id}/cancel", null, jobs[1], "no-such-job", 404]),
        ),
        (
            "GET",
            rejects.as_str(),
            "",
            mine.clone(),
            json!([
                "somebody",
                "GET",
                "/jobs/{id}/rejects",
                "sales_de",
                jobs[1],
                "no-rejects",
                404
            ]),
        ),
        (
            "POST",
            "/jobs",
            "{}",
            Value::Null,
            json!([null, "POST", "/jobs", null, null, "unauthorized", 401]),
        ),
    ] {
        through_the_gateway(&door, method, path, body, authorizer).await;
        let lines = log.audit();
        assert_eq!(lines.len(), 1, "{method} {path}: {lines:?}");
        let told = ["who", "method", "route", "dataset", "job", "outcome", "status"];
        assert_eq!(json!(told.map(|name| &lines[0][name])), expected, "{}", lines[0]);
        assert_eq!(lines[0]["request"], "r-1");
        assert!(lines[0]["timestamp"].is_string());
    }
    let job = through_the_gateway(&door, "POST", "/jobs", &submit, mine.clone()).await;
    assert_eq!(log.audit()[0]["job"], job.body["job"], "a new job is named too");
    for path in ["/jobs", "/datasets", "/nowhere"] {
        through_the_gateway(&door, "GET", path, "", mine.clone()).await;
        assert!(log.audit().is_empty(), "{path}");
    }
}

/// The answers to as many changes as it takes until one is refused: the minute may turn once.
async fn until_refused(door: &Door, limit: usize, authorizers: &[Value]) -> (usize, Answer) {
    for number in 0..=2 * limit {
        let authorizer = authorizers[number % authorizers.len()].clone();
        let answer = through_the_gateway(door, "POST", "/jobs", "{}", authorizer).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return (number, answer);
        }
        answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
    }
    panic!("nothing is refused");
}

#[tokio::test]
async fn a_caller_asks_for_so_many_changes_in_a_minute() {
    const LIMIT: usize = 4;
    let jwt = |claims: Value| json!({"jwt": {"claims": claims, "scopes": null}});
    let of = |sub: &str| jwt(json!({"sub": sub, "scope": "landfall:admin"}));
    let client = |id: &str| jwt(json!({"client_id": id, "scope": "landfall:admin"}));
    let iam = |arn: &str| json!({"iam": {"userArn": format!("arn:aws:{arn}")}});
    let session =
        |role: &str, name: &str| iam(&format!("sts::000000000000:assumed-role/{role}/{name}"));
    for (access, same, other) in [
        (Access::Jwt, vec![of("ada")], of("bob")),
        (Access::Jwt, vec![client("robot")], client("robot2")),
        // A session is called what its holder likes.
        (
            Access::Iam,
            vec![session("loader", "a"), session("loader", "b/c")],
            session("other", "a"),
        ),
        (
            Access::Iam,
            vec![iam("iam::000000000000:user/x/ada")],
            iam("iam::000000000000:user/x/bob"),
        ),
    ] {
        let door = Door::with(access);
        let registry = door.registry.clone();
        let door = door.limited(LIMIT as u64, access, registry);
        let (done, refused) = until_refused(&door, LIMIT, &same).await;
        assert!((LIMIT..=2 * LIMIT).contains(&done), "{done}");
        let refused = refused.expect_kind(StatusCode::TOO_MANY_REQUESTS, "too-many-requests");
        assert_eq!(refused.body["limit"], LIMIT);
        let seconds: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds) && refused.body["retryAfter"] == seconds, "{seconds}");
        assert!(refused.detail().contains("more than 4 changes"), "{}", refused.detail());

        // Others may, and so may who only reads, or asks what is allowed.
        through_the_gateway(&door, "POST", "/jobs", "{}", other)
            .await
            .expect(StatusCode::UNPROCESSABLE_ENTITY);
        for _ in 0..3 * LIMIT {
            let jobs = through_the_gateway(&door, "GET", "/jobs", "", same[0].clone()).await;
            jobs.expect(StatusCode::OK);
        }
        through_the_gateway(&door, "OPTIONS", "/jobs", "", same[0].clone())
            .await
            .expect(StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn nobody_is_limited_where_callers_are_not_known_or_the_limit_is_none() {
    for (access, limit) in [(Access::Open, 1), (Access::Jwt, 0)] {
        let door = Door::with(access);
        let registry = door.registry.clone();
        let door = door.limited(limit, access, registry);
        for _ in 0..5 {
            let admin = token("landfall:admin");
            let answer = through_the_gateway(&door, "POST", "/jobs", "{}", admin).await;
            answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

/// The request goes on: this one is found to be none.
#[tokio::test]
async fn what_cannot_be_counted_goes_on() {
    let door = Door::with(Access::Jwt).limited(1, Access::Jwt, Arc::new(registry::Absent));
    for _ in 0..5 {
        let admin = token("landfall:admin");
        let answer = through_the_gateway(&door, "POST", "/jobs", "{}", admin).await;
        answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
    }
}
