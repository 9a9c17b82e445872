//! Runs an item of a `Map`: a part of the execution, or an execution of its own.

use std::time::Duration;

use futures::future::{BoxFuture, Either, FutureExt, select};
use serde_json::Value;

use crate::context::Context;
use crate::errors::TIMEOUT;
use crate::execution::Status;
use crate::history::Failure;
use crate::log::{Item, Log};
use crate::map::{Map, Mode};
use crate::path::Scope;
use crate::run::{Run, Visit};

/// How long an Express execution may take.
const EXPRESS: Duration = Duration::from_secs(5 * 60);

/// How an item ended, with its place in the list.
pub(crate) type Ended = (usize, Status, Result<Value, Failure>);

impl Map {
    /// Runs one item. Boxed, as its states may be maps again.
    pub(crate) fn item<'a>(
        &'a self,
        visit: &'a Visit<'_>,
        scope: Scope<'a>,
        index: usize,
        item: Value,
        run: Option<usize>,
    ) -> BoxFuture<'a, Ended> {
        let work = async move {
            let parent = visit.run;
            let with_item = parent.context.with_item(index, &item);
            let selected = match &self.selector {
                None => Ok(item),
                Some(template) => {
                    let context = with_item.inside(visit.name, "", 0);
                    template.fill(Scope { context: &context, ..scope })
                }
            };
            let input = match selected {
                Ok(input) => input,
                Err(failure) => return (index, Status::Failed, Err(failure)),
            };
            let Some(number) = run else {
                let within = Run { context: with_item, ..*parent };
                parent.log.event("MapIterationStarted");
                let ended = within.go(&self.states, &self.states.start, input).await;
                let (status, kind) = match &ended {
                    Ok(_) => (Status::Succeeded, "MapIterationSucceeded"),
                    Err(_) => (Status::Failed, "MapIterationFailed"),
                };
                parent.log.event(kind);
                return (index, status, ended);
            };
            let (status, ended) = self.child(parent, number, index, input).await;
            (index, status, ended)
        };
        work.boxed()
    }

    /// An execution of its own.
    async fn child(
        &self,
        parent: &Run<'_>,
        run: usize,
        index: usize,
        input: Value,
    ) -> (Status, Result<Value, Failure>) {
        let clock = parent.outside.clock;
        let log = Log::new(clock);
        let (arn, name) = (format!("{}/{run}:{index}", parent.arn), format!("{run}:{index}"));
        let context = Context::new(&arn, &name, &input, &log.now(), parent.machine);
        let ended = {
            let child = Run {
                outside: parent.outside,
                log: &log,
                context,
                arn: &arn,
                machine: parent.machine,
            };
            let going = std::pin::pin!(child.go(&self.states, &self.states.start, input));
            match &self.mode {
                Mode::Distributed { is_express: true, .. } => {
                    match select(going, clock.limit(EXPRESS)).await {
                        Either::Left((ended, _)) => Some(ended),
                        Either::Right(((), _)) => None,
                    }
                }
                _ => Some(going.await),
            }
        };
        let (status, ended) = match ended {
            Some(Ok(output)) => (Status::Succeeded, Ok(output)),
            Some(Err(failure)) => (Status::Failed, Err(failure)),
            None => {
                let cause = "an Express execution takes five minutes at most".to_owned();
                (Status::TimedOut, Err(Failure { error: TIMEOUT.to_owned(), cause }))
            }
        };
        let failure = ended.as_ref().err().cloned();
        let (events, _) = log.into_parts();
        parent.log.add_item(run, Item { index, status, failure, events });
        (status, ended)
    }
}
