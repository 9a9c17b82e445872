//! A document that lists the objects of a source: JSON Lines, or the `entries` that Redshift's
//! UNLOAD writes and its COPY reads.

use job::message::SourceRef;
use job::{Error, ErrorKind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wording::Unquoted;

use crate::plan::MAX_OBJECTS;

/// Most bytes of a manifest: of 100,000 objects each has room for a key of 500 bytes.
pub const MANIFEST_BYTES: u64 = 64 << 20;

/// What a manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The objects, in their order.
    pub objects: Vec<ListedObject>,
    /// What they come to together.
    pub total: Total,
}

/// An object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The object.
    pub source: SourceRef,
    /// What it is said to hold.
    pub expected: Expected,
    /// Whether it may be missing.
    pub is_optional: bool,
}

/// What an object is said to hold: what it holds is compared with that before anything is
/// committed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Bytes.
    pub bytes: Option<u64>,
    /// Records, the header left out.
    pub rows: Option<u64>,
    /// CRC-64/NVME.
    pub crc64nvme: Option<u64>,
}

/// What the objects of a manifest are said to come to together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// Objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Records, headers left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

impl Total {
    /// Whether nothing is said.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A line of a manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    url: Option<String>,
    bucket: Option<String>,
    key: Option<String>,
    version: Option<String>,
    etag: Option<String>,
    bytes: Option<u64>,
    rows: Option<u64>,
    crc64nvme: Option<String>,
    total: Option<Total>,
}

#[derive(Deserialize)]
struct Entries {
    entries: Vec<Entry>,
}

/// An entry of Redshift's form. What else it says is of no use here.
#[derive(Deserialize)]
struct Entry {
    url: String,
    /// COPY goes on without those that are not.
    #[serde(default)]
    mandatory: bool,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    content_length: Option<u64>,
    record_count: Option<u64>,
}

impl Manifest {
    /// Reads the bytes of the object `manifest`. Keys without a bucket are of its bucket.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceCorrupt`]: it is no manifest; the text says in which line.
    /// [`ErrorKind::LimitExceeded`]: it lists more than [`MAX_OBJECTS`].
    pub fn read(bytes: &[u8], manifest: &SourceRef) -> Result<Self, Error> {
        let read = match serde_json::from_slice::<Entries>(bytes) {
            Ok(Entries { entries }) => Self::of_entries(entries, manifest)?,
            Err(_) => Self::of_lines(bytes, manifest)?,
        };
        if read.objects.len() > MAX_OBJECTS {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{} lists {} objects; a job lands {MAX_OBJECTS} at most",
                    manifest.name(),
                    read.objects.len()
                ),
            ));
        }
        Ok(read)
    }

    fn of_entries(entries: Vec<Entry>, manifest: &SourceRef) -> Result<Self, Error> {
        let objects = (1..).zip(entries).map(|(number, entry): (usize, Entry)| {
            let place = format!("entry {number}");
            let (bucket, key) = split(&entry.url)
                .ok_or_else(|| broken(manifest, &place, "`url` is not s3://bucket/key"))?;
            let meta = entry.meta.as_ref();
            Ok(ListedObject {
                source: SourceRef::new(bucket, key),
                expected: Expected {
                    bytes: meta.and_then(|meta| meta.content_length),
                    rows: meta.and_then(|meta| meta.record_count),
                    crc64nvme: None,
                },
                is_optional: !entry.mandatory,
            })
        });
        Ok(Self { objects: objects.collect::<Result<_, Error>>()?, total: Total::default() })
    }

    fn of_lines(bytes: &[u8], manifest: &SourceRef) -> Result<Self, Error> {
        let mut read = Self::default();
        let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
        for (number, line) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
            let place = format!("line {number}");
            let line: Line = parse(line).map_err(|why| broken(manifest, &place, &why))?;
            match line.total {
                Some(total) => read.total = total,
                None => read
                    .objects
                    .push(line.object(manifest).map_err(|why| broken(manifest, &place, &why))?),
            }
        }
        Ok(read)
    }
}

impl Line {
    fn object(self, manifest: &SourceRef) -> Result<ListedObject, String> {
        let (bucket, key) = match (self.url, self.key) {
            (Some(url), None) if self.bucket.is_none() => {
                split(&url).ok_or("`url` is not s3://bucket/key")?
            }
            (None, Some(key)) => (self.bucket.unwrap_or_else(|| manifest.bucket.clone()), key),
            _ => return Err("give `url`, or `key` and perhaps `bucket`".to_owned()),
        };
        let crc64nvme = self
            .crc64nvme
            .map(|digits| match digits.len() {
                16 => u64::from_str_radix(&digits, 16).map_err(|_| ()),
                _ => Err(()),
            })
            .transpose()
            .map_err(|()| "`crc64nvme` is 16 hexadecimal digits")?;
        let Self { version, etag, bytes, rows, .. } = self;
        Ok(ListedObject {
            source: SourceRef { version, etag, ..SourceRef::new(bucket, key) },
            expected: Expected { bytes, rows, crc64nvme },
            is_optional: false,
        })
    }
}

/// Bucket and key of `s3://bucket/key`.
fn split(url: &str) -> Option<(String, String)> {
    let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.unquoted())
}

fn broken(manifest: &SourceRef, place: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::SourceCorrupt,
        format!(
            "{}, {place}: {why}; a manifest is JSON Lines of objects, or Redshift's `entries`",
            manifest.name()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        let manifest = SourceRef::new("inbox".to_owned(), "lists/today.jsonl".to_owned());
        Manifest::read(text.as_bytes(), &manifest).map_err(|error| error.message)
    }

    #[test]
    fn lines_name_objects_and_what_they_hold() {
        let text = r#"{"key": "a.csv"}

            {"url": "s3://other/b/c.csv", "rows": 3, "bytes": 40, "crc64nvme": "00000000000000ff"}
            {"bucket": "third", "key": "d", "version": "v", "etag": "e"}
            {"total": {"objects": 3, "rows": 9}}"#;
        let manifest = read(text).expect("a manifest");
        let names: Vec<_> = manifest.objects.iter().map(|object| object.source.name()).collect();
        assert_eq!(names, ["s3://inbox/a.csv", "s3://other/b/c.csv", "s3://third/d"]);
        let expected = Expected { bytes: Some(40), rows: Some(3), crc64nvme: Some(255) };
        assert_eq!(manifest.objects[1].expected, expected);
        assert_eq!(manifest.objects[2].source.version.as_deref(), Some("v"));
        assert_eq!(manifest.total, Total { objects: Some(3), bytes: None, rows: Some(9) });
        assert_eq!(read("").expect("an empty manifest").objects, []);
    }

    #[test]
    fn entries_of_redshift_are_read() {
        let text = r#"{"entries": [
            {"url": "s3://b/0000_part_00", "mandatory": true, "meta": {"content_length": 12, "record_count": 2}},
            {"url": "s3://b/0001_part_00"}
        ]}"#;
        let objects = read(text).expect("a manifest").objects;
        assert_eq!(objects[0].expected.bytes, Some(12));
        assert_eq!([objects[0].is_optional, objects[1].is_optional], [false, true]);
    }

    #[test]
    fn a_broken_line_is_named() {
        for (text, told) in [
            ("{\"key\": \"a\"}\nnonsense", "line 2: "),
            ("{\"key\": \"a\", \"colour\": 1}", "line 1: "),
            ("{\"bytes\": 1}", "line 1: give `url`, or `key`"),
            ("{\"url\": \"https://x/y\"}", "line 1: `url` is not s3://"),
            ("{\"key\": \"a\", \"crc64nvme\": \"ff\"}", "line 1: `crc64nvme` is 16"),
            ("{\"entries\": [{\"url\": \"s3://b\"}]}", "entry 1: `url` is not"),
        ] {
            let message = read(text).expect_err(text);
            assert!(message.contains(told), "{message}");
        }
    }
}
