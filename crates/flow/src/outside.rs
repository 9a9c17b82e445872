//! Defines what a machine is given from outside: time, chance, functions and lists of items.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::history::Failure;

/// Tells time, and lets it pass.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, UTC.
    fn now(&self) -> i64;
    /// Comes back after a pause: one before a retry, or that of a `Wait`.
    async fn pause(&self, pause: Duration);
    /// Comes back when a time limit is over. What is limited may end first: then this is dropped.
    async fn limit(&self, limit: Duration) {
        self.pause(limit).await;
    }
}

/// A source of randomness.
pub trait Chance: Send + Sync {
    /// A number from 0 to 1, as `JitterStrategy: FULL` takes it of a pause.
    fn fraction(&self) -> f64;
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The state that calls.
    pub state: String,
    /// `FunctionName` of its parameters.
    pub function: String,
    /// `Payload` of its parameters; an empty object where it has none.
    pub payload: Value,
    /// Which call of this visit of the state it is, from 1.
    pub attempt: u64,
}

/// Does what task states ask for.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Answers a call of a function, as `arn:aws:states:::lambda:invoke` does. Dropped, it ends.
    async fn invoke(&self, call: Call) -> Result<Value, Failure>;
    /// Waits for the answer to a token that a function was given, as
    /// `arn:aws:states:::lambda:invoke.waitForTaskToken` does. Without one it waits for ever, or
    /// for the time limit of the task.
    async fn answered(&self, _token: &str) -> Result<Value, Failure> {
        std::future::pending().await
    }
    /// Publishes events, as `arn:aws:states:::events:putEvents` does; `Entries` of its parameters.
    async fn put_events(&self, entries: Value) -> Result<Value, Failure>;
}

/// Reads the items of a Distributed Map.
#[async_trait]
pub trait Items: Send + Sync {
    /// Reads an object with a JSON array; the error is the cause of `States.ItemReaderFailed`.
    async fn read(&self, bucket: &str, key: &str) -> Result<Vec<Value>, String>;
}

/// All that a machine is given.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "what is given need not be shown")]
pub struct Outside<'a> {
    /// Time.
    pub clock: &'a dyn Clock,
    /// Randomness.
    pub chance: &'a dyn Chance,
    /// Functions and events.
    pub tasks: &'a dyn Tasks,
    /// Lists of items.
    pub items: &'a dyn Items,
}

/// Always the same fraction. [`Fixed::WHOLE`] makes pauses as long as they can be.
#[derive(Debug, Clone, Copy)]
pub struct Fixed(pub f64);

impl Fixed {
    /// The whole pause.
    pub const WHOLE: Self = Self(1.0);
}

impl Chance for Fixed {
    fn fraction(&self) -> f64 {
        self.0
    }
}

/// Fractions of a sequence that its seed decides: SplitMix64.
#[derive(Debug)]
pub struct Seeded(AtomicU64);

impl Seeded {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Chance for Seeded {
    fn fraction(&self) -> f64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // The 53 bits that a fraction has room for.
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_its_fractions() {
        let draw = |seed| {
            let chance = Seeded::new(seed);
            std::array::from_fn::<f64, 100, _>(|_| chance.fraction())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(draw(7).iter().all(|fraction| (0.0..1.0).contains(fraction)));
        let mean = draw(7).iter().sum::<f64>() / 100.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }
}
