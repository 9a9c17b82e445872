//! Settles jobs whose execution ended: one by one as Step Functions tells of them, and, every few
//! minutes, those of which nobody told. Every hour it looks for files that have no job.

use std::sync::Arc;

use admission::Queue;
use executions::StepFunctions;
use lambda_step::setting;
use serde_json::{Value, json};
use settle::{Inbox, Settler};
use steps::Place;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context().await?;
    let aws = aws_clients::config()?;
    let executions = StepFunctions::new(&aws, setting("LANDFALL_STATE_MACHINE")?);
    let settler = Settler { context, executions: Arc::new(executions) };
    let clock = Queue::new(&aws, setting("LANDFALL_ADMIT_QUEUE")?);
    let (bucket, prefix) = (setting("LANDFALL_INBOX_BUCKET")?, setting("LANDFALL_INBOX_PREFIX")?);
    let inbox = Inbox {
        context: settler.context.clone(),
        executions: settler.executions.clone(),
        clock: Arc::new(clock),
        place: Place { bucket, prefix },
    };
    let both = Arc::new((settler, inbox));
    lambda_step::serve("settle", move |event: Value, _attempt| {
        let both = both.clone();
        async move {
            let ((settler, inbox), now) = (both.as_ref(), chrono::Utc::now());
            // What schedules of the deployment say is no event of AWS.
            Ok(match event["sweep"].as_str() {
                Some("inbox") => {
                    let seen = inbox.sweep(now).await?;
                    if seen.late > 0 {
                        println!(
                            "{}",
                            lambda_step::count(
                                "LateDatasets",
                                seen.late,
                                now.timestamp_millis().unsigned_abs()
                            )
                        );
                    }
                    json!(seen)
                }
                Some(_) => {
                    let (jobs, due) = (settler.sweep(now).await?, inbox.start_due(now).await?);
                    json!({"jobs": jobs, "schedules": due})
                }
                None => json!(settler.hear(&event, now).await?),
            })
        }
    })
    .await
}
