//! Runs `landfall plan`: tells what a landing is going to be, before anything of it is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use contract::rejects::ErrorEntry;
use job::bill::{Bill, Elsewhere};
use job::message::{Counts, JobKeys, Shard, SourceRef, TransformShard, Unreadable};
use job::sources::Sources;
use job::{Error, ErrorKind};
use landing::commit::Receipt;
use landing::plan::{Layout, Plan, PlannedObject};
use objects::{Buckets, Objects};
use serde::Serialize;
use serde::de::DeserializeOwned;
use steps::{Context, Place, Settings};
use wording::Unquoted;

use crate::exit::{CODES, Exit, examples};
use crate::size::{bytes, count, parse_bytes, parse_shard_size};
use crate::sources::Files;
use crate::stdout::say;
use crate::submission::{self, Asked, Wishes};
use crate::{complain, fault_line, runtime};

const EXAMPLES: &[&str] = &[
    "landfall plan flights.yaml flights.csv",
    "landfall plan flights.yaml flights.csv --json | jq .plan.estimate.total",
];

/// Most bytes of a document of the job, or of the faults of the sample.
const DOCUMENT_BYTES: u64 = 1 << 30;
/// Faults that are shown.
const SHOWN_FAULTS: usize = 5;
/// The attempt that works the sample.
const ATTEMPT: &str = "sample";

/// Plan a landing and do nothing of it: how the file is read and why, which column each field is
/// in, the shards, what of a sample would be rejected, and what it would cost on AWS.
///
/// The steps are those of a landing, over memory: no lake is touched. Masks that hash take their
/// salt from the environment variable LANDFALL_MASK_SALT.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, CODES))]
pub(crate) struct ShowPlan {
    /// The contract: what the files hold, and what they become.
    contract: PathBuf,
    /// The files to land.
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<PathBuf>,
    /// Bytes of a shard: 1MiB, 64MiB [default: that of the cloud, 64MiB and more of files over
    /// 64GB]
    #[arg(long, value_name = "BYTES", value_parser = parse_shard_size, hide_default_value = true)]
    shard_size: Option<u64>,
    /// Bytes whose records are tried; 0: none
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "1MiB")]
    sample: u64,
    /// Print {source, plan, sample} of each file as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// What a landing is going to be.
#[derive(Serialize)]
struct Planned {
    source: PathBuf,
    plan: Plan,
    /// `None`: nothing was tried, as nothing should be, or the source is packed.
    sample: Option<Sample>,
}

/// What became of the first records.
#[derive(Serialize)]
struct Sample {
    /// Bytes that they begin in.
    bytes: u64,
    counts: Counts,
    /// The first faults.
    faults: Vec<ErrorEntry>,
    /// How many there are besides.
    more_faults: u64,
}

/// Sources lie in directories, everything else in memory.
struct Dry(objects::Memory);

impl Buckets for Dry {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        if Path::new(name).is_absolute() {
            objects::Directories.bucket(name)
        } else {
            self.0.bucket(name)
        }
    }
}

impl ShowPlan {
    pub(crate) fn run(self) -> Exit {
        let (asked, files, references, salt) = match self.settle() {
            Ok(settled) => settled,
            Err(exit) => return exit,
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(exit) => return exit,
        };
        let mut worst = Exit::Landed;
        for (path, source) in &files.files {
            let place = |bucket: &str| Place { bucket: bucket.to_owned(), prefix: String::new() };
            let context = Context {
                buckets: Arc::new(Dry(objects::Memory::new())),
                registry: Arc::new(registry::Memory::new()),
                lake: place("lake"),
                references: references.clone(),
                sources: Sources::any(),
                work: place("work"),
                catalog: None,
                events: None,
                settings: Settings::default(),
                salt: Ok(salt.clone()),
            };
            match runtime.block_on(self.plan(&context, &asked, path, source)) {
                Ok(planned) if self.json => say(serde_json::json!(planned)),
                Ok(planned) => say(planned.describe()),
                Err(error) => {
                    complain(format_args!("{}: {}: {error}", path.display(), error.name()));
                    worst = worst.max(Exit::of_kind(error.kind));
                }
            }
        }
        worst
    }

    fn settle(&self) -> Result<(Asked, Files, Place, Option<steps::Salt>), Exit> {
        Ok((
            Asked::read(&self.contract)?,
            submission::files(&self.sources, &self.contract, None)?,
            submission::beside(&self.contract)?,
            submission::salt()?,
        ))
    }

    async fn plan(
        &self,
        context: &Context,
        asked: &Asked,
        path: &Path,
        source: &SourceRef,
    ) -> Result<Planned, Error> {
        let wishes = Wishes {
            force: true,
            unreadable: Unreadable::Fail,
            shard_bytes: self.shard_size,
            max_cost: None,
        };
        let job = submission::new_id();
        let submission = submission::admit(
            context,
            &asked.contract.name,
            &asked.text,
            &job,
            source.clone().into(),
            wishes,
        )
        .await?;
        let (work, keys) = (context.buckets.bucket(&context.work.bucket), context.keys(&job));
        let planned = match steps::ingest(context, submission).await {
            Ok(planned) => planned,
            Err(error) => {
                complain_of_header(work.as_ref(), &keys).await;
                return Err(error);
            }
        };
        let plan: Plan = read(work.as_ref(), &keys.plan()).await?;
        let shards: Vec<Shard> = read(work.as_ref(), &planned.shards.key).await?;
        let sample =
            match shards.into_iter().next().filter(|_| self.sample > 0 && !is_packed(&plan)) {
                Some(first) => Some(self.try_out(context, &keys, &plan, first).await?),
                None => None,
            };
        Ok(Planned { source: path.to_owned(), plan, sample })
    }

    /// Works the beginning of the first shard.
    async fn try_out(
        &self,
        context: &Context,
        keys: &JobKeys,
        plan: &Plan,
        first: Shard,
    ) -> Result<Sample, Error> {
        // Of UTF-16 whole units.
        let data_start = only(plan).0.data_start;
        let to =
            first.to.min((data_start + self.sample.min(plan.source_bytes)).next_multiple_of(2));
        let sample = to.saturating_sub(data_start);
        let submission = &plan.submission;
        let shard = Shard { to, ..first };
        let receipt_key = keys.receipt(shard.round, shard.index);
        let message = TransformShard {
            job: submission.job.clone(),
            dataset: submission.dataset.clone(),
            shard,
        };
        steps::transform(context, message, ATTEMPT).await?;
        let work = context.buckets.bucket(&context.work.bucket);
        let receipt: Receipt = read(work.as_ref(), &receipt_key).await?;
        let errors = match &receipt.errors {
            Some(key) => work.read(key, DOCUMENT_BYTES).await?,
            None => Default::default(),
        };
        let lines = errors.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let more_faults = lines.clone().count().saturating_sub(SHOWN_FAULTS) as u64;
        let faults = lines.take(SHOWN_FAULTS).map(|line| {
            let mut fault: ErrorEntry = serde_json::from_slice(line).map_err(|error| {
                Error::new(ErrorKind::Internal, format!("a fault: {}", error.unquoted()))
            })?;
            // A shard counts from its first row, and people from 1.
            fault.rebase(only(plan).0.data_lines + 1, 1);
            Ok(fault)
        });
        let faults = faults.collect::<Result<_, Error>>()?;
        Ok(Sample { bytes: sample, counts: receipt.counts, faults, more_faults })
    }
}

/// Shows what stands in a header that does not match. The error does not tell: it goes where data
/// may not.
async fn complain_of_header(work: &dyn Objects, keys: &JobKeys) {
    let errors = work.read(&keys.errors(), DOCUMENT_BYTES).await.unwrap_or_default();
    for line in errors.split(|byte| *byte == b'\n').take(SHOWN_FAULTS) {
        if let Ok(fault) = serde_json::from_slice(line) {
            complain(fault_line(&fault));
        }
    }
}

impl Planned {
    fn describe(&self) -> String {
        let Self { source, plan, sample } = self;
        let mut lines = Vec::new();
        let plural = if plan.shards == 1 { "" } else { "s" };
        let because = plan
            .one_shard_because
            .as_ref()
            .map_or_else(String::new, |because| format!(": {because}"));
        lines.push(format!(
            "{}: {}, {} shard{plural}{because}",
            source.display(),
            bytes(plan.source_bytes),
            count(plan.shards.into())
        ));
        let (_, layout) = only(plan);
        for guess in &layout.evidence {
            lines.push(format!("guessed   {} {}: {}", guess.property, guess.value, guess.because));
        }
        let mapped = layout.mapping.fields.iter().flatten().count();
        let lacking = layout.mapping.fields.len() - mapped;
        let unread = (layout.mapping.columns as usize).saturating_sub(mapped);
        let more = [
            (lacking, "field has no column", "fields have no column"),
            (unread, "column is not read", "columns are not read"),
        ];
        let more = more.into_iter().filter(|(many, ..)| *many > 0);
        let more: String = more
            .map(|(many, one, several)| {
                format!("; {many} {}", if many == 1 { one } else { several })
            })
            .collect();
        lines.push(format!("columns   {} of {} fields{more}", mapped, layout.mapping.fields.len()));
        match sample {
            Some(Sample { bytes: tried, counts, faults, more_faults }) => {
                let Counts { read, stored, rejected, filtered } = counts;
                let [read, stored, rejected, filtered] =
                    [read, stored, rejected, filtered].map(|rows| count(*rows));
                lines.push(format!(
                    "sample    {read} records of {}: {stored} would be stored, {rejected} rejected, {filtered} filtered",
                    bytes(*tried)
                ));
                lines.extend(faults.iter().map(|fault| format!("          {}", fault_line(fault))));
                if *more_faults > 0 {
                    lines.push(format!("          and {} more", count(*more_faults)));
                }
            }
            None if is_packed(plan) => lines.push("sample    none: the file is packed".to_owned()),
            None => {}
        }
        if let Some(Bill { total, lines: items, elsewhere, region, prices, .. }) = &plan.estimate {
            let items: Vec<_> =
                items.iter().map(|(item, line)| format!("{} {}", item.name(), line.cost)).collect();
            lines.push(format!(
                "cost      an estimated {total} on AWS ({region}, prices of {prices}): {}",
                items.join(", ")
            ));
            let Elsewhere { glue, athena_ctas, snowpipe } = elsewhere;
            lines.push(format!(
                "          elsewhere: Glue {glue}, Athena CTAS {athena_ctas}, Snowpipe {snowpipe}"
            ));
        }
        lines.join("\n")
    }
}

/// The file of a plan, which has one, and how it is laid out.
fn only(plan: &Plan) -> (&PlannedObject, &Layout) {
    (&plan.first_objects[0], &plan.layouts[0])
}

fn is_packed(plan: &Plan) -> bool {
    only(plan).1.is_packed()
}

async fn read<T: DeserializeOwned>(work: &dyn Objects, key: &str) -> Result<T, Error> {
    let json = work.read(key, DOCUMENT_BYTES).await?;
    serde_json::from_slice(&json)
        .map_err(|error| Error::new(ErrorKind::Internal, format!("{key}: {}", error.unquoted())))
}
