//! Reaches AWS, in one place for all: region, credentials, endpoint, retries and HTTPS.

mod json;

use std::time::Duration;

pub use aws_config::SdkConfig;
pub use json::{JsonError, JsonService};

use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};

/// Attempts of a call, the first included.
const ATTEMPTS: u32 = 5;
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the first byte of an answer may take.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The configuration of all clients of a process; build it once.
///
/// Everything comes from the environment that Lambda gives a function (`AWS_REGION`, credentials,
/// `AWS_ENDPOINT_URL` on the local cloud).
pub async fn config() -> SdkConfig {
    let https = Builder::new().tls_provider(provider()).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .build(),
        )
        .load()
        .await
}

/// What sends a request that is signed already, once.
fn connector() -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build();
    SharedHttpConnector::new(
        Connector::builder().connector_settings(settings).tls_provider(provider()).build(),
    )
}

fn provider() -> tls::Provider {
    tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)
}
