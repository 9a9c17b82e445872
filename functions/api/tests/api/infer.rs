use axum::http::StatusCode;
use bytes::Bytes;
use contract::Contract;
use objects::{Buckets, Put};
use serde_json::json;

use crate::door::Door;

#[tokio::test]
async fn a_sample_gets_a_contract_with_its_reasons() {
    let door = Door::new();
    let answer = door
        .post(
            "/infer",
            json!({"dataset": "things", "sample": "id;when\n1;2020-01-31\n2;2020-02-01\n"}),
        )
        .await
        .expect(StatusCode::OK);
    let contract = Contract::parse(answer.body["yaml"].as_str().unwrap()).unwrap();
    assert_eq!(
        (contract.name.as_str(), contract.schema.fields[1].data_type.name()),
        ("things", "date")
    );
    assert_eq!((&answer.body["records"], &answer.body["refused"]), (&json!(2), &json!(0)));
    let evidence = answer.body["evidence"].as_array().unwrap();
    assert!(evidence.iter().any(|guess| guess["property"] == "fields.when.type"
        && guess["because"].as_str().is_some_and(|text| !text.is_empty())));
    // What is proposed can be registered as it is.
    door.put("/datasets/things", answer.body["yaml"].as_str().unwrap())
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test]
async fn an_object_gets_a_contract_after_its_name() {
    let door = Door::with_flights().await;
    let answer = door
        .post("/infer", json!({"source": {"key": "staged/flights/a.csv"}}))
        .await
        .expect(StatusCode::OK);
    assert!(answer.body["yaml"].as_str().unwrap().contains("\nname: a\n"), "{}", answer.body);
    let packed = Bytes::from_static(b"PAR1\x15\x04\x15 and so on");
    door.buckets.bucket("the-inbox").put("staged/b.csv", packed, Put::Overwrite).await.unwrap();
    door.post("/infer", json!({"source": {"key": "staged/b.csv"}}))
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    door.post("/infer", json!({"source": {"key": "staged/c.csv"}}))
        .await
        .expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "source-missing");
    for asked in [json!({}), json!({"sample": "a", "source": {"key": "x"}})] {
        door.post("/infer", asked).await.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
    }
}
