//! Turns arrivals in the inbox into jobs, once each.

mod arrival;
mod batch;

use std::sync::Arc;

use admission::Queue;
use aws_lambda_events::sqs::SqsEvent;
use executions::StepFunctions;
use lambda_step::setting;
use registry::DynamoDb;

use batch::Admitter;

#[tokio::main]
async fn main() -> Result<(), lambda_step::Error> {
    lambda_step::start();
    let aws = aws_clients::config()?;
    let admitter = Arc::new(Admitter {
        registry: Arc::new(DynamoDb::new(&aws, setting("LANDFALL_TABLE")?)),
        executions: Arc::new(StepFunctions::new(&aws, setting("LANDFALL_STATE_MACHINE")?)),
        clock: Arc::new(Queue::new(&aws, setting("LANDFALL_ADMIT_QUEUE")?)),
        inbox_prefix: setting("LANDFALL_INBOX_PREFIX")?,
    });
    lambda_step::serve("admit", move |batch: SqsEvent, _| {
        let admitter = admitter.clone();
        async move { Ok(admitter.admit_all(&batch, &admission::now()).await) }
    })
    .await
}
