//! Ends a step before Lambda would, and keeps what it panics with to itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use job::{Error, ErrorKind};
use tokio::time::timeout;
use tracing::Instrument;

/// Time kept for reporting a step that was stopped, before Lambda ends the process.
const MARGIN: Duration = Duration::from_secs(1);
/// How long a stopped step may take to let go of what it holds; within the margin.
const LETTING_GO: Duration = Duration::from_millis(200);

tokio::task_local! {
    /// Where the step that runs in this task panicked.
    static PANICKED_AT: Place;
}

/// `file:line`, once it is known.
#[derive(Debug, Clone, Default)]
struct Place(Arc<Mutex<Option<String>>>);

/// How long a step may run: until a second before `deadline`, or, where there is little time, for
/// three quarters of it. Both in milliseconds since 1970.
pub fn budget(deadline: u64, now: u64) -> Duration {
    let left = Duration::from_millis(deadline.saturating_sub(now));
    left - MARGIN.min(left / 4)
}

/// Runs `work` for at most `budget`. A panic becomes [`ErrorKind::Internal`] that names the place
/// alone: its text could hold a value of the data.
pub async fn guarded<O: Send + 'static>(
    work: impl Future<Output = Result<O, Error>> + Send + 'static,
    budget: Duration,
) -> Result<O, Error> {
    let place = Place::default();
    // A task of its own, so that time runs out even for work that never pauses.
    let mut task = tokio::spawn(PANICKED_AT.scope(place.clone(), work).in_current_span());
    match timeout(budget, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Error::new(
            ErrorKind::Internal,
            match place.get() {
                Some(place) => format!("the step panicked at {place}"),
                None => "the step panicked".to_owned(),
            },
        )),
        Err(_) => {
            task.abort();
            let _ = timeout(LETTING_GO, task).await;
            Err(Error::new(
                ErrorKind::DeadlineExceeded,
                format!(
                    "stopped after {:.1} s, shortly before the function's time limit: raise the function's timeout or lower the shard size",
                    budget.as_secs_f64()
                ),
            ))
        }
    }
}

/// Remembers where the running step panics; called by the panic hook.
pub(crate) fn panicked_at(place: &str) {
    let _ = PANICKED_AT.try_with(|here| here.set(place));
}

impl Place {
    fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, place: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_budget_leaves_a_second_or_a_quarter() {
        assert_eq!(budget(901_000, 1_000), Duration::from_secs(899));
        assert_eq!(budget(3_000, 1_000), Duration::from_millis(1_500));
        assert_eq!(budget(1_000, 2_000), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_before_the_deadline() {
        let held = Arc::new(());
        let holder = held.clone();
        let work = async move {
            tokio::time::sleep(2 * MINUTE).await;
            drop(holder);
            Ok(())
        };
        let begun = tokio::time::Instant::now();
        let outcome = guarded(work, MINUTE).await;
        assert!(
            matches!(outcome, Err(Error { kind: ErrorKind::DeadlineExceeded, .. })),
            "{outcome:?}"
        );
        assert!(begun.elapsed() < MINUTE + MARGIN, "reported before Lambda would have ended it");
        assert_eq!(Arc::strong_count(&held), 1, "the work let go of what it held");
    }

    #[tokio::test]
    async fn a_panic_tells_its_place_and_nothing_else() {
        crate::start();
        let empty: Vec<u32> = Vec::new();
        let outcome =
            guarded::<u32>(async move { Ok(*empty.first().expect("the value 4711")) }, MINUTE)
                .await;
        let Err(Error { kind: ErrorKind::Internal, message: text, .. }) = outcome else {
            panic!("not {outcome:?}")
        };
        assert!(text.starts_with(&format!("the step panicked at {}:", file!())), "{text}");
        assert!(!text.contains("4711"), "{text}");
    }

    #[tokio::test]
    async fn an_outcome_passes_through() {
        assert_eq!(guarded(async { Ok(1) }, MINUTE).await, Ok(1));
        let cancelled = Error::new(ErrorKind::Cancelled, "by its owner");
        assert_eq!(
            guarded::<()>(
                {
                    let cancelled = cancelled.clone();
                    async { Err(cancelled) }
                },
                MINUTE
            )
            .await,
            Err(cancelled)
        );
    }
}
