use std::sync::Arc;

use api::{Access, App, router};
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use job::message::ExecutionName;
use serde_json::json;

use crate::door::{Door, FLIGHTS, config};

/// Every route, with a path of its kind.
const ROUTES: [(&str, &str); 31] = [
    ("GET", "/health"),
    ("GET", "/contract.schema.json"),
    ("GET", "/datasets"),
    ("PUT", "/datasets/flights"),
    ("GET", "/datasets/flights"),
    ("DELETE", "/datasets/flights"),
    ("GET", "/datasets/flights/versions"),
    ("POST", "/datasets/flights/check"),
    ("GET", "/datasets/flights/rejects"),
    ("POST", "/infer"),
    ("POST", "/uploads"),
    ("POST", "/tickets"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/j-1"),
    ("GET", "/jobs/j-1/execution"),
    ("GET", "/jobs/j-1/shards"),
    ("GET", "/jobs/j-1/rejects"),
    ("GET", "/jobs/j-1/errors"),
    ("GET", "/jobs/j-1/profile"),
    ("GET", "/jobs/j-1/outputs"),
    ("POST", "/jobs/j-1/cancel"),
    ("POST", "/jobs/j-1/redrive"),
    ("POST", "/datasets/flights/backfill"),
    ("POST", "/jobs/j-1/replay"),
    ("POST", "/jobs/j-1/rejects/dismiss"),
    ("POST", "/jobs/j-1/approve"),
    ("POST", "/jobs/j-1/refuse"),
    ("GET", "/jobs/j-1/changes"),
    ("GET", "/jobs/no%20job/execution"),
    ("GET", "/datasets/%FF"),
];

/// Whatever is sent anywhere, an error is a problem document: `Door::send` checks it.
#[tokio::test]
async fn every_error_is_a_problem() {
    let door = Door::with_flights().await;
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "{\"dataset\":\"No\"}",
        "{\"dataset\":\"flights\",\"source\":{\"key\":\"x\"}}",
        "\u{0}",
    ];
    let queries =
        ["", "?limit=0", "?limit=x", "?after=x", "?status=LOST", "?unknown=1", "?version=x"];
    let mut errors = 0;
    for (_, path) in ROUTES {
        for method in
            [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH, Method::OPTIONS]
        {
            for (body, query) in
                bodies.iter().flat_map(|body| queries.iter().map(move |query| (body, query)))
            {
                let request = Request::builder()
                    .method(&method)
                    .uri(format!("{path}{query}"))
                    .body(Body::from(*body))
                    .unwrap();
                errors += u32::from(!door.send(request).await.status.is_success());
            }
        }
    }
    assert!(errors > 1_000, "{errors}");
}

#[tokio::test]
async fn what_the_router_refuses_is_explained() {
    let door = Door::new();
    door.get("/nowhere").await.expect_kind(StatusCode::NOT_FOUND, "no-such-route");
    for (path, field) in [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=x", "limit"),
        ("/jobs?after=x", "after"),
        ("/jobs?datset=x", "datset"),
        ("/jobs?status=LOST", "status"),
        ("/jobs/no%20job", "id"),
        ("/datasets/Flights", "name"),
        ("/datasets/flights/files?at=x", "at"),
    ] {
        let refused = door.get(path).await.expect(StatusCode::BAD_REQUEST);
        assert_eq!(refused.body["field"], field, "{path}: {}", refused.body);
    }
    let too_many = door.get("/jobs?limit=101").await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(too_many.body["limit"], 100);
    let refused = door
        .put("/jobs", "")
        .await
        .expect_kind(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed");
    for method in ["GET", "POST"] {
        assert!(
            refused.headers["allow"].to_str().unwrap().split(',').any(|allowed| allowed == method),
            "{:?}",
            refused.headers
        );
    }
    let refused = door
        .put("/datasets/flights", &" ".repeat(4 * 1024 * 1024 + 1))
        .await
        .expect_kind(StatusCode::PAYLOAD_TOO_LARGE, "too-large");
    assert!(refused.detail().contains("4194304"), "{}", refused.detail());
    assert_eq!(refused.body["limit"], 4_194_304);
}

#[tokio::test]
async fn unknown_members_and_parameters_are_named_with_what_is_allowed() {
    let door = Door::with_flights().await;
    let refused = door
        .submit(None, json!({"priority": 1}))
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    assert!(
        refused.detail().contains("`priority`") && refused.detail().contains("`shardBytes`"),
        "{}",
        refused.detail()
    );
    let refused =
        door.get("/jobs?datset=flights").await.expect_kind(StatusCode::BAD_REQUEST, "bad-request");
    assert!(
        refused.detail().contains("`datset`") && refused.detail().contains("`dataset`"),
        "{}",
        refused.detail()
    );
}

#[tokio::test]
async fn a_busy_service_asks_for_another_attempt_and_tells_nothing_of_itself() {
    let door = Door::with_flights().await;
    door.executions.refuse_next(executions::Error::Unavailable("secret host".to_owned()));
    let refused = door
        .submit(Some("k"), json!({}))
        .await
        .expect_kind(StatusCode::SERVICE_UNAVAILABLE, "unavailable");
    assert_eq!(
        (&refused.headers["retry-after"], &refused.body["retryAfter"]),
        (&"1".parse().unwrap(), &1.into())
    );
    assert!(!refused.body.to_string().contains("secret"));
    door.executions.refuse_next(executions::Error::Denied("secret role".to_owned()));
    let refused = door
        .submit(Some("k"), json!({}))
        .await
        .expect_kind(StatusCode::INTERNAL_SERVER_ERROR, "internal");
    assert!(!refused.body.to_string().contains("secret"));
    door.submit(Some("k"), json!({})).await.expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_panic_is_a_problem_too() {
    let mut door = Door::with_flights().await;
    let config = config(false);
    let app = App {
        registry: door.registry.clone(),
        live: door.registry.clone(),
        executions: Arc::new(Panics),
        buckets: door.buckets.clone(),
        config,
    };
    door.router = router(Arc::new(app), Access::Open);
    door.submit(None, json!({})).await.expect_kind(StatusCode::INTERNAL_SERVER_ERROR, "internal");
    door.put("/datasets/flights", FLIGHTS).await.expect(StatusCode::OK);
}

struct Panics;

#[async_trait]
impl executions::Executions for Panics {
    fn arn(&self, _: &ExecutionName) -> String {
        String::new()
    }
    async fn start(&self, _: &ExecutionName, _: &str) -> executions::Result<executions::Started> {
        panic!("on purpose")
    }
    async fn describe(&self, _: &str) -> executions::Result<executions::Execution> {
        panic!("on purpose")
    }
    async fn answer(&self, _: &str, _: Result<(), executions::Failure>) -> executions::Result<()> {
        panic!("on purpose")
    }
    async fn stop(&self, _: &str, _: &str) -> executions::Result<()> {
        panic!("on purpose")
    }
}

#[async_trait]
impl executions::Histories for Panics {
    async fn history(&self, _: &str) -> executions::Result<executions::History> {
        panic!("on purpose")
    }
}
