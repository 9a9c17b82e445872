//! Runs states in their order: each is entered, tried, caught and left.

use std::time::Duration;

use serde_json::{Value, json};

use crate::compare::timestamp;
use crate::context::Context;
use crate::errors::RUNTIME;
use crate::history::Failure;
use crate::log::Log;
use crate::machine::States;
use crate::outside::Outside;
use crate::path::Scope;
use crate::retry::{Catcher, Tries};
use crate::state::{State, Until, Work};

/// Most events of an execution: Step Functions ends one that has more.
const MOST_EVENTS: usize = 25_000;

/// An execution on its way, or that of an item.
pub(crate) struct Run<'a> {
    pub(crate) outside: Outside<'a>,
    pub(crate) log: &'a Log<'a>,
    pub(crate) context: Context,
    /// Its ARN.
    pub(crate) arn: &'a str,
    /// ARN and name of its machine.
    pub(crate) machine: (&'a str, &'a str),
}

/// A state that was entered.
pub(crate) struct Visit<'a> {
    pub(crate) run: &'a Run<'a>,
    pub(crate) name: &'a str,
    pub(crate) state: &'a State,
    entered: String,
}

impl Run<'_> {
    /// Goes from a state to the end; the output.
    pub(crate) async fn go(
        &self,
        states: &States,
        from: &str,
        input: Value,
    ) -> Result<Value, Failure> {
        let (mut name, mut input) = (from, input);
        loop {
            let Some((name_of, state)) = states.all.get_key_value(name) else {
                return Err(runtime(format!("there is no state `{name}`")));
            };
            if self.log.len() >= MOST_EVENTS {
                return Err(runtime(format!("the execution has {MOST_EVENTS} events")));
            }
            self.log.entered(state.kind(), name_of, &input);
            let visit = Visit { run: self, name: name_of, state, entered: self.log.now() };
            let (output, next) = visit.go(&input).await?;
            self.log.exited(state.kind(), name_of, &output);
            match next {
                Some(next) => (name, input) = (next, output),
                None => return Ok(output),
            }
        }
    }
}

/// The output of a state, and the state that follows.
type Left<'a> = (Value, Option<&'a str>);

impl<'a> Visit<'a> {
    /// The token of an attempt: no other one has it.
    pub(crate) fn token(&self, attempt: u64) -> String {
        format!("{}/{}/{}/{attempt}", self.run.arn, self.name, self.entered)
    }

    /// Tries the state until it succeeds, or its failure is final.
    async fn go(&self, input: &Value) -> Result<Left<'a>, Failure> {
        let outside = self.run.outside;
        let mut tries = Tries::new(&self.state.retry);
        loop {
            let context = self.run.context.inside(self.name, &self.entered, tries.count());
            let scope = Scope { input, context: &context };
            let failure = match self.attempt(scope, tries.count() + 1).await {
                Ok(left) => return Ok(left),
                Err(failure) => failure,
            };
            if let Some(pause) = tries.pause(&failure, outside.chance) {
                outside.clock.pause(pause).await;
                continue;
            }
            let Some(catcher) = Catcher::of(&self.state.catch, &failure) else {
                return Err(failure);
            };
            let caught = json!({ "Error": failure.error, "Cause": failure.cause });
            return Ok((catcher.result.put(input, caught)?, Some(&catcher.next)));
        }
    }

    async fn attempt(&self, scope: Scope<'_>, attempt: u64) -> Result<Left<'a>, Failure> {
        let data = &self.state.data;
        let mut next = self.state.next.as_deref();
        let result = match &self.state.work {
            Work::Task(task) => task.attempt(self, scope, attempt).await?,
            Work::Map(map) => map.attempt(self, scope).await?,
            Work::Pass { result: Some(result) } => result.clone(),
            Work::Pass { result: None } => data.given(scope)?,
            Work::Succeed => data.seen(scope)?,
            Work::Wait(until) => {
                let seen = data.seen(scope)?;
                self.wait(until, Scope { input: &seen, ..scope }).await?;
                seen
            }
            Work::Choice { branches, default } => {
                let seen = data.seen(scope)?;
                next = default.as_deref();
                for branch in branches {
                    if branch.condition.holds(Scope { input: &seen, ..scope })? {
                        next = Some(&branch.next);
                        break;
                    }
                }
                if next.is_none() {
                    let cause = format!("no choice of `{}` fits, and it has no Default", self.name);
                    return Err(Failure { error: "States.NoChoiceMatched".to_owned(), cause });
                }
                seen
            }
            Work::Fail { error, cause } => {
                let text = |text: &Option<crate::amount::Text>| {
                    text.as_ref().map_or_else(|| Ok(String::new()), |text| text.of(scope))
                };
                return Err(Failure { error: text(error)?, cause: text(cause)? });
            }
        };
        Ok((data.left(result, scope.input, scope.context)?, next))
    }

    async fn wait(&self, until: &Until, scope: Scope<'_>) -> Result<(), Failure> {
        let clock = self.run.outside.clock;
        let pause = match until {
            Until::Seconds(seconds) => {
                Duration::try_from_secs_f64(seconds.of(scope)?).unwrap_or(Duration::MAX)
            }
            Until::Timestamp(text) => {
                let text = text.of(scope)?;
                let at = timestamp(&Value::from(text.as_str()));
                let at = at.ok_or_else(|| runtime(format!("`{text}` is no timestamp")))?;
                let left = at.timestamp_millis() - clock.now();
                Duration::from_millis(u64::try_from(left).unwrap_or(0))
            }
        };
        clock.pause(pause).await;
        Ok(())
    }
}

/// A failure that nothing mends.
pub(crate) fn runtime(cause: String) -> Failure {
    Failure { error: RUNTIME.to_owned(), cause }
}
