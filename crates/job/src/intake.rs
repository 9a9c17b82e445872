//! The settings of a contract that those who begin jobs go by. They don't read contracts.

use serde::{Deserialize, Serialize};

/// When jobs of a dataset begin, and when one is missed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Intake {
    /// Which arrivals are landed together.
    pub arrivals: Arrivals,
    /// The objects to land at set times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// How many seconds after a job another one is expected, at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// How many jobs run at once, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u32>,
    /// A field whose values are hashed, which needs the deployment's salt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hashed: Option<String>,
}

impl Intake {
    /// The most jobs that a limit may allow at once: whoever gives turns looks at each of them.
    pub const MOST_CONCURRENT: u32 = 100;
}

/// Lands the new objects under a prefix at set times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// The times, as crontab(5) writes them: minute, hour, day, month, day of the week.
    pub cron: String,
    /// The time zone of the times, by its name in the IANA database.
    pub timezone: String,
    /// The bucket; `None`: the inbox's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The prefix of the objects' keys.
    pub prefix: String,
    /// A glob that the rest of each key matches; `None`: every key is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glob: Option<String>,
}

/// Which arrivals are landed together: a batch is one job of what came in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Arrivals {
    /// Most files of a batch.
    pub max_files: u32,
    /// Bytes at which a batch is full. A file with as many does not wait for others.
    pub max_bytes: u64,
    /// Seconds from the first file of a batch until it is landed; none: no file waits for others.
    pub max_seconds: u32,
}

impl Arrivals {
    /// Most files of a batch, whatever a contract asks for.
    pub const MOST_FILES: u32 = 10_000;
    /// Most bytes of a batch, whatever a contract asks for.
    pub const MOST_BYTES: u64 = 1 << 30;
    /// The longest wait: SQS delays a message by 15 minutes at most.
    pub const MOST_SECONDS: u32 = 900;

    /// Each file is a job of its own.
    pub const ALONE: Self = Self { max_files: 1, max_bytes: 0, max_seconds: 0 };

    /// Whether a file of so many bytes waits for others.
    pub fn gathers(&self, bytes: u64) -> bool {
        self.max_seconds > 0 && self.max_files > 1 && bytes < self.max_bytes
    }

    /// Whether a batch of so many files and bytes takes no more.
    pub fn is_full(&self, files: u32, bytes: u64) -> bool {
        files >= self.max_files || bytes >= self.max_bytes
    }
}

impl Default for Arrivals {
    /// Files of 8 MiB and more land at once, and smaller ones together within 30 seconds.
    fn default() -> Self {
        Self { max_files: 1_000, max_bytes: 8 << 20, max_seconds: 30 }
    }
}
