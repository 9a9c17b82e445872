//! Works one shard: its rows become files, left as open uploads, or rejects; a receipt tells of
//! both.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use contract::Member;
use contract::{Contract, Format};
use csv_records::Holdback;
use futures::future::{self, BoxFuture};
use futures::{FutureExt, TryFutureExt};
use job::message::{JobKeys, Shard, ShardRound, TransformShard, Transformed};
use job::small_files::is_small;
use job::{Error, ErrorKind, Progress};
use landing::commit::{
    Crc64Nvme, LeftOut, OpenFile, Receipt, ReceiptPart, RejectsPiece, SmallFile,
};
use landing::files::FileChunk;
use landing::limits::long_footer;
use landing::lookup::Lookup;
use landing::plan::{Layout, Plan, PlannedObject, ShardPart};
use landing::shard::ShardTransform;
use landing::unpack::Unpack;
use objects::{Objects, PART_BYTES, Pin, Put};
use tokio::task::JoinHandle;

use crate::attempt::Attempt;
use crate::context::{evaluable_contract_of, file_prefix};
use crate::decision::refuse_if_undone;
use crate::output::{Ended, Output};
use crate::planned::objects_of;
use crate::source::{pin, source_error};
use crate::spending::Meter;
use crate::upload::Spool;
use crate::verify::{check_checksum, check_whole};
use crate::{Context, documents, live};

/// Bytes that are read first past its end, where mostly less than one record is missing. Each
/// further read takes twice as many.
const TAIL_BYTES: u64 = 64 * 1024;
/// Bytes of the source after which a shard looks whether its job still goes on: some two seconds of
/// work.
const LOOK_BYTES: u64 = 128 << 20;
/// Objects that are asked for ahead.
const OBJECTS_AHEAD: usize = 16;
/// Bytes of objects at which no further one is asked for.
const AHEAD_BYTES: u64 = 8 << 20;
/// Files whose last bytes are sent at once: of a shard with very many of them the requests take
/// longer than anything else.
const CONCURRENT_ENDS: usize = 32;

/// Transforms a shard. `attempt` is unique to this attempt; whichever attempt writes its receipt
/// first is the one that counts.
pub async fn transform(
    context: &Context,
    message: TransformShard,
    attempt: &str,
) -> Result<Transformed, Error> {
    let (context, meter) =
        Meter::of_attempt(context, message.shard.round, message.shard.index, attempt);
    let keys = context.keys(&message.job);
    let TransformShard { dataset, shard, .. } = &message;
    let prefix = context.dataset_prefix(dataset);
    // Boxed: the future is large, and every caller would hold it on its stack.
    let work = Box::pin(async {
        let mut left_out = None;
        loop {
            let mut shard =
                Work::new(&context, &keys, &message, attempt, prefix.clone(), left_out).await?;
            match shard.run().await {
                Ok(Ran::ToTheEnd(receipt)) => return Ok(*receipt),
                // The shard has written rows of these objects, so it begins anew without them.
                Ok(Ran::IntoUnreadable(found)) => left_out = Some(shard.without(found).await),
                Err(error) => {
                    shard.abort().await;
                    return Err(error);
                }
            }
        }
    });
    let receipt = keys.receipt(shard.round, shard.index);
    let race = Attempt {
        context: &context,
        keys: &keys,
        shard: Some(ShardRound { round: shard.round, index: shard.index }),
        receipt,
        name: attempt,
        meter: &meter,
    };
    let receipt = race.run(work).await?;
    tell(&context, &message, &receipt).await;
    Ok(Transformed {})
}

/// Tells those who watch the job what the shard has done. The job goes on whether or not they hear.
async fn tell(context: &Context, message: &TransformShard, receipt: &Receipt) {
    // Later rounds do again what an earlier one has told.
    if receipt.round > 1 {
        return;
    }
    let parts = receipt.parts.iter().map(|part| part.tile.to - part.tile.from);
    let faults = receipt.faults.iter().map(|(fault, count)| (fault.as_str().to_owned(), *count));
    let done = Progress {
        shards: 1,
        bytes: parts.sum(),
        counts: receipt.counts,
        faults: faults.collect(),
    };
    live::tell(context, &message.job, &message.dataset, receipt.shard, &done).await;
}

/// How far an attempt came.
enum Ran {
    /// All objects are worked, but for those that are left out.
    ToTheEnd(Box<Receipt>),
    /// These objects can't be read, and are to be left out.
    IntoUnreadable(Vec<LeftOut>),
}

/// Why the work on an object ended early.
enum Stop {
    /// The object can't be read.
    OfObject(Error),
    /// Something else.
    Other(Error),
}

impl Stop {
    /// An error of reading an object: of what the object is, or not.
    fn of(error: Error) -> Self {
        if error.kind.is_of_source() { Self::OfObject(error) } else { Self::Other(error) }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// An attempt's work on a shard.
struct Work<'a> {
    context: &'a Context,
    keys: &'a JobKeys,
    shard: &'a Shard,
    name: &'a str,
    /// The start of the keys of its files: the folder goes between the two.
    prefix: String,
    file_prefix: String,
    plan: Plan,
    /// Whether rows tell their lines.
    tells_lines: bool,
    /// Which file of a zip archive is meant.
    member: Option<Member>,
    /// Bytes that files are to have; `None`: nothing is put together.
    file_size: Option<u64>,
    /// Whether another shard may have files of the same folders.
    is_one_of_several: bool,
    core: ShardTransform,
    /// Those that it has rows of, by their positions in the plan.
    objects: Vec<(u32, PlannedObject)>,
    /// Those that are left out.
    left_out: Vec<LeftOut>,
    /// Bytes that are read.
    read: u64,
    /// How many were when it was looked whether the job still goes on.
    looked_at: u64,
    /// By position in the shard; `None`: not a byte of it is ready.
    outputs: Vec<Option<Output>>,
    /// By layout.
    rejects: BTreeMap<u32, Spool>,
    errors: Spool,
    /// What is written of the shard's keys.
    key_pieces: Vec<String>,
}

impl<'a> Work<'a> {
    async fn new(
        context: &'a Context,
        keys: &'a JobKeys,
        message: &'a TransformShard,
        name: &'a str,
        prefix: String,
        left_out: Option<Vec<LeftOut>>,
    ) -> Result<Self, Error> {
        let work = context.work();
        let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
        let contract = Arc::new(evaluable_contract_of(&plan)?);
        let shard = &message.shard;
        let tables = tables(work.as_ref(), &plan, &contract).await?;
        // What it was told of keys depends on rows that it can't read. It only says so, and runs
        // again.
        let is_told_wrong = left_out.is_some() && !shard.taken.is_empty();
        let taken = match is_told_wrong {
            true => None,
            false => crate::keys::taken(work.as_ref(), keys, shard).await?,
        };
        let is_merged = contract.output.format == Format::Parquet;
        let left_out = match (left_out, shard.before) {
            (Some(left_out), _) => left_out,
            // A later round leaves out the same objects: what other shards know of keys depends
            // on them.
            (None, Some(before)) if plan.submission.skips_unreadable() => {
                let before = keys.receipt(before, shard.index);
                documents::read::<Receipt>(work.as_ref(), &before).await?.left_out
            }
            (None, _) => Vec::new(),
        };
        let mut objects: Vec<_> =
            (shard.object..).zip(objects_of(work.as_ref(), &plan, shard).await?).collect();
        objects.retain(|(position, _)| {
            !is_told_wrong && left_out.iter().all(|out| out.object != *position)
        });
        Ok(Self {
            tells_lines: contract.output.lineage,
            member: contract.member.clone(),
            file_size: is_merged.then_some(contract.output.file_size),
            is_one_of_several: plan.shards > 1,
            objects,
            left_out,
            read: 0,
            looked_at: 0,
            core: ShardTransform::new(&plan, contract.clone(), taken, context.salt_of(&contract)?)?
                .looking_up(tables)
                .within(context.settings.folders),
            file_prefix: format!("{}{:06}-{name}", file_prefix(&message.job), shard.index),
            rejects: BTreeMap::new(),
            errors: Spool::new(work, keys.piece(shard.index, name, "errors.jsonl")),
            outputs: Vec::new(),
            key_pieces: Vec::new(),
            context,
            keys,
            shard,
            name,
            prefix,
            plan,
        })
    }

    async fn run(&mut self) -> Result<Ran, Error> {
        refuse_if_undone(self.context.work().as_ref(), self.keys).await?;
        let objects = std::mem::take(&mut self.objects);
        let plan = self.plan.clone();
        let mut ahead = Ahead::new(self.context, &plan, self.shard, &objects);
        let mut parts = Vec::with_capacity(objects.len());
        while let Some((position, object, part, source)) = ahead.next()? {
            match self.read_object(object, part, source).await {
                Ok(part) => parts.push(part),
                Err(Stop::OfObject(error)) if self.plan.submission.skips_unreadable() => {
                    let mut unreadable = vec![LeftOut::new(position, error)];
                    unreadable.extend(self.look_at_rest(ahead).await?);
                    return Ok(Ran::IntoUnreadable(unreadable));
                }
                Err(Stop::OfObject(error) | Stop::Other(error)) => return Err(error),
            }
        }
        let counts = self.core.finish()?;
        self.send(None, 1).await?;
        let (files, small) = self.end_outputs().await?;
        let mut rejects = Vec::new();
        for (layout, spool) in &mut self.rejects {
            let key = spool.finish().await?;
            rejects.extend(key.map(|key| RejectsPiece { layout: *layout, key }));
        }
        let errors = self.errors.finish().await?;
        let profile = self.keys.piece(self.shard.index, self.name, "profile.json");
        documents::write(
            self.context.work().as_ref(),
            &profile,
            self.core.sketch(),
            Put::Overwrite,
        )
        .await?;
        Ok(Ran::ToTheEnd(Box::new(Receipt {
            shard: self.shard.index,
            round: self.shard.round,
            attempt: self.name.to_owned(),
            object: self.shard.object,
            parts,
            left_out: std::mem::take(&mut self.left_out),
            counts,
            surplus_lines: self.core.surplus_lines(),
            faults: self.core.faults().clone(),
            files,
            small,
            rejects,
            errors,
            profile: Some(profile),
            keys: std::mem::take(&mut self.key_pieces),
            started: None,
            spent: None,
        })))
    }

    /// Whether the shard has all rows of an object, and other shards none. Of others `verify` finds
    /// out whether they are as is said of them.
    fn has_whole(&self, object: &PlannedObject) -> bool {
        self.shard.objects > 1 || self.shard.to - self.shard.from >= object.data_bytes()
    }

    /// Finds those that can't be read among the objects that are left, so that a shard with many of
    /// them does not begin anew for each.
    async fn look_at_rest(&mut self, mut ahead: Ahead<'_>) -> Result<Vec<LeftOut>, Error> {
        let mut unreadable = Vec::new();
        while let Some((position, object, _, source)) = ahead.next()? {
            match self.look_at(object, source).await {
                Ok(()) => {}
                Err(Stop::OfObject(error)) => unreadable.push(LeftOut::new(position, error)),
                Err(Stop::Other(error)) => return Err(error),
            }
        }
        Ok(unreadable)
    }

    async fn look_at(&mut self, object: &PlannedObject, mut source: Blocks) -> Result<(), Stop> {
        let mut unpack = self.unpack(object)?;
        let mut crc = Crc64Nvme::default();
        while let Some((_, block)) = source.next(None).await.map_err(Stop::of)? {
            self.note_read(block.len()).await?;
            crc.update(&block);
            if let Some(unpack) = &mut unpack {
                unpack.feed(&block, |_| Ok(())).map_err(Stop::of)?;
            }
        }
        if let Some(unpack) = unpack {
            unpack.finish().map_err(Stop::of)?;
        }
        check_checksum(object, crc.value()).map_err(Stop::of)
    }

    /// What unpacks an object, if it is packed.
    fn unpack(&self, object: &PlannedObject) -> Result<Option<Unpack>, Error> {
        let layout = self.plan.layout(object)?;
        let (name, limit) = (&object.source.key, object.unpacked_limit());
        let of = || Unpack::of(layout.compression, self.member.as_ref(), name, limit);
        Ok(layout.is_packed().then(of))
    }

    /// Notes that bytes of the source are read, and now and then looks whether the job still goes
    /// on.
    async fn note_read(&mut self, bytes: usize) -> Result<(), Error> {
        self.read += bytes as u64;
        if self.read >= self.looked_at + LOOK_BYTES {
            self.looked_at = self.read;
            refuse_if_undone(self.context.work().as_ref(), self.keys).await?;
        }
        Ok(())
    }

    /// Works what the shard has of an object.
    async fn read_object(
        &mut self,
        object: &PlannedObject,
        part: ShardPart,
        mut source: Blocks,
    ) -> Result<ReceiptPart, Stop> {
        if self.tells_lines && part.line.is_none() {
            return Err(uncounted(object, source).await);
        }
        let layout = self.plan.layout(object)?.clone();
        let own = object.own_bytes(part.range.start, part.range.end);
        let mut crc = Crc64Nvme::default();
        let mut unpack = self.unpack(object)?;
        let mut holdback = Holdback::new(&layout.dialect);
        self.core.begin(object, &layout, &part);
        while let Some((at, block)) = source.next(self.core.wants()).await.map_err(Stop::of)? {
            let owned = overlap(at, block.len(), own.clone());
            self.note_read(owned.len()).await?;
            crc.update(&block[owned]);
            let end_of_source = at + block.len() as u64 >= object.bytes;
            match &mut unpack {
                None => {
                    let data_end = object.data_bytes();
                    let data = overlap(at, block.len(), 0..data_end);
                    self.core.push(at, &block[data], at + block.len() as u64 >= data_end)?;
                    self.send(Some(object.layout), PART_BYTES).await?;
                }
                Some(unpack) => {
                    self.push_packed(unpack, &mut holdback, object, &block, end_of_source).await?
                }
            }
        }
        let (tile, counts) = self.core.end()?;
        if self.plan.submission.skips_unreadable() && self.has_whole(object) {
            check_whole(object, crc.value(), counts.read).map_err(Stop::of)?;
        }
        Ok(ReceiptPart { tile, crc64nvme: crc.value(), counts })
    }

    /// Works what a block of a packed source unpacks to.
    async fn push_packed(
        &mut self,
        unpack: &mut Unpack,
        holdback: &mut Holdback,
        object: &PlannedObject,
        block: &[u8],
        end_of_source: bool,
    ) -> Result<(), Stop> {
        let (mut packed, mut piece) = (block, Vec::new());
        loop {
            let taken = unpack.push(packed, &mut piece).map_err(Stop::of)?;
            packed = &packed[taken..];
            if taken == 0 && piece.is_empty() {
                break;
            }
            let (at, data) = holdback.pass(&piece).map_err(|long| Stop::of(long_footer(long)))?;
            self.core.push(at, data, false)?;
            self.send(Some(object.layout), PART_BYTES).await?;
        }
        if end_of_source {
            unpack.finish().map_err(Stop::of)?;
            let (at, data) = holdback.pass(&[]).map_err(|long| Stop::of(long_footer(long)))?;
            self.core.push(at, data, true)?;
            self.send(Some(object.layout), PART_BYTES).await?;
        }
        Ok(())
    }

    /// Sends what is ready: of each file that has at least `least` bytes, and of what was rejected,
    /// which is laid out like the object that is read.
    async fn send(&mut self, layout: Option<u32>, least: usize) -> Result<(), Error> {
        loop {
            let chunks = self.core.files().drain(least)?;
            if chunks.is_empty() {
                break;
            }
            self.send_chunks(chunks).await?;
        }
        let (rejects, errors) = self.core.take_refused();
        if let Some(layout) = layout.filter(|_| !rejects.is_empty()) {
            let (work, shard) = (self.context.work(), self.shard.index);
            let key = self.keys.piece(shard, self.name, &format!("rejects-{layout}.csv"));
            let spool = self.rejects.entry(layout).or_insert_with(|| Spool::new(work, key));
            spool.push(&rejects).await?;
        }
        self.errors.push(&errors).await?;
        for piece in self.core.take_keys() {
            let key = self.keys.piece(
                self.shard.index,
                self.name,
                &format!("keys-{:03}", self.key_pieces.len()),
            );
            self.context.work().put(&key, Bytes::from(piece), Put::Overwrite).await?;
            self.key_pieces.push(key);
        }
        Ok(())
    }

    /// Sends chunks, those beside each other that are whole files.
    async fn send_chunks(&mut self, chunks: Vec<FileChunk>) -> Result<(), Error> {
        let mut whole = Vec::new();
        for chunk in chunks {
            if self.outputs.len() <= chunk.file {
                self.outputs.resize_with(chunk.file + 1, || None);
            }
            let file = chunk.file;
            let mut output = match self.outputs[file].take() {
                Some(output) => output,
                None if chunk.is_last => {
                    whole.push((file, self.output(&chunk), chunk));
                    continue;
                }
                None => self.output(&chunk).await?,
            };
            let sent = output.push(chunk).await;
            self.outputs[file] = Some(output);
            sent?;
        }
        let mut outcome = Ok(());
        while !whole.is_empty() && outcome.is_ok() {
            let mut some = Vec::with_capacity(CONCURRENT_ENDS);
            for (file, output, chunk) in whole.drain(..CONCURRENT_ENDS.min(whole.len())) {
                some.push(send_whole(file, output, chunk));
            }
            // Each comes to its end, so that no upload is forgotten.
            for (file, output, sent) in future::join_all(some).await {
                self.outputs[file] = output;
                outcome = outcome.and(sent);
            }
        }
        outcome
    }

    /// Where a file goes that begins with a chunk. How large it will be is told by how much of the
    /// shard is read.
    fn output(&mut self, chunk: &FileChunk) -> BoxFuture<'static, Result<Output, Error>> {
        let shard_bytes = self.shard.bytes().max(1);
        let (ready, read) = (chunk.bytes.len() as u64, self.read.clamp(1, shard_bytes));
        let expected = if chunk.is_last {
            ready
        } else {
            (u128::from(ready) * u128::from(shard_bytes) / u128::from(read)) as u64
        };
        let is_put_together = self.is_one_of_several || chunk.is_piece;
        if self.file_size.is_some_and(|file_size| is_put_together && is_small(expected, file_size))
        {
            let key = self.keys.small(self.shard.index, self.name, chunk.file);
            return future::ready(Ok(Output::beside(self.context.work(), key))).boxed();
        }
        let (files, index) = (self.core.files(), chunk.file);
        let key = format!(
            "{}{}{}-{index:03}{}",
            self.prefix,
            files.folder(index),
            self.file_prefix,
            files.extension()
        );
        Output::lake(self.context.lake(), key).boxed()
    }

    /// Ends what goes to the lake, and what stays beside the job.
    async fn end_outputs(&mut self) -> Result<(Vec<OpenFile>, Vec<SmallFile>), Error> {
        let files = self.core.files();
        if self.outputs.iter().flatten().count() != files.count() {
            return Err(Error::new(ErrorKind::Internal, "a file has not a byte".to_owned()));
        }
        let (mut open, mut small) = (Vec::new(), Vec::new());
        for (group, outputs) in self.outputs.chunks_mut(CONCURRENT_ENDS).enumerate() {
            let mut ends = Vec::with_capacity(outputs.len());
            for (output, file) in outputs.iter_mut().zip(group * CONCURRENT_ENDS..) {
                ends.extend(output.as_mut().map(|output| output.end(files.summary(file))));
            }
            for ended in future::join_all(ends).await {
                match ended? {
                    Ended::Open(file) => open.push(file),
                    Ended::Small(file) => small.push(file),
                }
            }
        }
        Ok((open, small))
    }

    /// Gives up what was done: what a new start leaves out, `found` too.
    async fn without(mut self, found: Vec<LeftOut>) -> Vec<LeftOut> {
        let mut left_out = std::mem::take(&mut self.left_out);
        self.abort().await;
        left_out.extend(found);
        left_out.sort_unstable_by_key(|left_out| left_out.object);
        left_out
    }

    async fn abort(self) {
        for output in self.outputs.into_iter().flatten() {
            output.abort().await;
        }
        for spool in self.rejects.into_values() {
            spool.abort().await;
        }
        self.errors.abort().await;
    }
}

/// Why an object can't be read whose lines could not be counted when the job was planned. It may be
/// there again, but where its rows stand is not known.
async fn uncounted(object: &PlannedObject, mut source: Blocks) -> Stop {
    let was_gone = || {
        let text = format!("{} could not be read when its lines were counted", object.name());
        Error::new(ErrorKind::SourceChanged, text)
    };
    Stop::of(source.next(None).await.err().unwrap_or_else(was_gone))
}

/// Sends a whole file to where it goes: what is there of it, and whether that is all.
async fn send_whole(
    file: usize,
    output: BoxFuture<'static, Result<Output, Error>>,
    chunk: FileChunk,
) -> (usize, Option<Output>, Result<(), Error>) {
    match output.await {
        Ok(mut output) => {
            let sent = output.push(chunk).await;
            (file, Some(output), sent)
        }
        Err(error) => (file, None, Err(error)),
    }
}

/// The tables that the contract joins, as the plan has them.
async fn tables(
    work: &dyn Objects,
    plan: &Plan,
    contract: &Contract,
) -> Result<Vec<Lookup>, Error> {
    let mut tables = Vec::with_capacity(plan.references.len());
    for (join, pinned) in contract.transform.join.iter().zip(&plan.references) {
        tables.push(Lookup::open(join, &work.read(&pinned.key, pinned.copied_bytes).await?)?);
    }
    Ok(tables)
}

/// The part of a block at `at` that lies in `range`, as offsets into the block.
fn overlap(at: u64, length: usize, range: Range<u64>) -> Range<usize> {
    let clamp = |position: u64| position.clamp(at, at + length as u64) - at;
    clamp(range.start) as usize..clamp(range.end) as usize
}

/// An object by its position in the plan, with what is read of it.
type Begun<'a> = (u32, &'a PlannedObject, ShardPart, Blocks);

/// The objects of a shard, each with what is read of it. The first blocks of small ones are asked
/// for ahead, as a request takes longer than the work.
struct Ahead<'a> {
    context: &'a Context,
    plan: &'a Plan,
    shard: &'a Shard,
    waiting: std::slice::Iter<'a, (u32, PlannedObject)>,
    begun: VecDeque<Begun<'a>>,
}

impl<'a> Ahead<'a> {
    fn new(
        context: &'a Context,
        plan: &'a Plan,
        shard: &'a Shard,
        objects: &'a [(u32, PlannedObject)],
    ) -> Self {
        Self { context, plan, shard, waiting: objects.iter(), begun: VecDeque::new() }
    }

    fn next(&mut self) -> Result<Option<Begun<'a>>, Error> {
        let bytes = |begun: &VecDeque<Begun<'_>>| -> u64 {
            begun.iter().map(|(_, object, ..)| object.bytes).sum()
        };
        while self.begun.len() < OBJECTS_AHEAD
            && (self.begun.is_empty() || bytes(&self.begun) < AHEAD_BYTES)
            && let Some((position, object)) = self.waiting.next()
        {
            let layout = self.plan.layout(object)?;
            let part = object.part(self.shard, layout);
            let bucket = self.context.buckets.bucket(&object.source.bucket);
            self.begun.push_back((
                *position,
                object,
                part.clone(),
                Blocks::start(bucket, object, layout, &part),
            ));
        }
        Ok(self.begun.pop_front())
    }
}

/// The blocks of an object, the next one on its way while the last one is worked on.
struct Blocks {
    source: Arc<dyn Objects>,
    object: PlannedObject,
    range: Range<u64>,
    /// Where the next block begins.
    at: u64,
    tail: u64,
    coming: Option<JoinHandle<Result<Bytes, Error>>>,
}

impl Blocks {
    fn start(
        source: Arc<dyn Objects>,
        object: &PlannedObject,
        layout: &Layout,
        part: &ShardPart,
    ) -> Self {
        let range = match layout.is_packed() {
            true => 0..object.bytes,
            false => object.own_bytes(part.range.start, part.range.end),
        };
        // One unit before the range tells much about the state at its start.
        let at = range.start.saturating_sub(layout.dialect.encoding.unit_bytes() as u64);
        let mut blocks =
            Self { source, object: object.clone(), range, at, tail: TAIL_BYTES, coming: None };
        blocks.fetch();
        blocks
    }

    /// The next block and where it begins. `wants` is the next byte that the reader needs: none,
    /// once the range is read, is the end.
    async fn next(&mut self, wants: Option<u64>) -> Result<Option<(u64, Bytes)>, Error> {
        if self.at >= self.object.bytes || (self.at >= self.range.end && wants.is_none()) {
            return Ok(None);
        }
        if self.coming.is_none() {
            self.fetch();
        }
        let Some(coming) = self.coming.take() else { return Ok(None) };
        let block = coming.await.map_err(|_| {
            Error::new(ErrorKind::Internal, "reading the source panicked".to_owned())
        })??;
        if block.is_empty() {
            return Err(Error::new(
                ErrorKind::SourceChanged,
                format!("{} ended at byte {}", self.object.name(), self.at),
            )
            .at(self.at));
        }
        let at = self.at;
        self.at += block.len() as u64;
        if self.at < self.range.end {
            self.fetch();
        }
        Ok(Some((at, block)))
    }

    fn fetch(&mut self) {
        let bytes = if self.at < self.range.end {
            (self.range.end - self.at).min(self.source.block_bytes())
        } else {
            self.tail = (self.tail * 2).min(2 * self.source.block_bytes());
            self.tail / 2
        };
        let range = self.at..(self.at + bytes).min(self.object.bytes);
        if range.is_empty() {
            return;
        }
        let (source, reference) = (self.source.clone(), self.object.source.clone());
        let pinned: Pin = pin(&reference);
        self.coming = Some(tokio::spawn(async move {
            source
                .get(&reference.key, &pinned, range)
                .map_err(|error| source_error(error, &reference))
                .await
        }));
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        if let Some(coming) = &self.coming {
            coming.abort();
        }
    }
}
