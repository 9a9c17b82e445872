//! What a commit is made of, gathered from what the steps before left.

use crate::context::contract_of;
use crate::{Context, bill, documents, merge, pieces, profile, verify};
use contract::Contract;
use job::bill::Bill;
use job::message::{JobKeys, Source};
use job::{Error, ErrorKind};
use landing::commit::{Commit, CommittedFile, OpenFile, Receipt, Tally};
use landing::merge::MergeReceipt;
use landing::plan::Plan;
use landing::profile::Sketch;
use tables::Base;

/// What a commit is made of. Everything that takes long is done, and nothing is visible.
pub(crate) struct Ready {
    pub(crate) plan: Plan,
    pub(crate) tally: Tally,
    pub(crate) contract: Contract,
    pub(crate) files: Vec<OpenFile>,
    /// The entry, but for its number, its time, what it removes and what this invocation spends.
    pub(crate) draft: Commit,
    /// The state of the table to try first; `None`: it is not read yet.
    pub(crate) base: Option<Base>,
}

impl Ready {
    pub(crate) async fn get(context: &Context, keys: &JobKeys) -> Result<Self, Error> {
        let work = context.work();
        let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
        let contract = contract_of(&plan)?;
        let tally: Tally = documents::read(work.as_ref(), &keys.tally()).await?;
        let receipts = verify::tallied(work.as_ref(), keys, &tally).await?;
        pieces::join(work.clone(), keys, &plan, &tally, &receipts).await?;
        let sketch = profile::join(work.as_ref(), keys, &receipts).await?;
        let merged = merge::receipts(work.as_ref(), keys, &tally).await?;
        let files = open_files(&tally, &receipts, &merged)?;
        let bill = bill::so_far(context, keys, &receipts, &merged, plan.source_bytes).await?;
        let draft = draft(&plan, &tally, &files, &sketch, &contract, bill);
        Ok(Self { plan, tally, contract, files, draft, base: None })
    }
}

/// The files of a job by shard: those of its shards, and those that were put together of what these
/// left small. All rows are in them.
fn open_files(
    tally: &Tally,
    receipts: &[Receipt],
    merged: &[MergeReceipt],
) -> Result<Vec<OpenFile>, Error> {
    let of_shards =
        receipts.iter().flat_map(|receipt| receipt.files.iter().map(|file| (receipt.shard, file)));
    let of_merges = merged
        .iter()
        .flat_map(|receipt| receipt.files.iter().map(|merged| (merged.shard, &merged.file)));
    let mut files: Vec<(u32, &OpenFile)> = of_merges.chain(of_shards).collect();
    files.sort_by_key(|(shard, _)| *shard);
    let files: Vec<OpenFile> = files.into_iter().map(|(_, file)| file.clone()).collect();
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    if merged.len() as u64 != u64::from(tally.merges) || rows != tally.counts.stored {
        return Err(Error::new(
            ErrorKind::Internal,
            format!(
                "{} of {} merges left {rows} rows in files, and {} are to be stored",
                merged.len(),
                tally.merges,
                tally.counts.stored
            ),
        ));
    }
    Ok(files)
}

/// What was landed: the only object as it was pinned, or the objects as they were named.
fn source(plan: &Plan) -> Source {
    match (&plan.submission.source, plan.first_objects.as_slice()) {
        (Source::Object(_), [only]) => Source::Object(only.source.clone()),
        (named, _) => named.clone(),
    }
}

fn draft(
    plan: &Plan,
    tally: &Tally,
    open: &[OpenFile],
    sketch: &Sketch,
    contract: &Contract,
    bill: Bill,
) -> Commit {
    Commit {
        sequence: 0,
        committed: String::new(),
        mode: contract.output.mode,
        table: contract.output.table,
        job: plan.submission.job.clone(),
        replay_of: plan.submission.replay.as_ref().map(|replay| replay.of.clone()),
        contract: plan.submission.contract,
        source: source(plan),
        objects: plan.objects - tally.left_out(),
        afterwards: contract.afterwards.clone(),
        source_bytes: plan.source_bytes - tally.left_out_bytes,
        source_crc64nvme: match tally.objects.as_slice() {
            [only] => Some(format!("{:016x}", only.crc64nvme)),
            _ => None,
        },
        counts: tally.counts,
        bytes: open.iter().map(|file| file.bytes).sum(),
        drift: tally.drift.clone(),
        nulls: sketch.nulls().map(|(column, nulls)| (column.to_owned(), nulls)).collect(),
        bounds: sketch.bounds().map(|(column, bounds)| (column.to_owned(), bounds)).collect(),
        bill: Some(bill),
        files: open.iter().map(CommittedFile::of).collect(),
        void: None,
        removed: Vec::new(),
        schema: None,
    }
}
