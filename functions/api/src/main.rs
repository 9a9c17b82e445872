//! The front door, on Lambda or as a plain server.

use std::env::{args, var};
use std::net::SocketAddr;
use std::sync::Arc;

use api::{Access, App, Config, Logs, Origins, router};
use executions::StepFunctions;
use job::sources::Sources;
use lambda_step::setting;
use registry::DynamoDb;

#[tokio::main]
async fn main() -> Result<(), lambda_step::Error> {
    lambda_step::start();
    // Where nothing hands it requests, it listens for them at the address that it is given.
    let listen: Option<SocketAddr> = match var("AWS_LAMBDA_RUNTIME_API") {
        Ok(_) => None,
        Err(_) => Some(args().nth(1).ok_or("usage: api ADDRESS")?.parse()?),
    };
    let access: Access = setting("LANDFALL_AUTH")?.parse()?;
    let elsewhere = var("AWS_ENDPOINT_URL").ok();
    let access = access.check(listen, elsewhere.as_deref())?;
    let aws = aws_clients::config()?;
    let (inbox, prefix) = (setting("LANDFALL_INBOX_BUCKET")?, setting("LANDFALL_INBOX_PREFIX")?);
    let (work, lake) = (setting("LANDFALL_WORK_BUCKET")?, setting("LANDFALL_LAKE_BUCKET")?);
    let others = setting("LANDFALL_SOURCE_BUCKET_ARNS")?;
    let (machine, functions) = (setting("LANDFALL_STATE_MACHINE")?, setting("LANDFALL_FUNCTIONS")?);
    // What is not AWS has no console.
    let logs = elsewhere.is_none().then(|| Logs::beside(&machine, &functions)).transpose()?;
    let (api, stage) = (setting("LANDFALL_SOCKET_API")?, setting("LANDFALL_SOCKET_STAGE")?);
    let table = Arc::new(DynamoDb::new(&aws, setting("LANDFALL_TABLE")?));
    let app = App {
        registry: table.clone(),
        live: table,
        executions: Arc::new(StepFunctions::new(&aws, machine)),
        buckets: Arc::new(objects::S3::new(&aws)),
        config: Config {
            sources: Sources::only(&inbox, &prefix, &others, [&work, &lake])?,
            inbox_bucket: inbox,
            inbox_prefix: prefix,
            work_bucket: work,
            lake_bucket: lake,
            lake_prefix: setting("LANDFALL_LAKE_PREFIX")?,
            origins: Origins::parse(&setting("LANDFALL_CORS_ORIGINS")?)?,
            socket_url: socket_url(&aws_clients::stage_url(&aws, &api, &stage)),
            has_salt: setting("LANDFALL_HAS_MASK_SALT")? == "true",
            changes_per_minute: setting("LANDFALL_CHANGES_PER_MINUTE")?
                .parse()
                .map_err(|_| "LANDFALL_CHANGES_PER_MINUTE is a number of requests, or 0")?,
            logs,
        },
    };
    let router = router(Arc::new(app), access);
    match listen {
        None => lambda_http::run(router).await,
        Some(address) => {
            let listener = tokio::net::TcpListener::bind(address).await?;
            tracing::info!(address = %listener.local_addr()?, "listening");
            Ok(axum::serve(listener, router).await?)
        }
    }
}

/// The URL of an API as WebSockets have it.
fn socket_url(url: &str) -> String {
    url.replacen("http", "ws", 1)
}
