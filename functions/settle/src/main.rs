//! Settles jobs whose execution ended: one by one as Step Functions tells of them, and, every few
//! minutes, those of which nobody told.

use std::env::var;
use std::sync::Arc;

use executions::StepFunctions;
use serde_json::Value;
use settle::Settler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_step::Error> {
    let context = deployment::context().await?;
    let aws = aws_clients::config()?;
    let executions = StepFunctions::new(&aws, setting("LANDFALL_STATE_MACHINE")?);
    let settler = Arc::new(Settler { context, executions: Arc::new(executions) });
    lambda_step::serve("settle", move |event: Value, _attempt| {
        let settler = settler.clone();
        async move { settler.hear(&event, chrono::Utc::now()).await }
    })
    .await
}

fn setting(name: &str) -> Result<String, String> {
    var(name).map_err(|_| format!("the environment variable {name} is not set"))
}
