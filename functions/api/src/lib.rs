//! The front door: an HTTP API over the registry, the buckets and the executions, behind API
//! Gateway or as a plain server.

mod accept;
mod access;
mod answers;
mod audit;
mod backfill;
mod caller;
mod datasets;
mod dry_run;
mod execution;
mod extract;
mod files;
mod hold;
mod infer;
mod jobs;
mod logs;
mod open_rejects;
mod openapi;
mod problem;
mod rate;
mod redrive;
mod dismiss;
mod replay;
mod results;
mod schema;
mod source;
mod tickets;
mod uploads;
mod view;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Extension, Json, Router, middleware};
use executions::Histories;
use job::sources::Sources;
use objects::{Buckets, Objects};
use registry::{Live, Registry};
use serde::Serialize;
use utoipa::ToSchema;

pub use access::{Access, NEEDS, Scope};
pub use answers::Origins;
pub use logs::Logs;
pub use openapi::describe;
pub use problem::{Kind, Problem};

/// Most bytes of a body: those of a contract.
pub const MAX_BODY_BYTES: usize = job::limits::CONTRACT_BYTES;
/// How long presigned URLs are good for.
pub const URL_SECONDS: u32 = 900;

/// What the handlers work with; built once.
pub struct App {
    /// Contracts, jobs and the load history.
    pub registry: Arc<dyn Registry>,
    /// What is kept of those who watch jobs.
    pub live: Arc<dyn Live>,
    /// The state machine.
    pub executions: Arc<dyn Histories>,
    /// All buckets.
    pub buckets: Arc<dyn Buckets>,
    /// Where things are.
    pub config: Config,
}

/// Where things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The bucket of the inbox, to which files are uploaded.
    pub inbox_bucket: String,
    /// The prefix whose objects land by themselves; ends with a slash.
    pub inbox_prefix: String,
    /// What may be landed, or looked at.
    pub sources: Sources,
    /// The bucket of what lies beside jobs.
    pub work_bucket: String,
    /// The bucket of the lake.
    pub lake_bucket: String,
    /// The prefix in it under which datasets lie; ends with a slash.
    pub lake_prefix: String,
    /// The origins whose pages may read answers.
    pub origins: Origins,
    /// Whether the deployment has a salt for masks that hash: which one is none of the front door's
    /// business.
    pub has_salt: bool,
    /// Requests that change something which a caller may send in a minute; 0: any number.
    pub changes_per_minute: u64,
    /// The URL of the WebSocket API.
    pub socket_url: String,
    /// Where functions log; `None`: there is no console that shows it.
    pub logs: Option<Logs>,
}

impl App {
    fn inbox(&self) -> Arc<dyn Objects> {
        self.buckets.bucket(&self.config.inbox_bucket)
    }

    fn work(&self) -> Arc<dyn Objects> {
        self.buckets.bucket(&self.config.work_bucket)
    }

    fn lake(&self) -> Arc<dyn Objects> {
        self.buckets.bucket(&self.config.lake_bucket)
    }
}

/// All routes. [`openapi`] describes them, and [`NEEDS`] says who may use them.
fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/health", get(health))
        .route("/openapi.json", get(openapi::get))
        .route("/contract.schema.json", get(openapi::contract_schema))
        .route("/datasets", get(datasets::list))
        .route("/datasets/{name}", put(datasets::put).get(datasets::get).delete(datasets::delete))
        .route("/datasets/{name}/versions", get(datasets::versions))
        .route("/datasets/{name}/check", post(datasets::check))
        .route("/datasets/{name}/files", get(files::list))
        .route("/datasets/{name}/rejects", get(replay::open))
        .route("/datasets/{name}/backfill", post(backfill::backfill))
        .route("/infer", post(infer::infer))
        .route("/uploads", post(uploads::create))
        .route("/tickets", post(tickets::issue))
        .route("/jobs", post(jobs::submit).get(jobs::list))
        .route("/jobs/{id}", get(jobs::get))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/jobs/{id}/redrive", post(redrive::redrive))
        .route("/jobs/{id}/changes", get(hold::changes))
        .route("/jobs/{id}/approve", post(hold::approve))
        .route("/jobs/{id}/refuse", post(hold::refuse))
        .route("/jobs/{id}/replay", post(replay::replay))
        .route("/jobs/{id}/rejects/dismiss", post(dismiss::dismiss))
        .route("/jobs/{id}/execution", get(execution::get))
        .route("/jobs/{id}/shards", get(execution::shards))
        .route("/jobs/{id}/rejects", get(results::rejects))
        .route("/jobs/{id}/errors", get(results::errors))
        .route("/jobs/{id}/profile", get(results::profile))
        .route("/jobs/{id}/outputs", get(results::outputs))
}

/// The API.
pub fn router(app: Arc<App>, access: Access) -> Router {
    let routes = routes()
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(Extension(access))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state((app.clone(), access), rate::limited))
        .layer(middleware::from_fn_with_state(access, access::guard))
        .layer(middleware::from_fn(view::logged))
        .layer(middleware::from_fn(problem::problems))
        .layer(middleware::from_fn(audit::audited))
        .with_state(app.clone());
    // From outside, since a router says which methods it allows after all of its layers.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(app, answers::complete))
}

/// That the function answers.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "version": "0.1.0"}))]
struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of the function.
    version: &'static str,
}

/// Says that the function answers; it calls nothing.
#[utoipa::path(
    get,
    path = "/health",
    tag = "door",
    responses((status = 200, description = "It answers.", body = Health))
)]
async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}
