//! Hears what happens to jobs. It says so in its log; pushing it to whoever listens comes with the
//! WebSocket API.

use job::message::ExecutionName;
use serde_json::Value;
use tracing::info;

#[tokio::main]
async fn main() -> Result<(), lambda_step::Error> {
    lambda_step::serve("live", |event: Value, _| async move {
        let Heard { kind, job, status } = heard(&event);
        info!(kind, job, status, "heard");
        Ok::<_, job::Error>(())
    })
    .await
}

/// All that is logged of an event.
#[derive(Debug, PartialEq, Eq)]
struct Heard<'a> {
    kind: &'a str,
    job: String,
    status: &'a str,
}

/// Reads an event of ours, or one of Step Functions, where the execution has its name from the job.
fn heard(event: &Value) -> Heard<'_> {
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let job = match ExecutionName::parse(text("/detail/name")) {
        Some(name) => name.job_id().to_string(),
        None => text("/detail/job").to_owned(),
    };
    Heard { kind: text("/detail-type"), job, status: text("/detail/status") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn type_job_and_status_are_heard_and_nothing_else() {
        let ours = json!({"detail-type": "landfall.job.landed", "detail": {"job": "j-1", "status": "SUCCEEDED", "counts": {"read": 1}}});
        assert_eq!(
            heard(&ours),
            Heard { kind: "landfall.job.landed", job: "j-1".to_owned(), status: "SUCCEEDED" }
        );
        let theirs = json!({"detail-type": "Step Functions Execution Status Change", "detail": {"name": "j-2-r3", "status": "TIMED_OUT", "input": "{}"}});
        assert_eq!(
            heard(&theirs),
            Heard {
                kind: "Step Functions Execution Status Change",
                job: "j-2".to_owned(),
                status: "TIMED_OUT"
            }
        );
        assert_eq!(heard(&json!([])), Heard { kind: "", job: String::new(), status: "" });
    }
}
