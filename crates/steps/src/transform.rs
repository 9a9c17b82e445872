//! Works one shard: its rows become files, left as open uploads, or rejects; a receipt tells of
//! both.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use contract::Member;
use contract::{Contract, Format};
use csv_records::Holdback;
use futures::future::{self, BoxFuture};
use futures::{FutureExt, TryFutureExt};
use job::message::{JobKeys, Shard, TransformShard, Transformed};
use job::small_files::is_small;
use job::{Error, ErrorKind};
use landing::commit::{Crc64Nvme, OpenFile, Receipt, SmallFile};
use landing::files::FileChunk;
use landing::limits::long_footer;
use landing::lookup::Lookup;
use landing::plan::Plan;
use landing::shard::ShardTransform;
use landing::unpack::Unpack;
use objects::{Objects, PART_BYTES, Pin, Put};
use tokio::task::JoinHandle;

use crate::attempt::Attempt;
use crate::context::{file_prefix, parse_contract};
use crate::decision::refuse_if_undone;
use crate::output::{Ended, Output};
use crate::source::{pin, source_error};
use crate::spending::Meter;
use crate::upload::Spool;
use crate::{Context, documents};

/// Bytes that are read first past its end, where mostly less than one record is missing. Each
/// further read takes twice as many.
const TAIL_BYTES: u64 = 64 * 1024;
/// Bytes of the source after which a shard looks whether its job still goes on: some two seconds of
/// work.
const LOOK_BYTES: u64 = 128 << 20;
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
    let work = async {
        let mut shard = Work::new(&context, &keys, &message, attempt, prefix).await?;
        match shard.run().await {
            Ok(receipt) => Ok(receipt),
            Err(error) => {
                shard.abort().await;
                Err(error)
            }
        }
    };
    let receipt = keys.receipt(shard.round, shard.index);
    let race = Attempt { context: &context, keys: &keys, receipt, name: attempt, meter: &meter };
    let outcome = race.run(work).await;
    if !matches!(outcome, Ok(true)) {
        meter.note(&context, &keys).await;
    }
    outcome.map(|_| Transformed {})
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
    /// Which file of a zip archive is meant.
    member: Option<Member>,
    /// Bytes that files are to have; `None`: nothing is put together.
    file_size: Option<u64>,
    /// Whether another shard may have files of the same folders.
    is_one_of_several: bool,
    core: ShardTransform,
    /// How much of the source is read.
    read_to: u64,
    /// By position in the shard; `None`: not a byte of it is ready.
    outputs: Vec<Option<Output>>,
    rejects: Spool,
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
    ) -> Result<Self, Error> {
        let work = context.work();
        let plan: Plan = documents::read(work.as_ref(), &keys.plan()).await?;
        let contract = Arc::new(parse_contract(&plan.contract)?);
        let shard = &message.shard;
        let tables = tables(work.as_ref(), &plan, &contract).await?;
        let taken = crate::keys::taken(work.as_ref(), keys, &shard.taken).await?;
        let is_merged = contract.output.format == Format::Parquet;
        Ok(Self {
            member: contract.member.clone(),
            file_size: is_merged.then_some(contract.output.file_size),
            is_one_of_several: plan.shards > 1,
            read_to: shard.from,
            core: ShardTransform::new(
                &plan,
                contract.clone(),
                shard,
                taken,
                context.salt_of(&contract)?,
            )?
            .looking_up(tables)
            .within(context.settings.folders),
            file_prefix: format!("{}{:06}-{name}", file_prefix(&message.job), shard.index),
            rejects: Spool::new(work.clone(), keys.piece(shard.index, name, "rejects.csv")),
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

    async fn run(&mut self) -> Result<Receipt, Error> {
        refuse_if_undone(self.context.work().as_ref(), self.keys).await?;
        let mut looked_at = 0;
        let mut crc = Crc64Nvme::default();
        let mut source = Blocks::start(
            self.context.buckets.bucket(&self.plan.source.bucket),
            &self.plan,
            self.shard,
        );
        let plan = &self.plan;
        let unpack = || {
            Unpack::of(
                plan.compression,
                self.member.as_ref(),
                &plan.source.key,
                plan.unpacked_limit,
            )
        };
        let mut unpack = plan.is_packed().then(unpack);
        let mut holdback = Holdback::new(&plan.dialect);
        while let Some((at, block)) = source.next(self.core.wants()).await? {
            let own = overlap(at, block.len(), self.plan.own_bytes(self.shard.from, self.shard.to));
            crc.update(&block[own]);
            self.read_to = at + block.len() as u64;
            if self.read_to - self.shard.from >= looked_at + LOOK_BYTES {
                looked_at = self.read_to - self.shard.from;
                refuse_if_undone(self.context.work().as_ref(), self.keys).await?;
            }
            let end_of_source = at + block.len() as u64 >= self.plan.source_bytes;
            match &mut unpack {
                None => {
                    let data_end = self.plan.data_bytes();
                    let data = overlap(at, block.len(), 0..data_end);
                    self.core.push(at, &block[data], at + block.len() as u64 >= data_end)?;
                    self.send(PART_BYTES).await?;
                }
                Some(unpack) => {
                    self.push_packed(unpack, &mut holdback, &block, end_of_source).await?
                }
            }
        }
        let (tile, counts) = self.core.finish()?;
        self.send(1).await?;
        let (files, small) = self.end_outputs().await?;
        let rejects = self.rejects.finish().await?;
        let errors = self.errors.finish().await?;
        let profile = self.keys.piece(self.shard.index, self.name, "profile.json");
        documents::write(
            self.context.work().as_ref(),
            &profile,
            self.core.sketch(),
            Put::Overwrite,
        )
        .await?;
        Ok(Receipt {
            shard: self.shard.index,
            round: self.shard.round,
            attempt: self.name.to_owned(),
            tile,
            crc64nvme: crc.value(),
            counts,
            surplus_lines: self.core.surplus_lines(),
            files,
            small,
            rejects,
            errors,
            profile: Some(profile),
            keys: std::mem::take(&mut self.key_pieces),
            spent: None,
        })
    }

    /// Works what a block of a packed source unpacks to.
    async fn push_packed(
        &mut self,
        unpack: &mut Unpack,
        holdback: &mut Holdback,
        block: &[u8],
        end_of_source: bool,
    ) -> Result<(), Error> {
        let (mut packed, mut piece) = (block, Vec::new());
        loop {
            let taken = unpack.push(packed, &mut piece)?;
            packed = &packed[taken..];
            if taken == 0 && piece.is_empty() {
                break;
            }
            let (at, data) = holdback.pass(&piece).map_err(long_footer)?;
            self.core.push(at, data, false)?;
            self.send(PART_BYTES).await?;
        }
        if end_of_source {
            unpack.finish()?;
            let (at, data) = holdback.pass(&[]).map_err(long_footer)?;
            self.core.push(at, data, true)?;
        }
        Ok(())
    }

    /// Sends what is ready: of each file that has at least `least` bytes, and of what was refused.
    async fn send(&mut self, least: usize) -> Result<(), Error> {
        loop {
            let chunks = self.core.files().drain(least)?;
            if chunks.is_empty() {
                break;
            }
            self.send_chunks(chunks).await?;
        }
        let (rejects, errors) = self.core.take_refused();
        self.rejects.push(&rejects).await?;
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
        let shard_bytes = (self.shard.to - self.shard.from).max(1);
        let (ready, read) =
            (chunk.bytes.len() as u64, (self.read_to - self.shard.from).clamp(1, shard_bytes));
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

    async fn abort(self) {
        for output in self.outputs.into_iter().flatten() {
            output.abort().await;
        }
        self.rejects.abort().await;
        self.errors.abort().await;
    }
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

/// The blocks of a source, the next one on its way while the last one is worked on.
struct Blocks {
    source: Arc<dyn Objects>,
    plan: Plan,
    range: Range<u64>,
    /// Where the next block begins.
    at: u64,
    tail: u64,
    coming: Option<JoinHandle<Result<Bytes, Error>>>,
}

impl Blocks {
    fn start(source: Arc<dyn Objects>, plan: &Plan, shard: &Shard) -> Self {
        // One unit before the range tells much about the state at its start.
        let at = shard.from.saturating_sub(plan.dialect.encoding.unit_bytes() as u64);
        let mut blocks = Self {
            source,
            plan: plan.clone(),
            range: plan.own_bytes(shard.from, shard.to),
            at,
            tail: TAIL_BYTES,
            coming: None,
        };
        blocks.fetch();
        blocks
    }

    /// The next block and where it begins. `wants` is the next byte that the reader needs: none,
    /// once the range is read, is the end.
    async fn next(&mut self, wants: Option<u64>) -> Result<Option<(u64, Bytes)>, Error> {
        if self.at >= self.plan.source_bytes || (self.at >= self.range.end && wants.is_none()) {
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
                format!("{} ended at byte {}", self.plan.source_name(), self.at),
            ));
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
        let range = self.at..(self.at + bytes).min(self.plan.source_bytes);
        if range.is_empty() {
            return;
        }
        let (source, reference) = (self.source.clone(), self.plan.source.clone());
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
