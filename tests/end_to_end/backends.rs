//! Runs the ports' conformance suites on the real buckets and table of the stack.

use std::sync::Arc;

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn s3_and_dynamodb_do_as_their_ports_say() {
    let stage = tokio::task::spawn_blocking(Stage::new).await.unwrap();
    let config = operator(stage.cloud.endpoint()).await;
    let buckets = objects::S3::new(&config);
    for bucket in ["LakeBucket", "InboxBucket"] {
        objects::conformance(&buckets, stage.cloud.output(bucket).unwrap()).await;
    }
    let table = stage.cloud.output("Table").unwrap();
    registry::conformance(Arc::new(registry::DynamoDb::new(&config, table)), "suite").await;
    tokio::task::spawn_blocking(move || drop(stage)).await.unwrap();
}

/// The configuration of the cloud's operator, whom no role narrows.
async fn operator(endpoint: &str) -> SdkConfig {
    aws_clients::config()
        .await
        .into_builder()
        .endpoint_url(endpoint)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test",
            "test",
            None,
            None,
            "local cloud",
        )))
        .build()
}
