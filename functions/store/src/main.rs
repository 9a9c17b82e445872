//! Ends a job: makes it visible, or makes sure that nothing of it is.

use job::message::{EndJob, Ended};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context().await?;
    lambda_step::serve("store", move |message, _attempt| {
        let context = context.clone();
        async move {
            match message {
                EndJob::Store(job) => steps::store(&context, job).await.map(Ended::Stored),
                EndJob::Hold(job) => steps::hold(&context, job).await.map(Ended::Held),
                EndJob::Abandon(job) => steps::abandon(&context, job).await.map(Ended::Settled),
            }
        }
    })
    .await
}
