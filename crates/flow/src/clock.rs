//! Tells the time: tokio's clock, and one that waits for nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::time::Instant;

use crate::outside::Clock;

/// Tokio's clock: the machine's, or in a test that pauses it, a virtual one.
#[derive(Debug, Clone, Copy)]
pub struct Tokio {
    started: Instant,
    started_at: i64,
}

impl Tokio {
    /// A clock that begins with the time of the machine.
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::at(millis(since))
    }

    /// A clock on which it is now `started_at`, milliseconds since 1970.
    pub fn at(started_at: i64) -> Self {
        Self { started: Instant::now(), started_at }
    }
}

impl Default for Tokio {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for Tokio {
    fn now(&self) -> i64 {
        self.started_at + millis(self.started.elapsed())
    }

    async fn pause(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// A clock whose pauses are over at once, and whose time limits never are.
///
/// It tells how late it would be. What runs on it needs no timer, and does the same each time.
#[derive(Debug, Default)]
pub struct Hasty {
    now: AtomicI64,
}

impl Hasty {
    /// A clock on which it is now `now`, milliseconds since 1970.
    pub fn at(now: i64) -> Self {
        Self { now: AtomicI64::new(now) }
    }
}

#[async_trait]
impl Clock for Hasty {
    fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    async fn pause(&self, pause: Duration) {
        self.now.fetch_add(millis(pause), Ordering::Relaxed);
    }

    async fn limit(&self, _limit: Duration) {
        std::future::pending().await
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_jumps() {
        let clock = Tokio::at(1_000);
        clock.pause(Duration::from_secs(3_600)).await;
        assert_eq!(clock.now(), 3_601_000);
    }

    #[tokio::test]
    async fn a_hasty_clock_only_counts() {
        let clock = Hasty::at(1_000);
        clock.pause(Duration::from_secs(3_600)).await;
        assert_eq!(clock.now(), 3_601_000);
        let limit = futures::FutureExt::now_or_never(clock.limit(Duration::ZERO));
        assert_eq!(limit, None);
    }
}
