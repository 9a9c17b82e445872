//! A registry in one Amazon DynamoDB table.
//!
//! | attribute | type | of | is |
//! |---|---|---|---|
//! | `pk` | S | all | partition key of the table |
//! | `sk` | S | all | sort key of the table |
//! | `body` | S | all | the entry, as JSON; conditions compare it as a whole |
//! | `by_dataset` | S | jobs | the job's dataset: partition key of the index `dataset` |
//! | `by_status` | S | jobs | the job's status: partition key of the index `status` |
//! | `by_all` | S | jobs | `job`: partition key of the index `all` |
//! | `listed` | S | jobs | `<created>#<job id>`: sort key of all three indexes |
//! | `labels` | SS | jobs that have some | each label, as `<key>:<value>` |
//! | `requests` | N | counts of requests, which have no `body` | how many |
//! | `expires` | N | what is kept of those who watch, counts of requests | seconds since 1970 at which DynamoDB may delete the entry: the table's TTL attribute |
//!
//! | entry | `pk` | `sk` |
//! |---|---|---|
//! | job | `job#<id>` | `record` |
//! | newest contract of a dataset | `dataset` | `<dataset>` |
//! | version of a contract | `contract#<dataset>` | ten digits |
//! | part of a contract that is too long for an entry | `text#<dataset>#<SHA-256 of the text>` | five digits |
//! | claim of a content | `loaded#<dataset>#<SHA-256 of the content>` | `claim` |
//! | newest version of an object that landed | `newest#<dataset>#<SHA-256 of bucket/key>` | `version` |
//! | job that lands an object version that arrived | `arrival#<dataset>#<digest of the version>` | `job` |
//! | something that was told of a dataset | `told#<dataset>#<SHA-256 of it>` | `note` |
//! | batch of arrivals that is not a job yet | `batch#<dataset>` | `batch` |
//! | part of what a batch gathered | `gathered#<job>` | five digits |
//! | ticket that lets somebody connect | `ticket#<SHA-256 of its secret>` | `ticket` |
//! | open WebSocket | `connection#<SHA-256 of its id>` | `record` |
//! | who watches a job, a dataset or all jobs | `topic#job#<id>`, `topic#dataset#<name>`, `topic#all` | SHA-256 of the connection's id |
//! | how the pushes of a job stand | `live#<job>` | `head` |
//! | requests of a caller in a minute | `requests#<SHA-256 of who it is>` | the minute since 1970 in ten digits |
//! | what a thirty-second of a job's shards have done | `live#<job>` | `slot-` and two digits |
//!
//! The indexes project `ALL`. Permissions: `dynamodb:GetItem`, `PutItem` and `DeleteItem` on the
//! table (transactions need no other), `dynamodb:Query` on the table and on its indexes, and
//! `dynamodb:UpdateItem` for counts alone. Every read of the table is strongly consistent; the
//! indexes follow within a moment.

mod failure;

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem};
use aws_types::SdkConfig;

use self::failure::{Outcome, cancelled, failed};
use crate::attempts::Attempts;
use crate::table::{Key, List, Listing, Position, Table, When, Write, read};
use crate::{Error, Result};

/// The least number of jobs that are looked at in one go when a filter lets only some of them pass.
const FILTERED_PAGE: usize = 200;
/// The value of `by_all`.
const ALL: &str = "job";

/// A registry in a table of Amazon DynamoDB. Its schema is told at the head of this module's source
/// and declared in `template.yaml`.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    client: Client,
    table: String,
}

type Item = HashMap<String, AttributeValue>;

impl DynamoDb {
    /// The registry in the table of this name.
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        Self { client: Client::new(config), table: table.into() }
    }

    /// What a permission is wanted on, for errors.
    fn target(&self, index: Option<&str>) -> String {
        let index = index.map(|index| format!("index `{index}` of ")).unwrap_or_default();
        format!("{index}table `{}`", self.table)
    }

    async fn put(&self, write: &Write, item: Item) -> Result<Outcome> {
        let (expression, values) = condition(&write.when);
        let call = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let sent = call
            .set_condition_expression(expression)
            .set_expression_attribute_values(values)
            .send()
            .await;
        self.outcome(sent, "dynamodb:PutItem")
    }

    async fn delete(&self, write: &Write) -> Result<Outcome> {
        let (expression, values) = condition(&write.when);
        let call = self.client.delete_item().table_name(&self.table).set_key(Some(key(&write.key)));
        let sent = call
            .set_condition_expression(expression)
            .set_expression_attribute_values(values)
            .send()
            .await;
        self.outcome(sent, "dynamodb:DeleteItem")
    }

    async fn transact(&self, writes: &[Write]) -> Result<Outcome> {
        let writes = writes.iter().map(|write| self.part(write)).collect::<Result<Vec<_>>>()?;
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(Outcome::Done),
            Err(error) => match cancelled(&error) {
                Some(outcome) => Ok(outcome),
                None => Err(failed(
                    &error,
                    "dynamodb:PutItem and dynamodb:DeleteItem",
                    &self.target(None),
                )),
            },
        }
    }

    /// A write as a part of a transaction.
    fn part(&self, write: &Write) -> Result<TransactWriteItem> {
        let (expression, values) = condition(&write.when);
        let part = TransactWriteItem::builder();
        let part = match &write.then {
            Some(body) => {
                let put =
                    Put::builder().table_name(&self.table).set_item(Some(item(&write.key, body)?));
                part.put(
                    put.set_condition_expression(expression)
                        .set_expression_attribute_values(values)
                        .build()
                        .map_err(unbuilt)?,
                )
            }
            None => {
                let delete =
                    Delete::builder().table_name(&self.table).set_key(Some(key(&write.key)));
                part.delete(
                    delete
                        .set_condition_expression(expression)
                        .set_expression_attribute_values(values)
                        .build()
                        .map_err(unbuilt)?,
                )
            }
        };
        Ok(part.build())
    }

    fn outcome<T, E: ProvideErrorMetadata>(
        &self,
        sent: std::result::Result<T, SdkError<E>>,
        permission: &str,
    ) -> Result<Outcome> {
        match sent {
            Ok(_) => Ok(Outcome::Done),
            Err(error) => match error.code() {
                Some("ConditionalCheckFailedException") => Ok(Outcome::Refused),
                Some("TransactionConflictException") => Ok(Outcome::Conflict),
                _ => Err(failed(&error, permission, &self.target(None))),
            },
        }
    }
}

#[async_trait]
impl Table for DynamoDb {
    async fn get(&self, entry: &Key) -> Result<Option<String>> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(entry)))
            .consistent_read(true);
        let answer = call
            .send()
            .await
            .map_err(|error| failed(&error, "dynamodb:GetItem", &self.target(None)))?;
        answer.item.map(|item| text(&item, "body")).transpose()
    }

    async fn write(&self, writes: Vec<Write>) -> Result<bool> {
        let mut attempts = Attempts::default();
        loop {
            let outcome = match writes.as_slice() {
                [] => Outcome::Done,
                [write] => match &write.then {
                    Some(body) => self.put(write, item(&write.key, body)?).await?,
                    None => self.delete(write).await?,
                },
                several => self.transact(several).await?,
            };
            match outcome {
                Outcome::Done => return Ok(true),
                Outcome::Refused => return Ok(false),
                Outcome::Conflict => attempts.pause(&writes[0].key).await?,
            }
        }
    }

    async fn list(
        &self,
        list: &List,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Vec<(Position, String)>> {
        let scope = Scope::of(list);
        if scope.times.as_ref().is_some_and(|(from, until)| from > until) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut start = after.map(|after| scope.start(after));
        loop {
            let wanted = limit - found.len();
            let page = if scope.is_filtered() { wanted.max(FILTERED_PAGE) } else { wanted };
            let call = self
                .client
                .query()
                .table_name(&self.table)
                .set_index_name(scope.index.map(str::to_owned));
            let call = call
                .key_condition_expression(scope.keys())
                .set_filter_expression(scope.filter())
                .set_expression_attribute_values(Some(scope.values()));
            let call = call
                .consistent_read(scope.index.is_none())
                .scan_index_forward(!list.newest_first());
            let call =
                call.limit(page.try_into().unwrap_or(i32::MAX)).set_exclusive_start_key(start);
            let answer = call.send().await.map_err(|error| match error.code() {
                Some("ValidationException") if after.is_some() => {
                    Error::BadCursor("the cursor is not one of this list".to_owned())
                }
                _ => failed(&error, "dynamodb:Query", &self.target(scope.index)),
            })?;
            for item in answer.items.unwrap_or_default().iter().take(wanted) {
                found.push((position(item, scope.index)?, text(item, "body")?));
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() == limit {
                return Ok(found);
            }
        }
    }

    async fn count(&self, counter: &Key, expires: u64) -> Result<u64> {
        let number = |number: u64| AttributeValue::N(number.to_string());
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(counter)))
            .update_expression("ADD requests :one SET expires = :expires")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires", number(expires))
            .return_values(ReturnValue::UpdatedNew);
        let answer = call
            .send()
            .await
            .map_err(|error| failed(&error, "dynamodb:UpdateItem", &self.target(None)))?;
        let count = answer.attributes.as_ref().and_then(|item| item.get("requests"));
        match count {
            Some(AttributeValue::N(count)) => count.parse().ok(),
            _ => None,
        }
        .ok_or_else(|| Error::Corrupt(format!("the counter `{counter}` has no count")))
    }
}

/// Where in the table a list lies.
struct Scope {
    /// The index; `None` is the table.
    index: Option<&'static str>,
    /// Its partition key.
    attribute: &'static str,
    /// The partition.
    partition: String,
    /// Of its jobs, only those listed between these, bounds included.
    times: Option<(String, String)>,
    /// Of its jobs, only those in this status.
    status: Option<&'static str>,
    /// Of its jobs, only those with this label.
    label: Option<String>,
}

/// Before and after everything that is listed: times begin with digits.
const LISTED: (&str, &str) = ("0", "~");

impl Scope {
    fn of(list: &List) -> Self {
        let List::Jobs(filter) = list else {
            let partition = list.partition().unwrap_or_default();
            return Self {
                index: None,
                attribute: "pk",
                partition,
                times: None,
                status: None,
                label: None,
            };
        };
        let status = filter.status.map(|status| status.as_str());
        let (index, attribute, partition, status) = match (&filter.dataset, status) {
            (Some(dataset), status) => ("dataset", "by_dataset", dataset.as_str(), status),
            (None, Some(status)) => ("status", "by_status", status, None),
            (None, None) => ("all", "by_all", ALL, None),
        };
        let bound =
            |time: &Option<String>, none: &str| time.clone().unwrap_or_else(|| none.to_owned());
        let has_times = filter.from.is_some() || filter.until.is_some();
        Self {
            index: Some(index),
            attribute,
            partition: partition.to_owned(),
            // Nothing is listed as a time alone, so that the upper bound is none of the jobs.
            times: has_times
                .then(|| (bound(&filter.from, LISTED.0), bound(&filter.until, LISTED.1))),
            status,
            label: filter.label.as_ref().map(ToString::to_string),
        }
    }

    /// Whether only some of what is looked at may pass.
    fn is_filtered(&self) -> bool {
        self.status.is_some() || self.label.is_some()
    }

    /// The condition on the keys.
    fn keys(&self) -> String {
        let times = self.times.as_ref().map_or("", |_| " AND listed BETWEEN :from AND :until");
        format!("{} = :partition{times}", self.attribute)
    }

    /// The condition on the rest.
    fn filter(&self) -> Option<String> {
        let status = self.status.map(|_| "by_status = :status");
        let label = self.label.as_ref().map(|_| "contains(labels, :label)");
        let all: Vec<_> = status.into_iter().chain(label).collect();
        (!all.is_empty()).then(|| all.join(" AND "))
    }

    /// The values that the conditions name.
    fn values(&self) -> Item {
        let named = |name: &str, text: &str| (name.to_owned(), value(text));
        let mut values = Item::from([named(":partition", &self.partition)]);
        values.extend(self.status.map(|status| named(":status", status)));
        values.extend(self.label.as_ref().map(|label| named(":label", label)));
        if let Some((from, until)) = &self.times {
            values.extend([named(":from", from), named(":until", until)]);
        }
        values
    }

    /// The start key of a query that goes on after a position.
    fn start(&self, after: &Position) -> Item {
        let mut start = key(&after.key);
        if let Some(listed) = &after.listed {
            start.insert(self.attribute.to_owned(), value(&self.partition));
            start.insert("listed".to_owned(), value(listed));
        }
        start
    }
}

fn value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn key(key: &Key) -> Item {
    HashMap::from([("pk".to_owned(), value(&key.pk)), ("sk".to_owned(), value(&key.sk))])
}

fn item(at: &Key, body: &str) -> Result<Item> {
    let mut item = key(at);
    item.insert("body".to_owned(), value(body));
    if at.expires() {
        let Expiring { expires } = read(at, body)?;
        item.insert("expires".to_owned(), AttributeValue::N(expires.to_string()));
    }
    if at.is_job() {
        let listing = Listing::read(at, body)?;
        item.insert("by_dataset".to_owned(), value(listing.dataset.as_str()));
        item.insert("by_status".to_owned(), value(listing.status.as_str()));
        item.insert("by_all".to_owned(), value(ALL));
        item.insert("listed".to_owned(), value(&listing.listed));
        if !listing.labels.is_empty() {
            let labels = AttributeValue::Ss(listing.labels.written().collect());
            item.insert("labels".to_owned(), labels);
        }
    }
    Ok(item)
}

/// What an entry says that is not kept for ever.
#[derive(serde::Deserialize)]
struct Expiring {
    /// Seconds since 1970.
    expires: u64,
}

fn position(item: &Item, index: Option<&str>) -> Result<Position> {
    let listed = index.map(|_| text(item, "listed")).transpose()?;
    Ok(Position { listed, key: Key { pk: text(item, "pk")?, sk: text(item, "sk")? } })
}

fn text(item: &Item, attribute: &str) -> Result<String> {
    match item.get(attribute) {
        Some(AttributeValue::S(text)) => Ok(text.clone()),
        _ => Err(Error::Corrupt(format!("a registry entry has no text attribute `{attribute}`"))),
    }
}

fn condition(when: &When) -> (Option<String>, Option<Item>) {
    let (expression, there) = match when {
        When::Always => return (None, None),
        When::Absent => ("attribute_not_exists(pk)", None),
        When::Present => ("attribute_exists(pk)", None),
        When::Is(there) => ("body = :there", Some(there)),
        When::AbsentOrIs(there) => ("attribute_not_exists(pk) OR body = :there", Some(there)),
    };
    (
        Some(expression.to_owned()),
        there.map(|there| HashMap::from([(":there".to_owned(), value(there))])),
    )
}

fn unbuilt(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Impossible(format!("a request to DynamoDB can't be built: {error}"))
}
