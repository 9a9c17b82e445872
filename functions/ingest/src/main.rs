//! Pins the source, settles dialect and schema against the contract, and plans the shards.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context().await?;
    lambda_step::serve("ingest", move |submission, _attempt| {
        let context = context.clone();
        async move { steps::ingest(&context, submission).await }
    })
    .await
}
