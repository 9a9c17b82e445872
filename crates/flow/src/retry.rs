//! Reads `Retry` and `Catch`: which failures are tried again, after how long, and where others
//! lead.

use std::time::Duration;

use crate::data::Place;
use crate::errors::{RUNTIME, TIMEOUT};
use crate::fields::Fields;
use crate::history::Failure;
use crate::outside::Chance;
use crate::refusal::Refusal;

/// Matches all errors but those that nothing mends.
const ALL: &str = "States.ALL";
/// Matches all errors but a timeout.
const TASK_FAILED: &str = "States.TaskFailed";
/// What `States.ALL` and `States.TaskFailed` don't match.
const HOPELESS: [&str; 2] = [RUNTIME, "States.DataLimitExceeded"];

/// Which errors a retrier or a catcher is for.
#[derive(Debug, Clone, PartialEq)]
struct Errors(Vec<String>);

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retrier {
    errors: Errors,
    interval: Duration,
    attempts: u64,
    backoff: f64,
    longest: Option<Duration>,
    has_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Catcher {
    errors: Errors,
    pub(crate) result: Place,
    pub(crate) next: String,
}

impl Errors {
    fn read(fields: &mut Fields<'_>, is_last: bool) -> Result<Self, Refusal> {
        const FIELD: &str = "ErrorEquals";
        let names =
            fields.take(FIELD).and_then(|value| value.as_array()).cloned().unwrap_or_default();
        let names: Option<Vec<_>> =
            names.iter().map(|name| Some(name.as_str()?.to_owned())).collect();
        let Some(names) = names.filter(|names| !names.is_empty()) else {
            return fields.refuse(FIELD, "names of errors are expected");
        };
        if names.iter().any(|name| name == ALL) && (names.len() > 1 || !is_last) {
            return fields.refuse(FIELD, format!("`{ALL}` stands alone, and in the last entry"));
        }
        Ok(Self(names))
    }

    fn match_error(&self, error: &str) -> bool {
        self.0.iter().any(|name| match name.as_str() {
            ALL => !HOPELESS.contains(&error),
            TASK_FAILED => error != TIMEOUT && !HOPELESS.contains(&error),
            name => name == error && error != RUNTIME,
        })
    }
}

impl Retrier {
    /// The retriers of a state, in their order.
    pub(crate) fn read_all(fields: &mut Fields<'_>) -> Result<Vec<Self>, Refusal> {
        let entries = fields.objects("Retry")?;
        let last = entries.len().saturating_sub(1);
        let entries = entries.into_iter().enumerate();
        entries.map(|(index, entry)| Self::read(entry, index == last)).collect()
    }

    fn read(mut fields: Fields<'_>, is_last: bool) -> Result<Self, Refusal> {
        let errors = Errors::read(&mut fields, is_last)?;
        let interval = Duration::from_secs(fields.count("IntervalSeconds")?.unwrap_or(1));
        let attempts = fields.count("MaxAttempts")?.unwrap_or(3);
        let backoff = fields.number("BackoffRate")?.unwrap_or(2.0);
        let longest = fields.count("MaxDelaySeconds")?.map(Duration::from_secs);
        let jitter = fields.one_of("JitterStrategy", &["NONE", "FULL"])?;
        if interval.is_zero() {
            return fields.refuse("IntervalSeconds", "it is at least 1");
        }
        if backoff < 1.0 {
            return fields.refuse("BackoffRate", "it is at least 1");
        }
        if longest.is_some_and(|longest| longest <= interval) {
            return fields.refuse("MaxDelaySeconds", "it is more than IntervalSeconds");
        }
        fields.end()?;
        Ok(Self {
            errors,
            interval,
            attempts,
            backoff,
            longest,
            has_jitter: jitter == Some("FULL"),
        })
    }

    /// The pause before the retry that comes after so many others.
    fn pause(&self, retries: u64, chance: &dyn Chance) -> Duration {
        let longest = self.longest.unwrap_or(Duration::MAX).as_secs_f64();
        let exponent = i32::try_from(retries).unwrap_or(i32::MAX);
        let seconds = (self.interval.as_secs_f64() * self.backoff.powi(exponent)).min(longest);
        let share = if self.has_jitter { chance.fraction().clamp(0.0, 1.0) } else { 1.0 };
        Duration::try_from_secs_f64(seconds * share).unwrap_or(Duration::MAX)
    }
}

impl Catcher {
    /// The errors that it is for.
    pub(crate) fn errors(&self) -> &[String] {
        &self.errors.0
    }

    /// The catchers of a state, in their order.
    pub(crate) fn read_all(fields: &mut Fields<'_>) -> Result<Vec<Self>, Refusal> {
        let entries = fields.objects("Catch")?;
        let last = entries.len().saturating_sub(1);
        let entries = entries.into_iter().enumerate();
        entries.map(|(index, entry)| Self::read(entry, index == last)).collect()
    }

    fn read(mut fields: Fields<'_>, is_last: bool) -> Result<Self, Refusal> {
        let errors = Errors::read(&mut fields, is_last)?;
        let result = Place::read(&mut fields)?;
        let next = fields.needed_text("Next")?.to_owned();
        fields.end()?;
        Ok(Self { errors, result, next })
    }

    /// The first catcher that is for this failure.
    pub(crate) fn of<'a>(catchers: &'a [Self], failure: &Failure) -> Option<&'a Self> {
        catchers.iter().find(|catcher| catcher.errors.match_error(&failure.error))
    }
}

/// How often each retrier of a state was used since the state was entered.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    retriers: &'a [Retrier],
    used: Vec<u64>,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(retriers: &'a [Retrier]) -> Self {
        Self { retriers, used: vec![0; retriers.len()] }
    }

    /// The pause until the state is tried again; `None` when it is not.
    ///
    /// The first retrier that is for the failure decides: those after it are not asked.
    pub(crate) fn pause(&mut self, failure: &Failure, chance: &dyn Chance) -> Option<Duration> {
        let (retrier, used) =
            self.of(failure).map(|index| (&self.retriers[index], &mut self.used[index]))?;
        if *used >= retrier.attempts {
            return None;
        }
        let pause = retrier.pause(*used, chance);
        *used += 1;
        Some(pause)
    }

    /// How often the state may be tried again for a failure like this.
    pub(crate) fn left(&self, failure: &Failure) -> u64 {
        self.of(failure).map_or(0, |index| self.retriers[index].attempts - self.used[index])
    }

    /// The position of the retrier that is for a failure.
    fn of(&self, failure: &Failure) -> Option<usize> {
        self.retriers.iter().position(|retrier| retrier.errors.match_error(&failure.error))
    }

    /// How often the state was tried again.
    pub(crate) fn count(&self) -> u64 {
        self.used.iter().sum()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests;
