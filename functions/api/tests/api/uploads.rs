use axum::http::StatusCode;
use serde_json::json;

use crate::door::Door;

#[tokio::test]
async fn an_upload_goes_to_the_inbox_or_waits_to_be_submitted() {
    let door = Door::with_flights().await;
    let inbox = door
        .post("/uploads", json!({"dataset": "flights", "name": "2013/a b.csv", "size": 10}))
        .await
        .expect(StatusCode::CREATED)
        .body;
    assert_eq!(
        (inbox["key"].as_str(), inbox["bucket"].as_str()),
        (Some("inbox/flights/2013/a b.csv"), Some("the-inbox"))
    );
    assert_eq!(inbox["method"], "PUT");
    assert!(
        inbox["url"].as_str().is_some_and(|url| !url.is_empty())
            && inbox["expires"].as_str().is_some_and(|time| time.ends_with('Z'))
    );

    let asked = json!({"dataset": "flights", "name": "a.csv", "land": "submit"});
    let staged =
        door.post("/uploads", asked.clone()).await.expect(StatusCode::CREATED).body["key"].clone();
    let again = door.post("/uploads", asked).await.expect(StatusCode::CREATED).body["key"].clone();
    let staged = staged.as_str().unwrap();
    assert!(staged.starts_with("staged/flights/") && staged.ends_with("/a.csv"), "{staged}");
    assert_ne!(staged, again, "two uploads of one name don't meet");
}

#[tokio::test]
async fn an_upload_is_bound_to_what_is_said_of_it() {
    let door = Door::with_flights().await;
    let crc = json!("rosUhgp5mIg=");
    let sha = json!("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    let told = [
        (json!({}), json!({})),
        (json!({"size": 10}), json!({"content-length": "10"})),
        (json!({"crc64nvme": crc}), json!({"x-amz-checksum-crc64nvme": crc})),
        (
            json!({"sha256": sha, "size": 0}),
            json!({"x-amz-checksum-sha256": sha, "content-length": "0"}),
        ),
    ];
    for (more, headers) in told {
        for land in ["event", "submit"] {
            let (mut asked, mut headers) =
                (json!({"dataset": "flights", "name": "a", "land": land}), headers.clone());
            asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            if land == "submit" {
                headers["if-none-match"] = json!("*");
            }
            assert_eq!(
                door.post("/uploads", asked.clone()).await.expect(StatusCode::CREATED).body["headers"],
                headers,
                "{asked}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_checksum_is_refused() {
    let door = Door::with_flights().await;
    let crc = "rosUhgp5mIg=";
    let no_crcs = [
        "",
        "rosUhgp5mIg",
        "rosUhgp5mIh=",
        "rosUhgp5mI==",
        "rosUhgp5mIgg",
        "rosUhgp5-Ig=",
        "ae8b14860a799888",
        "rosUhgp5mIg= ",
    ];
    let wrong = no_crcs.map(|no_crc| json!({"crc64nvme": no_crc}));
    let more =
        [json!({"sha256": crc}), json!({"sha256": "="}), json!({"crc64nvme": crc, "sha256": crc})];
    for wrong in wrong.into_iter().chain(more) {
        let mut asked = json!({"dataset": "flights", "name": "a"});
        asked.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        door.post("/uploads", asked).await.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    }
}

#[tokio::test]
async fn what_could_not_land_is_not_uploaded() {
    let door = Door::with_flights().await;
    let refusals = [
        (json!({"dataset": "weather", "name": "a.csv"}), StatusCode::NOT_FOUND, "no-such-dataset"),
        (json!({"dataset": "flights", "name": ""}), StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        (
            json!({"dataset": "flights", "name": "../weather/a.csv"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
        (
            json!({"dataset": "flights", "name": "folder/"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
        (
            json!({"dataset": "flights", "name": "a\nb"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
        (
            json!({"dataset": "flights", "name": "a".repeat(1024)}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
        (
            json!({"dataset": "flights", "name": "a", "size": 6_000_000_000_u64}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
        (
            json!({"dataset": "flights", "name": "a", "land": "later"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
        ),
    ];
    for (body, status, kind) in refusals {
        door.post("/uploads", body).await.expect_kind(status, kind);
    }
}
