//! Reads the salt of masks from Secrets Manager, so that the configuration of a function does not
//! show it.

use std::time::Duration;

use aws_clients::{JsonError, JsonService, SdkConfig};
use job::{Error, ErrorKind};
use serde_json::json;
use steps::Salt;

/// Waits between attempts, for as long as a function may take to start.
const WAITS: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(600), Duration::from_secs(2)];

/// The text of a secret as a salt, or what is to become of the jobs that need it. The outer error
/// is one that may pass: the process had better start anew.
pub(crate) async fn of_secret(
    config: &SdkConfig,
    arn: &str,
) -> Result<Result<Option<Salt>, Error>, String> {
    let secrets = JsonService::new(config, "secretsmanager", "secretsmanager");
    let message = json!({ "SecretId": arn });
    let mut waits = WAITS.iter();
    loop {
        let error = match secrets.call("GetSecretValue", &message).await {
            // Only the salt is taken out of the answer, and nothing of it is told.
            Ok(answer) => return Ok(read(answer["SecretString"].as_str(), arn)),
            Err(error) => error,
        };
        let failure = format!("secretsmanager:GetSecretValue of {arn}: {error}");
        match waits.next() {
            _ if !is_transient(&error) => {
                let remedy = "MaskSaltArn names the secret with the salt of masks";
                return Ok(Err(Error::new(
                    ErrorKind::AccessDenied,
                    format!("{failure}; {remedy}"),
                )));
            }
            Some(wait) => tokio::time::sleep(*wait).await,
            None => return Err(failure),
        }
    }
}

fn read(text: Option<&str>, arn: &str) -> Result<Option<Salt>, Error> {
    let salt = Salt::parse(text.unwrap_or_default());
    salt.map(Some).map_err(|fault| {
        Error::new(
            ErrorKind::ContractInvalid,
            format!("{fault}: the text of {arn} is taken as it is"),
        )
    })
}

fn is_transient(error: &JsonError) -> bool {
    let is_busy = |name: &str| matches!(name, "InternalServiceError" | "LimitExceededException");
    error.is_transient() || matches!(error, JsonError::Answered { name, .. } if is_busy(name))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:salt-AbCdEf";

    /// What becomes of answers that come one after the other.
    async fn answered(
        answers: &'static [(u16, &'static str)],
    ) -> Result<Result<Option<Salt>, Error>, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            for (status, body) in answers {
                let (mut caller, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !String::from_utf8_lossy(&request).contains(ARN) {
                    let mut some = [0; 4096];
                    let read = caller.read(&mut some).unwrap();
                    request.extend_from_slice(&some[..read]);
                }
                let text = String::from_utf8_lossy(&request).to_lowercase();
                assert!(text.contains("x-amz-target: secretsmanager.getsecretvalue"), "{text}");
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                caller.write_all(format!("{head}{body}").as_bytes()).unwrap();
            }
        });
        let credentials = aws_credential_types::Credentials::for_tests();
        let config = SdkConfig::builder()
            .region(aws_types::region::Region::new("eu-west-1"))
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                credentials,
            ))
            .endpoint_url(endpoint)
            .build();
        let salt = of_secret(&config, ARN).await;
        server.join().unwrap();
        salt
    }

    #[tokio::test]
    async fn the_text_of_the_secret_is_the_salt_after_what_passes() {
        const ANSWERS: [(u16, &str); 3] = [
            (500, "{}"),
            (400, r#"{"__type":"ThrottlingException"}"#),
            (200, r#"{"SecretString":"a salt of the tests"}"#),
        ];
        let salt = answered(&ANSWERS).await;
        assert!(salt.unwrap().unwrap().is_some());
    }

    #[tokio::test]
    async fn what_does_not_pass_is_for_the_jobs_that_need_it() {
        let denied =
            answered(&[(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#)]).await;
        let error = denied.unwrap().unwrap_err();
        assert!(
            matches!(&error, Error { kind: ErrorKind::AccessDenied, message: text, .. } if text.contains("secretsmanager:GetSecretValue")),
            "{error}"
        );
        let short = answered(&[(200, r#"{"SecretString":"geheim"}"#)]).await.unwrap().unwrap_err();
        assert!(
            matches!(&short, Error { kind: ErrorKind::ContractInvalid, message: text, .. } if text.contains("has 6 bytes")),
            "{short}"
        );
        assert!(!short.to_string().contains("geheim"));
    }

    #[tokio::test]
    async fn what_does_not_come_back_in_time_ends_the_process() {
        const BUSY: [(u16, &str); 4] = [(503, "{}"); 4];
        assert!(answered(&BUSY).await.unwrap_err().contains("503"));
    }
}
