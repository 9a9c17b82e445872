//! Proves that the shards tile the source exactly, adds up, and applies the rejects limit.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context_without_registry().await?;
    lambda_step::serve("verify", move |message, _attempt| {
        let context = context.clone();
        async move { steps::verify(&context, message).await }
    })
    .await
}
