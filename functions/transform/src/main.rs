//! Works one shard. Its threads let the next block of the source come in while the last one is worked on.

#[tokio::main]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context().await?;
    lambda_step::serve("transform", move |message, attempt| {
        let context = context.clone();
        async move { steps::transform(&context, message, &attempt).await }
    })
    .await
}
