//! Turns the source that a request names into the one that a job lands.

use job::Datasets;
use job::message::{MAX_NAMED_OBJECTS, SourceRef};
use job::sources::{Refused, Sources};
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::problem::{Kind, Problem};

/// What to land: one object or many.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Source {
    Object(Object),
    Prefix(Prefix),
    Manifest(Manifest),
    Objects(Objects),
}

impl Source {
    /// What is under a prefix of the inbox's bucket.
    pub(crate) fn prefix(prefix: String, glob: Option<String>) -> Self {
        Self::Prefix(Prefix { bucket: None, prefix, glob })
    }
}

/// An object, as a request names it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SourceObject)]
pub(crate) struct Object {
    /// Its bucket; the inbox's without it.
    bucket: Option<String>,
    /// Its key.
    #[schema(min_length = 1, max_length = 1024)]
    key: String,
    /// Its version; the newest one without it.
    version: Option<String>,
}

/// The objects under a prefix, in the order of their keys.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SourcePrefix)]
pub(crate) struct Prefix {
    /// Their bucket; the inbox's without it.
    bucket: Option<String>,
    /// What their keys begin with.
    #[schema(max_length = 1024)]
    prefix: String,
    /// What the rest of their keys matches: `*` is any text without a slash, `**` any text, `?` a
    /// character, `{a,b}` one of several texts.
    #[schema(max_length = 1024)]
    glob: Option<String>,
}

/// The objects that a document lists: JSON Lines, or the `entries` of Redshift.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SourceManifest)]
pub(crate) struct Manifest {
    manifest: Object,
}

/// These objects.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SourceObjects)]
pub(crate) struct Objects {
    #[schema(min_items = 1, max_items = 100)]
    objects: Vec<Object>,
}

impl Object {
    pub(crate) fn resolve(self, app: &App) -> SourceRef {
        let bucket = self.bucket.unwrap_or_else(|| app.config.inbox_bucket.clone());
        SourceRef { version: self.version, ..SourceRef::new(bucket, self.key) }
    }
}

impl Source {
    pub(crate) fn resolve(self, app: &App) -> job::message::Source {
        match self {
            Self::Object(object) => object.resolve(app).into(),
            Self::Prefix(Prefix { bucket, prefix, glob }) => {
                let bucket = bucket.unwrap_or_else(|| app.config.inbox_bucket.clone());
                job::message::Source::Prefix { bucket, prefix, glob }
            }
            Self::Manifest(Manifest { manifest }) => {
                job::message::Source::Manifest { manifest: manifest.resolve(app) }
            }
            Self::Objects(Objects { objects }) => job::message::Source::Objects {
                objects: objects.into_iter().map(|object| object.resolve(app)).collect(),
            },
        }
    }
}

/// A source of many objects is looked at by its names; a manifest, like a single object, as it is
/// at this moment.
pub(crate) async fn see_all(
    app: &App,
    caller: &Caller,
    source: &job::message::Source,
) -> Result<job::message::Source, Problem> {
    use job::message::Source;
    let sources = caller.sources(app);
    match source {
        Source::Object(object) => Ok(see(app, &sources, object).await?.into()),
        // What it lists is read when the job is planned, and whose it is is not known then.
        Source::Manifest { .. } if caller.datasets != Datasets::All => Err(forbidden(
            "a manifest may list objects of any dataset, and this caller is limited to some"
                .to_owned(),
        )),
        Source::Manifest { manifest } => {
            Ok(Source::Manifest { manifest: see(app, &sources, manifest).await? })
        }
        Source::Objects { objects } => {
            if !(1..=MAX_NAMED_OBJECTS).contains(&objects.len()) {
                return Err(Problem::invalid(format!(
                    "`source.objects` names 1 to {MAX_NAMED_OBJECTS} objects; a manifest lists more"
                ))
                .of_field("source"));
            }
            objects.iter().try_for_each(|object| refused(sources.check(object)))?;
            Ok(source.clone())
        }
        Source::Prefix { bucket, prefix, .. } => {
            refused(sources.check_prefix(bucket, prefix))?;
            Ok(source.clone())
        }
        // Only arrivals make one, and they ask nobody here.
        Source::Batch { .. } => Ok(source.clone()),
    }
}

fn refused(checked: Result<(), Refused>) -> Result<(), Problem> {
    checked.map_err(|refused| match refused {
        Refused::NoName(why) => Problem::invalid(format!("`source`: {why}")).of_field("source"),
        Refused::Forbidden(why) => forbidden(why),
    })
}

/// The source as it is at this moment, pinned: whatever replaces it later is another source.
///
/// Finds what is wrong with it before there is a job for it: by its name first, as nobody is asked
/// about an object that may not be landed.
pub(crate) async fn see(
    app: &App,
    sources: &Sources,
    source: &SourceRef,
) -> Result<SourceRef, Problem> {
    refused(sources.check(source))?;
    pinned(app, source).await
}

/// The same of an object that may be landed.
pub(crate) async fn pinned(app: &App, source: &SourceRef) -> Result<SourceRef, Problem> {
    let place = format!("s3://{}/{}", source.bucket, source.key);
    let objects = app.buckets.bucket(&source.bucket);
    match objects.head(&source.key, source.version.as_deref()).await {
        // A store may tell no version of one that was asked for by its id.
        Ok(head) => Ok(SourceRef {
            version: head.version.or_else(|| source.version.clone()),
            etag: Some(head.etag),
            ..source.clone()
        }),
        Err(objects::Error::Missing(_)) => Err(Problem::new(
            Kind::SourceMissing,
            match &source.version {
                Some(version) => format!("{place} has no version {version}"),
                None => format!("{place} is not there"),
            },
        )
        .of_field("source")),
        Err(objects::Error::Denied(reason)) => {
            warn!(reason, "a source can't be read");
            Err(forbidden(format!(
                "{place}: the API's role lacks `s3:GetObject` for it, or the bucket lets it not in, \
                 or there is no such bucket"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

fn forbidden(why: String) -> Problem {
    Problem::new(Kind::SourceForbidden, why).of_field("source")
}
