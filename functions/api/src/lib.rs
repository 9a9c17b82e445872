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
use axum::{Extension, Json, Router, middleware};
use executions::Executions;
use job::sources::Sources;
use objects::{Buckets, Objects};
use registry::{Live, Registry};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access::{Access, NEEDS, Scope};
pub use answers::Origins;
pub use logs::Logs;
pub use openapi::document;
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
    pub executions: Arc<dyn Executions>,
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

/// All routes, each with its description.
fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(openapi::Beginning::openapi())
        .routes(routes!(health))
        .routes(routes!(openapi::get))
        .routes(routes!(openapi::contract_schema))
        .routes(routes!(datasets::list))
        .routes(routes!(datasets::put, datasets::get, datasets::delete))
        .routes(routes!(datasets::versions))
        .routes(routes!(datasets::check))
        .routes(routes!(files::list))
        .routes(routes!(infer::infer))
        .routes(routes!(uploads::create))
        .routes(routes!(tickets::issue))
        .routes(routes!(jobs::submit, jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::cancel))
        .routes(routes!(redrive::redrive))
        .routes(routes!(backfill::backfill))
        .routes(routes!(hold::approve))
        .routes(routes!(hold::refuse))
        .routes(routes!(hold::changes))
        .routes(routes!(replay::replay))
        .routes(routes!(replay::open))
        .routes(routes!(dismiss::dismiss))
        .routes(routes!(execution::get))
        .routes(routes!(execution::shards))
        .routes(routes!(results::rejects))
        .routes(routes!(results::errors))
        .routes(routes!(results::profile))
        .routes(routes!(results::outputs))
}

/// The API.
pub fn router(app: Arc<App>, access: Access) -> Router {
    let (routes, _) = routes().split_for_parts();
    let routes = routes
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
