//! Runs a `Task`: a call of a function, or events for whoever listens.

use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value, json};

use crate::amount::Amount;
use crate::data::Data;
use crate::errors::{RUNTIME, TIMEOUT};
use crate::fields::Fields;
use crate::history::Failure;
use crate::outside::Call;
use crate::path::Scope;
use crate::refusal::Refusal;
use crate::run::Visit;

/// A task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    resource: Resource,
    timeout: Option<Amount>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Invoke,
    /// The answer is that of whoever has the token.
    InvokeAndWait,
    PutEvents,
}

/// The resources that are known, with the parameters of each; the first is needed.
const RESOURCES: [(&str, Resource, &[&str]); 3] = [
    ("arn:aws:states:::lambda:invoke", Resource::Invoke, &["FunctionName", "Payload"]),
    (
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        Resource::InvokeAndWait,
        &["FunctionName", "Payload"],
    ),
    ("arn:aws:states:::events:putEvents", Resource::PutEvents, &["Entries"]),
];

impl Task {
    pub(crate) fn read(fields: &mut Fields<'_>, data: &Data) -> Result<Self, Refusal> {
        let name = fields.needed_text("Resource")?;
        let Some((_, resource, known)) = RESOURCES.iter().find(|(arn, ..)| *arn == name) else {
            return fields.refuse("Resource", format!("`{name}` is not known"));
        };
        let given = data.parameters.as_ref().map(|template| template.names()).unwrap_or_default();
        if let Some(other) = given.iter().find(|name| !known.contains(name)) {
            return fields.refuse(&format!("Parameters.{other}"), "the field is not known here");
        }
        if !given.contains(&known[0]) {
            return fields.refuse(&format!("Parameters.{}", known[0]), "it is missing");
        }
        Ok(Self { resource: *resource, timeout: Amount::read(fields, "TimeoutSeconds")? })
    }

    /// Whether its answer is that of whoever has its token.
    pub(crate) fn waits(&self) -> bool {
        self.resource == Resource::InvokeAndWait
    }

    /// One attempt: the result, as Step Functions wraps it.
    pub(crate) async fn attempt(
        &self,
        visit: &Visit<'_>,
        scope: Scope<'_>,
        attempt: u64,
    ) -> Result<Value, Failure> {
        let token = (self.resource == Resource::InvokeAndWait).then(|| visit.token(attempt));
        let with_token = token.as_ref().map(|token| {
            let mut context = scope.context.clone();
            context["Task"] = json!({ "Token": token });
            context
        });
        let scope = Scope { context: with_token.as_ref().unwrap_or(scope.context), ..scope };
        let given = visit.state.data.given(scope)?;
        let timeout = self.timeout.as_ref().map(|amount| amount.of(scope)).transpose()?;
        let (log, outside) = (visit.run.log, visit.run.outside);
        log.event("TaskScheduled");
        log.event("TaskStarted");
        let called = std::pin::pin!(self.call(visit, given, attempt, token));
        let answer = match timeout {
            None => called.await,
            Some(seconds) => {
                let limit = outside
                    .clock
                    .limit(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
                match select(called, limit).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(((), _)) => {
                        let cause = format!("the task took longer than {seconds} s");
                        let failure = Failure { error: TIMEOUT.to_owned(), cause };
                        log.failed("TaskTimedOut", &failure);
                        return Err(failure);
                    }
                }
            }
        };
        match &answer {
            Ok(_) => log.event("TaskSucceeded"),
            Err(failure) => log.failed("TaskFailed", failure),
        }
        answer
    }

    async fn call(
        &self,
        visit: &Visit<'_>,
        mut given: Value,
        attempt: u64,
        token: Option<String>,
    ) -> Result<Value, Failure> {
        let tasks = visit.run.outside.tasks;
        match self.resource {
            Resource::PutEvents => tasks.put_events(given["Entries"].take()).await,
            Resource::Invoke | Resource::InvokeAndWait => {
                let Some(function) = given["FunctionName"].as_str().map(str::to_owned) else {
                    let cause = "the name of the function is no text".to_owned();
                    return Err(Failure { error: RUNTIME.to_owned(), cause });
                };
                let payload = given.get_mut("Payload").map_or_else(|| json!({}), Value::take);
                let state = visit.name.to_owned();
                let answer = tasks.invoke(Call { state, function, payload, attempt }).await?;
                if let Some(token) = token {
                    visit.run.log.event("TaskSubmitted");
                    return tasks.answered(&token).await;
                }
                Ok(json!({ "ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200 }))
            }
        }
    }
}
