//! The objects that a source names, found.

use globset::{GlobBuilder, GlobMatcher};
use job::message::{Source, SourceRef, Submission};
use job::{Error, ErrorKind};
use landing::manifest::{Expected, ListedObject, MANIFEST_BYTES, Manifest, Total};
use landing::plan::MAX_OBJECTS;
use objects::Head;

use crate::Context;
use crate::source::{pin, source_error};

/// Objects of a page of a listing.
const PAGE: u32 = 1_000;

/// What a source names.
pub(crate) struct FoundSource {
    pub(crate) objects: Vec<Found>,
    /// What they are said to come to together.
    pub(crate) total: Total,
}

/// An object that a source names.
pub(crate) struct Found {
    pub(crate) source: SourceRef,
    pub(crate) expected: Expected,
    /// Whether it may be missing.
    pub(crate) is_optional: bool,
}

impl From<ListedObject> for Found {
    fn from(ListedObject { source, expected, is_optional }: ListedObject) -> Self {
        Self { source, expected, is_optional }
    }
}

impl From<SourceRef> for Found {
    fn from(source: SourceRef) -> Self {
        Self { source, expected: Expected::default(), is_optional: false }
    }
}

/// Finds the objects of a source.
///
/// # Errors
///
/// [`ErrorKind::LimitExceeded`]: there are more than [`MAX_OBJECTS`]. Those of the manifest.
/// [`ErrorKind::AccessDenied`]: what is named may not be landed.
pub(crate) async fn find(context: &Context, submission: &Submission) -> Result<FoundSource, Error> {
    let of = |objects| FoundSource { objects, total: Total::default() };
    let source = &submission.source;
    match source {
        Source::Object(object) => Ok(of(vec![object.clone().into()])),
        Source::Objects { objects } => {
            check_count(objects.len(), source)?;
            Ok(of(objects.iter().cloned().map(Found::from).collect()))
        }
        Source::Manifest { manifest } => {
            let Manifest { objects, total } = read_manifest(context, manifest).await?;
            Ok(FoundSource { objects: objects.into_iter().map(Found::from).collect(), total })
        }
        Source::Prefix { bucket, prefix, glob } => {
            let matcher = glob.as_deref().map(matcher).transpose()?;
            let keys = listed(context, source, bucket, prefix, matcher.as_ref()).await?;
            let object = |key| Found::from(SourceRef::new(bucket.clone(), key));
            Ok(of(keys.into_iter().map(object).collect()))
        }
        Source::Batch { .. } => {
            let arrivals = context.registry.gathered(&submission.job).await?;
            Ok(of(arrivals.into_iter().map(|arrival| Found::from(arrival.source)).collect()))
        }
    }
}

async fn read_manifest(context: &Context, manifest: &SourceRef) -> Result<Manifest, Error> {
    check(context, manifest)?;
    let bucket = context.buckets.bucket(&manifest.bucket);
    let lost = |error| source_error(error, manifest);
    let head = bucket.head(&manifest.key, manifest.version.as_deref()).await.map_err(lost)?;
    if head.size > MANIFEST_BYTES {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "{} has {} bytes; a manifest has {MANIFEST_BYTES} at most",
                manifest.name(),
                head.size
            ),
        ));
    }
    let bytes = bucket.get(&manifest.key, &pin(manifest), 0..head.size).await.map_err(lost)?;
    Manifest::read(&bytes, manifest)
}

/// The keys under a prefix that match, without the empty objects that consoles put for folders.
async fn listed(
    context: &Context,
    source: &Source,
    bucket: &str,
    prefix: &str,
    matcher: Option<&GlobMatcher>,
) -> Result<Vec<String>, Error> {
    let (objects, mut keys): (_, Vec<String>) = (context.buckets.bucket(bucket), Vec::new());
    let mut after = None;
    loop {
        let page = objects.list(prefix, after.as_deref(), PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        after = page.last().map(|listed| listed.key.clone());
        let matches = |key: &str| {
            let rest = key.get(prefix.len()..).unwrap_or_default();
            !key.ends_with('/') && matcher.is_none_or(|matcher| matcher.is_match(rest))
        };
        keys.extend(page.into_iter().map(|listed| listed.key).filter(|key| matches(key)));
        check_count(keys.len(), source)?;
        if is_last {
            return Ok(keys);
        }
    }
}

fn check_count(count: usize, source: &Source) -> Result<(), Error> {
    if count <= MAX_OBJECTS {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::LimitExceeded,
        format!("{} has more than {MAX_OBJECTS} objects; land it in several jobs", source.name()),
    ))
}

/// Refuses an object that may not be landed.
pub(crate) fn check(context: &Context, object: &SourceRef) -> Result<(), Error> {
    let allowed = context.sources.check(object);
    allowed.map_err(|refused| Error::new(ErrorKind::AccessDenied, refused.to_string()))
}

fn matcher(glob: &str) -> Result<GlobMatcher, Error> {
    let built = GlobBuilder::new(glob).literal_separator(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| {
        Error::new(
            ErrorKind::SourceMissing,
            format!("the glob `{glob}` can't be read: {}", error.kind()),
        )
    })
}

/// Compares what an object is said to hold with what the store tells of it.
///
/// # Errors
///
/// [`ErrorKind::SourceCorrupt`]: it is not what it is said to be.
pub(crate) fn check_head(expected: &Expected, name: &str, head: &Head) -> Result<(), Error> {
    if let Some(bytes) = expected.bytes.filter(|bytes| *bytes != head.size) {
        return Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!("{name} has {} bytes, and the manifest says {bytes}", head.size),
        ));
    }
    match (expected.crc64nvme, head.crc64nvme) {
        (Some(said), Some(stored)) if said != stored => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!("{name} has CRC-64/NVME {stored:016x}, and the manifest says {said:016x}"),
        )),
        _ => Ok(()),
    }
}
