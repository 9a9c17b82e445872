//! Which objects requests may name.

use std::sync::Arc;

use api::{Access, App, router};
use axum::http::StatusCode;
use bytes::Bytes;
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Put};
use serde_json::{Value, json};

use crate::door::{Door, config};

const FORBIDDEN: (StatusCode, &str) = (StatusCode::UNPROCESSABLE_ENTITY, "source-forbidden");
const INVALID: (StatusCode, &str) = (StatusCode::UNPROCESSABLE_ENTITY, "invalid");

/// A door in which every object of these places is there, and the calls that it makes.
async fn watched(places: &[(&str, &str)]) -> (Door, Arc<Faulty>) {
    let mut door = Door::with_flights().await;
    for (bucket, key) in places {
        let put = Put::Overwrite;
        door.buckets.bucket(bucket).put(key, Bytes::from_static(b"year\n1\n"), put).await.unwrap();
    }
    let none = InjectedFault { call: 0, kind: FaultKind::Before };
    let watched = Arc::new(Faulty::new(door.buckets.clone(), none));
    let app = App {
        registry: door.registry.clone(),
        live: door.registry.clone(),
        executions: door.executions.clone(),
        buckets: watched.clone(),
        config: config(false),
    };
    door.router = router(Arc::new(app), Access::Open);
    (door, watched)
}

/// The requests that name an object.
fn requests(bucket: Option<&str>, key: &str) -> [(&'static str, Value); 2] {
    let source = match bucket {
        Some(bucket) => json!({"bucket": bucket, "key": key}),
        None => json!({"key": key}),
    };
    [
        ("/jobs", json!({"dataset": "flights", "source": source})),
        ("/infer", json!({"source": source})),
    ]
}

#[tokio::test]
async fn only_the_inbox_and_what_the_deployment_names_are_sources() {
    let allowed = [
        (None, "inbox/a"),
        (None, "staged/a"),
        (None, "inbox/../a"),
        (Some("the-inbox"), "inbox/flights/a"),
        (Some("elsewhere"), "in/a/b"),
    ];
    // The deployment's patterns match the last two of work and lake.
    let forbidden = [
        (None, "reference/a"),
        (None, "a"),
        (None, "../inbox/a"),
        (Some("elsewhere"), "a"),
        (Some("elsewhere"), "In/a"),
        (Some("nowhere"), "in/a"),
        (Some("the-work"), "jobs/j/rejects.csv"),
        (Some("the-lake"), "jobs/a"),
        (Some("the-lake"), "lake/flights/_landfall/00000000000000000000.json"),
    ];
    let places: Vec<_> = [&allowed[..], &forbidden[..]].concat();
    let places: Vec<_> =
        places.iter().map(|(bucket, key)| (bucket.unwrap_or("the-inbox"), *key)).collect();
    let (door, watched) = watched(&places).await;
    for (bucket, key) in forbidden {
        for (path, body) in requests(bucket, key) {
            let refused = door.post(path, body).await.expect_kind(FORBIDDEN.0, FORBIDDEN.1);
            for told in [key, "inbox/", "staged/", "arn:aws:s3:::elsewhere/in/*"] {
                assert!(refused.detail().contains(told), "{path} {key}: {}", refused.detail());
            }
        }
    }
    assert_eq!(watched.calls(), 0, "no store was asked");
    assert!(door.executions.inputs().is_empty());
    for (bucket, key) in allowed {
        for (path, body) in requests(bucket, key) {
            let answer = door.post(path, body).await;
            assert!(answer.status.is_success(), "{path} {bucket:?} {key}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_is_no_name_is_told_before_anybody_is_asked() {
    let (door, watched) = watched(&[]).await;
    let wrong = [
        (Some("arn:aws:s3:::the-inbox"), "inbox/a"),
        (Some("the_inbox"), "inbox/a"),
        (Some("The-Inbox"), "inbox/a"),
        (Some(""), "inbox/a"),
        (Some("the-inbox/inbox"), "a"),
        (Some("s3://the-inbox"), "inbox/a"),
        (Some("ap-s3alias"), "inbox/a"),
        (None, ""),
        (None, "inbox/"),
        (None, "inbox/a\nb"),
        (None, "inbox/a\u{7f}"),
        (None, "inbox/\u{0}"),
    ];
    for (bucket, key) in wrong {
        for (path, body) in requests(bucket, key) {
            door.post(path, body).await.expect_kind(INVALID.0, INVALID.1);
        }
    }
    for (path, body) in requests(None, &format!("inbox/{}", "a".repeat(1024))) {
        door.post(path, body).await.expect_kind(INVALID.0, INVALID.1);
    }
    assert_eq!(watched.calls(), 0, "no store was asked");
}

/// A join names a key among the references, so that nothing else can be named.
#[tokio::test]
async fn a_join_names_nothing_but_a_reference() {
    let (door, watched) = watched(&[]).await;
    for key in ["../jobs/a", "/a", "a/../../b", "", "a/", "./a", "a\nb", "a\u{1}"] {
        let join = json!([{
            "object": key,
            "fields": [{"name": "year", "type": "integer"}, {"name": "era", "type": "string"}],
            "on": ["year"],
            "columns": ["era"],
        }]);
        let contract = json!({
            "name": "flights",
            "schema": {"fields": [{"name": "year", "type": "integer"}]},
            "transform": {"join": join},
        });
        let refused = door.put("/datasets/flights", &contract.to_string()).await;
        let refused = refused.expect_kind(StatusCode::UNPROCESSABLE_ENTITY, "contract-invalid");
        assert_eq!(refused.body["errors"][0]["path"], "transform.join[0].object", "{key:?}");
    }
    assert_eq!(watched.calls(), 0);
}
