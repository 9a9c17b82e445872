//! An API over memory, and answers that are checked for what holds for all of them.

use std::sync::Arc;

use api::{Access, App, Config, Logs, Origins, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use job::DatasetName;
use job::message::{JobId, JobKeys};
use job::sources::Sources;
use objects::{Buckets, Put};
use registry::{JobChange, JobRecord, Registry};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const FLIGHTS: &str =
    "name: flights\nschema:\n  fields:\n    - { name: year, type: integer }\n";

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:landing";

/// The API and what is behind it.
pub(crate) struct Door {
    pub(crate) registry: Arc<registry::Memory>,
    pub(crate) executions: Arc<executions::Memory>,
    pub(crate) buckets: Arc<objects::Memory>,
    pub(crate) router: Router,
}

/// Where things are; `elsewhere/in/…` may be landed too.
pub(crate) fn config(has_salt: bool) -> Config {
    let others = "arn:aws:s3:::elsewhere/in/*,arn:aws:s3:::the-*/jobs/*";
    Config {
        inbox_bucket: "the-inbox".to_owned(),
        inbox_prefix: "inbox/".to_owned(),
        sources: Sources::only("the-inbox", "inbox/", others, ["the-work", "the-lake"]).unwrap(),
        work_bucket: "the-work".to_owned(),
        lake_bucket: "the-lake".to_owned(),
        lake_prefix: "lake/".to_owned(),
        origins: Origins::default(),
        socket_url: "wss://sockets.example/live".to_owned(),
        has_salt,
        changes_per_minute: 0,
        logs: Some(Logs::beside(MACHINE, "transform=stack-Transform").unwrap()),
    }
}

/// An answer, its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Door {
    /// An open door without datasets.
    pub(crate) fn new() -> Self {
        Self::with(Access::Open)
    }

    pub(crate) fn with(access: Access) -> Self {
        Self::made(access, false)
    }

    fn made(access: Access, has_salt: bool) -> Self {
        Self::over(access, has_salt, objects::Memory::new())
    }

    fn over(access: Access, has_salt: bool, buckets: objects::Memory) -> Self {
        let registry = Arc::new(registry::Memory::new());
        let executions = Arc::new(executions::Memory::new());
        let buckets = Arc::new(buckets);
        let config = config(has_salt);
        let app = App {
            registry: registry.clone(),
            live: registry.clone(),
            executions: executions.clone(),
            buckets: buckets.clone(),
            config,
        };
        Self { router: router(Arc::new(app), access), registry, executions, buckets }
    }

    /// An open door with the dataset `flights`, and a file of it in the inbox.
    pub(crate) async fn with_flights() -> Self {
        Self::flights_at(Self::new()).await
    }

    /// The same, of a deployment with or without a salt for masks.
    pub(crate) async fn salted(has_salt: bool) -> Self {
        Self::flights_at(Self::made(Access::Open, has_salt)).await
    }

    /// The same, of which buckets keep versions.
    pub(crate) async fn versioned() -> Self {
        Self::flights_at(Self::over(Access::Open, false, objects::Memory::versioned())).await
    }

    async fn flights_at(door: Self) -> Self {
        door.put("/datasets/flights", FLIGHTS).await.expect(StatusCode::CREATED);
        door.drop_off("staged/flights/a.csv", "year\n2013\n").await;
        door
    }

    /// Puts an object in the inbox's bucket.
    pub(crate) async fn drop_off(&self, key: &str, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.buckets.bucket("the-inbox").put(key, bytes, Put::Overwrite).await.unwrap();
    }

    /// The same API, whose answers pages of these origins may read.
    pub(crate) fn for_pages_of(mut self, origins: &str) -> Self {
        let config = Config { origins: Origins::parse(origins).unwrap(), ..config(false) };
        let app = App {
            registry: self.registry.clone(),
            live: self.registry.clone(),
            executions: self.executions.clone(),
            buckets: self.buckets.clone(),
            config,
        };
        self.router = router(Arc::new(app), Access::Iam);
        self
    }

    /// The same API, in which a caller may ask for so many changes in a minute.
    pub(crate) fn limited(
        mut self,
        changes_per_minute: u64,
        access: Access,
        registry: Arc<dyn Registry>,
    ) -> Self {
        let app = App {
            registry,
            live: self.registry.clone(),
            executions: self.executions.clone(),
            buckets: self.buckets.clone(),
            config: Config { changes_per_minute, ..config(false) },
        };
        self.router = router(Arc::new(app), access);
        self
    }

    /// Whether a job is decided, and how.
    pub(crate) async fn decision(&self, job: &JobId) -> Option<job::decision::Decision> {
        let bytes =
            self.buckets.bucket("the-work").read(&keys(job).decision(), u64::MAX).await.ok()?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let is_head = method == Method::HEAD;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut bytes = to_bytes(body, usize::MAX).await.unwrap();
        if parts.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            let mut unpacked = Vec::new();
            std::io::Read::read_to_end(
                &mut flate2::read::GzDecoder::new(bytes.as_ref()),
                &mut unpacked,
            )
            .unwrap();
            bytes = unpacked.into();
        }
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        let answer = Answer { status: parts.status, headers: parts.headers, body };
        crate::openapi::check(&method, &path, &answer);
        answer.is_for_the_caller_alone(&path);
        if is_head {
            assert_eq!(answer.body, Value::Null, "{path}");
        } else if answer.status.is_client_error() || answer.status.is_server_error() {
            answer.is_problem(&path);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// An answer that may be packed.
    pub(crate) async fn get_packed(&self, path: &str) -> Answer {
        self.send(
            Request::get(path)
                .header("accept-encoding", "br, gzip;q=0.5")
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn put(&self, path: &str, text: &str) -> Answer {
        self.send(Request::put(path).body(Body::from(text.to_owned())).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Request::delete(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
    }

    /// Submits the file in the inbox, under an `Idempotency-Key` when there is one.
    pub(crate) async fn submit(&self, key: Option<&str>, more: Value) -> Answer {
        let mut body = json!({"dataset": "flights", "source": {"key": "staged/flights/a.csv"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut request = Request::post("/jobs");
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// A submitted job.
    pub(crate) async fn job(&self) -> JobId {
        let answer = self.submit(None, json!({})).await.expect(StatusCode::ACCEPTED);
        JobId::parse(answer.body["job"].as_str().unwrap()).unwrap()
    }

    pub(crate) async fn change(&self, job: &JobId, change: JobChange) -> JobRecord {
        self.registry.update_job(job, &change, "2026-01-31T12:30:00.000Z").await.unwrap().unwrap()
    }

    /// Puts an object beside a job.
    pub(crate) async fn leave(&self, key: &str, text: impl Into<Bytes>) {
        self.buckets.bucket("the-work").put(key, text.into(), Put::Overwrite).await.unwrap();
    }

    /// The text of an object beside a job.
    pub(crate) async fn work(&self, key: &str) -> String {
        let bytes = self.buckets.bucket("the-work").read(key, u64::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

pub(crate) fn keys(job: &JobId) -> JobKeys {
    JobKeys::new("", job)
}

pub(crate) fn flights() -> DatasetName {
    DatasetName::parse("flights").unwrap()
}

impl Answer {
    /// The answer, when its status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// Checks that the answer is a problem of this kind.
    #[track_caller]
    pub(crate) fn expect_kind(self, status: StatusCode, kind: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.body["type"], format!("urn:landfall:problem:{kind}"), "{}", answer.body);
        answer
    }

    #[track_caller]
    pub(crate) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap()
    }

    /// What holds for every answer, whatever it says.
    #[track_caller]
    fn is_for_the_caller_alone(&self, path: &str) {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(self.headers[name], value, "{path}");
        }
    }

    /// What RFC 9457 asks of every error.
    #[track_caller]
    fn is_problem(&self, path: &str) {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{path}: {}",
            self.body
        );
        assert_eq!(self.body["status"], self.status.as_u16(), "{path}: {}", self.body);
        assert_eq!(self.body["instance"], path, "{}", self.body);
        for member in ["type", "title", "detail"] {
            assert!(
                self.body[member].as_str().is_some_and(|text| !text.is_empty()),
                "{path}: no `{member}` in {}",
                self.body
            );
        }
    }
}
