//! The registry's logic, once for all tables.

use std::collections::BTreeSet;

use async_trait::async_trait;
use job::message::{JobId, SourceRef};
use job::{Arrivals, DatasetName, Datasets, Intake};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::attempts::Attempts;
use crate::table::{Key, List, Table, When, Write, entry, read};
use crate::texts::Held;
use crate::{
    Arrival, Batch, ContractVersion, Error, Gathered, JobChange, JobFilter, JobRecord, JobStatus,
    MAX_CONTENTS, MAX_PAGE, Newest, Page, Registry, Result, StoredContract, cursor,
};
use crate::{gathering, turns};

/// The entry of a contract.
#[derive(Serialize, Deserialize)]
struct Contract {
    #[serde(flatten)]
    version: ContractVersion,
    /// Lists show no more of a version than its number, so it is kept beside it.
    #[serde(default)]
    intake: Intake,
    #[serde(flatten)]
    held: Held,
}

impl Contract {
    fn listed(self) -> ContractVersion {
        ContractVersion { intake: self.intake, ..self.version }
    }
}

impl ContractVersion {
    fn with(self, text: String) -> StoredContract {
        let Self { dataset, version, created, intake } = self;
        StoredContract { dataset, version, created, text, intake }
    }
}

/// The entry of a content that was loaded.
#[derive(Serialize, Deserialize)]
struct Claim {
    content: String,
    job: JobId,
}

#[async_trait]
impl<T: Table> Registry for T {
    async fn put_contract(
        &self,
        dataset: &DatasetName,
        text: &str,
        intake: &Intake,
        now: &str,
    ) -> Result<StoredContract> {
        let (head, mut attempts) = (Key::dataset(dataset), Attempts::default());
        let held = Held::of(text);
        let mut is_kept = false;
        loop {
            let newest =
                page::<_, Contract>(self, List::Versions(dataset.clone()), &Datasets::All, None, 1)
                    .await?
                    .items
                    .pop();
            let version = newest.as_ref().map_or(1, |newest| newest.version.version + 1);
            if let Some(newest) = newest.filter(|newest| newest.held == held)
                && self.get(&head).await?.is_some()
            {
                return Ok(newest.listed().with(text.to_owned()));
            }
            // Its parts come before what names them, and they are the same for whoever writes them.
            if !std::mem::replace(&mut is_kept, true) {
                held.keep(self, dataset, text).await?;
            }
            let version = ContractVersion {
                dataset: dataset.clone(),
                version,
                created: now.to_owned(),
                intake: intake.clone(),
            };
            let (held, intake) = (held.clone(), intake.clone());
            let contract = entry(&Contract { version: version.clone(), held, intake });
            // Whoever puts the version first, wins; the head goes with it and so needs no condition
            // of its own.
            let first =
                Write::put(Key::version(dataset, version.version), contract.clone(), When::Absent);
            if self.write(vec![first, Write::put(head.clone(), contract, When::Always)]).await? {
                return Ok(version.with(text.to_owned()));
            }
            attempts.pause(&head).await?;
        }
    }

    async fn contract(
        &self,
        dataset: &DatasetName,
        version: Option<u32>,
    ) -> Result<Option<StoredContract>> {
        let key =
            version.map_or_else(|| Key::dataset(dataset), |version| Key::version(dataset, version));
        let Some(contract) = get::<_, Contract>(self, &key).await? else { return Ok(None) };
        let text = contract.held.clone().read(self, dataset).await?;
        Ok(Some(contract.listed().with(text)))
    }

    async fn contract_versions(
        &self,
        dataset: &DatasetName,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ContractVersion>> {
        page(self, List::Versions(dataset.clone()), &Datasets::All, after, limit).await
    }

    async fn datasets(
        &self,
        among: &Datasets,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ContractVersion>> {
        page(self, List::Datasets, among, after, limit).await
    }

    async fn delete_dataset(&self, dataset: &DatasetName) -> Result<bool> {
        self.write(vec![Write::delete(Key::dataset(dataset), When::Present)]).await
    }

    async fn put_job(&self, job: &JobRecord) -> Result<Option<JobRecord>> {
        let key = Key::job(&job.submission.job);
        if self.write(vec![Write::put(key.clone(), entry(job), When::Absent)]).await? {
            return Ok(None);
        }
        match get(self, &key).await? {
            Some(there) => Ok(Some(there)),
            None => Err(Error::Unavailable(format!("`{key}` was deleted while it was put"))),
        }
    }

    async fn job(&self, id: &JobId) -> Result<Option<JobRecord>> {
        get(self, &Key::job(id)).await
    }

    async fn jobs(
        &self,
        filter: &JobFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<JobRecord>> {
        page(self, List::Jobs(filter.clone()), &filter.among, after, limit).await
    }

    async fn update_job(
        &self,
        id: &JobId,
        change: &JobChange,
        now: &str,
    ) -> Result<Option<JobRecord>> {
        let (key, mut attempts) = (Key::job(id), Attempts::default());
        loop {
            let Some(before) = self.get(&key).await? else { return Ok(None) };
            let mut job: JobRecord = read(&key, &before)?;
            if job.is_over() || change.redrives.is_some_and(|redrives| redrives != job.redrives) {
                return Ok(Some(job));
            }
            apply(&mut job, change, now);
            if self.write(vec![Write::put(key.clone(), entry(&job), When::Is(before))]).await? {
                return Ok(Some(job));
            }
            attempts.pause(&key).await?;
        }
    }

    async fn redrive_job(
        &self,
        id: &JobId,
        redrives: u32,
        status: JobStatus,
        now: &str,
    ) -> Result<Option<JobRecord>> {
        let (key, mut attempts) = (Key::job(id), Attempts::default());
        loop {
            let Some(before) = self.get(&key).await? else { return Ok(None) };
            let job: JobRecord = read(&key, &before)?;
            if job.redrivable_until.is_none() || job.redrives + 1 != redrives {
                return Ok(Some(job));
            }
            let job = JobRecord {
                status,
                redrives,
                redrivable_until: None,
                execution: None,
                counts: None,
                failure: None,
                updated: now.to_owned(),
                ..job
            };
            if self.write(vec![Write::put(key.clone(), entry(&job), When::Is(before))]).await? {
                return Ok(Some(job));
            }
            attempts.pause(&key).await?;
        }
    }

    async fn take_turns(
        &self,
        dataset: &DatasetName,
        job: Option<&JobId>,
        limit: u32,
    ) -> Result<Vec<JobId>> {
        turns::take(self, dataset, job, limit).await
    }

    async fn loaded(&self, dataset: &DatasetName, contents: &[String]) -> Result<Option<JobId>> {
        owner(self, dataset, contents, None).await
    }

    async fn claim(
        &self,
        dataset: &DatasetName,
        contents: &[String],
        job: &JobId,
        force: bool,
    ) -> Result<Option<JobId>> {
        let distinct: BTreeSet<&String> = contents.iter().collect();
        if distinct.len() > MAX_CONTENTS {
            return Err(Error::Impossible(format!(
                "a job claims at most {MAX_CONTENTS} contents, not {}",
                distinct.len()
            )));
        }
        let writes: Vec<Write> =
            distinct.into_iter().map(|content| claim(dataset, content, job, force)).collect();
        let mut attempts = Attempts::default();
        while !writes.is_empty() && !self.write(writes.clone()).await? {
            // Nobody's by now: it was given up in between.
            if let Some(other) = owner(self, dataset, contents, Some(job)).await? {
                return Ok(Some(other));
            }
            attempts.pause(&writes[0].key).await?;
        }
        Ok(None)
    }

    async fn release(&self, dataset: &DatasetName, contents: &[String], job: &JobId) -> Result<()> {
        for content in contents {
            let mine = entry(&Claim { content: content.clone(), job: job.clone() });
            self.write(vec![Write::delete(Key::claim(dataset, content), When::Is(mine))]).await?;
        }
        Ok(())
    }

    async fn newest(&self, dataset: &DatasetName, place: &str) -> Result<Option<Newest>> {
        get(self, &Key::newest(dataset, place)).await
    }

    async fn set_newest(
        &self,
        dataset: &DatasetName,
        before: Option<&Newest>,
        newest: &Newest,
    ) -> Result<bool> {
        let when = before.map_or(When::Absent, |before| When::Is(entry(before)));
        self.write(vec![Write::put(
            Key::newest(dataset, &newest.source.place()),
            entry(newest),
            when,
        )])
        .await
    }

    async fn arrive(
        &self,
        dataset: &DatasetName,
        source: &SourceRef,
        job: &JobId,
    ) -> Result<JobId> {
        let key = Key::arrival(dataset, source);
        if self.write(vec![Write::put(key.clone(), entry(job), When::Absent)]).await? {
            return Ok(job.clone());
        }
        // Nobody deletes them.
        Ok(get(self, &key).await?.unwrap_or_else(|| job.clone()))
    }

    async fn arrived(&self, dataset: &DatasetName, source: &SourceRef) -> Result<Option<JobId>> {
        get(self, &Key::arrival(dataset, source)).await
    }

    async fn gather(
        &self,
        dataset: &DatasetName,
        arrivals: &[Arrival],
        limits: &Arrivals,
        now: &str,
    ) -> Result<Gathered> {
        gathering::gather(self, dataset, arrivals, limits, now).await
    }

    async fn batch(&self, dataset: &DatasetName) -> Result<Option<Batch>> {
        get(self, &Key::batch(dataset)).await
    }

    async fn close_batch(&self, dataset: &DatasetName, job: &JobId) -> Result<Option<Batch>> {
        let (key, mut attempts) = (Key::batch(dataset), Attempts::default());
        loop {
            let Some(before) = self.get(&key).await? else { return Ok(None) };
            let batch: Batch = read(&key, &before)?;
            if batch.job != *job {
                return Ok(None);
            }
            if batch.is_closed {
                return Ok(Some(batch));
            }
            let closed = Batch { is_closed: true, ..batch };
            let write = Write::put(key.clone(), entry(&closed), When::Is(before));
            if self.write(vec![write]).await? {
                return Ok(Some(closed));
            }
            attempts.pause(&key).await?;
        }
    }

    async fn tell_once(&self, dataset: &DatasetName, told: &str) -> Result<bool> {
        let key = Key::note(dataset, told);
        self.write(vec![Write::put(key, entry(&told), When::Absent)]).await
    }

    async fn forget_batch(&self, batch: &Batch) -> Result<()> {
        let key = Key::batch(&batch.dataset);
        let Some(there) = self.get(&key).await? else { return Ok(()) };
        let Batch { job, is_closed, .. } = read(&key, &there)?;
        if job == batch.job && is_closed {
            // Refused means that somebody else has forgotten it, as a closed one changes no more.
            self.write(vec![Write::delete(key, When::Is(there))]).await?;
        }
        Ok(())
    }

    async fn gathered(&self, job: &JobId) -> Result<Vec<Arrival>> {
        let mut all = Vec::new();
        for part in 0.. {
            match get::<_, Vec<Arrival>>(self, &Key::gathered(job, part)).await? {
                Some(arrivals) => all.extend(arrivals),
                None => break,
            }
        }
        Ok(all)
    }

    async fn count_request(&self, caller: &str, minute: u64) -> Result<u64> {
        // Whatever the clocks of the callers' functions say, it is over by then.
        self.count(&Key::requests(caller, minute), (minute + 60) * 60).await
    }
}

fn apply(job: &mut JobRecord, change: &JobChange, now: &str) {
    if let Some(status) = change.status {
        let until = &change.redrivable_until;
        if stage(status, until) > stage(job.status, &job.redrivable_until) {
            (job.status, job.redrivable_until) = (status, until.clone());
        }
    }
    if let Some(source) = &change.source {
        job.submission.source = source.clone().into();
    }
    if let Some(objects) = change.objects {
        job.objects = Some(objects);
    }
    job.execution = change.execution.clone().or(job.execution.take());
    job.hold = change.hold.clone().or(job.hold.take());
    job.counts = change.counts.or(job.counts);
    job.sequence = change.sequence.or(job.sequence);
    job.failure = change.failure.clone().or(job.failure.take());
    job.bill = change.bill.clone().or(job.bill.take());
    // A step that runs again warns of the same, and a later one may know more of it.
    for warning in &change.warnings {
        match job.warnings.iter_mut().find(|known| known.name == warning.name) {
            Some(known) => *known = warning.clone(),
            None => job.warnings.push(warning.clone()),
        }
    }
    job.updated = now.to_owned();
}

/// How far a job is on its way. One that failed and can be redriven has not come to its end: it may
/// still be cancelled.
fn stage(status: JobStatus, redrivable_until: &Option<String>) -> (JobStatus, bool) {
    match redrivable_until {
        Some(_) => (JobStatus::Held, true),
        None => (status, false),
    }
}

fn claim(dataset: &DatasetName, content: &str, job: &JobId, force: bool) -> Write {
    let mine = entry(&Claim { content: content.to_owned(), job: job.clone() });
    let when = if force { When::Always } else { When::AbsentOrIs(mine.clone()) };
    Write::put(Key::claim(dataset, content), mine, when)
}

/// The first job other than `except` to which one of the contents belongs.
async fn owner(
    table: &dyn Table,
    dataset: &DatasetName,
    contents: &[String],
    except: Option<&JobId>,
) -> Result<Option<JobId>> {
    for content in contents {
        let claim: Option<Claim> = get(table, &Key::claim(dataset, content)).await?;
        if let Some(claim) = claim.filter(|claim| Some(&claim.job) != except) {
            return Ok(Some(claim.job));
        }
    }
    Ok(None)
}

pub(crate) async fn get<T: Table + ?Sized, R: DeserializeOwned>(
    table: &T,
    key: &Key,
) -> Result<Option<R>> {
    table.get(key).await?.map(|entry| read(key, &entry)).transpose()
}

/// What lists hold: each is of a dataset.
trait Listed: DeserializeOwned {
    fn dataset(&self) -> &DatasetName;
}

impl Listed for JobRecord {
    fn dataset(&self) -> &DatasetName {
        &self.submission.dataset
    }
}

impl Listed for ContractVersion {
    fn dataset(&self) -> &DatasetName {
        &self.dataset
    }
}

impl Listed for Contract {
    fn dataset(&self) -> &DatasetName {
        self.version.dataset()
    }
}

/// Entries that are looked at in one go where only those of some datasets are listed.
const SIFTED: usize = 200;

async fn page<T: Table, R: Listed>(
    table: &T,
    list: List,
    among: &Datasets,
    after: Option<&str>,
    limit: u32,
) -> Result<Page<R>> {
    let mut after = after.map(|text| cursor::read(&list, text)).transpose()?;
    // One more than asked for tells whether there is another page.
    let wanted = limit.clamp(1, MAX_PAGE) as usize + 1;
    let (mut items, mut last) = (Vec::new(), None);
    loop {
        let asked = match among {
            Datasets::All => wanted,
            Datasets::Of(_) => wanted.max(SIFTED),
        };
        let found = table.list(&list, after.as_ref(), asked).await?;
        let is_end = found.len() < asked;
        for (position, entry) in found {
            let item: R = read(&position.key, &entry)?;
            if among.has(item.dataset()) {
                if items.len() + 1 == wanted {
                    let next = last.map(|last| cursor::write(&list, last));
                    return Ok(Page { items, next });
                }
                items.push(item);
                last = Some(position.clone());
            }
            after = Some(position);
        }
        if is_end {
            return Ok(Page { items, next: None });
        }
    }
}
