//! Tells what a landing is going to be, and does nothing of it: the steps run over memory, and only
//! sources are read from where they lie.

use std::sync::Arc;

use bytes::Bytes;
use contract::Compression;
use contract::rejects::ErrorEntry;
use csv_records::footer_start;
use job::Intake;
use job::message::{Counts, Failure, JobId, JobKeys, Shard, SourceRef, Submission, TransformShard};
use job::replay::{Claimant, Replay};
use job::sources::Sources;
use job::{Error, ErrorKind};
use landing::commit::Receipt;
use landing::limits;
use landing::mask::Salt;
use landing::plan::{Layout, Plan, PlannedObject};
use landing::unpack::Unpack;
use objects::{Buckets, Memory, Objects, Overlay, Put};
use registry::{JobRecord, Registry};
use serde::Serialize;

use crate::context::{evaluable_contract_of, now};
use crate::decision::error_of;
use crate::open_rejects::{self, Cut};
use crate::source::{pin, source_error};
use crate::{Context, Place, Settings, documents, ingest, replay, transform};

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
    /// Where rejects are tried from, for a submission that is a replay.
    pub replay: Option<DryReplay>,
}

/// What a dry run needs in addition when it tries a replay.
#[derive(Clone)]
pub struct DryReplay {
    /// What became of the jobs that sent the same rejects.
    pub registry: Arc<dyn Registry>,
    /// Where jobs lie.
    pub work: Place,
    /// Mended rejects that came with the request, in place of the submission's source.
    pub mended: Option<Bytes>,
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
#[serde(rename_all = "camelCase")]
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
    /// The bucket of the jobs whose rejects are tried, and memory over it.
    jobs: Option<(String, Overlay)>,
}

impl Buckets for Split {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        match name {
            WORK | LAKE => self.memory.bucket(name),
            name => match &self.jobs {
                Some((jobs, overlay)) if jobs == name => overlay.bucket(name),
                _ => self.outside.bucket(name),
            },
        }
    }
}

impl DryRun {
    /// Plans a job by a contract's document, and tries the first records. What was landed before is
    /// not asked, but for rejects: those that a replay sends as they are, are the open ones.
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
        let outlook = match self.choose(&context, &keys, submission).await {
            Ok(submission) => self.look(&context, &keys, submission).await,
            Err(error) => Err(error),
        };
        match outlook {
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
        let outside = self.buckets.clone();
        let work = self.replay.as_ref().map(|replay| replay.work.clone());
        let jobs = work.as_ref().map(|work| (work.bucket.clone(), Overlay::new(outside.clone())));
        Context {
            buckets: Arc::new(Split { memory: Memory::new(), outside, jobs }),
            registry: Arc::new(registry::Memory::new()),
            lake: place(LAKE),
            references: self.references.clone(),
            sources: self.sources.clone(),
            work: work.unwrap_or_else(|| place(WORK)),
            catalog: None,
            events: None,
            live: None,
            settings: Settings::default(),
            salt: Ok(self.salt.clone()),
        }
    }

    /// The submission with the rejects that it is made over, if it is a replay: the mended ones, or
    /// those that are open.
    async fn choose(
        &self,
        context: &Context,
        keys: &JobKeys,
        submission: Submission,
    ) -> Result<Submission, Error> {
        let (Some(replay), Some(dry)) = (&submission.replay, &self.replay) else {
            return Ok(submission);
        };
        let left = replay::left(context, replay).await?;
        for claimed in &left.claims {
            let Claimant::Job(job) = &claimed.by else { continue };
            if let Some(record) = dry.registry.job(job).await? {
                context.registry.put_job(&record).await?;
            }
        }
        let (file, rejects) = match &dry.mended {
            Some(mended) => (mended.clone(), replay.rejects.clone()),
            None => {
                let parent = context.keys(&replay.of);
                let all = SourceRef::new(dry.work.bucket.clone(), parent.rejects(replay.layout));
                let source = submission.source.object();
                let are_all = source.is_some_and(|source| source.place() == all.place());
                if !are_all || replay.rejects.is_some() {
                    return Ok(submission);
                }
                let open = left.open(context).await?;
                match open.count() {
                    count if count == left.count() => return Ok(submission),
                    0 => {
                        let cause = format!(
                            "all rejects of layout {} of job {} are landed or dismissed; choose a job that has open ones",
                            replay.layout, replay.of
                        );
                        return Err(error_of(Failure::new("AlreadyLanded", cause)));
                    }
                    _ => {}
                }
                let (work, bytes) = (context.work(), self.sample_bytes);
                let cut =
                    open_rejects::cut(work.as_ref(), &parent, replay, &left.layout, &open, bytes);
                let Cut { file, rejects } = cut.await?;
                (file, Some(rejects))
            }
        };
        let source = SourceRef::new(dry.work.bucket.clone(), keys.mended("tried"));
        context.work().put(&source.key, file, Put::Overwrite).await?;
        let replay = Some(Replay { rejects, ..replay.clone() });
        Ok(Submission { source: source.into(), replay, ..submission })
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
        if to == object.data_bytes() {
            replay::check_records(work.as_ref(), keys, plan, receipt.counts.read).await?;
        }
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
        let source = SourceRef::new(context.work.bucket.clone(), BEGINNING.to_owned());
        let bytes = text.len() as u64;
        work.put(BEGINNING, Bytes::from(text), Put::Overwrite).await?;
        let data_end = footer.map(|start| (start as u64).max(object.data_start));
        let (crc64nvme, rows) = (None, None);
        Ok(PlannedObject { source, bytes, crc64nvme, rows, layout: 0, data_end, ..object })
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
