//! Turns the usage of a job's invocations into its bill, priced from [one table](prices).
//!
//! Each invocation of a step is told as a [`Usage`]; a [`Bill`] adds them up by step and prices
//! them. What the steps can't see, the state machine around them and the registry, is known by its
//! structure. Not in it: the front door (per request, not per job), logs, storage, and cold starts
//! (Lambda counts the few milliseconds before the first invocation of a process, which the process
//! itself can't measure).

mod dollars;
mod elsewhere;
mod estimate;
pub mod prices;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use dollars::Dollars;
pub use elsewhere::{Elsewhere, elsewhere};
pub use estimate::{Expected, check_cap, estimate};
use prices::Processor;

/// What of a job is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// The `ingest` function.
    Ingest,
    /// The `transform` function.
    Transform,
    /// The `verify` function.
    Verify,
    /// The `transform` function, as it puts small files together.
    Merge,
    /// The `store` function, as it stores or abandons.
    Store,
    /// The state machine.
    Orchestration,
    /// The registry's table.
    Registry,
}

impl Item {
    /// The functions, each by its step.
    pub const STEPS: [Self; 4] = [Self::Ingest, Self::Transform, Self::Verify, Self::Store];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Transform => "transform",
            Self::Verify => "verify",
            Self::Merge => "merge",
            Self::Store => "store",
            Self::Orchestration => "orchestration",
            Self::Registry => "registry",
        }
    }

    /// Megabytes (2^20) of memory that the template gives the function; 0 for anything that is not
    /// a function.
    pub fn memory_mb(self) -> u64 {
        match self {
            Self::Ingest | Self::Store => 1024,
            Self::Transform | Self::Merge => 768,
            Self::Verify => 512,
            Self::Orchestration | Self::Registry => 0,
        }
    }
}

/// What invocations of a step used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Usage {
    /// How many invocations.
    pub invocations: u64,
    /// Their time, each rounded up to a whole millisecond.
    pub milliseconds: u64,
    /// Their memory over their time: megabytes (2^20) times milliseconds.
    pub mb_milliseconds: u64,
    /// Requests to the object store of the dearer kind: PUT, POST, COPY and LIST.
    pub puts: u64,
    /// Those of the cheaper kind: GET and HEAD.
    pub gets: u64,
    /// Those that cost nothing: DELETE and the abortion of uploads.
    pub deletes: u64,
    /// Bytes that were read of objects.
    pub bytes_read: u64,
    /// Bytes that were written to objects.
    pub bytes_written: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.invocations += other.invocations;
        self.milliseconds += other.milliseconds;
        self.mb_milliseconds += other.mb_milliseconds;
        self.puts += other.puts;
        self.gets += other.gets;
        self.deletes += other.deletes;
        self.bytes_read += other.bytes_read;
        self.bytes_written += other.bytes_written;
    }
}

impl Usage {
    /// What was used since `earlier`, of which this is the continuation.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            invocations: self.invocations.saturating_sub(earlier.invocations),
            milliseconds: self.milliseconds.saturating_sub(earlier.milliseconds),
            mb_milliseconds: self.mb_milliseconds.saturating_sub(earlier.mb_milliseconds),
            puts: self.puts.saturating_sub(earlier.puts),
            gets: self.gets.saturating_sub(earlier.gets),
            deletes: self.deletes.saturating_sub(earlier.deletes),
            bytes_read: self.bytes_read.saturating_sub(earlier.bytes_read),
            bytes_written: self.bytes_written.saturating_sub(earlier.bytes_written),
        }
    }
}

/// A document of an invocation that no receipt tells of: `spent/<name>.json` beside the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The step.
    pub item: Item,
    /// What it used.
    pub usage: Usage,
    /// When it began, as `2026-01-31T12:00:00.000Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The name of the failure that it ended with, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How far a bill is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Time, memory and requests as the functions measured them.
    Measured,
    /// Nothing of it was paid: what a plan expects, or what a landing on one's own machine would
    /// have cost on AWS, by its time and requests there and the memory that the template gives the
    /// functions.
    Estimate,
}

/// What a job costs, list prices without free tiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// How far it is to be believed.
    pub basis: Basis,
    /// The region of the prices.
    pub region: String,
    /// The day on which the prices were last compared with published ones, as `2026-11-24`.
    pub prices: String,
    /// What the functions run on.
    pub processor: Processor,
    /// All lines, in USD.
    pub total: Dollars,
    /// What is paid for, by item.
    pub lines: BTreeMap<Item, Line>,
    /// What the same bytes would cost elsewhere.
    pub elsewhere: Elsewhere,
}

/// A line of a bill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// What it costs, in USD.
    pub cost: Dollars,
    /// What the function used.
    #[serde(flatten)]
    pub usage: Usage,
    /// State transitions, of the state machine.
    #[serde(skip_serializing_if = "is_zero")]
    pub transitions: u64,
    /// Express executions, one for each shard of a map.
    #[serde(skip_serializing_if = "is_zero")]
    pub express: u64,
    /// Units written to the registry's table, its indexes included.
    #[serde(skip_serializing_if = "is_zero")]
    pub writes: u64,
    /// Units read of it.
    #[serde(skip_serializing_if = "is_zero")]
    pub reads: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Bill {
    /// Prices what the invocations of each step used, for a source of so many bytes.
    pub fn new(
        basis: Basis,
        processor: Processor,
        usages: impl IntoIterator<Item = (Item, Usage)>,
        source_bytes: u64,
    ) -> Self {
        let mut bill = Self {
            basis,
            region: prices::REGION.to_owned(),
            prices: prices::LOOKED_UP.to_owned(),
            processor,
            total: Dollars::default(),
            lines: BTreeMap::new(),
            elsewhere: elsewhere(source_bytes),
        };
        for (item, usage) in usages {
            bill.lines.entry(item).or_default().usage += usage;
        }
        bill.price();
        bill
    }

    /// Adds what an invocation used, after the bill was made.
    pub fn add(&mut self, item: Item, usage: Usage) {
        self.lines.entry(item).or_default().usage += usage;
        self.price();
    }

    fn price(&mut self) {
        let used = |item| self.lines.get(&item).map_or_else(Usage::default, |line| line.usage);
        let functions = Item::STEPS.into_iter().chain([Item::Merge]);
        let invocations: u64 = functions.map(|item| used(item).invocations).sum();
        // More than one shard, or merge, is a map: each is an execution of its own. A retry of the
        // only one looks like a second one, which errs by a millionth of a dollar.
        let maps: Vec<Usage> = [Item::Transform, Item::Merge]
            .map(used)
            .into_iter()
            .filter(|usage| usage.invocations > 1)
            .collect();
        let express = maps.iter().map(|map| map.invocations).sum();
        let orchestration = Line {
            // Every invocation is a transition, a retry too; of a map its children's are, and the
            // map itself.
            transitions: prices::TRANSITIONS_OF_A_JOB + invocations + maps.len() as u64,
            express,
            ..Line::default()
        };
        self.lines.insert(Item::Orchestration, orchestration);
        let registry = Line {
            writes: prices::WRITES_OF_A_JOB,
            reads: prices::READS_OF_A_JOB,
            ..Line::default()
        };
        self.lines.insert(Item::Registry, registry);
        let express_ms = maps.iter().map(|map| map.milliseconds).sum();
        for line in self.lines.values_mut() {
            line.cost =
                prices::functions(line.usage, self.processor) + prices::requests(line.usage);
            line.cost += prices::state_machine(
                line.transitions,
                line.express,
                if line.express > 0 { express_ms } else { 0 },
            );
            line.cost += prices::registry(line.writes, line.reads);
        }
        self.total = self.lines.values().map(|line| line.cost).sum();
    }
}

#[cfg(test)]
mod tests;
