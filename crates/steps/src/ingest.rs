//! Pins the source, settles dialect and schema against the contract, and plans the shards.

use bytes::Bytes;
use contract::{Compression, Contract, Mapping, Mode};
use csv_records::dialect::Dialect;
use csv_records::limits::FOOTER_BYTES;
use csv_records::line_counter::LineCounter;
use csv_records::{Limits, LongFooter, footer_start};
use job::bill::{Expected, Item, check_cap, estimate};
use job::message::{JobKeys, Planned, Shard, ShardList, SourceRef, Submission};
use job::{Error, ErrorKind};
use landing::limits;
use landing::opening::{Opening, Stated};
use landing::plan::{Plan, Verbatim, shards, usual_shard_bytes};
use landing::unpack::{self, Archive, TAIL_BYTES};
use objects::{Head, Objects, Put};
use registry::{JobChange, JobStatus};

use crate::context::{now, parse_contract};
use crate::decision::{give_way, refuse_if_undone};
use crate::source::{pin, source_error};
use crate::spending::{Meter, basis};
use crate::standing::landed_before;
use crate::{Context, documents, order, references};

/// Bytes of the source that are looked at first, for the header.
const SAMPLE_BYTES: u64 = 256 * 1024;

/// Plans a job. Done again it pins the source anew and writes the same documents.
pub async fn ingest(context: &Context, submission: Submission) -> Result<Planned, Error> {
    let (context, meter) = Meter::start(context, Item::Ingest);
    let keys = context.keys(&submission.job);
    let outcome = plan(&context, submission).await;
    meter.note(&context, &keys).await;
    outcome
}

async fn plan(context: &Context, submission: Submission) -> Result<Planned, Error> {
    let Submission { job, dataset, source: asked, .. } = &submission;
    let (work, keys) = (context.work(), context.keys(job));
    let running = JobChange { status: Some(JobStatus::Running), ..JobChange::default() };
    refuse_if_undone(work.as_ref(), &keys).await?;
    context.registry.update_job(job, &running, &now()).await?;
    let (text, contract) = contract_of(context, &submission).await?;
    check_table(context, &submission, &contract).await?;
    let (head, pinned) = pin_source(context, asked).await?;
    let source = context.buckets.bucket(&asked.bucket);
    let contents = content_names(&head);
    refuse_landed(context, &submission, &contract, &pinned, &contents).await?;

    let opening = open(context, &keys, &pinned, head.size, &contract).await?;
    let mapping = match_header(context, &keys, &contract, &opening).await?;
    let wanted = submission
        .shard_bytes
        .unwrap_or_else(|| usual_shard_bytes(head.size, context.settings.shard_bytes));
    let data_end = find_footer(source.as_ref(), &pinned, head.size, &opening).await?;
    let (shard_bytes, mut shards, one_shard_because) =
        cut(&opening, data_end.unwrap_or(head.size), wanted);
    let references = references::keep(context, &keys, &contract).await?;
    let estimate = estimate(Expected {
        source_bytes: head.size,
        is_packed: opening.compression != Compression::None,
        shards: shards.len() as u64,
        counts_lines: contract.output.lineage && shards.len() > 1,
        joined_bytes: references.iter().map(|reference| reference.copied_bytes).sum(),
        processor: basis(context).1,
    });
    check_cap(&estimate, submission.max_cost)?;
    if contract.output.lineage {
        count_lines(source.as_ref(), &pinned, &opening.dialect, &mut shards).await?;
    }
    let plan = Plan {
        contract: text,
        source: pinned,
        source_bytes: head.size,
        source_crc64nvme: head.crc64nvme,
        contents,
        compression: opening.compression,
        unpacked_limit: limits::unpacked_bytes(head.size),
        mapping,
        header: Verbatim(opening.rejects_header()),
        data_start: opening.header.data_start,
        data_end,
        data_lines: opening.header.lines_before_data,
        dialect: opening.dialect,
        evidence: opening.evidence,
        shard_bytes,
        shards: shards.len() as u32,
        key_bytes: context.settings.key_bytes,
        one_shard_because,
        references,
        estimate: Some(estimate),
        submission: submission.clone(),
    };
    let change = JobChange { source: Some(plan.source.clone()), ..JobChange::default() };
    context.registry.update_job(job, &change, &now()).await?;
    documents::write(work.as_ref(), &keys.plan(), &plan, Put::Overwrite).await?;
    documents::write(work.as_ref(), &keys.shards(), &shards, Put::Overwrite).await?;
    Ok(Planned {
        job: job.clone(),
        dataset: dataset.clone(),
        shards: shard_list(context, keys.shards(), &shards),
        max_concurrency: context.settings.max_concurrency,
    })
}

/// The contract of a submission, as it was registered and as it reads.
async fn contract_of(
    context: &Context,
    submission: &Submission,
) -> Result<(String, Contract), Error> {
    let Submission { dataset, contract: version, .. } = submission;
    let stored = context.registry.contract(dataset, Some(*version)).await?;
    let text = stored.map(|stored| stored.text).ok_or_else(|| {
        Error::new(
            ErrorKind::ContractInvalid,
            format!(
                "version {version} of the contract of {dataset} is not there; \
                 PUT /datasets/{dataset} registers one"
            ),
        )
    })?;
    let contract = parse_contract(&text)?;
    context.salt_of(&contract)?;
    Ok((text, contract))
}

/// Finds the source and pins what it is now.
async fn pin_source(context: &Context, asked: &SourceRef) -> Result<(Head, SourceRef), Error> {
    // The front door has asked likewise; a job can be started without it.
    context
        .sources
        .check(asked)
        .map_err(|refused| Error::new(ErrorKind::AccessDenied, refused.to_string()))?;
    let source = context.buckets.bucket(&asked.bucket);
    let head = source
        .head(&asked.key, asked.version.as_deref())
        .await
        .map_err(|error| source_error(error, asked))?;
    if let Some(expected) = asked.etag.as_ref().filter(|expected| **expected != head.etag) {
        return Err(Error::new(
            ErrorKind::SourceChanged,
            format!(
                "{} has ETag {} and not {expected}, with which it was submitted; submit it again",
                asked.key, head.etag
            ),
        ));
    }
    let pinned =
        SourceRef { version: head.version.clone(), etag: Some(head.etag.clone()), ..asked.clone() };
    Ok((head, pinned))
}

/// Ends a job whose bytes are in the dataset already, or whose source a newer version replaced.
async fn refuse_landed(
    context: &Context,
    submission: &Submission,
    contract: &Contract,
    pinned: &SourceRef,
    contents: &[String],
) -> Result<(), Error> {
    let Submission { job, dataset, .. } = submission;
    let because = match contract.output.mode {
        Mode::Append if !submission.force => landed_before(context, dataset, contents, job).await?,
        mode => order::superseded(context, submission, pinned, mode).await?,
    };
    match because {
        Some(because) => Err(give_way(context.work().as_ref(), &context.keys(job), because).await),
        None => Ok(()),
    }
}

/// Refuses a contract whose files don't go with those of the table. It is an early look: only the
/// one before the decision is exact.
async fn check_table(
    context: &Context,
    submission: &Submission,
    contract: &Contract,
) -> Result<(), Error> {
    if contract.output.mode == Mode::Overwrite {
        return Ok(());
    }
    let log = context.log(&submission.dataset, contract.output.table);
    let next = log.first_free().await?;
    log.base(next, Mode::Append).await?.check_contract(contract, &submission.job)
}

/// How a list of shards is told to the state machine.
pub(crate) fn shard_list(context: &Context, key: String, shards: &[Shard]) -> ShardList {
    let only = if let [only] = shards { Some(only.clone()) } else { None };
    ShardList { count: shards.len() as u32, bucket: context.work.bucket.clone(), key, only }
}

/// Names by which the store knows the bytes, besides the CRC that the shards will compute.
fn content_names(head: &Head) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(crc) = head.crc64nvme {
        names.push(landing::commit::content_name(head.size, crc));
    }
    // The ETag of an object put in one go is a hash of its bytes; one with a dash is of its parts,
    // and says nothing of another upload's.
    if head.etag.len() == 32 && head.etag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        names.push(format!("{}-etag-{}", head.size, head.etag));
    }
    names
}

/// The beginning of the source, understood.
async fn open(
    context: &Context,
    keys: &JobKeys,
    pinned: &SourceRef,
    size: u64,
    contract: &Contract,
) -> Result<Opening, Error> {
    let source = context.buckets.bucket(&pinned.bucket);
    let stated = Stated {
        name: &pinned.key,
        compression: contract.compression,
        encoding: contract.encoding,
        dialect: &contract.dialect,
        schema: Some(&contract.schema),
    };
    let mut wanted = SAMPLE_BYTES;
    loop {
        let sample = source
            .get(&pinned.key, &pin(pinned), 0..wanted.min(size))
            .await
            .map_err(|error| source_error(error, pinned))?;
        let end_of_source = sample.len() as u64 >= size;
        if wanted == SAMPLE_BYTES && unpack::sniff(&sample) == Compression::Zip {
            check_archive(context, keys, pinned, size, contract).await?;
        }
        let opening = Opening::read_member(
            &stated,
            contract.member.as_ref(),
            Limits::default(),
            &sample,
            end_of_source,
            wanted as usize,
        )?;
        if let Some(opening) = opening {
            if opening.dialect.header {
                opening.check_not_empty(&pinned.key)?;
            }
            opening.check_header(&pinned.key)?;
            return Ok(opening);
        }
        wanted *= 8;
    }
}

/// Refuses an archive of which it is not known which file is meant. What their names are is told by
/// the job's errors.
async fn check_archive(
    context: &Context,
    keys: &JobKeys,
    pinned: &SourceRef,
    size: u64,
    contract: &Contract,
) -> Result<(), Error> {
    let (source, pin) = (context.buckets.bucket(&pinned.bucket), pin(pinned));
    let tail = source.get(&pinned.key, &pin, size.saturating_sub(TAIL_BYTES)..size).await;
    let tail = tail.map_err(|error| source_error(error, pinned))?;
    let Some(range) = Archive::locate(&tail, size) else { return Ok(()) };
    let directory =
        source.get(&pinned.key, &pin, range).await.map_err(|error| source_error(error, pinned))?;
    let Some(archive) = Archive::read(&directory) else { return Ok(()) };
    let Err(refused) = archive.check(&pinned.key, contract.member.as_ref()) else { return Ok(()) };
    let mut lines = Vec::new();
    archive.entries().iter().for_each(|entry| entry.write(&mut lines));
    if !lines.is_empty() {
        context.work().put(&keys.errors(), Bytes::from(lines), Put::Overwrite).await?;
    }
    Err(refused)
}

/// Where the footer of a source that is not packed begins, if it is to have one.
async fn find_footer(
    source: &dyn Objects,
    pinned: &SourceRef,
    size: u64,
    opening: &Opening,
) -> Result<Option<u64>, Error> {
    if opening.dialect.footer_rows == 0 || opening.compression != Compression::None {
        return Ok(None);
    }
    let mut wanted = SAMPLE_BYTES;
    loop {
        let from = size.saturating_sub(wanted) & !1;
        let tail = source
            .get(&pinned.key, &pin(pinned), from..size)
            .await
            .map_err(|error| source_error(error, pinned))?;
        if let Some(start) = footer_start(&opening.dialect, &tail, from == 0) {
            return Ok(Some((from + start as u64).max(opening.header.data_start)));
        }
        if wanted as usize > FOOTER_BYTES {
            return Err(limits::long_footer(LongFooter { lines: opening.dialect.footer_rows }));
        }
        wanted *= 8;
    }
}

/// Cuts the source into shards: how many bytes each has, the shards, and why there is but one, if
/// that is not for the size of the source.
fn cut(opening: &Opening, size: u64, wanted: u64) -> (u64, Vec<Shard>, Option<String>) {
    let data_start = opening.header.data_start;
    if opening.compression == Compression::None {
        let unit = opening.dialect.encoding.unit_bytes() as u64;
        let wanted = wanted.max(1).checked_next_multiple_of(unit).unwrap_or(wanted - wanted % unit);
        let (shard_bytes, shards) = shards(size, data_start, wanted);
        return (shard_bytes, shards, None);
    }
    let because = format!("{} can only be unpacked from its beginning", opening.compression.name());
    let whole = Shard {
        index: 0,
        from: 0,
        to: size,
        first: Some(data_start),
        line: None,
        round: 1,
        taken: Vec::new(),
    };
    (size, vec![whole], Some(because))
}

/// Which column each field is. What stands in a header that does not match is told by the job's
/// errors, and only there: it may be data.
async fn match_header(
    context: &Context,
    keys: &JobKeys,
    contract: &Contract,
    opening: &Opening,
) -> Result<Mapping, Error> {
    if !opening.dialect.header {
        return Ok(contract.schema.match_positions());
    }
    let drift = match contract.schema.match_header(&opening.header.names) {
        Ok(mapping) => return Ok(mapping),
        Err(drift) => drift,
    };
    let mut lines = Vec::new();
    drift
        .entries(contract, &opening.found_header())
        .iter()
        .for_each(|entry| entry.write(&mut lines));
    context.work().put(&keys.errors(), Bytes::from(lines), Put::Overwrite).await?;
    Err(Error::new(
        ErrorKind::SchemaDrift,
        format!("{drift}; the job's errors tell what stands there"),
    ))
}

/// Numbers the line on which each range starts, for the lineage: the whole source is read once, at
/// the speed of memory.
async fn count_lines(
    source: &dyn Objects,
    pinned: &SourceRef,
    dialect: &Dialect,
    shards: &mut [Shard],
) -> Result<(), Error> {
    if let [only] = shards {
        only.line = Some(1);
        return Ok(());
    }
    let mut line = 1;
    let mut counter = LineCounter::new(dialect);
    for shard in shards {
        shard.line = Some(line);
        let mut at = shard.from;
        while at < shard.to {
            let range = at..(at + source.block_bytes()).min(shard.to);
            let block = source
                .get(&pinned.key, &pin(pinned), range)
                .await
                .map_err(|error| source_error(error, pinned))?;
            if block.is_empty() {
                return Err(Error::new(
                    ErrorKind::SourceChanged,
                    format!("{} ended at byte {at}", pinned.key),
                ));
            }
            line += counter.count(&block);
            at += block.len() as u64;
        }
    }
    Ok(())
}
