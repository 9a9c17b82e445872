//! Contracts proposed from data.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use contract::Compression;
use csv_records::dialect::StatedDialect;
use inference::{Inferred, dataset_name, propose};
use job::DatasetName;
use landing::opening::Stated;
use objects::Pin;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::extract::Body;
use crate::problem::{Kind, Problem};
use crate::source::{Object, see};
use crate::{App, schema};

/// Bytes of an object that are looked at: enough for tens of thousands of records, and typed in
/// well under a second.
const SAMPLE_BYTES: u64 = 4 * 1024 * 1024;

/// What to propose a contract for: `source` or `sample`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Infer, example = json!({"sample": "id,day\n1,2026-03-01\n"}))]
pub(crate) struct Asked {
    /// The dataset's name. Without it, it is called after the object.
    #[schema(value_type = Option<String>, pattern = "^[a-z][a-z0-9_]{0,62}$")]
    dataset: Option<DatasetName>,
    source: Option<Object>,
    /// The beginning of a file, as text.
    sample: Option<String>,
}

/// Proposes a contract for an object, or for a sample, with the reason for each guess.
#[utoipa::path(
    post,
    path = "/infer",
    tag = "datasets",
    request_body = Asked,
    responses((status = 200, description = "A contract.", body = schema::Inferred)),
    extensions(("x-problems" = json!([Kind::Invalid, Kind::SourceMissing, Kind::SourceForbidden, Kind::Changed])))
)]
pub(crate) async fn infer(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(asked): Body<Asked>,
) -> Result<Json<Inferred>, Problem> {
    let (name, bytes, is_whole) = match (asked.source, asked.sample) {
        (Some(source), None) => read(&app, &caller, source).await?,
        // A sample may be cut anywhere, unless it ends like a file.
        (None, Some(sample)) => {
            let is_whole = sample.ends_with(['\n', '\r']);
            ("sample".to_owned(), sample.into_bytes(), is_whole)
        }
        _ => return Err(Problem::invalid("either `source`, an object, or `sample`, text")),
    };
    let dataset = asked.dataset.unwrap_or_else(|| dataset_name(&name));
    let dialect = StatedDialect::default();
    let stated = Stated {
        name: &name,
        compression: Compression::Auto,
        encoding: None,
        dialect: &dialect,
        schema: None,
    };
    propose(&stated, &dataset, &bytes, is_whole)
        .map(Json)
        .map_err(|error| Problem::invalid(error.to_string()))
}

/// The first bytes of an object, and whether they are all.
async fn read(
    app: &App,
    caller: &Caller,
    source: Object,
) -> Result<(String, Vec<u8>, bool), Problem> {
    let source = see(app, &caller.sources(app), &source.resolve(app)).await?;
    let pin = Pin { version: source.version, etag: source.etag };
    let bytes = app.buckets.bucket(&source.bucket).get(&source.key, &pin, 0..SAMPLE_BYTES).await?;
    let is_whole = (bytes.len() as u64) < SAMPLE_BYTES;
    Ok((source.key, bytes.to_vec(), is_whole))
}
