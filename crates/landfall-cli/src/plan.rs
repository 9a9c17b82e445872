//! Runs `landfall plan`: tells what a landing is going to be, before anything of it is done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use job::bill::{Bill, Elsewhere};
use job::hold::CommitMode;
use job::message::{Counts, Failure, Landed, SourceRef, Submission, Unreadable};
use job::sources::Sources;
use job::{Error, ErrorKind};
use landing::plan::{Layout, Plan, PlannedObject};
use serde::Serialize;
use steps::{DryRun, Outlook, Place, Sample};

use crate::exit::{CODES, Exit, examples};
use crate::size::{bytes, count, counted, parse_bytes, parse_shard_size};
use crate::sources::Files;
use crate::stdout::say;
use crate::submission::{self, Asked};
use crate::{complain, fault_line, runtime};

const EXAMPLES: &[&str] = &[
    "landfall plan flights.yaml flights.csv",
    "landfall plan flights.yaml flights.csv --json | jq .plan.estimate.total",
];

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
    /// `None`: nothing was tried, as nothing should be.
    sample: Option<Sample>,
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
            let dry_run = DryRun {
                buckets: Arc::new(objects::Directories),
                references: references.clone(),
                sources: Sources::any(),
                salt: salt.clone(),
                sample_bytes: self.sample,
                replay: None,
            };
            match runtime.block_on(self.plan(&dry_run, &asked, path, source)) {
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
        dry_run: &DryRun,
        asked: &Asked,
        path: &Path,
        source: &SourceRef,
    ) -> Result<Planned, Error> {
        let submission = Submission {
            job: submission::new_id(),
            dataset: asked.contract.name.clone(),
            contract: 1,
            source: source.clone().into(),
            replay: None,
            force: true,
            landed: Landed::default(),
            unreadable: Unreadable::Fail,
            commit: CommitMode::Direct,
            shard_bytes: self.shard_size,
            max_cost: None,
        };
        let Outlook { plan, sample, failure, faults } =
            dry_run.run(&submission, &asked.text).await?;
        match (plan, failure) {
            (Some(plan), _) => Ok(Planned { source: path.to_owned(), plan, sample }),
            (None, failure) => {
                // What stands in a header that does not match is told apart from the error.
                faults.iter().for_each(|fault| complain(fault_line(fault)));
                let Failure { error, cause, .. } =
                    failure.unwrap_or_else(|| Failure::new("Internal", "there is no plan"));
                Err(Error::new(ErrorKind::named(&error).unwrap_or(ErrorKind::Internal), cause))
            }
        }
    }
}

impl Planned {
    fn describe(&self) -> String {
        let Self { source, plan, sample } = self;
        let mut lines = Vec::new();
        let because = plan
            .one_shard_because
            .as_ref()
            .map_or_else(String::new, |because| format!(": {because}"));
        lines.push(format!(
            "{}: {}, {}{because}",
            source.display(),
            bytes(plan.source_bytes),
            counted(plan.shards.into(), "shard")
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
        if let Some(Sample { bytes: tried, counts, faults, more_faults }) = sample {
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
