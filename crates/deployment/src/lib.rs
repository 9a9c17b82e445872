//! Turns the environment variables of a function, as `template.yaml` sets them, into the context of
//! the steps: places, limits and clients.

mod salt;

use std::sync::Arc;

use aws_clients::SdkConfig;
use catalog::{Catalog, Glue};
use events::{EventBridge, Events};
use job::limits::REDRIVE_SECONDS;
use job::sources::{REFERENCE_PREFIX, Sources};
use objects::S3;
use registry::{DynamoDb, Live, Registry};
use steps::{Context, Place, Settings};

/// The context of a deployed function that asks the registry; built once for a process.
///
/// The error names the variable that is missing or can't be read.
pub async fn context() -> Result<Context, String> {
    let table = required("LANDFALL_TABLE")?;
    context_over(|config| (Arc::new(DynamoDb::new(config, table)) as _, None)).await
}

/// As [`context`], of a function that never asks the registry: it is told no table, has no
/// permission for one, and is spared the client.
pub async fn context_without_registry() -> Result<Context, String> {
    context_over(|_| (Arc::new(registry::Absent) as _, None)).await
}

/// As [`context_without_registry`], of a function that tells those who watch a job how far it has
/// come. It has no permission for any other entry of the table.
pub async fn context_that_tells() -> Result<Context, String> {
    let table = required("LANDFALL_TABLE")?;
    context_over(|config| {
        let live = Arc::new(DynamoDb::new(config, table));
        (Arc::new(registry::Absent) as _, Some(live as _))
    })
    .await
}

async fn context_over(
    tables: impl FnOnce(&SdkConfig) -> (Arc<dyn Registry>, Option<Arc<dyn Live>>),
) -> Result<Context, String> {
    let config = aws_clients::config()?;
    let settings = Settings::default();
    let events = |bus| Arc::new(EventBridge::new(&config, bus)) as Arc<dyn Events>;
    let catalog = |database| Arc::new(Glue::new(&config, database)) as Arc<dyn Catalog>;
    let (work, lake) = (required("LANDFALL_WORK_BUCKET")?, required("LANDFALL_LAKE_BUCKET")?);
    // Only `ingest` asks which sources there may be and reads references, and is told where they
    // lie.
    let inbox = optional("LANDFALL_INBOX_BUCKET").unwrap_or_default();
    let inbox_prefix = optional("LANDFALL_INBOX_PREFIX").unwrap_or_default();
    let others = optional("LANDFALL_SOURCE_BUCKET_ARNS").unwrap_or_default();
    let sources =
        Sources::only(&inbox, &inbox_prefix, &others, [&work, &lake]).map_err(|error| {
            format!("the environment variable LANDFALL_SOURCE_BUCKET_ARNS: {error}")
        })?;
    let (registry, live) = tables(&config);
    Ok(Context {
        buckets: Arc::new(S3::new(&config)),
        registry,
        live,
        lake: Place { bucket: lake, prefix: optional("LANDFALL_LAKE_PREFIX").unwrap_or_default() },
        references: Place { bucket: inbox, prefix: REFERENCE_PREFIX.to_owned() },
        sources,
        work: Place { bucket: work, prefix: String::new() },
        catalog: optional("LANDFALL_GLUE_DATABASE").map(catalog),
        events: optional("LANDFALL_EVENT_BUS").map(events),
        settings: Settings {
            shard_bytes: number("LANDFALL_SHARD_BYTES", settings.shard_bytes)?,
            key_bytes: number("LANDFALL_KEY_BYTES", settings.key_bytes)?,
            folders: settings.folders,
            max_concurrency: number("LANDFALL_MAX_CONCURRENCY", settings.max_concurrency)?,
            redrive_seconds: Some(REDRIVE_SECONDS),
            memory_mb: optional("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
                .and_then(|size| size.parse().ok()),
            lineage: optional("LANDFALL_LINEAGE").is_some(),
        },
        salt: match optional("LANDFALL_MASK_SALT_ARN") {
            Some(arn) => salt::of_secret(&config, &arn).await?,
            None => Ok(None),
        },
    })
}

fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &str) -> Result<String, String> {
    optional(name).ok_or_else(|| format!("the environment variable {name} is missing"))
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> Result<T, String> {
    match optional(name) {
        Some(value) => value
            .parse()
            .map_err(|_| format!("the environment variable {name} is not a whole number")),
        None => Ok(default),
    }
}
