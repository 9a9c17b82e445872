//! What an invocation of a step uses: its time, its memory, its requests.
//!
//! A shard's receipt tells what its attempt used. Every other invocation, and an attempt that lost
//! or failed, leaves a document of its own, so that nothing is counted twice and nothing is lost
//! but what an invocation used that was killed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use job::bill::prices::Processor;
use job::bill::{Basis, Item, Spent, Usage};
use job::message::JobKeys;
use landing::commit::Receipt;
use landing::merge::MergeReceipt;
use objects::{Metered, Metering, Put};

use crate::context::now;
use crate::{Context, documents};

/// One invocation, measured.
pub(crate) struct Meter {
    item: Item,
    /// The name of its document.
    name: String,
    begun: Instant,
    /// The moment of that, for people: hosts' clocks differ, so nothing is measured by it.
    started: String,
    memory_mb: u64,
    requests: Arc<Metering>,
    /// What a document tells already.
    told: Mutex<Usage>,
}

impl Meter {
    /// Starts to measure: the requests that are made through the context that it answers.
    pub(crate) fn start(context: &Context, item: Item) -> (Context, Self) {
        Self::named(context, item, format!("{}-{}", item.name(), uuid::Uuid::new_v4().simple()))
    }

    /// Starts to measure an attempt at a shard.
    pub(crate) fn of_attempt(
        context: &Context,
        round: u32,
        shard: u32,
        attempt: &str,
    ) -> (Context, Self) {
        Self::named(context, Item::Transform, attempt_name(round, shard, attempt))
    }

    /// Starts to measure an attempt at a merge.
    pub(crate) fn of_merge(context: &Context, merge: u32, attempt: &str) -> (Context, Self) {
        Self::named(context, Item::Merge, merge_name(merge, attempt))
    }

    fn named(context: &Context, item: Item, name: String) -> (Context, Self) {
        let (buckets, requests) = Metered::new(context.buckets.clone());
        let memory_mb = context.settings.memory_mb.unwrap_or_else(|| item.memory_mb());
        let meter = Self {
            item,
            name,
            begun: Instant::now(),
            started: now(),
            memory_mb,
            requests,
            told: Mutex::default(),
        };
        (Context { buckets: Arc::new(buckets), ..context.clone() }, meter)
    }

    /// When it began.
    pub(crate) fn started(&self) -> &str {
        &self.started
    }

    /// What it used so far.
    pub(crate) fn usage(&self) -> Usage {
        let milliseconds = self.begun.elapsed().as_micros().div_ceil(1000) as u64;
        Usage {
            invocations: 1,
            milliseconds,
            mb_milliseconds: milliseconds * self.memory_mb,
            ..self.requests.usage()
        }
    }

    /// What it used since the last time that it was asked for this: whoever asks writes it down.
    pub(crate) fn unreported(&self) -> Usage {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let usage = self.usage();
        let news = usage.since(*told);
        *told = usage;
        news
    }

    /// Heeds that a receipt tells of `usage`.
    pub(crate) fn is_told(&self, usage: Usage) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }

    /// Leaves a document of what was not told yet. A step does not fail for it.
    pub(crate) async fn note(&self, context: &Context, keys: &JobKeys) {
        self.note_end(context, keys, None).await;
    }

    /// The same, with the name of the failure that it ended with, if it failed.
    pub(crate) async fn note_end(&self, context: &Context, keys: &JobKeys, error: Option<&str>) {
        let is_news = *self.told.lock().unwrap_or_else(PoisonError::into_inner) != Usage::default();
        let mut usage = self.unreported();
        usage.puts += 1;
        // A document of the receipt's name would be taken for the receipt's.
        let name = if is_news { format!("{}-later", self.name) } else { self.name.clone() };
        let spent = Spent {
            item: self.item,
            usage,
            started: Some(self.started.clone()),
            error: error.map(str::to_owned),
        };
        if let Err(error) =
            documents::write(context.work().as_ref(), &keys.spent(&name), &spent, Put::Overwrite)
                .await
        {
            tracing::warn!(error = error.name(), "what the invocation used can't be noted");
        }
    }
}

/// The name of an attempt at a shard among the documents of what was used.
pub(crate) fn attempt_name(round: u32, shard: u32, attempt: &str) -> String {
    format!("{}-{round}-{shard:06}-{attempt}", Item::Transform.name())
}

/// The name of an attempt at a merge.
fn merge_name(merge: u32, attempt: &str) -> String {
    format!("{}-{merge:06}-{attempt}", Item::Merge.name())
}

/// The name of the attempt of a merge's receipt.
pub(crate) fn name_of_merge(receipt: &MergeReceipt) -> String {
    merge_name(receipt.merge, &receipt.attempt)
}

/// The name of the attempt of a receipt.
pub(crate) fn name_of(receipt: &Receipt) -> String {
    attempt_name(receipt.round, receipt.shard, &receipt.attempt)
}

/// How far bills of this deployment are to be believed, and what its functions run on. A function
/// knows its memory; nobody pays for what runs elsewhere.
pub(crate) fn basis(context: &Context) -> (Basis, Processor) {
    match context.settings.memory_mb {
        Some(_) if std::env::consts::ARCH == "x86_64" => (Basis::Measured, Processor::X86),
        Some(_) => (Basis::Measured, Processor::Arm64),
        None => (Basis::Estimate, Processor::Arm64),
    }
}
