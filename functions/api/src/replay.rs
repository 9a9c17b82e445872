//! Sends rejects of a job again, and tells which are still open.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contract::rejects::{ErrorEntry, ErrorName};
use job::bill::Dollars;
use job::message::{JobId, JobKeys, SourceRef, Unreadable, digest_bytes};
use job::replay::{Claimant, Claimed, Dismissal, Positions, Replay};
use job::{DatasetName, Labels};
use objects::{Pin, Put};
use registry::{JobFilter, JobRecord, JobStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wording::Unquoted;

use crate::caller::Caller;
use crate::datasets::no_dataset;
use crate::extract::{self, Asked as Query, Body, Dataset, Job, Named, page_length};
use crate::jobs::{Id, check_salt, start};
use crate::open_rejects::{self, RejectsFile};
use crate::problem::{Kind, Problem};
use crate::source::{Object, pinned, see};
use crate::view::JobView;
use crate::{App, dry_run, schema};

/// Most rejects that a request names: the input of an execution has at most 256 KiB.
pub(crate) const MAX_NAMED_REJECTS: usize = 10_000;
/// Most bytes of an entry of a list of replays: a million rejects, none beside another.
const CLAIM_BYTES: u64 = 64 * 1024 * 1024;
/// Most runs of positions of a child that are shown: some 200 KB.
const SHOWN_RUNS: usize = 10_000;
/// Jobs that are looked through for a page of open rejects, when the caller does not say, and at
/// most.
const PAGE: (u32, u32) = (20, 100);
/// Bytes of a job's faults that are grouped.
const GROUPED_BYTES: u64 = 4 * 1024 * 1024;

/// Which rejects to land, and what became of them.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Replay, example = json!({"csv": "year,month\n2013,1\n"}))]
pub(crate) struct Asked {
    /// The mended rejects as an object, with the header that they had. Without it and `csv`, the
    /// rejects as they are.
    source: Option<Object>,
    /// The mended rejects themselves.
    csv: Option<String>,
    /// The layout of the rejects, from 0: those of another layout than the first lie in a file of
    /// their own.
    #[serde(default)]
    #[schema(maximum = 999)]
    layout: u32,
    /// Which of the job's rejects the records are, from 0, in the order of the records. Without it
    /// there is a record for each reject, in their order.
    #[schema(min_items = 1, max_items = 10000)]
    rejects: Option<Vec<u32>>,
    /// In USD: a job that is estimated to cost more ends before anything is begun.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1000000)]
    max_cost: Option<Dollars>,
    #[serde(default)]
    #[schema(schema_with = schema::labels, required = false)]
    labels: Labels,
    /// Answers what the job is going to be, and does nothing of it. Without `source` and `csv`, the
    /// open rejects are tried: neither those that are landed nor those that are dismissed.
    #[serde(default)]
    dry_run: bool,
    /// The contract that a dry run goes by, in YAML or JSON; without it, the dataset's newest one.
    contract: Option<String>,
}

/// What became of the rejects of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RejectsLeft {
    /// How many no job has landed and nobody has dismissed.
    open: u64,
    /// The jobs that landed the others.
    replays: Vec<Child>,
    /// Those that nobody is going to land.
    dismissed: Vec<Dismissed>,
}

impl RejectsLeft {
    /// How many are open.
    pub(crate) fn open(&self) -> u64 {
        self.open
    }
}

/// Rejects that nobody is going to land.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Dismissed {
    /// How many these are.
    count: u64,
    /// Why, for people.
    why: String,
    /// Who dismissed them: the subject of the token, or the ARN of who signed; `null` where callers
    /// are not known.
    #[schema(required)]
    by: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The layout of these rejects, from 0.
    layout: u32,
    /// Which ones these are, as of a job that landed some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<u32>>>, example = json!([[3, 2]]))]
    rejects: Option<Vec<(u32, u32)>>,
}

/// A job that landed rejects of another one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Child {
    /// Its id.
    job: String,
    /// How many it landed.
    landed: u64,
    /// The layout of these rejects, from 0.
    layout: u32,
    /// Which ones it landed: of each run the position of the first, from 0, and how many follow on
    /// each other. Not told where these are very many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<u32>>>, example = json!([[0, 11], [14, 1]]))]
    rejects: Option<Vec<(u32, u32)>>,
}

/// Lands rejects of a job beside what it wrote, whatever the mode of the dataset. Each reject lands
/// at most once.
#[utoipa::path(
    post,
    path = "/jobs/{id}/replay",
    tag = "jobs",
    params(
        Job,
        ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[ -~]+$",
            description = "Makes a repeat the same job.")
    ),
    request_body = Asked,
    responses(
        (status = 202, description = "The job that lands them.", body = JobView, headers(("Location" = String, description = "The path of the job."))),
        (status = 200, description = "Of a dry run, what the job is going to be.", body = schema::Outlook),
    ),
    extensions(("x-problems" = json!([
        Kind::NoSuchJob, Kind::NoSuchDataset, Kind::NoRejects, Kind::NotLanded,
        Kind::ContractInvalid, Kind::IdempotencyKeyReused, Kind::Invalid, Kind::SourceMissing,
        Kind::SourceForbidden, Kind::SaltMissing,
    ])))
)]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(parent): Named<JobId>,
    headers: HeaderMap,
    Body(asked): Body<Asked>,
) -> Result<Response, Problem> {
    let Asked { source, csv, layout, rejects, max_cost, labels, dry_run, contract } = asked;
    let layout = extract::layout(layout)?;
    if source.is_some() && csv.is_some() {
        return Err(
            Problem::invalid("the mended rejects are `source` or `csv`, not both").of_field("csv")
        );
    }
    if rejects.as_ref().is_some_and(|named| !(1..=MAX_NAMED_REJECTS).contains(&named.len())) {
        return Err(Problem::invalid(format!("`rejects` names 1 to {MAX_NAMED_REJECTS} rejects"))
            .of_field("rejects"));
    }
    let record = caller.find(&app, &parent).await?;
    let dataset = record.submission.dataset.clone();
    dry_run::check(&app, &caller, &dataset, contract.as_deref(), dry_run)?;
    check_parent(&record)?;
    if dry_run {
        caller.check_data()?;
    }
    let tries_open = dry_run && source.is_none() && csv.is_none();
    if tries_open && left(&app, &record).await?.is_some_and(|left| left.open == 0) {
        return Err(Problem::new(
            Kind::NoRejects,
            format!(
                "all rejects of job {parent} are landed or dismissed; GET /datasets/{dataset}/rejects lists the jobs that have open ones"
            ),
        ));
    }
    let Id { job, is_known } = Id::of(&app, &dataset, &headers).await?;
    let is_named = source.is_some();
    let mended = csv.map(Bytes::from);
    let source = match (source, &mended) {
        (Some(object), _) => object.resolve(&app),
        (None, Some(csv)) => {
            let kept = beside(&app, JobKeys::new("", &job).mended(&digest_bytes(&[csv])));
            if !dry_run {
                keep(&app, &kept, csv.clone()).await?;
            }
            kept
        }
        (None, None) => beside(&app, JobKeys::new("", &parent).rejects(layout)),
    };
    let seen = match is_known {
        true => None,
        false => {
            if contract.is_none() {
                check_salt(&app, &dataset).await?;
            }
            match is_named {
                true => Some(see(&app, &caller.sources(&app), &source).await?),
                // Mended rejects that are only tried lie nowhere.
                false if dry_run && mended.is_some() => None,
                // What lies beside jobs is nobody's source but here.
                false => Some(pinned(&app, &source).await?),
            }
        }
    };
    let rejects = rejects.map(Positions::from_iter);
    let request = admission::Request {
        job,
        dataset,
        source: source.into(),
        seen: seen.map(Into::into),
        replay: Some(Replay { of: parent, layout, rejects }),
        force: false,
        landed: Default::default(),
        unreadable: Unreadable::Fail,
        commit: Default::default(),
        shard_bytes: None,
        max_cost,
        labels,
    };
    if dry_run {
        let submission = request.submission(1);
        let outlook = dry_run::look(&app, &caller, &submission, contract, mended).await?;
        return Ok(outlook.into_response());
    }
    start(&app, &caller, request).await
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// `next` of the page before.
    after: Option<String>,
    /// Jobs that are looked through for the page, those without rejects among them.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `parquet`: a file for SQL instead, with a row for each fault.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// The form of a list of open rejects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Groups of faults.
    #[default]
    Json,
    /// A file with all faults.
    Parquet,
}

/// The open rejects in one of their forms.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Listed {
    /// Grouped by fault.
    Page(OpenRejects),
    /// In a file.
    File(RejectsFile),
}

/// The open rejects of a dataset, job by job.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "items": [{
        "job": "job-1", "created": "2026-01-31T12:00:00.000Z", "open": 12, "dismissed": 0,
        "complete": true,
        "faults": [{"field": "year", "error": "type-error", "records": 12, "example": "`20l3` is not an integer"}],
    }],
    "next": null,
}))]
pub(crate) struct OpenRejects {
    /// The jobs of the page that have open rejects, newest first.
    items: Vec<OpenOfJob>,
    /// `after` of the next page; `null` at the end.
    #[schema(required)]
    next: Option<String>,
}

/// The open rejects of a job.
#[derive(Serialize, ToSchema)]
struct OpenOfJob {
    /// The job that rejected them.
    job: String,
    /// When it was admitted.
    #[schema(format = DateTime)]
    created: String,
    /// How many are open.
    open: u64,
    /// How many were dismissed.
    dismissed: u64,
    /// Their faults, the most frequent first.
    faults: Vec<FaultGroup>,
    /// Whether `faults` has all of them: of very many, the first megabytes are looked at.
    complete: bool,
}

/// Rejects with the same fault.
#[derive(Serialize, ToSchema)]
struct FaultGroup {
    /// The field that is at fault, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The kind of fault.
    #[schema(value_type = String)]
    error: ErrorName,
    /// The constraint, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// How many open rejects have it.
    records: u64,
    /// What is wrong with one of them.
    example: String,
}

/// Lists the rejects of a dataset that no job has landed and nobody has dismissed, by job and by
/// fault.
#[utoipa::path(
    get,
    path = "/datasets/{name}/rejects",
    tag = "datasets",
    operation_id = "open_rejects",
    params(Dataset, Listing),
    responses((status = 200, description = "A page, or where a file of them is.", body = Listed)),
    extensions(("x-problems" = json!([Kind::NoSuchDataset])))
)]
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    Named(dataset): Named<DatasetName>,
    Query(asked): Query<Listing>,
) -> Result<Json<Listed>, Problem> {
    let limit = page_length(asked.limit, PAGE.0, PAGE.1)?;
    if app.registry.contract(&dataset, None).await?.is_none() {
        return Err(no_dataset(&dataset));
    }
    if asked.format == Format::Parquet {
        let file = open_rejects::file(&app, &dataset, asked.after.as_deref(), limit).await?;
        return Ok(Json(Listed::File(file)));
    }
    let status = Some(JobStatus::Succeeded);
    let filter = JobFilter { dataset: Some(dataset), status, ..JobFilter::default() };
    let page = app.registry.jobs(&filter, asked.after.as_deref(), limit).await?;
    let mut items = Vec::new();
    for job in page.items {
        let Some((left, others)) = look(&app, &job).await? else { continue };
        if left.open > 0 {
            let (faults, complete) = group(&app, &job.submission.job, &others).await?;
            let job_id = job.submission.job.to_string();
            items.push(OpenOfJob {
                job: job_id,
                created: job.created,
                open: left.open,
                dismissed: left.dismissed.iter().map(|dismissed| dismissed.count).sum(),
                faults,
                complete,
            });
        }
    }
    Ok(Json(Listed::Page(OpenRejects { items, next: page.next })))
}

/// The faults of a job's open rejects, and whether these are all. `others` has the layouts and
/// positions of the others.
async fn group(
    app: &App,
    job: &JobId,
    others: &HashSet<(u32, u32)>,
) -> Result<(Vec<FaultGroup>, bool), Problem> {
    let key = JobKeys::new("", job).errors();
    let text = match app.work().get(&key, &Pin::default(), 0..GROUPED_BYTES).await {
        Ok(text) => text,
        Err(objects::Error::Missing(_)) => return Ok((Vec::new(), false)),
        Err(error) => return Err(error.into()),
    };
    let is_whole = (text.len() as u64) < GROUPED_BYTES;
    let mut groups: HashMap<(Option<String>, ErrorName, Option<String>), FaultGroup> =
        HashMap::new();
    let (mut last, mut position) = (None, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let entry: ErrorEntry =
            serde_json::from_slice(line).map_err(|error| Problem::internal(&error.unquoted()))?;
        let record = Some((entry.source.clone(), entry.record));
        if last.is_some() && last != record {
            position += 1;
        }
        last = record;
        // With several layouts, positions are those within each: nobody knows them here.
        if others.contains(&(0, position)) {
            continue;
        }
        let name = (entry.field.clone(), entry.error, entry.rule.clone());
        let group = groups.entry(name).or_insert_with(|| FaultGroup {
            field: entry.field,
            error: entry.error,
            rule: entry.rule,
            records: 0,
            example: entry.message,
        });
        group.records += 1;
    }
    let mut groups: Vec<FaultGroup> = groups.into_values().collect();
    groups.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.field.cmp(&b.field)));
    Ok((groups, is_whole))
}

/// Refuses a job that left no rejects to which others could be added.
pub(crate) fn check_parent(parent: &JobRecord) -> Result<(), Problem> {
    let id = &parent.submission.job;
    let rejected = parent.counts.map_or(0, |counts| counts.rejected);
    match parent.status {
        JobStatus::Succeeded if rejected > 0 => Ok(()),
        JobStatus::Succeeded => {
            Err(Problem::new(Kind::NoRejects, format!("job {id} rejected no records")))
        }
        status => {
            let detail = format!(
                "job {id} is {}: only rejects of a job that landed are sent again; land the whole source of any other",
                status.as_str()
            );
            Err(Problem::new(Kind::NotLanded, detail).of_job(id))
        }
    }
}

/// Keeps rejects that came with a request beside its job.
async fn keep(app: &App, place: &SourceRef, csv: Bytes) -> Result<(), Problem> {
    match app.work().put(&place.key, csv, Put::IfAbsent).await {
        // The same bytes, as their digest is in the key.
        Ok(()) | Err(objects::Error::Exists(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn beside(app: &App, key: String) -> SourceRef {
    SourceRef::new(app.config.work_bucket.clone(), key)
}

/// What became of the rejects of a job; nothing of one that has none of its own.
pub(crate) async fn left(app: &App, job: &JobRecord) -> Result<Option<RejectsLeft>, Problem> {
    Ok(look(app, job).await?.map(|(left, _)| left))
}

/// The same, with the layouts and positions of the rejects that are not open.
pub(crate) async fn look(
    app: &App,
    job: &JobRecord,
) -> Result<Option<(RejectsLeft, HashSet<(u32, u32)>)>, Problem> {
    let rejected = job.counts.map_or(0, |counts| counts.rejected);
    if job.status != JobStatus::Succeeded || rejected == 0 || job.submission.replay.is_some() {
        return Ok(None);
    }
    let (mut replays, mut dismissed) = (Vec::new(), Vec::new());
    let mut others = HashSet::new();
    for Claimed { by, layout, rejects } in claims(app, &job.submission.job).await? {
        if let Claimant::Job(child) = &by {
            let child = app.registry.job(child).await?;
            if child.is_none_or(|child| child.status != JobStatus::Succeeded) {
                continue;
            }
        }
        others.extend(rejects.iter().map(|reject| (layout, reject)));
        let count = rejects.count();
        let runs = Vec::from(rejects);
        let rejects = (runs.len() <= SHOWN_RUNS).then_some(runs);
        match by {
            Claimant::Job(child) => {
                replays.push(Child { job: child.into(), landed: count, layout, rejects });
            }
            Claimant::Dismissed(Dismissal { by, why, at }) => {
                dismissed.push(Dismissed { count, why, by, at, layout, rejects });
            }
        }
    }
    let open = rejected.saturating_sub(others.len() as u64);
    Ok(Some((RejectsLeft { open, replays, dismissed }, others)))
}

/// The list of a job's replays and dismissals.
pub(crate) async fn claims(app: &App, job: &JobId) -> Result<Vec<Claimed>, Problem> {
    let (work, keys) = (app.work(), JobKeys::new("", job));
    let mut claims = Vec::new();
    for number in 0.. {
        match work.read(&keys.replay(number), CLAIM_BYTES).await {
            Ok(bytes) => claims.push(
                serde_json::from_slice(&bytes)
                    .map_err(|error| Problem::internal(&error.unquoted()))?,
            ),
            Err(objects::Error::Missing(_)) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(claims)
}
