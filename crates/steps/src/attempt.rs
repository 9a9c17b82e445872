//! One attempt at a piece of a job, of which others may run at the same time: whichever writes its
//! receipt first is the one that counts.

use job::bill::Usage;
use job::message::{Failure, JobKeys, NotedFailure, ShardRound};
use job::{Error, ErrorKind};
use landing::commit::Receipt;
use landing::merge::MergeReceipt;
use objects::Put;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::decision::refuse_if_undone;
use crate::spending::Meter;
use crate::{Context, documents};

/// What an attempt leaves: it names what was written.
pub(crate) trait Leaves: Serialize + DeserializeOwned + Send + Sync {
    /// The attempt that wrote it.
    fn attempt(&self) -> &str;

    /// Puts down when the attempt began, and what it used.
    fn spend(&mut self, started: &str, usage: Usage);

    /// The uploads that it leaves open, each with its key.
    fn open_uploads(&self) -> Vec<(&str, &str)>;

    /// The keys of the small files that it leaves beside the job.
    fn small_files(&self) -> Vec<&str>;
}

impl Leaves for Receipt {
    fn attempt(&self) -> &str {
        &self.attempt
    }

    fn spend(&mut self, started: &str, usage: Usage) {
        self.started = Some(started.to_owned());
        self.spent = Some(usage);
    }

    fn open_uploads(&self) -> Vec<(&str, &str)> {
        self.files.iter().map(|file| (file.key.as_str(), file.upload.as_str())).collect()
    }

    fn small_files(&self) -> Vec<&str> {
        self.small.iter().map(|file| file.key.as_str()).collect()
    }
}

impl Leaves for MergeReceipt {
    fn attempt(&self) -> &str {
        &self.attempt
    }

    fn spend(&mut self, _started: &str, usage: Usage) {
        self.spent = usage;
    }

    fn open_uploads(&self) -> Vec<(&str, &str)> {
        let files = self.files.iter().map(|merged| &merged.file);
        files.map(|file| (file.key.as_str(), file.upload.as_str())).collect()
    }

    fn small_files(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// An attempt among others.
pub(crate) struct Attempt<'a> {
    /// The step's surroundings.
    pub(crate) context: &'a Context,
    /// The keys of the job.
    pub(crate) keys: &'a JobKeys,
    /// The shard, unless it is an attempt at a merge.
    pub(crate) shard: Option<ShardRound>,
    /// The key of the receipt.
    pub(crate) receipt: String,
    /// Unique to this attempt.
    pub(crate) name: &'a str,
    /// What it uses.
    pub(crate) meter: &'a Meter,
}

impl Attempt<'_> {
    /// Does `work`, which clears up after itself if it fails, unless a receipt is there already.
    /// Answers the receipt that counts. Where it is this attempt's, it tells what the attempt used;
    /// otherwise the attempt notes that itself.
    pub(crate) async fn run<R: Leaves>(
        &self,
        work: impl Future<Output = Result<R, Error>>,
    ) -> Result<R, Error> {
        let outcome = self.leave_receipt(work).await;
        if !outcome.as_ref().is_ok_and(|receipt| receipt.attempt() == self.name) {
            let error = outcome.as_ref().err().map(Error::name);
            self.meter.note_end(self.context, self.keys, error).await;
        }
        outcome
    }

    async fn leave_receipt<R: Leaves>(
        &self,
        work: impl Future<Output = Result<R, Error>>,
    ) -> Result<R, Error> {
        let objects = self.context.work();
        if let Some(there) = documents::find::<R>(objects.as_ref(), &self.receipt).await? {
            self.clear_if_undone(&there).await?;
            return Ok(there);
        }
        let mut receipt = match work.await {
            Ok(receipt) => receipt,
            Err(error) => {
                if !error.is_transient() && error.kind != ErrorKind::Cancelled {
                    self.note_failure(&error).await;
                }
                return Err(error);
            }
        };
        let usage = self.meter.usage();
        let spent = Usage { puts: usage.puts + 1, ..usage };
        receipt.spend(self.meter.started(), spent);
        let counting = match self.leave(&receipt).await? {
            None => {
                self.meter.is_told(spent);
                None
            }
            Some(winner) => Some(winner),
        };
        self.clear_if_undone(&receipt).await?;
        Ok(counting.unwrap_or(receipt))
    }

    /// Keeps the first permanent failure: a Distributed Map tells only that some child failed.
    async fn note_failure(&self, error: &Error) {
        let noted =
            NotedFailure { failure: Failure::from(error), shard: self.shard, byte: error.byte };
        let (work, key) = (self.context.work(), self.keys.failure());
        if let Err(error) = documents::write(work.as_ref(), &key, &noted, Put::IfAbsent).await {
            tracing::warn!(error = error.name(), "the failure can't be noted");
        }
    }

    /// Writes the receipt; answers the one that counts, if that is another one.
    async fn leave<R: Leaves>(&self, receipt: &R) -> Result<Option<R>, Error> {
        let objects = self.context.work();
        if documents::write(objects.as_ref(), &self.receipt, receipt, Put::IfAbsent).await? {
            return Ok(None);
        }
        // Another attempt was faster, or this one wrote it and the answer was lost.
        let winner: R = documents::read(objects.as_ref(), &self.receipt).await?;
        if winner.attempt() == self.name {
            return Ok(None);
        }
        abort(self.context, receipt).await;
        Ok(Some(winner))
    }

    /// Ends the work for a job that is decided not to commit, and clears up what a receipt names.
    ///
    /// It is the last thing that an attempt does: whoever settles the job decides first and looks
    /// for its uploads afterwards, so what is missed here is found there.
    async fn clear_if_undone<R: Leaves>(&self, receipt: &R) -> Result<(), Error> {
        let undone = refuse_if_undone(self.context.work().as_ref(), self.keys).await;
        if undone.as_ref().is_err_and(|error| error.kind == ErrorKind::Cancelled) {
            for (key, upload) in receipt.open_uploads() {
                self.context.lake().abort_upload(key, upload).await?;
            }
            for key in receipt.small_files() {
                self.context.work().delete(key).await?;
            }
        }
        undone
    }
}

/// Aborts the uploads that a receipt names, as far as it goes: the bucket's lifecycle ends others.
pub(crate) async fn abort<R: Leaves>(context: &Context, receipt: &R) {
    for (key, upload) in receipt.open_uploads() {
        if let Err(error) = context.lake().abort_upload(key, upload).await {
            tracing::warn!(key = objects::shown(key), %error, "an upload stays open");
        }
    }
}
