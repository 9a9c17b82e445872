//! Shows jobs live to whoever watches them.

use std::sync::Arc;

use lambda_step::setting;
use live::{ApiFunction, ApiGateway, App};
use registry::DynamoDb;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_step::Error> {
    let aws = aws_clients::config()?;
    let (api, stage) = (setting("LANDFALL_SOCKET_API")?, setting("LANDFALL_SOCKET_STAGE")?);
    let registry = Arc::new(DynamoDb::new(&aws, setting("LANDFALL_TABLE")?));
    let app = Arc::new(App {
        registry: registry.clone(),
        live: registry,
        sockets: Arc::new(ApiGateway::new(&aws, &api, &stage)),
        commands: Arc::new(ApiFunction::new(&aws, setting("LANDFALL_API_FUNCTION")?)),
    });
    lambda_step::serve("live", move |event: Value, _attempt| {
        let app = app.clone();
        async move { app.hear(&event).await }
    })
    .await
}
