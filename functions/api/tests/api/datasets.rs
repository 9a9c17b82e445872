use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::door::{Door, FLIGHTS};

#[tokio::test]
async fn a_contract_is_kept_in_versions() {
    let door = Door::new();
    let first = door.put("/datasets/flights", FLIGHTS).await.expect(StatusCode::CREATED);
    assert_eq!(
        (&first.body["version"], first.headers["location"].to_str().unwrap()),
        (&1.into(), "/datasets/flights?version=1")
    );
    let same = door.put("/datasets/flights", FLIGHTS).await.expect(StatusCode::OK);
    assert_eq!(same.body["version"], 1);
    let second = format!("{FLIGHTS}    - {{ name: month, type: integer }}\n");
    assert_eq!(
        door.put("/datasets/flights", &second).await.expect(StatusCode::CREATED).body["version"],
        2
    );

    assert_eq!(
        door.get("/datasets/flights").await.expect(StatusCode::OK).body["text"],
        second.as_str()
    );
    assert_eq!(
        door.get("/datasets/flights?version=1").await.expect(StatusCode::OK).body["text"],
        FLIGHTS
    );
    door.get("/datasets/flights?version=3")
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-version");

    let newest = door.get("/datasets/flights/versions?limit=1").await.expect(StatusCode::OK).body;
    assert_eq!(
        (newest["items"][0]["version"].as_u64(), newest["items"][0].get("text")),
        (Some(2), None)
    );
    let older = door
        .get(&format!("/datasets/flights/versions?after={}", newest["next"].as_str().unwrap()))
        .await
        .body;
    assert_eq!(
        (older["items"][0]["version"].as_u64(), &older["next"]),
        (Some(1), &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn a_large_contract_is_kept_and_answered() {
    let door = Door::new();
    // Backslashes are twice as long in JSON, and again where an answer is a text in it.
    for (backslashes, is_packed) in [(250_000, false), (2_000_000, true)] {
        let text = format!("{FLIGHTS}description: '{}'\n", "\\".repeat(backslashes));
        let put = door.put("/datasets/flights", &text).await.expect(StatusCode::CREATED);
        assert_eq!(put.body.get("text").is_none(), is_packed, "who sent it knows it");
        let path = format!("/datasets/flights?version={}", put.body["version"]);
        if is_packed {
            let refused =
                door.get(&path).await.expect_kind(StatusCode::NOT_ACCEPTABLE, "not-acceptable");
            assert!(refused.detail().contains("Accept-Encoding: gzip"), "{}", refused.detail());
            assert!(
                door.get_packed(&path).await.expect(StatusCode::OK).body["text"] == text.as_str()
            );
            continue;
        }
        assert!(door.get(&path).await.expect(StatusCode::OK).body["text"] == text.as_str());
    }
}

#[tokio::test]
async fn a_deleted_dataset_is_gone_from_the_list() {
    let door = Door::with_flights().await;
    assert_eq!(
        door.get("/datasets").await.expect(StatusCode::OK).body["items"][0]["dataset"],
        "flights"
    );
    door.delete("/datasets/flights").await.expect(StatusCode::NO_CONTENT);
    door.delete("/datasets/flights").await.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    door.get("/datasets/flights").await.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
    assert_eq!(door.get("/datasets").await.body["items"].as_array().unwrap().len(), 0);
    assert_eq!(
        door.put("/datasets/flights", FLIGHTS).await.expect(StatusCode::CREATED).body["version"],
        2
    );
}

#[tokio::test]
async fn faults_are_listed_with_their_paths() {
    let door = Door::new();
    let text = "name: flights\nschema:\n  fields:\n    - { name: year, type: whole }\n    - { name: month, type: integer, constraints: { minimum: x } }\n";
    let refused = door
        .put("/datasets/flights", text)
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "contract-invalid");
    let paths: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["path"].as_str().unwrap())
        .collect();
    assert!(paths.iter().any(|path| path.starts_with("schema.fields[0]")), "{paths:?}");
    assert!(paths.iter().any(|path| path.starts_with("schema.fields[1]")), "{paths:?}");
    assert_eq!(
        (&refused.body["errors"][0]["line"], &refused.body["errors"][0]["column"]),
        (&serde_json::json!(4), &serde_json::json!(27))
    );
    door.get("/datasets/flights").await.expect(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_path_and_the_contract_name_one_dataset() {
    let door = Door::new();
    let refused = door
        .put("/datasets/weather", FLIGHTS)
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "contract-invalid");
    assert_eq!(refused.body["errors"][0]["path"], "name");
    let name = FLIGHTS.lines().position(|line| line.starts_with("name: ")).unwrap();
    assert_eq!(
        (&refused.body["errors"][0]["line"], &refused.body["errors"][0]["column"]),
        (&serde_json::json!(name + 1), &serde_json::json!(7))
    );
    let refused = door
        .put("/datasets/No-Name", FLIGHTS)
        .await
        .expect_kind(StatusCode::BAD_REQUEST, "bad-request");
    assert!(refused.detail().contains("lower-case"), "{}", refused.detail());
}

#[tokio::test]
async fn a_cursor_of_nobody_is_refused() {
    let door = Door::with_flights().await;
    for path in ["/datasets?after=x", "/datasets/flights/versions?after=x", "/jobs?after=x"] {
        let refused = door.get(path).await.expect_kind(StatusCode::BAD_REQUEST, "bad-request");
        assert!(refused.detail().contains("`after`"), "{}", refused.detail());
    }
}

#[tokio::test]
async fn a_contract_is_checked_and_not_registered() {
    let door = Door::new();
    let check = async |text: &str| {
        door.send(
            Request::post("/datasets/flights/check").body(Body::from(text.to_owned())).unwrap(),
        )
        .await
        .expect(StatusCode::OK)
        .body
    };
    assert_eq!(check(FLIGHTS).await, json!({"faults": []}));
    let faults =
        check("name: flights\nschema:\n  fields:\n    - { name: id, type: intger }\n").await;
    let fault = &faults["faults"][0];
    assert_eq!((&fault["line"], &fault["column"]), (&json!(4), &json!(25)), "{faults}");
    assert!(fault["message"].as_str().unwrap().contains("integer"), "{faults}");
    let other = check(&FLIGHTS.replace("name: flights", "name: trains")).await;
    assert_eq!(other["faults"][0]["path"], "name", "{other}");
    door.get("/datasets/flights").await.expect_kind(StatusCode::NOT_FOUND, "no-such-dataset");
}
