//! Starts, describes and stops executions of AWS Step Functions.

use async_trait::async_trait;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent};
use aws_types::SdkConfig;
use job::message::ExecutionName;
use tracing::warn;

use crate::history::{Event, MapCounts, MapRun};
use crate::{
    Error, Execution, Executions, Failure, Histories, History, Result, Started, Status, cause,
    same_input,
};

/// Events in one answer: the most that the service gives.
const EVENTS_PER_PAGE: i32 = 1_000;
/// Pages read of a history. The service ends an execution at 25,000 events.
const MAX_PAGES: usize = 25;

/// The executions of one state machine.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    state_machine: String,
}

impl StepFunctions {
    /// The executions of the state machine with this ARN.
    pub fn new(config: &SdkConfig, state_machine: impl Into<String>) -> Self {
        Self { client: Client::new(config), state_machine: state_machine.into() }
    }

    async fn events(&self, arn: &str) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let request = self
                .client
                .get_execution_history()
                .execution_arn(arn)
                .max_results(EVENTS_PER_PAGE)
                .include_execution_data(true);
            let page = request
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| refusal("states:GetExecutionHistory", arn, error))?;
            events.extend(page.events.iter().map(event));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(events)
    }

    async fn map_runs(&self, arn: &str) -> Result<Vec<MapRun>> {
        let listed = self.client.list_map_runs().execution_arn(arn).send().await;
        let listed = listed.map_err(|error| refusal("states:ListMapRuns", arn, error))?;
        let mut runs = Vec::new();
        for run in listed.map_runs {
            let times = (time(&run.start_date), run.stop_date.as_ref().map(time));
            let (status, counts) = match self.map_run(&run.map_run_arn).await {
                Ok((status, counts)) => (Some(status), counts),
                // The rest of the history is worth showing without it.
                Err(Error::Denied(reason)) => {
                    warn!(reason, "a map run can't be looked at");
                    (None, None)
                }
                Err(error) => return Err(error),
            };
            runs.push(MapRun {
                arn: run.map_run_arn,
                state: None,
                status,
                started: times.0,
                stopped: times.1,
                counts,
            });
        }
        runs.sort_by(|a, b| (&a.started, &a.arn).cmp(&(&b.started, &b.arn)));
        Ok(runs)
    }

    /// Status and counts of a map run.
    async fn map_run(&self, arn: &str) -> Result<(String, Option<MapCounts>)> {
        let run = self.client.describe_map_run().map_run_arn(arn).send().await;
        let run = run.map_err(|error| refusal("states:DescribeMapRun", arn, error))?;
        let counts = run.item_counts.map(|items| MapCounts {
            total: items.total,
            pending: items.pending,
            running: items.running,
            succeeded: items.succeeded,
            failed: items.failed,
            timed_out: items.timed_out,
            aborted: items.aborted,
        });
        Ok((run.status.as_str().to_owned(), counts))
    }
}

#[async_trait]
impl Executions for StepFunctions {
    fn arn(&self, name: &ExecutionName) -> String {
        format!("{}:{name}", self.state_machine.replacen(":stateMachine:", ":execution:", 1))
    }

    async fn start(&self, name: &ExecutionName, input: &str) -> Result<Started> {
        let request = self
            .client
            .start_execution()
            .state_machine_arn(&self.state_machine)
            .name(name.to_string())
            .input(input);
        match request.send().await {
            Ok(started) => Ok(Started { arn: started.execution_arn, already: false }),
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => {
                let arn = self.arn(name);
                match self.describe(&arn).await?.input {
                    Some(earlier) if same_input(&earlier, input) => {
                        Ok(Started { arn, already: true })
                    }
                    _ => Err(Error::Different(format!(
                        "execution {name} was started before with another input"
                    ))),
                }
            }
            Err(error) => Err(refusal("states:StartExecution", &self.state_machine, error)),
        }
    }

    async fn describe(&self, arn: &str) -> Result<Execution> {
        let answer = self.client.describe_execution().execution_arn(arn).send().await;
        let answer = answer.map_err(|error| refusal("states:DescribeExecution", arn, error))?;
        Ok(Execution {
            status: match &answer.status {
                ExecutionStatus::Succeeded => Status::Succeeded,
                ExecutionStatus::Failed => Status::Failed,
                ExecutionStatus::TimedOut => Status::TimedOut,
                ExecutionStatus::Aborted => Status::Aborted,
                _ => Status::Running,
            },
            arn: answer.execution_arn,
            started: time(&answer.start_date),
            stopped: answer.stop_date.as_ref().map(time),
            error: answer.error.filter(|error| !error.is_empty()),
            cause: answer.cause.filter(|text| !text.is_empty()).map(|text| cause(&text)),
            input: answer.input,
        })
    }

    async fn answer(&self, token: &str, answer: std::result::Result<(), Failure>) -> Result<()> {
        const NAME: &str = "the waiting task";
        match answer {
            Ok(()) => {
                let request = self.client.send_task_success().task_token(token).output("{}");
                let sent = request.send().await;
                sent.map(drop).map_err(|error| refusal("states:SendTaskSuccess", NAME, error))
            }
            Err(Failure { error, cause }) => {
                let request = self.client.send_task_failure().task_token(token);
                let sent = request.error(error).cause(cause).send().await;
                sent.map(drop).map_err(|error| refusal("states:SendTaskFailure", NAME, error))
            }
        }
    }

    async fn stop(&self, arn: &str, cause: &str) -> Result<()> {
        let request =
            self.client.stop_execution().execution_arn(arn).error("Cancelled").cause(cause);
        match request.send().await {
            Ok(_) => Ok(()),
            // Not every service takes the stopping of an ended execution for a success, as AWS
            // does.
            Err(error) => match self.describe(arn).await {
                Ok(execution) if execution.status != Status::Running => Ok(()),
                _ => Err(refusal("states:StopExecution", arn, error)),
            },
        }
    }
}

#[async_trait]
impl Histories for StepFunctions {
    async fn history(&self, arn: &str) -> Result<History> {
        let events = self.events(arn).await?;
        Ok(History::of(&events, self.map_runs(arn).await?))
    }
}

/// An error of the service, by what a caller can do about it. `action` is the permission of the
/// call.
fn refusal<E, R>(action: &str, resource: &str, error: SdkError<E, R>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + Status5xx,
{
    let server_fault = match &error {
        SdkError::ServiceError(context) => context.raw().is_server_fault(),
        _ => true,
    };
    let code = error.code().unwrap_or_default().to_owned();
    let message = error
        .message()
        .map(str::to_owned)
        .unwrap_or_else(|| DisplayErrorContext(&error).to_string());
    match code.as_str() {
        "AccessDeniedException"
        | "AccessDenied"
        | "KmsAccessDeniedException"
        | "UnrecognizedClientException"
        | "ExpiredTokenException" => {
            Error::Denied(format!("`{action}` on {resource} is not allowed: {message}"))
        }
        "TaskDoesNotExist"
        | "TaskTimedOut"
        | "InvalidToken"
        | "ExecutionDoesNotExist"
        | "StateMachineDoesNotExist"
        | "ResourceNotFound" => Error::Missing(format!("{resource} is not there: {message}")),
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "ExecutionLimitExceeded"
        | "KmsThrottlingException" => {
            Error::Unavailable(format!("`{action}` is throttled: {message}"))
        }
        _ if server_fault => Error::Unavailable(format!("`{action}` was not answered: {message}")),
        _ => Error::Refused(format!("`{action}` on {resource} was refused: {code} {message}")),
    }
}

/// Whether a raw answer is a fault of the server.
trait Status5xx {
    fn is_server_fault(&self) -> bool;
}

impl Status5xx for aws_sdk_sfn::config::http::HttpResponse {
    fn is_server_fault(&self) -> bool {
        self.status().as_u16() >= 500
    }
}

/// RFC 3339 in UTC with milliseconds.
fn time(at: &DateTime) -> String {
    let millis = at.to_millis().unwrap_or_default();
    let text = DateTime::from_millis(millis)
        .fmt(aws_sdk_sfn::primitives::DateTimeFormat::DateTime)
        .unwrap_or_default();
    let text = text.trim_end_matches('Z');
    match text.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<3}Z"),
        None => format!("{text}.000Z"),
    }
}

fn event(event: &HistoryEvent) -> Event {
    let entered = event.state_entered_event_details.as_ref();
    let exited = event.state_exited_event_details.as_ref();
    Event {
        at: time(&event.timestamp),
        kind: event.r#type.as_str().to_owned(),
        state: entered
            .map(|details| details.name.clone())
            .or_else(|| exited.map(|details| details.name.clone())),
        input: entered.and_then(|details| details.input.clone()),
        output: exited.and_then(|details| details.output.clone()),
        failure: failure(event),
    }
}

/// Name and cause of whatever failed.
fn failure(event: &HistoryEvent) -> Option<(String, String)> {
    macro_rules! first_of {
        ($($details:ident),+ $(,)?) => {
            $(if let Some(details) = &event.$details {
                return Some((details.error.clone().unwrap_or_default(), details.cause.clone().unwrap_or_default()));
            })+
        };
    }
    first_of!(
        task_failed_event_details,
        task_timed_out_event_details,
        task_start_failed_event_details,
        task_submit_failed_event_details,
        lambda_function_failed_event_details,
        lambda_function_timed_out_event_details,
        lambda_function_schedule_failed_event_details,
        lambda_function_start_failed_event_details,
        map_run_failed_event_details,
        evaluation_failed_event_details,
        execution_failed_event_details,
        execution_aborted_event_details,
        execution_timed_out_event_details,
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(time(&DateTime::from_millis(1_769_860_800_000)), "2026-01-31T12:00:00.000Z");
        assert_eq!(time(&DateTime::from_millis(1_769_860_800_120)), "2026-01-31T12:00:00.120Z");
    }
}
