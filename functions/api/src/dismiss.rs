//! Dismisses rejects: nobody is going to land them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use job::message::{JobId, JobKeys};
use job::replay::{Claimant, Claimed, Dismissal, Positions};
use objects::Put;
use registry::{JobRecord, JobStatus};
use serde::Deserialize;
use tracing::info;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::extract::{self, Body, Job, Named};
use crate::problem::{Kind, Problem};
use crate::replay::{MAX_NAMED_REJECTS, RejectsLeft, check_parent, claims, left};

/// Most characters of a reason.
const MAX_WHY_CHARS: usize = 1_000;

/// Which rejects nobody is going to land, and why.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Dismiss, example = json!({"why": "test records of the till"}))]
pub(crate) struct Asked {
    /// Why, for people.
    #[schema(min_length = 1, max_length = 1000, pattern = "\\S")]
    why: String,
    /// The layout of the rejects, from 0: those of another layout than the first lie in a file of
    /// their own.
    #[serde(default)]
    #[schema(maximum = 999)]
    layout: u32,
    /// Which of the job's rejects of that layout, from 0; without it, all that are open.
    #[schema(min_items = 1, max_items = 10000)]
    rejects: Option<Vec<u32>>,
}

/// Dismisses open rejects of a job: they are no longer open, and no replay lands them. Done again, it
/// is a success.
#[utoipa::path(
    post,
    path = "/jobs/{id}/rejects/dismiss",
    tag = "jobs",
    params(Job),
    request_body = Asked,
    responses((status = 200, description = "What became of the job's rejects.", body = RejectsLeft)),
    extensions(("x-problems" = json!([
        Kind::NoSuchJob, Kind::NoRejects, Kind::NotLanded, Kind::RejectsTaken, Kind::Invalid,
    ])))
)]
pub(crate) async fn dismiss(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
    Body(Asked { why, layout, rejects }): Body<Asked>,
) -> Result<Json<RejectsLeft>, Problem> {
    if why.trim().is_empty() || why.chars().count() > MAX_WHY_CHARS {
        return Err(Problem::invalid(format!(
            "`why` is a text of 1 to {MAX_WHY_CHARS} characters"
        ))
        .of_field("why"));
    }
    if rejects.as_ref().is_some_and(|named| !(1..=MAX_NAMED_REJECTS).contains(&named.len())) {
        return Err(Problem::invalid(format!("`rejects` names 1 to {MAX_NAMED_REJECTS} rejects"))
            .of_field("rejects"));
    }
    let job = caller.find(&app, &id).await?;
    check_parent(&job)?;
    if let Some(replay) = &job.submission.replay {
        let of = &replay.of;
        return Err(Problem::new(
            Kind::NoRejects,
            format!(
                "job {id} is a replay: its rejects are those of job {of}, and are dismissed there"
            ),
        ));
    }
    let layout = extract::layout(layout)?;
    let wanted = wanted(&app, &job, layout, rejects).await?;
    let keys = JobKeys::new("", &id);
    let by = caller.who.clone();
    loop {
        let claims = claims(&app, &id).await?;
        let left = open(&app, &claims, layout, &wanted).await?;
        if left.is_empty() {
            break;
        }
        let count = left.len();
        let dismissal = Dismissal { by: by.clone(), why: why.clone(), at: admission::now() };
        let rejects = left.into_iter().collect();
        let entry = Claimed { by: Claimant::Dismissed(dismissal), layout, rejects };
        let entry = serde_json::to_vec(&entry).map_err(|error| Problem::internal(&error))?;
        // Whoever takes a number has read all entries before it, so no two take the same reject.
        match app
            .work()
            .put(&keys.replay(claims.len() as u32), Bytes::from(entry), Put::IfAbsent)
            .await
        {
            Ok(()) => {
                info!(job = %id, rejects = count, "dismissed");
                break;
            }
            Err(objects::Error::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let left = left(&app, &job).await?;
    left.map(Json).ok_or_else(|| Problem::internal(&"a job with rejects has none"))
}

/// The rejects that are asked for, in their order.
async fn wanted(
    app: &App,
    job: &JobRecord,
    layout: u32,
    named: Option<Vec<u32>>,
) -> Result<BTreeSet<u32>, Problem> {
    let id = &job.submission.job;
    let rejected = job.counts.map_or(0, |counts| counts.rejected);
    // One object has one layout.
    let count = match job.submission.source.object() {
        Some(_) => (layout == 0).then_some(rejected),
        None => steps::rejected(app.work().as_ref(), &JobKeys::new("", id), layout).await?,
    };
    let Some(count) = count else {
        let detail = format!("job {id} has no rejects of layout {layout}");
        return Err(Problem::invalid(detail).of_field("layout"));
    };
    let wanted: BTreeSet<u32> = match named {
        Some(named) => named.into_iter().collect(),
        None => (0..u32::try_from(count).unwrap_or(u32::MAX)).collect(),
    };
    match wanted.last().filter(|last| u64::from(**last) >= count) {
        Some(beyond) => Err(Problem::invalid(format!(
            "job {id} has {count} rejects of layout {layout}, counted from 0, and none at {beyond}"
        ))
        .of_field("rejects")),
        None => Ok(wanted),
    }
}

/// Those of some rejects that nobody has dismissed. Of those that a job lands, or may land, none can
/// be.
async fn open(
    app: &App,
    claims: &[Claimed],
    layout: u32,
    wanted: &BTreeSet<u32>,
) -> Result<BTreeSet<u32>, Problem> {
    let mut open = wanted.clone();
    for Claimed { by, rejects, .. } in claims.iter().filter(|claim| claim.layout == layout) {
        let claimed = |rejects: &Positions| rejects.iter().find(|reject| wanted.contains(reject));
        match by {
            Claimant::Dismissed(_) => rejects.iter().for_each(|reject| {
                open.remove(&reject);
            }),
            Claimant::Job(child) => {
                let Some(reject) = claimed(rejects) else { continue };
                let record = app.registry.job(child).await?;
                let Some(record) = record else { continue };
                let what = match record.status {
                    JobStatus::Succeeded => "has landed",
                    _ if record.is_over() => continue,
                    _ => "may still land",
                };
                return Err(Problem::new(
                    Kind::RejectsTaken,
                    format!(
                        "job {child} {what} reject {reject} of layout {layout}; name those that are open"
                    ),
                )
                .of_job(child));
            }
        }
    }
    Ok(open)
}
