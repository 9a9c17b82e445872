//! Admits the messages of a batch one by one, and names those that fail, so that the queue delivers
//! only them again.

use std::sync::Arc;

use admission::Request;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use executions::Executions;
use futures::future::join_all;
use job::Labels;
use job::message::Unreadable;
use registry::Registry;
use tracing::{info, warn};

use crate::arrival::Arrival;

/// Admits arrivals.
pub(crate) struct Admitter {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) executions: Arc<dyn Executions>,
    pub(crate) inbox_prefix: String,
}

impl Admitter {
    /// Admits all messages of a batch. The answer names those to deliver again; after a few times
    /// the queue puts them aside, where an alarm tells of them.
    pub(crate) async fn admit_all(&self, batch: &SqsEvent, now: &str) -> SqsBatchResponse {
        let admit = |message: &SqsMessage| {
            let body = message.body.clone().unwrap_or_default();
            async move { self.admit(&body, now).await }
        };
        let outcomes = join_all(batch.records.iter().map(admit)).await;
        let mut response = SqsBatchResponse::default();
        for (message, outcome) in batch.records.iter().zip(outcomes) {
            if let Err(reason) = outcome {
                // SQS names every message; to an empty name Lambda delivers the whole batch again.
                let id = message.message_id.clone().unwrap_or_default();
                warn!(message = id, reason, "an arrival was not admitted");
                response.add_failure(id);
            }
        }
        response
    }

    /// Admits one arrival. A dataset without a contract is a failure too: whoever reads the dead
    /// letters learns that files wait for it.
    async fn admit(&self, event: &str, now: &str) -> Result<(), String> {
        let Some(arrival) = Arrival::read(event, &self.inbox_prefix)? else { return Ok(()) };
        let job = arrival.job();
        // The event says which version it tells of: nobody looks again.
        let Arrival { dataset, source } = arrival;
        let request = Request {
            job,
            dataset: dataset.clone(),
            source: source.into(),
            seen: None,
            replay: None,
            force: false,
            unreadable: Unreadable::default(),
            commit: Default::default(),
            shard_bytes: None,
            max_cost: None,
            labels: Labels::default(),
        };
        let admitted =
            admission::admit(self.registry.as_ref(), self.executions.as_ref(), request, now).await;
        let admitted = admitted.map_err(|error| format!("dataset `{dataset}`: {error}"))?;
        info!(job = %admitted.job.submission.job, %dataset, new = admitted.new, "admitted");
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use job::DatasetName;
    use job::message::Submission;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-31T12:00:00.000Z";
    const ARRIVAL: &str = include_str!("../../../testdata/events/object-created.json");

    async fn admitter() -> (Admitter, Arc<executions::Memory>) {
        let (registry, executions) = (registry::Memory::new(), Arc::new(executions::Memory::new()));
        registry
            .put_contract(&DatasetName::parse("flights").unwrap(), "name: flights", NOW)
            .await
            .unwrap();
        (
            Admitter {
                registry: Arc::new(registry),
                executions: executions.clone(),
                inbox_prefix: "inbox/".to_owned(),
            },
            executions,
        )
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

    fn arrival_of(key: &str) -> String {
        json!({"detail-type": "Object Created", "detail": {"bucket": {"name": "b"}, "object": {"key": key, "etag": "e"}}}).to_string()
    }

    fn failed(ids: &[&str]) -> Value {
        let failures: Vec<Value> = ids.iter().map(|id| json!({"itemIdentifier": id})).collect();
        json!({"batchItemFailures": failures})
    }

    #[tokio::test]
    async fn an_arrival_becomes_a_job() {
        let (admitter, executions) = admitter().await;
        let batch: SqsEvent = serde_json::from_str(ARRIVAL).unwrap();
        assert_eq!(
            serde_json::to_value(admitter.admit_all(&batch, NOW).await).unwrap(),
            failed(&[])
        );
        let submission: Submission = serde_json::from_str(&executions.inputs()[0]).unwrap();
        assert_eq!(
            (submission.dataset.as_str(), submission.source.object().unwrap().key.as_str()),
            ("flights", "inbox/flights/2013/été & co+1.csv")
        );
        let source = submission.source.object().unwrap();
        assert_eq!(source.version.as_deref(), Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"));
        assert_eq!(source.etag.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
    }

    #[tokio::test]
    async fn an_arrival_told_five_times_is_one_job() {
        let (admitter, executions) = admitter().await;
        let bodies = vec![arrival_of("inbox/flights/a.csv"); 3];
        for batch in [batch(&bodies), batch(&bodies[..2])] {
            assert_eq!(
                serde_json::to_value(admitter.admit_all(&batch, NOW).await).unwrap(),
                failed(&[])
            );
        }
        assert_eq!(executions.inputs().len(), 1);
    }

    #[tokio::test]
    async fn only_what_fails_is_delivered_again() {
        let (admitter, executions) = admitter().await;
        let bodies = [
            arrival_of("inbox/flights/a.csv"),
            "not json".to_owned(),
            arrival_of("inbox/weather/a.csv"),
            arrival_of("inbox/flights/"),
            arrival_of("inbox/a.csv"),
            arrival_of("inbox/flights/b.csv"),
        ];
        let failures = admitter.admit_all(&batch(&bodies), NOW).await;
        assert_eq!(serde_json::to_value(failures).unwrap(), failed(&["1", "2", "4"]));
        assert_eq!(executions.inputs().len(), 2);
    }

    #[tokio::test]
    async fn what_failed_for_a_while_is_admitted_later() {
        let (admitter, executions) = admitter().await;
        let arrivals = batch(&[arrival_of("inbox/flights/a.csv")]);
        executions.refuse_next(executions::Error::Unavailable("busy".to_owned()));
        assert_eq!(
            serde_json::to_value(admitter.admit_all(&arrivals, NOW).await).unwrap(),
            failed(&["0"])
        );
        assert_eq!(
            serde_json::to_value(admitter.admit_all(&arrivals, NOW).await).unwrap(),
            failed(&[])
        );
        assert_eq!(executions.inputs().len(), 1);
    }
}
