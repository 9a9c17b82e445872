//! The front door: an HTTP API over the registry, the buckets and the executions, behind API
//! Gateway or as a plain server.

mod accept;
mod access;
mod answers;
mod datasets;
mod execution;
mod extract;
mod files;
mod infer;
mod jobs;
mod problem;
mod results;
mod source;
mod uploads;
mod view;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router, middleware};
use executions::Executions;
use job::sources::Sources;
use objects::{Buckets, Objects};
use registry::Registry;
use serde_json::{Value, json};

pub use access::{Access, READ, WRITE};
pub use answers::Origins;
pub use problem::Problem;

/// Most bytes of a body: those of a contract.
pub const MAX_BODY_BYTES: usize = job::limits::CONTRACT_BYTES;
/// How long presigned URLs are good for.
pub const URL_SECONDS: u32 = 900;

/// What the handlers work with; built once.
pub struct App {
    /// Contracts, jobs and the load history.
    pub registry: Arc<dyn Registry>,
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

/// All routes.
pub fn router(app: Arc<App>, access: Access) -> Router {
    let routes = Router::new()
        .route("/health", get(health))
        .route("/datasets", get(datasets::list))
        .route("/datasets/{name}", put(datasets::put).get(datasets::get).delete(datasets::delete))
        .route("/datasets/{name}/versions", get(datasets::versions))
        .route("/datasets/{name}/files", get(files::list))
        .route("/infer", post(infer::infer))
        .route("/uploads", post(uploads::create))
        .route("/jobs", post(jobs::submit).get(jobs::list))
        .route("/jobs/{id}", get(jobs::get))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/jobs/{id}/execution", get(execution::get))
        .route("/jobs/{id}/rejects", get(results::rejects))
        .route("/jobs/{id}/errors", get(results::errors))
        .route("/jobs/{id}/profile", get(results::profile))
        .route("/jobs/{id}/outputs", get(results::outputs))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(access, access::guard))
        .layer(middleware::from_fn(view::logged))
        .layer(middleware::from_fn(problem::problems))
        .with_state(app.clone());
    // From outside, since a router says which methods it allows after all of its layers.
    Router::new()
        .fallback_service(routes)
        .layer(middleware::from_fn_with_state(app, answers::complete))
}

/// Says that the function answers; it calls nothing.
async fn health() -> Json<Value> {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}))
}
