//! Reaches AWS, in one place for all: region, credentials, endpoint, retries and HTTPS.

mod json;
mod signed;

use std::time::Duration;

pub use aws_types::SdkConfig;
pub use json::{JsonError, JsonService};
pub use signed::{Answer, SendError, SignedClient};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::region::Region;

/// Attempts of a call, the first included.
const ATTEMPTS: u32 = 5;
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the first byte of an answer may take.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The configuration of all clients of a process, from its environment; build it once.
///
/// It reads what Lambda gives a function, and nothing else: no profiles, and no service that hands
/// out credentials. Credentials are read once, as a function's outlive its process.
pub fn config() -> Result<SdkConfig, String> {
    config_of(|name| std::env::var(name).ok())
}

/// The configuration of all clients from `variables`, of which it reads `AWS_REGION` (or
/// `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` and,
/// on a local cloud, `AWS_ENDPOINT_URL`.
///
/// The error names the variable that is missing.
pub fn config_of(variables: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, String> {
    let optional = |name: &str| variables(name).filter(|value| !value.trim().is_empty());
    let required = |name: &str, what: &str| {
        optional(name)
            .ok_or_else(|| format!("the environment variable {name} is missing: set it to {what}"))
    };
    let region = match optional("AWS_REGION").or_else(|| optional("AWS_DEFAULT_REGION")) {
        Some(region) => region,
        None => required("AWS_REGION", "the region, such as eu-west-1")?,
    };
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID", "the id of an access key")?,
        required("AWS_SECRET_ACCESS_KEY", "the secret of the access key")?,
        optional("AWS_SESSION_TOKEN"),
        None,
        "environment",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(Builder::new().tls_provider(provider()).build_https())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .build(),
        );
    config.set_endpoint_url(optional("AWS_ENDPOINT_URL"));
    Ok(config.build())
}

/// The URL of a service's endpoint in the region of a configuration, without a slash at its end.
pub fn endpoint(config: &SdkConfig, name: &str) -> String {
    if let Some(url) = config.endpoint_url() {
        return url.trim_end_matches('/').to_owned();
    }
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{name}.{region}.{domain}")
}

/// The URL of a stage of an API of API Gateway, without a slash at its end. A local cloud serves it
/// below its own endpoint.
pub fn stage_url(config: &SdkConfig, api: &str, stage: &str) -> String {
    match config.endpoint_url() {
        Some(url) => format!("{}/_aws/execute-api/{api}/{stage}", url.trim_end_matches('/')),
        None => {
            let host = endpoint(config, "execute-api");
            let host = host.strip_prefix("https://").unwrap_or_default();
            format!("https://{api}.{host}/{stage}")
        }
    }
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

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::ProvideCredentials;

    use super::*;

    /// What Lambda sets, and a local cloud besides.
    const ALL: [(&str, &str); 5] = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566"),
    ];

    fn config(variables: &[(&str, &str)]) -> Result<SdkConfig, String> {
        config_of(|asked| {
            variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
        })
    }

    #[tokio::test]
    async fn the_environment_is_the_configuration() {
        let full = config(&ALL).expect("nothing is missing");
        let credentials = full.credentials_provider().expect("there are credentials");
        let credentials = credentials.provide_credentials().await.expect("they are given");
        assert_eq!(full.region().map(ToString::to_string).as_deref(), Some("eu-west-1"));
        assert_eq!(full.endpoint_url(), Some("http://127.0.0.1:4566"));
        assert_eq!(
            (credentials.access_key_id(), credentials.secret_access_key()),
            ("id", "secret")
        );
        assert_eq!(credentials.session_token(), Some("token"));
        assert_eq!(credentials.expiry(), None);

        let plain = config(&ALL[..3]).expect("a region and a key are enough");
        assert_eq!(plain.endpoint_url(), None);
    }

    #[test]
    fn what_is_missing_or_empty_is_named() {
        for missing in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let without = |(name, value)| (name, if name == missing { " " } else { value });
            let error = config(&ALL.map(without)).expect_err("something is missing");
            let start = format!("the environment variable {missing} is missing");
            assert!(error.starts_with(&start), "{error}");
        }
    }

    #[test]
    fn the_default_region_stands_in_for_the_region() {
        let region = |variables: &[(&str, &str)]| {
            let config = config(&[&ALL[1..], variables].concat()).expect("nothing is missing");
            config.region().map(ToString::to_string)
        };
        let default = ("AWS_DEFAULT_REGION", "us-east-1");
        assert_eq!(region(&[default]).as_deref(), Some("us-east-1"));
        assert_eq!(region(&[ALL[0], default]).as_deref(), Some("eu-west-1"));
    }
}
