//! Runs the ports' conformance suites on the real buckets and table of the stack.

use std::sync::Arc;

use aws_clients::SdkConfig;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s3_and_dynamodb_do_as_their_ports_say() {
    let stage = tokio::task::spawn_blocking(Stage::new).await.unwrap();
    let config = operator(stage.cloud.endpoint());
    let buckets = objects::S3::new(&config);
    for bucket in ["LakeBucket", "InboxBucket"] {
        objects::conformance(&buckets, stage.cloud.output(bucket).unwrap()).await;
    }
    let table = stage.cloud.output("Table").unwrap();
    let registry = Arc::new(registry::DynamoDb::new(&config, table));
    registry::conformance(registry.clone(), "suite").await;
    registry::live_conformance(registry, "suite").await;
    tokio::task::spawn_blocking(move || drop(stage)).await.unwrap();
}

/// The configuration of the cloud's operator, whom no role narrows.
fn operator(endpoint: &str) -> SdkConfig {
    aws_clients::config_of(|name| {
        let value = match name {
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            "AWS_ENDPOINT_URL" => endpoint,
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}
