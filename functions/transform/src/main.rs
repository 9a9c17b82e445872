//! Works one shard, or puts small files together. Its threads let the next block of the source come
//! in while the last one is worked on.

use job::message::MakeFiles;

#[tokio::main]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context_that_tells().await?;
    lambda_step::serve("transform", move |message, attempt| {
        let context = context.clone();
        async move {
            match message {
                MakeFiles::Shard(shard) => steps::transform(&context, shard, &attempt).await,
                MakeFiles::Merge(merge) => steps::merge(&context, merge, &attempt).await,
            }
        }
    })
    .await
}
