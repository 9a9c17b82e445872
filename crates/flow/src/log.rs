//! Writes down what an execution does while it does it: the events that AWS would tell.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

use crate::execution::Status;
use crate::history::{Event, Failure, MapCounts, MapRun};
use crate::outside::Clock;

/// A run of a Distributed Map, with its items.
#[derive(Debug, Clone, PartialEq)]
pub struct MapItems {
    /// The run.
    pub run: MapRun,
    /// The items that were begun and have ended, in the order of their ends.
    pub items: Vec<Item>,
}

/// The execution of one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its place in the list, from 0.
    pub index: usize,
    /// How it ended.
    pub status: Status,
    /// Why it did not come to its end.
    pub failure: Option<Failure>,
    /// What it did.
    pub events: Vec<Event>,
}

/// The log of an execution.
pub(crate) struct Log<'a> {
    clock: &'a dyn Clock,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    runs: Vec<MapItems>,
}

impl<'a> Log<'a> {
    pub(crate) fn new(clock: &'a dyn Clock) -> Self {
        Self { clock, kept: Mutex::default() }
    }

    /// Now, RFC 3339 in UTC with milliseconds.
    pub(crate) fn now(&self) -> String {
        let now = DateTime::from_timestamp_millis(self.clock.now()).unwrap_or_default();
        now.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    pub(crate) fn event(&self, kind: &str) {
        self.push(Event { kind: kind.to_owned(), ..Event::default() });
    }

    pub(crate) fn failed(&self, kind: &str, failure: &Failure) {
        let Failure { error, cause } = failure.clone();
        self.push(Event {
            kind: kind.to_owned(),
            failure: Some((error, cause)),
            ..Event::default()
        });
    }

    pub(crate) fn entered(&self, kind: &str, state: &str, input: &Value) {
        let (kind, state) = (format!("{kind}StateEntered"), Some(state.to_owned()));
        self.push(Event { kind, state, input: Some(input.to_string()), ..Event::default() });
    }

    pub(crate) fn exited(&self, kind: &str, state: &str, output: &Value) {
        let (kind, state) = (format!("{kind}StateExited"), Some(state.to_owned()));
        self.push(Event { kind, state, output: Some(output.to_string()), ..Event::default() });
    }

    fn push(&self, event: Event) {
        let at = self.now();
        self.kept().events.push(Event { at, ..event });
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.kept().events.len()
    }

    /// Begins a map run; its number. `arn` is given the number.
    pub(crate) fn begin_run(&self, arn: impl FnOnce(usize) -> String) -> usize {
        let started = self.now();
        let mut kept = self.kept();
        let number = kept.runs.len();
        let counts = Some(MapCounts::default());
        let run = MapRun {
            arn: arn(number),
            state: None,
            status: Some("RUNNING".to_owned()),
            started,
            stopped: None,
            counts,
        };
        kept.runs.push(MapItems { run, items: Vec::new() });
        number
    }

    /// Counts of a map run, to be changed.
    pub(crate) fn count(&self, run: usize, change: impl FnOnce(&mut MapCounts)) {
        change(self.kept().runs[run].run.counts.get_or_insert_default());
    }

    pub(crate) fn add_item(&self, run: usize, item: Item) {
        self.kept().runs[run].items.push(item);
    }

    /// Ends a map run. What still runs of it is cut off.
    pub(crate) fn end_run(&self, run: usize, status: &str) {
        let stopped = self.now();
        self.kept().runs[run].end(status, &stopped);
    }

    /// What was written. Map runs that have not ended were cut off.
    pub(crate) fn into_parts(self) -> (Vec<Event>, Vec<MapItems>) {
        let stopped = self.now();
        let mut kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.runs.iter_mut().for_each(|items| items.end("ABORTED", &stopped));
        (kept.events, kept.runs)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MapItems {
    /// Ends the run, unless it has ended.
    fn end(&mut self, status: &str, stopped: &str) {
        if self.run.stopped.is_none() {
            self.run.status = Some(status.to_owned());
            self.run.stopped = Some(stopped.to_owned());
            let counts = self.run.counts.get_or_insert_default();
            counts.aborted += std::mem::take(&mut counts.running);
        }
    }
}
