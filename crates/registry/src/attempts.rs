//! Attempts of a write that others get in the way of.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::table::Key;
use crate::{Error, Result};

/// Attempts before giving up: a few seconds, or some forty writers of one entry that take turns.
const ATTEMPTS: u32 = 60;
/// The longest pause after the first attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(4);
/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How often it was tried.
#[derive(Debug, Default)]
pub(crate) struct Attempts(u32);

impl Attempts {
    /// Pauses for a random time, so that those who collided don't collide again;
    /// [`Error::Unavailable`] after the last attempt.
    pub(crate) async fn pause(&mut self, key: &Key) -> Result<()> {
        self.0 += 1;
        if self.0 >= ATTEMPTS {
            return Err(Error::Unavailable(format!(
                "too many writers at once: `{key}` could not be written in {ATTEMPTS} attempts"
            )));
        }
        let longest = FIRST_PAUSE.saturating_mul(1 << self.0.min(16)).min(LONGEST_PAUSE);
        // The standard library's hasher is seeded anew each time: randomness enough.
        let share = f64::from(RandomState::new().hash_one(self.0) as u32) / f64::from(u32::MAX);
        tokio::time::sleep(longest.mul_f64(share)).await;
        Ok(())
    }
}
