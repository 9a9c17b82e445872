//! Turns a step into a Lambda function: a runtime, structured logs, one metric line per invocation,
//! and failures under the names that the state machine knows.

mod guard;
mod logs;
mod metric;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tracing::{Instrument, info, info_span, warn};

pub use guard::{budget, guarded};
pub use logs::start;
pub use metric::{count, metric};

/// What `main` of a function returns.
pub type Error = lambda_runtime::Error;

/// Most bytes of a failure's message, counted as JSON writes it: Step Functions keeps 32,768
/// characters of a cause, and the message is a part of it.
pub const MAX_MESSAGE_BYTES: usize = 29_000;

/// Runs a step as a Lambda function until the process is ended.
///
/// `handler` is given the message and the attempt's id, which no other attempt has. It is dropped
/// shortly before Lambda would end it, and what it panics with is kept to itself: both become a
/// [`job::Error`]. Neither messages nor answers are logged.
pub async fn serve<I, O, F, W>(step: &'static str, handler: F) -> Result<(), Error>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(I, String) -> W + Send + Sync + 'static,
    W: Future<Output = Result<O, job::Error>> + Send + 'static,
{
    start();
    let handler = Arc::new(handler);
    lambda_runtime::run(service_fn(move |event| invoke(step, handler.clone(), event))).await
}

/// One invocation: message in, answer or named failure out.
async fn invoke<I, O, F, W>(
    step: &'static str,
    handler: Arc<F>,
    event: LambdaEvent<Value>,
) -> Result<O, Diagnostic>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(I, String) -> W + Send + Sync + 'static,
    W: Future<Output = Result<O, job::Error>> + Send + 'static,
{
    let attempt = event.context.request_id.clone();
    let job = job_of(&event.payload).to_owned();
    let span = info_span!("invocation", step, job, attempt);
    async {
        let begun = Instant::now();
        let outcome = match serde_json::from_value::<I>(event.payload) {
            Ok(input) => {
                guarded(
                    async move { handler(input, attempt).await },
                    budget(event.context.deadline, epoch_millis()),
                )
                .await
            }
            Err(error) => Err(job::Error::new(
                job::ErrorKind::Internal,
                format!("the message is not one for `{step}`: {error}"),
            )),
        };
        let failure = outcome.as_ref().err().map(job::Error::name);
        println!("{}", metric(step, &job, begun.elapsed(), failure, epoch_millis()));
        match &outcome {
            Ok(_) => info!("done"),
            Err(error) => warn!(error = error.name(), reason = %error, "failed"),
        }
        outcome.map_err(|error| diagnostic(&error))
    }
    .instrument(span)
    .await
}

/// The job that a message is about: it says so itself, or what it wraps does
/// (`{"store": {"job": …}}`).
fn job_of(message: &Value) -> &str {
    let says = |value: &'_ Value| value.get("job").is_some_and(Value::is_string);
    let wrapped = || {
        message.as_object().filter(|object| object.len() == 1)?.values().find(|value| says(value))
    };
    let about = if says(message) { Some(message) } else { wrapped() };
    about.and_then(|value| value["job"].as_str()).unwrap_or_default()
}

/// A failure as Lambda reports it: the state machine sees `error_type` as the error's name.
pub fn diagnostic(error: &job::Error) -> Diagnostic {
    Diagnostic {
        error_type: error.name().to_owned(),
        error_message: cut(&error.to_string(), MAX_MESSAGE_BYTES),
    }
}

/// The longest start of `text` that is at most `limit` bytes as JSON.
fn cut(text: &str, limit: usize) -> String {
    let mut bytes = 0;
    let fits = |c: &char| {
        bytes += match c {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            c if c.is_control() => 6,
            c => c.len_utf8(),
        };
        bytes <= limit
    };
    text.chars().take_while(fits).collect()
}

/// An environment variable that a function can't do without, as `template.yaml` sets it; the error
/// names it.
pub fn setting(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
}

/// Milliseconds since 1970.
pub fn epoch_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use job::message::{JobRef, Stored};
    use lambda_runtime::Context;
    use serde_json::json;

    fn event(payload: Value) -> LambdaEvent<Value> {
        let mut context = Context::default();
        context.request_id = "attempt-1".to_owned();
        context.deadline = epoch_millis() + 60_000;
        LambdaEvent::new(payload, context)
    }

    #[tokio::test]
    async fn a_step_is_given_its_message_and_its_attempt() {
        let handler = Arc::new(|input: JobRef, attempt: String| async move {
            Ok(json!({"job": input.job, "attempt": attempt}))
        });
        let answer = invoke("verify", handler, event(json!({"job": "j-1", "dataset": "flights"})))
            .await
            .unwrap();
        assert_eq!(answer, json!({"job": "j-1", "attempt": "attempt-1"}));
    }

    #[tokio::test]
    async fn every_failure_has_a_name_of_ours() {
        let handler = Arc::new(|input: JobRef, _| async move {
            match input.job.as_str() {
                "panics" => panic!("with the value 4711"),
                _ => Err::<Stored, _>(job::Error::new(
                    job::ErrorKind::SchemaDrift,
                    "two fields are new",
                )),
            }
        });
        let cases = [
            (json!({"job": "drifts", "dataset": "d"}), "SchemaDrift", "two fields are new"),
            (json!({"job": "panics", "dataset": "d"}), "Internal", "the step panicked"),
            (
                json!({"dataset": "d"}),
                "Internal",
                "the message is not one for `store`: missing field `job`",
            ),
        ];
        for (message, name, text) in cases {
            let failure = invoke("store", handler.clone(), event(message)).await.unwrap_err();
            assert_eq!(failure.error_type, name);
            assert!(failure.error_message.starts_with(text), "{}", failure.error_message);
            assert!(!failure.error_message.contains("4711"), "a panic's text may hold data");
        }
    }

    #[test]
    fn the_job_of_a_message_is_found() {
        assert_eq!(job_of(&json!({"job": "j-1", "dataset": "d"})), "j-1");
        assert_eq!(job_of(&json!({"store": {"job": "j-2", "dataset": "d"}})), "j-2");
        assert_eq!(job_of(&json!({"Records": []})), "");
        assert_eq!(job_of(&json!({"job": 7})), "");
    }

    #[test]
    fn a_long_message_is_cut_as_json_counts() {
        assert_eq!(cut("short", 30), "short");
        assert_eq!(cut("naïve", 3), "na");
        let quotes = "\"\u{1}\n".repeat(20_000);
        let failure = diagnostic(&job::Error::new(job::ErrorKind::Internal, quotes));
        let written = serde_json::to_string(&failure.error_message).unwrap().len();
        assert!((MAX_MESSAGE_BYTES - 10..=MAX_MESSAGE_BYTES + 2).contains(&written), "{written}");
    }
}
