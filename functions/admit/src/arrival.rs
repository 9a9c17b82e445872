//! Reads an arrival: what EventBridge tells of an object that was created.

use job::DatasetName;
use job::message::{JobId, SourceRef};
use serde::Deserialize;

/// An object created in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) dataset: DatasetName,
    pub(crate) source: SourceRef,
}

/// An event, as far as it matters here.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "detail-type")]
    kind: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Object {
    /// As it is: EventBridge does not URL-encode keys, unlike S3's own notifications.
    key: String,
    etag: String,
    /// The version in a bucket that keeps versions; the local cloud leaves it out.
    version_id: Option<String>,
    /// Grows with the versions of a key.
    sequencer: Option<String>,
}

impl Arrival {
    /// Reads an event; `None` for anything that is not a file. The error says what is wrong,
    /// without the object's key.
    pub(crate) fn read(event: &str, inbox_prefix: &str) -> Result<Option<Self>, String> {
        let Event { kind, detail: Detail { bucket, object } } = serde_json::from_str(event)
            .map_err(|error| format!("not an event of EventBridge about an object: {error}"))?;
        if kind != "Object Created" {
            return Err(format!("an event of another kind: `{kind}`"));
        }
        if object.key.ends_with('/') {
            // What consoles put so that a folder shows.
            return Ok(None);
        }
        let place = object.key.strip_prefix(inbox_prefix).and_then(|rest| rest.split_once('/'));
        let Some((dataset, _)) = place else {
            return Err(format!("the object is not under `{inbox_prefix}<dataset>/`"));
        };
        let dataset = DatasetName::parse(dataset).map_err(|error| {
            format!("the folder under `{inbox_prefix}` names no dataset: {error}")
        })?;
        let etag = object.etag.trim_matches('"').to_owned();
        // Buckets that once kept versions say `null` for objects without one.
        let version = object.version_id.filter(|version| !version.is_empty() && version != "null");
        let sequencer = object.sequencer.filter(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        Ok(Some(Self {
            dataset,
            source: SourceRef {
                bucket: bucket.name,
                key: object.key,
                version,
                etag: Some(etag),
                sequencer,
            },
        }))
    }

    /// The job that lands it: the same for every event of the same version.
    pub(crate) fn job(&self) -> JobId {
        let state =
            self.source.version.as_deref().or(self.source.etag.as_deref()).unwrap_or_default();
        JobId::of_event(&self.dataset, &self.source.bucket, &self.source.key, state)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(object: Value) -> String {
        json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": object}}).to_string()
    }

    fn read(object: Value) -> Result<Option<Arrival>, String> {
        Arrival::read(&event(object), "inbox/")
    }

    #[test]
    fn the_folder_names_the_dataset_and_the_key_is_taken_as_it_is() {
        let arrival =
            read(json!({"key": "inbox/flights/a/b%20c+d é.csv", "etag": "\"e\"", "version-id": "v", "sequencer": "0A"})).unwrap().unwrap();
        assert_eq!(arrival.dataset.as_str(), "flights");
        let source = SourceRef {
            bucket: "b".into(),
            key: "inbox/flights/a/b%20c+d é.csv".into(),
            version: Some("v".into()),
            etag: Some("e".into()),
            sequencer: Some("0A".into()),
        };
        assert_eq!(arrival.source, source);
    }

    #[test]
    fn the_job_is_that_of_the_version_or_else_of_the_etag() {
        let job = |object| read(object).unwrap().unwrap().job();
        let first = job(json!({"key": "inbox/f/a", "etag": "e", "version-id": "v1"}));
        assert_eq!(
            first,
            job(
                json!({"key": "inbox/f/a", "etag": "e", "version-id": "v1", "size": 3, "sequencer": "0A"})
            )
        );
        assert_ne!(first, job(json!({"key": "inbox/f/a", "etag": "e", "version-id": "v2"})));
        assert_ne!(first, job(json!({"key": "inbox/f/b", "etag": "e", "version-id": "v1"})));
        let unversioned = job(json!({"key": "inbox/f/a", "etag": "e"}));
        assert_eq!(
            unversioned,
            job(json!({"key": "inbox/f/a", "etag": "\"e\"", "version-id": "null"}))
        );
        assert_ne!(unversioned, job(json!({"key": "inbox/f/a", "etag": "e2"})));
    }

    #[test]
    fn a_folder_marker_is_no_arrival() {
        assert_eq!(read(json!({"key": "inbox/flights/", "etag": "e", "size": 0})), Ok(None));
        assert_eq!(read(json!({"key": "inbox/", "etag": "e"})), Ok(None));
    }

    #[test]
    fn what_names_no_dataset_is_explained_without_the_key() {
        for key in [
            "inbox/secret.csv",
            "inbox//secret.csv",
            "inbox/Flights 2013/secret.csv",
            "elsewhere/flights/secret.csv",
        ] {
            let error = read(json!({"key": key, "etag": "e"})).unwrap_err();
            assert!(error.contains("`inbox/") && !error.contains("secret"), "{error}");
        }
        assert!(Arrival::read("{}", "inbox/").is_err());
        assert!(Arrival::read("not json", "inbox/").is_err());
        let deleted = event(json!({"key": "inbox/f/a", "etag": "e"}))
            .replace("Object Created", "Object Deleted");
        assert!(Arrival::read(&deleted, "inbox/").unwrap_err().contains("`Object Deleted`"));
    }
}
