use axum::http::StatusCode;
use serde_json::json;

use crate::door::Door;

#[tokio::test]
async fn an_upload_goes_to_the_inbox_or_waits_to_be_submitted() {
    let door = Door::with_flights().await;
    let inbox =
        door.post("/uploads", json!({"dataset": "flights", "name": "2013/a b.csv", "size": 10})).await.expect(StatusCode::CREATED).body;
    assert_eq!((inbox["key"].as_str(), inbox["bucket"].as_str()), (Some("inbox/flights/2013/a b.csv"), Some("the-inbox")));
    assert_eq!(inbox["method"], "PUT");
    assert!(inbox["url"].as_str().is_some_and(|url| !url.is_empty()) && inbox["expires"].as_str().is_some_and(|time| time.ends_with('Z')));

    let asked = json!({"dataset": "flights", "name": "a.csv", "land": "submit"});
    let staged = door.post("/uploads", asked.clone()).await.expect(StatusCode::CREATED).body["key"].clone();
    let again = door.post("/uploads", asked).await.expect(StatusCode::CREATED).body["key"].clone();
    let staged = staged.as_str().unwrap();
    assert!(staged.starts_with("staged/flights/") && staged.ends_with("/a.csv"), "{staged}");
    assert_ne!(staged, again, "two uploads of one name don't meet");
}

#[tokio::test]
async fn what_could_not_land_is_not_uploaded() {
    let door = Door::with_flights().await;
    let refusals = [
        (json!({"dataset": "weather", "name": "a.csv"}), StatusCode::NOT_FOUND, "no-such-dataset"),
        (json!({"dataset": "flights", "name": ""}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (json!({"dataset": "flights", "name": "../weather/a.csv"}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (json!({"dataset": "flights", "name": "folder/"}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (json!({"dataset": "flights", "name": "a\nb"}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (json!({"dataset": "flights", "name": "a".repeat(1024)}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (json!({"dataset": "flights", "name": "a", "size": 6_000_000_000_u64}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (json!({"dataset": "flights", "name": "a", "land": "later"}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
    ];
    for (body, status, kind) in refusals {
        door.post("/uploads", body).await.expect_kind(status, kind);
    }
}
