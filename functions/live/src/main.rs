//! Hears what happens to jobs. It says so in its log; pushing it to whoever listens comes with the
//! WebSocket API.

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
    job: &'a str,
    status: &'a str,
}

/// Reads an event of ours, or one of Step Functions, where the job is the execution's name.
fn heard(event: &Value) -> Heard<'_> {
    let text = |pointers: &[&str]| {
        pointers.iter().find_map(|pointer| event.pointer(pointer)?.as_str()).unwrap_or_default()
    };
    Heard {
        kind: text(&["/detail-type"]),
        job: text(&["/detail/job", "/detail/name"]),
        status: text(&["/detail/status"]),
    }
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
            Heard { kind: "landfall.job.landed", job: "j-1", status: "SUCCEEDED" }
        );
        let theirs = json!({"detail-type": "Step Functions Execution Status Change", "detail": {"name": "j-2", "status": "TIMED_OUT", "input": "{}"}});
        assert_eq!(
            heard(&theirs),
            Heard {
                kind: "Step Functions Execution Status Change",
                job: "j-2",
                status: "TIMED_OUT"
            }
        );
        assert_eq!(heard(&json!([])), Heard { kind: "", job: "", status: "" });
    }
}
