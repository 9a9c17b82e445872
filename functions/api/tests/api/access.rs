use api::{Access, READ, WRITE};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use lambda_http::RequestExt;
use serde_json::{Value, json};

use crate::door::{Answer, Door};

/// A request as API Gateway hands it to the function.
async fn through_the_gateway(door: &Door, method: &str, path: &str, authorizer: Value) -> Answer {
    let event = json!({
        "version": "2.0",
        "routeKey": "GET /{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "abc.execute-api.eu-central-1.amazonaws.com"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "abc", "requestId": "r-1", "stage": "$default", "timeEpoch": 0,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
            "authorizer": authorizer,
        },
        "isBase64Encoded": false,
    });
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert!(request.request_context_ref().is_some());
    let (parts, _) = request.into_parts();
    door.send(Request::from_parts(parts, Body::empty())).await
}

fn token(scopes: &str) -> Value {
    json!({"jwt": {"claims": {"sub": "somebody", "scope": scopes}, "scopes": null}})
}

#[tokio::test]
async fn a_token_needs_the_scope_of_the_route() {
    let door = Door::with(Access::Jwt);
    through_the_gateway(&door, "GET", "/datasets", token(READ)).await.expect(StatusCode::OK);
    through_the_gateway(&door, "GET", "/datasets", token(WRITE)).await.expect(StatusCode::OK);
    through_the_gateway(&door, "DELETE", "/datasets/flights", token(&format!("openid {WRITE}")))
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    let refused = through_the_gateway(&door, "DELETE", "/datasets/flights", token(READ))
        .await
        .expect_kind(StatusCode::FORBIDDEN, "forbidden");
    assert!(refused.detail().contains(WRITE), "{}", refused.detail());
    for scopes in ["", "landfall:reader", "other"] {
        through_the_gateway(&door, "GET", "/datasets", token(scopes))
            .await
            .expect_kind(StatusCode::FORBIDDEN, "forbidden");
    }
}

#[tokio::test]
async fn scopes_come_as_a_list_too() {
    let door = Door::with(Access::Jwt);
    for jwt in [
        json!({"claims": {}, "scopes": [READ]}),
        json!({"claims": {"scp": "[openid landfall:read]"}}),
    ] {
        through_the_gateway(&door, "GET", "/jobs", json!({"jwt": jwt}))
            .await
            .expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn without_a_verified_identity_nobody_enters() {
    let signed = json!({"iam": {"accountId": "000000000000", "userArn": "arn:aws:iam::000000000000:user/somebody"}});
    let jwt = Door::with(Access::Jwt);
    let iam = Door::with(Access::Iam);
    through_the_gateway(&iam, "GET", "/jobs", signed.clone()).await.expect(StatusCode::OK);
    for (door, authorizer) in
        [(&jwt, Value::Null), (&jwt, signed), (&iam, Value::Null), (&iam, token(WRITE))]
    {
        through_the_gateway(door, "GET", "/jobs", authorizer)
            .await
            .expect_kind(StatusCode::UNAUTHORIZED, "unauthorized");
    }
    jwt.get("/jobs").await.expect_kind(StatusCode::UNAUTHORIZED, "unauthorized");
}
