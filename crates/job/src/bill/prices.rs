//! Holds the one table of prices: list prices of us-east-1, first tier, without free tiers.
//!
//! The pages are those on which their owners publish the prices. On [`LOOKED_UP`] they were
//! compared with copies of these pages and with articles that quote them, not with an invoice. A
//! change of a price changes the date.
//!
//! | what | price in USD | page |
//! |---|---|---|
//! | Lambda, arm64 | 0.0000133334 a GB-second (GB: 2^30 bytes) | <https://aws.amazon.com/lambda/pricing/> |
//! | Lambda, x86-64 | 0.0000166667 a GB-second | the same |
//! | Lambda, invocations | 0.20 a million | the same |
//! | Step Functions, Standard | 0.025 a thousand transitions | <https://aws.amazon.com/step-functions/pricing/> |
//! | Step Functions, Express | 1.00 a million executions, 0.00001667 a GB-second in pieces of 64 MB and 100 ms | the same |
//! | S3 Standard, PUT, COPY, POST, LIST | 0.005 a thousand | <https://aws.amazon.com/s3/pricing/> |
//! | S3 Standard, GET, HEAD and others | 0.0004 a thousand; DELETE and the abortion of uploads are free | the same |
//! | DynamoDB on demand, Standard table | 0.625 a million units written, 0.125 a million units read | <https://aws.amazon.com/dynamodb/pricing/on-demand/> |
//! | Glue | 0.44 a DPU-hour, a minute at least | <https://aws.amazon.com/glue/pricing/> |
//! | Athena | 5.00 a terabyte scanned, 10 MB at least | <https://aws.amazon.com/athena/pricing/> |
//! | Snowpipe | 0.0037 credits a GB of text, a credit at 2.00 (Standard edition) | <https://docs.snowflake.com/user-guide/data-load-snowpipe-billing> |

use serde::{Deserialize, Serialize};

use super::{Dollars, Usage};

/// The region of the prices.
pub const REGION: &str = "us-east-1";
/// The day on which they were last compared.
pub const LOOKED_UP: &str = "2026-11-24";

/// A gigabyte-second (2^30 bytes) of a function.
const GB_SECOND_ARM64: Dollars = Dollars::of_picos(13_333_400);
const GB_SECOND_X86_64: Dollars = Dollars::of_picos(16_666_700);
const MILLION_INVOCATIONS: Dollars = Dollars::of_picos(200_000_000_000);

const THOUSAND_TRANSITIONS: Dollars = Dollars::of_picos(25_000_000_000);
const MILLION_EXPRESS_EXECUTIONS: Dollars = Dollars::of_picos(1_000_000_000_000);
const EXPRESS_GB_SECOND: Dollars = Dollars::of_picos(16_670_000);
/// A child's definition and message are a few kilobytes: the least that is charged.
const EXPRESS_MB: u64 = 64;
/// What its time is rounded up to: half of it is added on the average.
const EXPRESS_PIECE_MS: u64 = 100;

const THOUSAND_PUTS: Dollars = Dollars::of_picos(5_000_000_000);
const THOUSAND_GETS: Dollars = Dollars::of_picos(400_000_000);

const MILLION_WRITES: Dollars = Dollars::of_picos(625_000_000_000);
const MILLION_READS: Dollars = Dollars::of_picos(125_000_000_000);

/// An hour of one of Glue's data processing units (4 processors, 16 GB).
pub(super) const GLUE_DPU_HOUR: Dollars = Dollars::of_picos(440_000_000_000);
/// What Athena scans for the price, and the price.
pub(super) const ATHENA_TERABYTE: Dollars = Dollars::of_picos(5_000_000_000_000);
/// Thousand gigabytes (10^9) through Snowpipe: 3.7 credits.
pub(super) const SNOWPIPE_TERABYTE: Dollars = Dollars::of_picos(7_400_000_000_000);

/// States between the start and the end of a job that call no function: two choices, the
/// announcement, the end.
pub const TRANSITIONS_OF_A_JOB: u64 = 4;
/// Units that a job writes: its record is put once and changed four times, each time in the table
/// and in three indexes, of which one moves it when its status changes; and its bytes are claimed
/// under two names, in a transaction that counts twice.
pub const WRITES_OF_A_JOB: u64 = 5 * 4 + 2 + 2 * 2;
/// Units that a job reads: a change reads the record first; two more are the contract and what was
/// loaded.
pub const READS_OF_A_JOB: u64 = 5 + 2;

/// What functions run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Processor {
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86,
}

/// What invocations cost, requests to the store aside.
pub(super) fn functions(usage: Usage, processor: Processor) -> Dollars {
    let price = match processor {
        Processor::Arm64 => GB_SECOND_ARM64,
        Processor::X86 => GB_SECOND_X86_64,
    };
    Dollars::times(usage.mb_milliseconds, price, 1024 * 1000)
        + Dollars::times(usage.invocations, MILLION_INVOCATIONS, 1_000_000)
}

/// What requests to the store cost.
pub(super) fn requests(usage: Usage) -> Dollars {
    Dollars::times(usage.puts, THOUSAND_PUTS, 1000)
        + Dollars::times(usage.gets, THOUSAND_GETS, 1000)
}

/// What the state machine costs; `express_ms` is the time of all children.
pub(super) fn state_machine(transitions: u64, express: u64, express_ms: u64) -> Dollars {
    let ms = express_ms + express * EXPRESS_PIECE_MS / 2;
    Dollars::times(transitions, THOUSAND_TRANSITIONS, 1000)
        + Dollars::times(express, MILLION_EXPRESS_EXECUTIONS, 1_000_000)
        + Dollars::times(ms * EXPRESS_MB, EXPRESS_GB_SECOND, 1024 * 1000)
}

/// What the registry costs.
pub(super) fn registry(writes: u64, reads: u64) -> Dollars {
    Dollars::times(writes, MILLION_WRITES, 1_000_000)
        + Dollars::times(reads, MILLION_READS, 1_000_000)
}
