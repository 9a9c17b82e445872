//! Estimates what the same bytes would cost elsewhere: for the scale of a bill, not as a
//! measurement.

use serde::{Deserialize, Serialize};

use super::{Dollars, prices};

/// What others would ask for the same bytes of CSV, at the same list prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Elsewhere {
    /// A Glue job of two DPUs, the fewest that Spark takes, at 100 MB/s each, and a minute at
    /// least.
    pub glue: Dollars,
    /// `CREATE TABLE AS SELECT` in Athena: what it scans, and 10 MB at least.
    pub athena_ctas: Dollars,
    /// Snowpipe, in the Standard edition. A packed source would cost more, as it counts what it
    /// unpacks to.
    pub snowpipe: Dollars,
}

/// Fewest DPUs of a Glue job.
const GLUE_DPUS: u64 = 2;
/// Bytes that a DPU works in a second: generous, as its four processors read, type and write CSV at
/// some 25 MB/s each.
const GLUE_BYTES_PER_SECOND: u64 = 100_000_000;
/// Least seconds that a Glue job counts.
const GLUE_LEAST_SECONDS: u64 = 60;
/// Least bytes that a query of Athena counts.
const ATHENA_LEAST_BYTES: u64 = 10_000_000;
const TERABYTE: u64 = 1_000_000_000_000;

/// What others would ask for a source of so many bytes.
pub fn elsewhere(source_bytes: u64) -> Elsewhere {
    let glue_seconds =
        source_bytes.div_ceil(GLUE_BYTES_PER_SECOND * GLUE_DPUS).max(GLUE_LEAST_SECONDS);
    Elsewhere {
        glue: Dollars::times(glue_seconds * GLUE_DPUS, prices::GLUE_DPU_HOUR, 3600),
        athena_ctas: Dollars::times(
            source_bytes.max(ATHENA_LEAST_BYTES),
            prices::ATHENA_TERABYTE,
            TERABYTE,
        ),
        snowpipe: Dollars::times(source_bytes, prices::SNOWPIPE_TERABYTE, TERABYTE),
    }
}
