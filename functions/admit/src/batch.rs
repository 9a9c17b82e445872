//! Admits the messages of a batch, those of a dataset together, and names those that fail, so that
//! the queue delivers only them again.

use std::collections::BTreeMap;
use std::sync::Arc;

use admission::{Clock, Due, Reminder};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use executions::Executions;
use futures::future::join_all;
use job::DatasetName;
use registry::{Arrival, Registry};
use tracing::warn;

use crate::arrival;

/// Admits arrivals.
pub(crate) struct Admitter {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) executions: Arc<dyn Executions>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inbox_prefix: String,
}

/// What the messages of a batch ask for, each with the messages that ask for it by their places.
#[derive(Default)]
struct Asked {
    arrivals: BTreeMap<DatasetName, (Vec<Arrival>, Vec<usize>)>,
    due: Vec<(Due, usize)>,
    /// Those that can't be read, with the reason.
    unread: Vec<(usize, String)>,
}

impl Asked {
    fn read(batch: &SqsEvent, inbox_prefix: &str) -> Self {
        let mut asked = Self::default();
        for (place, message) in batch.records.iter().enumerate() {
            let body = message.body.as_deref().unwrap_or_default();
            if let Ok(Reminder { batch_due }) = serde_json::from_str(body) {
                asked.due.push((batch_due, place));
                continue;
            }
            match arrival::read(body, inbox_prefix) {
                Ok(Some((dataset, arrival))) => {
                    let (arrivals, places) = asked.arrivals.entry(dataset).or_default();
                    arrivals.push(arrival);
                    places.push(place);
                }
                Ok(None) => {}
                Err(reason) => asked.unread.push((place, reason)),
            }
        }
        asked
    }
}

impl Admitter {
    /// Admits all messages of a batch. The answer names those to deliver again; after a few times
    /// the queue puts them aside, where an alarm tells of them.
    ///
    /// A dataset without a contract is a failure too: whoever reads the dead letters learns that
    /// files wait for it.
    pub(crate) async fn admit_all(&self, batch: &SqsEvent, now: &str) -> SqsBatchResponse {
        let Asked { arrivals, due, unread } = Asked::read(batch, &self.inbox_prefix);
        let admitter = admission::Admitter {
            registry: self.registry.as_ref(),
            executions: self.executions.as_ref(),
            clock: self.clock.as_ref(),
        };
        let admitter = &admitter;
        let arrive = arrivals.into_iter().map(|(dataset, (arrivals, places))| async move {
            let outcome = admitter.arrive(&dataset, arrivals, now).await;
            (places, dataset, outcome)
        });
        let close = due.into_iter().map(|(due, place)| async move {
            let outcome = admitter.close(&due, now).await;
            (vec![place], due.dataset, outcome)
        });
        let mut outcomes = join_all(arrive).await;
        // What arrived in this very batch may still join.
        outcomes.extend(join_all(close).await);
        let failed = outcomes.into_iter().filter_map(|(places, dataset, outcome)| {
            let error = outcome.err()?;
            Some((places, format!("dataset `{dataset}`: {error}")))
        });
        let unread = unread.into_iter().map(|(place, reason)| (vec![place], reason));
        let mut failures = BTreeMap::new();
        for (places, reason) in failed.chain(unread) {
            failures.extend(places.into_iter().map(|place| (place, reason.clone())));
        }
        let mut response = SqsBatchResponse::default();
        for (place, reason) in failures {
            // SQS names every message; to an empty name Lambda delivers the whole batch again.
            let id = batch.records[place].message_id.clone().unwrap_or_default();
            warn!(message = id, reason, "a message was not admitted");
            response.add_failure(id);
        }
        response
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use async_trait::async_trait;
    use job::message::Submission;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-31T12:00:00.000Z";
    const ARRIVAL: &str = include_str!("../../../testdata/events/object-created.json");

    /// Keeps what it is asked to remind of.
    #[derive(Default)]
    struct Reminders(Mutex<Vec<(Due, u32)>>);

    #[async_trait]
    impl Clock for Reminders {
        async fn remind(&self, due: &Due, seconds: u32) -> Result<(), String> {
            self.0.lock().unwrap().push((due.clone(), seconds));
            Ok(())
        }
    }

    async fn admitter() -> (Admitter, Arc<executions::Memory>, Arc<Reminders>) {
        let (registry, executions) = (registry::Memory::new(), Arc::new(executions::Memory::new()));
        let clock = Arc::new(Reminders::default());
        registry
            .put_contract(
                &DatasetName::parse("flights").unwrap(),
                "name: flights",
                &job::Intake::default(),
                NOW,
            )
            .await
            .unwrap();
        (
            Admitter {
                registry: Arc::new(registry),
                executions: executions.clone(),
                clock: clock.clone(),
                inbox_prefix: "inbox/".to_owned(),
            },
            executions,
            clock,
        )
    }

    /// What the queue delivers when the time of the only batch has come.
    fn reminder(clock: &Reminders) -> String {
        let reminders = clock.0.lock().unwrap();
        assert_eq!((reminders.len(), reminders[0].1), (1, 30));
        json!({"batchDue": reminders[0].0}).to_string()
    }

    /// A batch of these bodies, in which message `n` has the id `n`.
    fn batch(bodies: &[String]) -> SqsEvent {
        let records: Vec<Value> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| json!({"messageId": n.to_string(), "body": body}))
            .collect();
        serde_json::from_value(json!({"Records": records})).unwrap()
    }

    fn arrival_of(key: &str, size: u64) -> String {
        json!({"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}, "object": {"key": key, "etag": "e", "size": size}}}).to_string()
    }

    fn failed(ids: &[&str]) -> Value {
        let failures: Vec<Value> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
        json!({"batchItemFailures": failures})
    }

    #[tokio::test]
    async fn a_large_file_becomes_a_job_at_once() {
        let (admitter, executions, clock) = admitter().await;
        let mut batch: SqsEvent = serde_json::from_str(ARRIVAL).unwrap();
        let body = batch.records[0].body.take().unwrap();
        let mut event: Value = serde_json::from_str(&body).unwrap();
        event["detail"]["object"]["size"] = json!(8 << 20);
        batch.records[0].body = Some(event.to_string());
        let answer = admitter.admit_all(&batch, NOW).await;
        assert_eq!(serde_json::to_value(answer).unwrap(), failed(&[]));
        let submission: Submission = serde_json::from_str(&executions.inputs()[0]).unwrap();
        assert_eq!(
            (submission.dataset.as_str(), submission.source.object().unwrap().key.as_str()),
            ("flights", "inbox/flights/2013/été & co+1.csv")
        );
        let source = submission.source.object().unwrap();
        assert_eq!(source.version.as_deref(), Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"));
        assert_eq!(source.etag.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
        assert!(clock.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_small_file_becomes_a_job_when_its_time_has_come() {
        let (admitter, executions, clock) = admitter().await;
        let arrival: SqsEvent = serde_json::from_str(ARRIVAL).unwrap();
        let answer = admitter.admit_all(&arrival, NOW).await;
        assert_eq!(serde_json::to_value(answer).unwrap(), failed(&[]));
        assert!(executions.inputs().is_empty());
        let due = batch(&vec![reminder(&clock); 2]);
        for _ in 0..2 {
            let answer = admitter.admit_all(&due, NOW).await;
            assert_eq!(serde_json::to_value(answer).unwrap(), failed(&[]));
        }
        let [input] = <[String; 1]>::try_from(executions.inputs()).unwrap();
        let submission: Submission = serde_json::from_str(&input).unwrap();
        let source = submission.source.object().unwrap();
        assert_eq!(source.key, "inbox/flights/2013/été & co+1.csv");
    }

    #[tokio::test]
    async fn an_arrival_told_five_times_is_one_job() {
        for size in [3, 8 << 20] {
            let (admitter, executions, clock) = admitter().await;
            let bodies = vec![arrival_of("inbox/flights/a.csv", size); 3];
            for batch in [batch(&bodies), batch(&bodies[..2])] {
                let answer = admitter.admit_all(&batch, NOW).await;
                assert_eq!(serde_json::to_value(answer).unwrap(), failed(&[]));
            }
            let reminders = std::mem::take(&mut *clock.0.lock().unwrap());
            for (due, _) in reminders {
                let due = json!({"batchDue": due}).to_string();
                admitter.admit_all(&batch(&[due]), NOW).await;
            }
            assert_eq!(executions.inputs().len(), 1);
        }
    }

    #[tokio::test]
    async fn only_what_fails_is_delivered_again() {
        let (admitter, executions, _) = admitter().await;
        let bodies = [
            arrival_of("inbox/flights/a.csv", 8 << 20),
            "not json".to_owned(),
            arrival_of("inbox/weather/a.csv", 3),
            arrival_of("inbox/flights/", 0),
            arrival_of("inbox/a.csv", 3),
            arrival_of("inbox/flights/b.csv", 9 << 20),
            json!({"batchDue": {"dataset": "flights", "job": "gone"}}).to_string(),
        ];
        let failures = admitter.admit_all(&batch(&bodies), NOW).await;
        assert_eq!(serde_json::to_value(failures).unwrap(), failed(&["1", "2", "4"]));
        assert_eq!(executions.inputs().len(), 2);
    }

    #[tokio::test]
    async fn what_failed_for_a_while_is_admitted_later() {
        let (admitter, executions, _) = admitter().await;
        let arrivals = batch(&[arrival_of("inbox/flights/a.csv", 8 << 20)]);
        executions.refuse_next(executions::Error::Unavailable("busy".to_owned()));
        let answer = admitter.admit_all(&arrivals, NOW).await;
        assert_eq!(serde_json::to_value(answer).unwrap(), failed(&["0"]));
        let answer = admitter.admit_all(&arrivals, NOW).await;
        assert_eq!(serde_json::to_value(answer).unwrap(), failed(&[]));
        assert_eq!(executions.inputs().len(), 1);
    }
}
