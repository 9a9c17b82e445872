//! Tells what a landing is going to be, and does nothing of it: the steps run over memory, and only
//! sources are read from where they lie.

use std::sync::Arc;

use bytes::Bytes;
use contract::Compression;
use contract::rejects::ErrorEntry;
use csv_records::footer_start;
use job::Intake;
use job::message::{Counts, Failure, JobId, JobKeys, Shard, SourceRef, Submission, TransformShard};
use job::sources::Sources;
use job::{Error, ErrorKind};
use landing::commit::Receipt;
use landing::limits;
use landing::mask::Salt;
use landing::plan::{Layout, Plan, PlannedObject};
use landing::unpack::Unpack;
use objects::{Buckets, Memory, Objects, Put};
use registry::JobRecord;
use serde::Serialize;

use crate::context::{evaluable_contract_of, now};
use crate::source::{pin, source_error};
use crate::{Context, Place, Settings, documents, ingest, transform};

/// Where the documents of a dry run lie, in memory. No bucket has such a name.
const WORK: &str = "dry:work";
/// Where the table of a dry run lies: there is none.
const LAKE: &str = "dry:lake";
/// The unpacked beginning of a source.
const BEGINNING: &str = "beginning";
/// Faults that are told.
const FAULTS: usize = 5;
/// The attempt that works the sample.
const ATTEMPT: &str = "sample";
/// Bytes beyond the sample in which the last record of a packed source may end.
const BEYOND_BYTES: u64 = 64 * 1024;

/// What a dry run is made of.
#[derive(Clone)]
pub struct DryRun {
    /// Where sources and references lie.
    pub buckets: Arc<dyn Buckets>,
    /// Where the objects lie that contracts join.
    pub references: Place,
    /// What may be landed.
    pub sources: Sources,
    /// What masks hash values with, if there is something.
    pub salt: Option<Salt>,
    /// Bytes whose records are tried; 0: none.
    pub sample_bytes: u64,
}

/// What a landing is going to be.
#[derive(Debug, Serialize)]
pub struct Outlook {
    /// The plan, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What became of the first records of the first object. `None`: nothing was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// Why it can't be landed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What is wrong with the header, if that is why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ErrorEntry>,
}

/// What became of the first records.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// Bytes that they begin in, unpacked.
    pub bytes: u64,
    /// Their counts: `stored` are those that would be.
    pub counts: Counts,
    /// The first faults.
    pub faults: Vec<ErrorEntry>,
    /// How many there are besides.
    pub more_faults: u64,
}

/// The documents lie in memory, everything else where it lies.
struct Split {
    memory: Memory,
    outside: Arc<dyn Buckets>,
}

impl Buckets for Split {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        match name {
            WORK | LAKE => self.memory.bucket(name),
            outside => self.outside.bucket(outside),
        }
    }
}

impl DryRun {
    /// Plans a job by a contract's document, and tries the first records. What was landed before is
    /// not asked.
    ///
    /// # Errors
    ///
    /// Those of another attempt's making: [`ErrorKind::StoreUnavailable`], or a bug. What is wrong
    /// with the source or the contract is told by [`Outlook::failure`].
    pub async fn run(&self, submission: &Submission, contract: &str) -> Result<Outlook, Error> {
        let context = self.context();
        let stored = context
            .registry
            .put_contract(&submission.dataset, contract, &Intake::default(), &now())
            .await?;
        let submission = Submission {
            job: dry_id(),
            contract: stored.version,
            force: true,
            ..submission.clone()
        };
        context.registry.put_job(&JobRecord::pending(submission.clone(), &now())).await?;
        let keys = context.keys(&submission.job);
        match self.look(&context, &keys, submission).await {
            Ok(outlook) => Ok(outlook),
            Err(error) if error.is_transient() || error.kind == ErrorKind::Internal => Err(error),
            Err(error) => {
                let faults = faults(context.work().as_ref(), &keys.errors()).await?;
                let faults = faults.into_iter().take(FAULTS).collect();
                Ok(Outlook { plan: None, sample: None, failure: Some((&error).into()), faults })
            }
        }
    }

    fn context(&self) -> Context {
        let place = |bucket: &str| Place { bucket: bucket.to_owned(), prefix: String::new() };
        Context {
            buckets: Arc::new(Split { memory: Memory::new(), outside: self.buckets.clone() }),
            registry: Arc::new(registry::Memory::new()),
            lake: place(LAKE),
            references: self.references.clone(),
            sources: self.sources.clone(),
            work: place(WORK),
            catalog: None,
            events: None,
            live: None,
            settings: Settings::default(),
            salt: Ok(self.salt.clone()),
        }
    }

    async fn look(
        &self,
        context: &Context,
        keys: &JobKeys,
        submission: Submission,
    ) -> Result<Outlook, Error> {
        let work = context.work();
        let planned = ingest(context, submission).await?;
        let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
        let shards: Vec<Shard> = documents::read(work.as_ref(), &planned.shards.key).await?;
        let first = shards.into_iter().next().filter(|_| self.sample_bytes > 0);
        let sample = match first {
            Some(first) => Some(self.try_out(context, keys, &plan, first).await?),
            None => None,
        };
        Ok(Outlook { plan: Some(plan), sample, failure: None, faults: Vec::new() })
    }

    /// Works the beginning of the first object.
    async fn try_out(
        &self,
        context: &Context,
        keys: &JobKeys,
        plan: &Plan,
        first: Shard,
    ) -> Result<Sample, Error> {
        let (object, layout) = first_of(plan)?;
        let mut object = object.clone();
        if layout.is_packed() {
            object = self.unpack(context, plan, object, layout).await?;
            let layouts = vec![Layout { compression: Compression::None, ..layout.clone() }];
            let first_objects = vec![object.clone()];
            let plan = Plan { layouts, first_objects, objects: 1, ..plan.clone() };
            documents::write(context.work().as_ref(), &keys.plan(), &plan, Put::Overwrite).await?;
        }
        // Of UTF-16 whole units.
        let end = object.data_start + self.sample_bytes.min(object.bytes);
        let to = object.data_bytes().min(end.next_multiple_of(2));
        let bytes = to.saturating_sub(object.data_start);
        let shard = Shard { objects: 1, to, first: Some(object.data_start), ..first };
        let receipt_key = keys.receipt(shard.round, shard.index);
        let Submission { job, dataset, .. } = plan.submission.clone();
        transform(context, TransformShard { job, dataset, shard }, ATTEMPT).await?;
        let work = context.work();
        let receipt: Receipt = documents::read(work.as_ref(), &receipt_key).await?;
        let mut all = match &receipt.errors {
            Some(key) => faults(work.as_ref(), key).await?,
            None => Vec::new(),
        };
        let more_faults = all.len().saturating_sub(FAULTS) as u64;
        all.truncate(FAULTS);
        // A shard counts from its first row, and people from 1.
        all.iter_mut().for_each(|fault| fault.rebase(object.data_lines + 1, 1));
        Ok(Sample { bytes, counts: receipt.counts, faults: all, more_faults })
    }

    /// Puts the unpacked beginning of an object beside the job, as an object of its own.
    async fn unpack(
        &self,
        context: &Context,
        plan: &Plan,
        object: PlannedObject,
        layout: &Layout,
    ) -> Result<PlannedObject, Error> {
        let contract = evaluable_contract_of(plan)?;
        let name = &object.source.key;
        let limit = limits::unpacked_bytes(object.bytes);
        let wanted = object.data_start + self.sample_bytes.min(limit) + BEYOND_BYTES;
        let mut unpack = Unpack::of(layout.compression, contract.member.as_ref(), name, limit);
        let source = context.buckets.bucket(&object.source.bucket);
        let (mut text, mut piece, mut at) = (Vec::new(), Vec::new(), 0);
        while at < object.bytes && (text.len() as u64) < wanted {
            let range = at..(at + source.block_bytes()).min(object.bytes);
            let block = source.get(name, &pin(&object.source), range).await;
            let block = block.map_err(|error| source_error(error, &object.source))?;
            at += block.len() as u64;
            let mut packed: &[u8] = &block;
            while (text.len() as u64) < wanted {
                let taken = unpack.push(packed, &mut piece)?;
                packed = &packed[taken..];
                text.extend_from_slice(&piece);
                if taken == 0 && piece.is_empty() {
                    break;
                }
            }
            if block.is_empty() {
                break;
            }
        }
        let is_whole = (text.len() as u64) < wanted;
        let footer = match layout.dialect.footer_rows {
            0 => None,
            _ => footer_start(&layout.dialect, &text, true).filter(|_| is_whole),
        };
        let work = context.work();
        let source = SourceRef::new(WORK.to_owned(), BEGINNING.to_owned());
        let bytes = text.len() as u64;
        work.put(BEGINNING, Bytes::from(text), Put::Overwrite).await?;
        let data_end = footer.map(|start| (start as u64).max(object.data_start));
        Ok(PlannedObject { source, bytes, crc64nvme: None, layout: 0, data_end, ..object })
    }
}

/// The first object of a plan, and how it is laid out.
fn first_of(plan: &Plan) -> Result<(&PlannedObject, &Layout), Error> {
    let first = plan.first_objects.first();
    let first = first.ok_or_else(|| Error::new(ErrorKind::Internal, "a plan has no object"))?;
    Ok((first, plan.layout(first)?))
}

/// The faults that a document lists; none if it is not there.
async fn faults(work: &dyn Objects, key: &str) -> Result<Vec<ErrorEntry>, Error> {
    let text = match work.read(key, u64::MAX).await {
        Ok(text) => text,
        Err(objects::Error::Missing(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| documents::parse(line, key)).collect()
}

/// The id of a dry run: no job has it.
fn dry_id() -> JobId {
    JobId::parse("dry-run").expect("letters and a dash")
}
