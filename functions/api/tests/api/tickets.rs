//! Tickets: what opens a WebSocket, and for whom.

use api::{Access, Scope};
use axum::http::StatusCode;
use job::DatasetName;
use registry::Live;
use serde_json::{Value, json};

use crate::access::{through_the_gateway, token, token_for};
use crate::door::{Answer, Door};

/// The secret of a ticket.
fn secret(ticket: &Value) -> String {
    let url = ticket["url"].as_str().unwrap();
    let secret = url.strip_prefix("wss://sockets.example/live?ticket=").unwrap();
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "{secret}");
    secret.to_owned()
}

/// Milliseconds since 1970, of a time some seconds from now.
fn in_seconds(seconds: i64) -> u64 {
    (chrono::Utc::now().timestamp_millis() + seconds * 1_000).unsigned_abs()
}

#[tokio::test]
async fn a_ticket_opens_one_socket_within_a_minute() {
    let door = Door::new();
    let ticket = async || door.post("/tickets", Value::Null).await.expect(StatusCode::CREATED).body;
    let (one, two) = (secret(&ticket().await), secret(&ticket().await));
    assert_ne!(one, two);
    assert!(door.registry.use_ticket(&one, in_seconds(50)).await.unwrap().is_some());
    assert_eq!(door.registry.use_ticket(&one, in_seconds(50)).await, Ok(None), "it is used up");
    assert_eq!(door.registry.use_ticket(&two, in_seconds(61)).await, Ok(None), "it has expired");
}

#[tokio::test]
async fn a_ticket_shows_what_its_holder_may_see_and_keeps_no_token() {
    let door = Door::with(Access::Jwt);
    let issue = async |authorizer: Value| -> Answer {
        through_the_gateway(&door, "POST", "/tickets", "", authorizer).await
    };
    let answer = issue(token_for("orders eu_*")).await.expect(StatusCode::CREATED);
    let viewer = door.registry.use_ticket(&secret(&answer.body), in_seconds(0)).await;
    let viewer = viewer.unwrap().unwrap();
    let has = |name: &str| viewer.datasets.has(&DatasetName::parse(name).unwrap());
    assert!(has("orders") && has("eu_sales") && !has("wages"));
    let scopes = Scope::ALL.map(Scope::name).join(" ");
    let claims = json!({"sub": "somebody", "scope": scopes, "landfall:datasets": "orders eu_*"});
    assert_eq!(viewer.authorizer, json!({"jwt": {"claims": claims, "scopes": null}}));

    issue(token("landfall:read")).await.expect(StatusCode::CREATED);
    issue(token("landfall:data")).await.expect_kind(StatusCode::FORBIDDEN, "forbidden");
}
