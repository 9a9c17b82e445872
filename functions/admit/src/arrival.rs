//! Reads an arrival: what EventBridge tells of an object that was created.

use job::DatasetName;
use job::message::SourceRef;
use registry::Arrival;
use serde::Deserialize;

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
    /// An object of which nobody tells the size is taken for a large one.
    size: Option<u64>,
    /// The version in a bucket that keeps versions; the local cloud leaves it out.
    version_id: Option<String>,
    /// Grows with the versions of a key.
    sequencer: Option<String>,
}

/// Reads an event: an object created in the inbox, and the dataset that its folder names. `None`
/// for anything that is not a file. The error says what is wrong, without the object's key.
pub(crate) fn read(
    event: &str,
    inbox_prefix: &str,
) -> Result<Option<(DatasetName, Arrival)>, String> {
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
    let dataset = DatasetName::parse(dataset)
        .map_err(|error| format!("the folder under `{inbox_prefix}` names no dataset: {error}"))?;
    let etag = object.etag.trim_matches('"').to_owned();
    // Buckets that once kept versions say `null` for objects without one.
    let version = object.version_id.filter(|version| !version.is_empty() && version != "null");
    let sequencer = object
        .sequencer
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let source =
        SourceRef { bucket: bucket.name, key: object.key, version, etag: Some(etag), sequencer };
    let bytes = object.size.unwrap_or(u64::MAX);
    Ok(Some((dataset, Arrival { source, bytes })))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(object: Value) -> String {
        json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": object}}).to_string()
    }

    fn read(object: Value) -> Result<Option<(DatasetName, Arrival)>, String> {
        super::read(&event(object), "inbox/")
    }

    #[test]
    fn the_folder_names_the_dataset_and_the_key_is_taken_as_it_is() {
        let (dataset, arrival) =
            read(json!({"key": "inbox/flights/a/b%20c+d é.csv", "size": 3, "etag": "\"e\"", "version-id": "v", "sequencer": "0A"})).unwrap().unwrap();
        assert_eq!(dataset.as_str(), "flights");
        let source = SourceRef {
            bucket: "b".into(),
            key: "inbox/flights/a/b%20c+d é.csv".into(),
            version: Some("v".into()),
            etag: Some("e".into()),
            sequencer: Some("0A".into()),
        };
        assert_eq!(arrival, Arrival { source, bytes: 3 });
    }

    #[test]
    fn an_arrival_is_of_a_version_or_else_of_an_etag() {
        let job = |object| read(object).unwrap().unwrap().1.source.version_digest();
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
        assert!(super::read("{}", "inbox/").is_err());
        assert!(super::read("not json", "inbox/").is_err());
        let deleted = event(json!({"key": "inbox/f/a", "etag": "e"}))
            .replace("Object Created", "Object Deleted");
        assert!(super::read(&deleted, "inbox/").unwrap_err().contains("`Object Deleted`"));
    }
}
