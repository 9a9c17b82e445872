//! The object that a request names.

use job::message::SourceRef;
use job::sources::Refused;
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;

use crate::App;
use crate::problem::{Kind, Problem};

/// An object, as a request names it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// Its bucket; the inbox's without it.
    bucket: Option<String>,
    /// Its key.
    #[schema(min_length = 1, max_length = 1024)]
    key: String,
    /// Its version; the newest one without it.
    version: Option<String>,
}

impl Source {
    pub(crate) fn resolve(self, app: &App) -> SourceRef {
        let bucket = self.bucket.unwrap_or_else(|| app.config.inbox_bucket.clone());
        SourceRef { bucket, key: self.key, version: self.version, etag: None, sequencer: None }
    }
}

/// The source as it is at this moment, pinned: whatever replaces it later is another source.
///
/// Finds what is wrong with it before there is a job for it: by its name first, as nobody is asked
/// about an object that may not be landed.
pub(crate) async fn see(app: &App, source: &SourceRef) -> Result<SourceRef, Problem> {
    let place = format!("s3://{}/{}", source.bucket, source.key);
    app.config.sources.check(source).map_err(|refused| match refused {
        Refused::NoName(why) => Problem::invalid(format!("`source`: {why}")).of_field("source"),
        Refused::Forbidden(why) => forbidden(why),
    })?;
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
