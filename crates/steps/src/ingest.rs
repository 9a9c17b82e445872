//! Pins the source, settles dialect and schema against the contract, and plans the shards.

use std::collections::HashMap;

use bytes::Bytes;
use contract::{Compression, Contract, Mapping, Mode};
use csv_records::dialect::Dialect;
use csv_records::limits::FOOTER_BYTES;
use csv_records::line_counter::LineCounter;
use csv_records::{Limits, LongFooter, footer_start};
use futures::{StreamExt, stream};
use job::bill::{Expected, Item, check_cap, estimate};
use job::message::{
    Failure, JobKeys, ObjectCounts, Planned, Shard, SourceRef, Submission, Unreadable,
};
use job::{Error, ErrorKind};
use landing::commit::{content_name, is_version_name, version_name};
use landing::limits;
use landing::manifest::Total;
use landing::opening::{Opening, Stated};
use landing::plan::{
    Cut, Extent, Layout, MAX_LAYOUTS, Plan, PlannedObject, STEPS, Verbatim, cut, usual_shard_bytes,
};
use landing::unpack::{self, Archive, TAIL_BYTES};
use objects::{Head, Objects, Put};
use registry::{JobChange, JobStatus};

use crate::context::{contract_of, now, read_contract};
use crate::decision::{give_way, refuse_if_undone};
use crate::found::{self, Found, check_head, find};
use crate::left::shard_list;
use crate::planned::{Planned as PlannedObjects, Writer};
use crate::skipped::Skipped;
use crate::source::{checksum, pin, source_error};
use crate::spending::{Meter, basis};
use crate::standing::{Known, landed_before};
use crate::{Context, announce, documents, left, lineage, order, references, replay, skipped};

/// Bytes of an object that are looked at first, for the header.
const SAMPLE_BYTES: u64 = 256 * 1024;
/// Objects that landed before which a failure names: all of them are in the list of those that are
/// not landed.
const NAMED_LANDED: usize = 5;
/// Objects that are opened at once.
const CONCURRENT_OPENINGS: usize = 32;

/// Plans a job. Done again, and where a job is redriven, it keeps the plan that is there, and lists
/// the shards that are left.
pub async fn ingest(context: &Context, submission: Submission) -> Result<Planned, Error> {
    let (context, meter) = Meter::start(context, Item::Ingest);
    let keys = context.keys(&submission.job);
    let outcome = plan(&context, submission).await;
    meter.note(&context, &keys).await;
    outcome
}

async fn plan(context: &Context, submission: Submission) -> Result<Planned, Error> {
    let Submission { job, dataset, .. } = &submission;
    let (work, keys) = (context.work(), context.keys(job));
    let running = JobChange { status: Some(JobStatus::Running), ..JobChange::default() };
    refuse_if_undone(work.as_ref(), &keys).await?;
    context.registry.update_job(job, &running, &now()).await?;
    let there = documents::find::<Plan>(work.as_ref(), &keys.plan()).await?;
    let (plan, is_new) = match there {
        Some(plan) => (plan, false),
        None => make(context, &keys, &submission).await?,
    };
    if !is_new {
        check_steps(&plan)?;
        // The next one is another one.
        work.delete(&keys.failure()).await?;
    }
    let shards = shards(context, &keys, &plan).await?;
    let is_only = submission.source.object().is_some();
    let source = plan.first_objects.first().filter(|_| is_only);
    let counts = ObjectCounts { landed: plan.objects, skipped: plan.skipped };
    let change = JobChange {
        source: source.map(|object| object.source.clone()),
        objects: (!is_only).then_some(counts),
        warnings: skipped::warning(&plan, 0).into_iter().collect(),
        ..JobChange::default()
    };
    if let Some(list) = &plan.skipped_list {
        skipped::show(work.as_ref(), &keys, list).await?;
    }
    context.registry.update_job(job, &change, &now()).await?;
    announce::announce(context, announce::started(&plan)).await;
    lineage::started(context, &plan).await?;
    let shards = match is_new {
        true => shard_list(context, keys.shards(), &shards),
        false => left::shards(context, &keys, 1, keys.shards(), shards).await?,
    };
    Ok(Planned {
        job: job.clone(),
        dataset: dataset.clone(),
        shards,
        max_concurrency: context.settings.max_concurrency,
    })
}

/// Refuses to go on with a plan that steps of another version made.
fn check_steps(plan: &Plan) -> Result<(), Error> {
    if plan.steps == STEPS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Internal,
        format!(
            "steps of version {} made the plan of job {}, and these are of version {STEPS}; submit it again",
            plan.steps, plan.submission.job
        ),
    ))
}

/// Makes the plan of a job, unless another run was faster: the one that stands, and whether it was
/// made here.
async fn make(
    context: &Context,
    keys: &JobKeys,
    submission: &Submission,
) -> Result<(Plan, bool), Error> {
    let job = &submission.job;
    let work = context.work();
    let (text, mut contract) = registered_contract(context, submission).await?;
    if let Some(replay) = &submission.replay {
        match replay::settle(context, keys, job, replay).await? {
            Ok(layout) => layout.settle(&mut contract),
            Err(because) => return Err(give_way(work.as_ref(), keys, because).await),
        }
    }
    check_table(context, submission, &contract).await?;
    let found = find(context, submission).await?;
    let said = found.total;
    let opened = open_all(context, keys, submission, &contract, found.objects).await?;
    opened.check_landed(context, keys, submission).await?;
    opened.check_any(context, keys, submission).await?;
    // What landed before, and copies, are not read, so that nobody knows what all come to.
    let total = match opened.skipped.iter().any(|skipped| skipped.error == "AlreadyLanded") {
        true => Total { objects: said.objects, ..Total::default() },
        false => said,
    };

    let bytes: u64 = opened.extents.iter().map(|extent| extent.bytes).sum();
    let wanted = submission
        .shard_bytes
        .unwrap_or_else(|| usual_shard_bytes(bytes, context.settings.shard_bytes));
    let Cut { shard_bytes, shards, one_shard_because } = cut(&opened.extents, wanted);
    let references = references::keep(context, keys, &contract).await?;
    let estimate = estimate(Expected {
        source_bytes: bytes,
        objects: opened.extents.len() as u64,
        is_packed: opened.layouts.iter().any(Layout::is_packed),
        shards: shards.len() as u64,
        counts_lines: contract.output.lineage && shards.iter().any(|shard| shard.from > 0),
        joined_bytes: references.iter().map(|reference| reference.copied_bytes).sum(),
        processor: basis(context).1,
    });
    check_cap(&estimate, submission.max_cost)?;
    let plan = Plan {
        steps: STEPS,
        expression_types: contract.expression_types(),
        contract: text,
        layouts: opened.layouts,
        objects: opened.extents.len() as u32,
        source_bytes: bytes,
        skipped: opened.skipped.len() as u32,
        unreadable: skipped::count_unreadable(&opened.skipped),
        first_objects: opened.first,
        more_objects: opened.more,
        skipped_list: opened.skipped_list,
        total,
        shard_bytes,
        shards: shards.len() as u32,
        key_bytes: context.settings.key_bytes,
        one_shard_because,
        references,
        estimate: Some(estimate),
        submission: submission.clone(),
    };
    // Two runs may find different versions of the source; there is but one plan. All that it was
    // made with has names of its own, so that what the other run wrote is garbage.
    match documents::write(work.as_ref(), &keys.plan(), &plan, Put::IfAbsent).await? {
        true => Ok((plan, true)),
        false => Ok((documents::read(work.as_ref(), &keys.plan()).await?, false)),
    }
}

/// The shards of a plan, as they were cut; those of a new plan are cut here.
async fn shards(context: &Context, keys: &JobKeys, plan: &Plan) -> Result<Vec<Shard>, Error> {
    let work = context.work();
    if let Some(shards) = documents::find(work.as_ref(), &keys.shards()).await? {
        return Ok(shards);
    }
    let mut objects = PlannedObjects::new(work.as_ref(), plan);
    let mut extents = Vec::with_capacity(plan.objects as usize);
    for part in 0..objects.parts() {
        for object in objects.part(part).await? {
            extents.push(Extent::of(object, plan.layout(object)?));
        }
    }
    let mut shards = cut(&extents, plan.shard_bytes).shards;
    if contract_of(plan)?.output.lineage {
        count_lines(context, plan, &mut shards).await?;
    }
    documents::write(work.as_ref(), &keys.shards(), &shards, Put::Overwrite).await?;
    Ok(shards)
}

/// The objects of a job, understood.
struct Opened {
    layouts: Vec<Layout>,
    /// The part of the list of objects that stands in the plan, and the keys of the others.
    first: Vec<PlannedObject>,
    more: Vec<String>,
    extents: Vec<Extent>,
    /// Those that are not landed, and the key of their list.
    skipped: Vec<Skipped>,
    skipped_list: Option<String>,
}

impl Opened {
    /// Refuses a job that is to land only what is new, of whose objects some landed before.
    async fn check_landed(
        &self,
        context: &Context,
        keys: &JobKeys,
        submission: &Submission,
    ) -> Result<(), Error> {
        let landed =
            || self.skipped.iter().filter_map(|object| Some((object, object.job.as_ref()?)));
        let count = landed().count();
        if !submission.refuses_landed() || count == 0 {
            return Ok(());
        }
        if let Some(list) = &self.skipped_list {
            skipped::show(context.work().as_ref(), keys, list).await?;
        }
        let named = landed().take(NAMED_LANDED);
        let mut names: Vec<String> =
            named.map(|(object, job)| format!("{} by job {job}", object.source)).collect();
        if count > NAMED_LANDED {
            names.push(format!(
                "{} more, which the job's skipped objects list",
                count - NAMED_LANDED
            ));
        }
        let (names, dataset) = (names.join(", "), &submission.dataset);
        Err(Error::new(
            ErrorKind::LandedBefore,
            format!(
                "{count} of {} objects are in {dataset} already: {names}; nothing is landed, as the job was submitted with `landed: refuse`",
                self.skipped.len() + self.extents.len()
            ),
        ))
    }

    /// Ends a job that has nothing to land.
    async fn check_any(
        &self,
        context: &Context,
        keys: &JobKeys,
        submission: &Submission,
    ) -> Result<(), Error> {
        if !self.extents.is_empty() {
            return Ok(());
        }
        if let Some(list) = &self.skipped_list {
            skipped::show(context.work().as_ref(), keys, list).await?;
        }
        Err(skipped::nothing_left(context, keys, submission, &self.skipped).await)
    }
}

/// What becomes of an object.
enum Fate {
    Lands(Box<(PlannedObject, Layout)>),
    Skipped(Skipped),
}

/// Opens the objects, many at once, and lists them in their order.
async fn open_all(
    context: &Context,
    keys: &JobKeys,
    submission: &Submission,
    contract: &Contract,
    found: Vec<Found>,
) -> Result<Opened, Error> {
    let work = context.work();
    let mut opened = Opened {
        layouts: Vec::new(),
        first: Vec::new(),
        more: Vec::new(),
        extents: Vec::with_capacity(found.len()),
        skipped: Vec::new(),
        skipped_list: None,
    };
    let mut writer = Writer::new(work.as_ref(), keys);
    // The objects by the names of their bytes, to find copies.
    let mut originals: HashMap<String, String> = HashMap::new();
    let is_only = submission.source.object().is_some();
    let opener = Opener { context, keys, submission, contract, is_only, known: Known::default() };
    let mut fates =
        stream::iter(found).map(|found| opener.open(found)).buffered(CONCURRENT_OPENINGS);
    while let Some(fate) = fates.next().await {
        match fate? {
            Fate::Lands(lands) => {
                let (mut object, layout) = *lands;
                if lands_once(submission, contract) {
                    let mut names = object.contents.iter();
                    if let Some(original) = names.find_map(|name| originals.get(name)) {
                        let message = format!("it has the same bytes as {original}");
                        let copy = Skipped::new(object.name(), "AlreadyLanded", message);
                        opened.skipped.push(copy);
                        continue;
                    }
                    let names = object.contents.iter();
                    originals.extend(names.map(|name| (name.clone(), object.name())));
                }
                object.layout = position_of(&mut opened.layouts, layout)?;
                let layout = &opened.layouts[object.layout as usize];
                opened.extents.push(Extent::of(&object, layout));
                writer.push(object).await?;
            }
            Fate::Skipped(object) => opened.skipped.push(object),
        }
    }
    opened.skipped_list = skipped::keep(work.as_ref(), keys, &opened.skipped).await?;
    (opened.first, opened.more) = writer.finish().await?;
    Ok(opened)
}

/// The position of a layout among those that are known, to which it is added if it is new.
fn position_of(layouts: &mut Vec<Layout>, layout: Layout) -> Result<u32, Error> {
    let position = layouts.iter().position(|known| known.is_like(&layout));
    if position.is_none() && layouts.len() == MAX_LAYOUTS {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "the objects have more than {MAX_LAYOUTS} different headers or dialects; land them in several jobs, or state the dialect in the contract"
            ),
        ));
    }
    Ok(position.unwrap_or_else(|| {
        layouts.push(layout);
        layouts.len() - 1
    }) as u32)
}

/// What the objects of a job are opened with.
struct Opener<'a> {
    context: &'a Context,
    keys: &'a JobKeys,
    submission: &'a Submission,
    contract: &'a Contract,
    /// The job was asked for one object and nothing else.
    is_only: bool,
    known: Known,
}

impl Opener<'_> {
    /// Pins an object and understands its beginning, or leaves it out.
    async fn open(&self, found: Found) -> Result<Fate, Error> {
        let name = found.source.name();
        match self.try_open(found).await {
            Err(error) if self.submission.skips_unreadable() && error.kind.is_of_source() => {
                Ok(Fate::Skipped(Skipped::new(name, error.name(), error.message)))
            }
            fate => fate,
        }
    }

    async fn try_open(&self, found: Found) -> Result<Fate, Error> {
        let Self { context, keys, submission, contract, is_only, ref known } = *self;
        let asked = &found.source;
        let (head, pinned) = match pin_source(context, submission, asked).await {
            Err(error) if found.is_optional && error.kind == ErrorKind::SourceMissing => {
                return Ok(Fate::Skipped(Skipped::new(asked.name(), error.name(), error.message)));
            }
            pinned => pinned?,
        };
        check_head(&found.expected, &asked.name(), &head)?;
        let mut contents = content_names(&pinned, &head);
        let mut landed =
            refuse_landed(context, submission, contract, &pinned, &contents, known).await?;
        if landed.is_none()
            && !is_only
            && lands_once(submission, contract)
            && contents.iter().all(|name| is_version_name(name))
        {
            // One object of many that turned out at the end to be there already would take all others
            // with it.
            contents.push(content_name(head.size, checksum(context, &pinned, head.size).await?));
            landed =
                refuse_landed(context, submission, contract, &pinned, &contents, known).await?;
        }
        if let Some(because) = landed {
            if is_only && !submission.refuses_landed() {
                return Err(give_way(context.work().as_ref(), keys, because).await);
            }
            let skipped = Skipped::new(pinned.name(), &because.error, because.cause);
            return Ok(Fate::Skipped(Skipped { job: because.job, ..skipped }));
        }
        let source = context.buckets.bucket(&asked.bucket);
        // What is wrong with an object that is left out is no error of the job.
        let is_told = is_only || submission.unreadable == Unreadable::Fail;
        let errors = is_told.then(|| keys.errors());
        let opening = open(context, errors.as_deref(), &pinned, head.size, contract).await?;
        let mapping =
            match_header(context, errors.as_deref(), contract, &opening, &pinned, is_only).await?;
        let data_end = find_footer(source.as_ref(), &pinned, head.size, &opening).await?;
        let object = PlannedObject {
            source: pinned,
            bytes: head.size,
            crc64nvme: head.crc64nvme.or(found.expected.crc64nvme),
            contents,
            rows: found.expected.rows,
            layout: 0,
            data_start: opening.header.data_start,
            data_lines: opening.header.lines_before_data,
            data_end,
        };
        let layout = Layout {
            compression: opening.compression,
            mapping,
            header: Verbatim(opening.rejects_header()),
            dialect: opening.dialect,
            evidence: opening.evidence,
        };
        Ok(Fate::Lands(Box::new((object, layout))))
    }
}

/// The contract of a submission, as it was registered and as it reads.
async fn registered_contract(
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
    let contract = read_contract(&text, submission)?;
    context.salt_of(&contract)?;
    Ok((text, contract))
}

/// Finds the source and pins what it is now.
async fn pin_source(
    context: &Context,
    submission: &Submission,
    asked: &SourceRef,
) -> Result<(Head, SourceRef), Error> {
    // The front door has asked likewise; a job can be started without it.
    if !replay::may_land(context, submission, asked) {
        found::check(context, asked)?;
    }
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

/// Whether the same bytes land only once.
fn lands_once(submission: &Submission, contract: &Contract) -> bool {
    contract.output.mode == Mode::Append && !submission.lands_again()
}

/// Why an object is not landed: its bytes are in the dataset already, or a newer version of it is.
async fn refuse_landed(
    context: &Context,
    submission: &Submission,
    contract: &Contract,
    pinned: &SourceRef,
    contents: &[String],
    known: &Known,
) -> Result<Option<Failure>, Error> {
    let Submission { job, dataset, .. } = submission;
    match contract.output.mode {
        Mode::Append if !submission.lands_again() => {
            landed_before(context, known, dataset, contents, job).await
        }
        mode => order::superseded(context, submission, pinned, mode).await,
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

/// Names by which the bytes are known before they are read, besides the CRC that the shards will
/// compute.
fn content_names(pinned: &SourceRef, head: &Head) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(crc) = head.crc64nvme {
        names.push(content_name(head.size, crc));
    }
    // The ETag of an object put in one go is a hash of its bytes; one with a dash is of its parts,
    // and says nothing of another upload's.
    if head.etag.len() == 32 && head.etag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        names.push(format!("{}-etag-{}", head.size, head.etag));
    } else {
        names.push(version_name(pinned, head.size));
    }
    names
}

/// The beginning of the source, understood.
async fn open(
    context: &Context,
    errors: Option<&str>,
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
            check_archive(context, errors, pinned, size, contract).await?;
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
    errors: Option<&str>,
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
        keep_errors(context, errors, lines).await?;
    }
    Err(refused)
}

/// Writes what is wrong with an object to `errors`, if that is to be told.
async fn keep_errors(context: &Context, errors: Option<&str>, lines: Vec<u8>) -> Result<(), Error> {
    if let Some(key) = errors {
        context.work().put(key, Bytes::from(lines), Put::Overwrite).await?;
    }
    Ok(())
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

/// Which column each field is. What stands in a header that does not match is told by the job's
/// errors, and only there: it may be data.
async fn match_header(
    context: &Context,
    errors: Option<&str>,
    contract: &Contract,
    opening: &Opening,
    pinned: &SourceRef,
    is_only: bool,
) -> Result<Mapping, Error> {
    if !opening.dialect.header {
        return Ok(contract.schema.match_positions());
    }
    let drift = match contract.schema.match_header(&opening.header.names) {
        Ok(mapping) => return Ok(mapping),
        Err(drift) => drift,
    };
    let mut lines = Vec::new();
    for mut entry in drift.entries(contract, &opening.found_header()) {
        entry.source = (!is_only).then(|| pinned.name());
        entry.write(&mut lines);
    }
    keep_errors(context, errors, lines).await?;
    let place = if is_only { String::new() } else { format!("{}: ", pinned.name()) };
    Err(Error::new(
        ErrorKind::SchemaDrift,
        format!("{place}{drift}; the job's errors tell what stands there"),
    ))
}

/// Numbers the line on which each range starts, for the lineage: an object that is cut is read once
/// more, at the speed of memory. Where objects that can't be read are left out, one that can't be
/// any more has no numbers: its shards leave it out.
async fn count_lines(context: &Context, plan: &Plan, shards: &mut [Shard]) -> Result<(), Error> {
    let work = context.work();
    let mut objects = PlannedObjects::new(work.as_ref(), plan);
    for shards in shards.chunk_by_mut(|a, b| a.object == b.object) {
        if let [only] = shards {
            only.line = Some(1);
            continue;
        }
        let object = objects.get(shards[0].object).await?;
        let dialect = &plan.layout(object)?.dialect;
        let source = context.buckets.bucket(&object.source.bucket);
        match count_lines_of(source.as_ref(), &object.source, dialect, shards).await {
            Err(error) if plan.submission.skips_unreadable() && error.kind.is_of_source() => {
                shards.iter_mut().for_each(|shard| shard.line = None);
            }
            counted => counted?,
        }
    }
    Ok(())
}

async fn count_lines_of(
    source: &dyn Objects,
    pinned: &SourceRef,
    dialect: &Dialect,
    shards: &mut [Shard],
) -> Result<(), Error> {
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
