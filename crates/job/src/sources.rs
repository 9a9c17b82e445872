//! Says which objects may be landed. Their names decide, before any store is asked.

use crate::message::SourceRef;
use crate::{DatasetPattern, Datasets};

/// Where uploads wait in the inbox's bucket until a job names them. No event tells of this prefix.
pub const STAGED_PREFIX: &str = "staged/";
/// Where the objects lie, in the inbox's bucket, that contracts join.
pub const REFERENCE_PREFIX: &str = "reference/";
/// Most bytes of a key (S3's limit).
pub const MAX_KEY_BYTES: usize = 1024;

/// The objects that may be landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(Option<Only>);

/// What a deployment allows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Only {
    inbox: String,
    prefixes: Vec<String>,
    others: Vec<Pattern>,
    closed: Vec<String>,
}

/// Why an object may not be landed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No store can have such an object.
    #[error("{0}")]
    NoName(String),
    /// It may not be named here.
    #[error("{0}")]
    Forbidden(String),
}

impl Sources {
    /// Any object, for a run on this machine: who starts it could read the file anyway.
    pub fn any() -> Self {
        Self(None)
    }

    /// Objects of the inbox's bucket under `inbox_prefix` or [`STAGED_PREFIX`], and those of
    /// `others`, which are ARNs with `*` and `?`, separated by commas. Nothing of the buckets
    /// `closed`, whatever `others` says.
    ///
    /// The error says which pattern can't be read.
    pub fn only(
        inbox: &str,
        inbox_prefix: &str,
        others: &str,
        closed: [&str; 2],
    ) -> Result<Self, String> {
        let others = others.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        Ok(Self(Some(Only {
            inbox: inbox.to_owned(),
            prefixes: [inbox_prefix, STAGED_PREFIX].map(str::to_owned).into(),
            others: others.map(Pattern::parse).collect::<Result<_, _>>()?,
            closed: closed.map(str::to_owned).into(),
        })))
    }

    /// Of these objects, those that whoever is limited to some datasets may name: what lies in the
    /// folders of the datasets, in the inbox's bucket. Other buckets know no datasets.
    pub fn of(&self, datasets: &Datasets) -> Self {
        let (Some(only), Datasets::Of(patterns)) = (&self.0, datasets) else { return self.clone() };
        let folders = only.prefixes.iter().flat_map(|prefix| {
            patterns.iter().map(move |pattern| match pattern {
                DatasetPattern::Named(name) => format!("{prefix}{name}/"),
                DatasetPattern::Beginning(beginning) => format!("{prefix}{beginning}"),
            })
        });
        Self(Some(Only { prefixes: folders.collect(), others: Vec::new(), ..only.clone() }))
    }

    /// Refuses an object that may not be landed.
    pub fn check(&self, source: &SourceRef) -> Result<(), Refused> {
        let Some(only) = &self.0 else { return Ok(()) };
        check_bucket(&source.bucket).map_err(Refused::NoName)?;
        check_key(&source.key).map_err(Refused::NoName)?;
        match only.allows(&source.bucket, &source.key) {
            true => Ok(()),
            false => Err(Refused::Forbidden(format!(
                "s3://{}/{} may not be landed. {}",
                source.bucket,
                source.key,
                only.told()
            ))),
        }
    }

    /// Refuses a prefix under which no object may be landed.
    pub fn check_prefix(&self, bucket: &str, prefix: &str) -> Result<(), Refused> {
        let Some(only) = &self.0 else { return Ok(()) };
        check_bucket(bucket).map_err(Refused::NoName)?;
        if prefix.len() > MAX_KEY_BYTES || prefix.chars().any(char::is_control) {
            return Err(Refused::NoName(format!(
                "a prefix has at most {MAX_KEY_BYTES} bytes and no control character"
            )));
        }
        match only.may_allow(bucket, prefix) {
            true => Ok(()),
            false => Err(Refused::Forbidden(format!(
                "nothing under s3://{bucket}/{prefix} may be landed. {}",
                only.told()
            ))),
        }
    }
}

impl Only {
    /// Whether objects under a prefix may be allowed. Each is looked at by its own name once it is
    /// found.
    fn may_allow(&self, bucket: &str, prefix: &str) -> bool {
        if bucket == self.inbox {
            return self.prefixes.iter().any(|allowed| prefix.starts_with(allowed.as_str()));
        }
        !self.closed.iter().any(|closed| closed == bucket)
            && self.others.iter().any(|pattern| pattern.is_of(bucket))
    }

    fn allows(&self, bucket: &str, key: &str) -> bool {
        if bucket == self.inbox {
            // A key is taken as it is, as S3 does: `inbox/../x` is an object of the inbox.
            return self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
        }
        !self.closed.iter().any(|closed| closed == bucket)
            && self.others.iter().any(|pattern| pattern.matches(bucket, key))
    }

    /// What may be landed.
    fn told(&self) -> String {
        let Self { inbox, prefixes, others, .. } = self;
        let own = match prefixes.is_empty() {
            true => "This caller may name no source".to_owned(),
            false => {
                let prefixes = prefixes.join(" or ");
                format!("A source is an object under {prefixes} of the bucket {inbox}")
            }
        };
        let others: Vec<_> = others.iter().map(|pattern| pattern.arn.as_str()).collect();
        match others.is_empty() {
            true => format!("{own}; the template parameter `SourceBucketArns` allows others."),
            false => format!("{own}, or one of `SourceBucketArns`: {}.", others.join(", ")),
        }
    }
}

/// The objects of an ARN with wildcards, as IAM matches them: `*` is any text, also one with
/// slashes, and `?` is any character.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    arn: String,
    /// Bucket and key.
    place: Vec<char>,
}

impl Pattern {
    fn parse(arn: &str) -> Result<Self, String> {
        let place = match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
            ["arn", _, "s3", "", "", place] => Some(place),
            _ => None,
        };
        // What IAM fills in for `${…}` is not known here.
        match place.filter(|place| place.contains('/') && !place.contains("${")) {
            Some(place) => Ok(Self { arn: arn.to_owned(), place: place.chars().collect() }),
            None => Err(format!(
                "`{arn}` is no pattern of objects, such as arn:aws:s3:::bucket/prefix/*"
            )),
        }
    }

    /// Whether it may be a pattern of objects of a bucket.
    fn is_of(&self, bucket: &str) -> bool {
        let place: String = self.place.iter().collect();
        let named = place.split_once('/').map_or("", |(bucket, _)| bucket);
        named == bucket || named.contains(['*', '?'])
    }

    fn matches(&self, bucket: &str, key: &str) -> bool {
        let text: Vec<char> = bucket.chars().chain(['/']).chain(key.chars()).collect();
        let pattern = &self.place;
        let (mut at, mut read) = (0, 0);
        // The last `*`, and how much of the text it stands for so far.
        let mut star = None;
        while read < text.len() {
            if pattern.get(at) == Some(&'*') {
                star = Some((at, read));
                at += 1;
            } else if pattern.get(at).is_some_and(|c| *c == '?' || *c == text[read]) {
                at += 1;
                read += 1;
            } else if let Some((star_at, until)) = star {
                star = Some((star_at, until + 1));
                at = star_at + 1;
                read = until + 1;
            } else {
                return false;
            }
        }
        pattern[at..].iter().all(|c| *c == '*')
    }
}

/// Refuses what S3 has no general purpose bucket of: ARNs, and aliases of access points, which
/// would be other names of buckets.
fn check_bucket(name: &str) -> Result<(), String> {
    const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = (3..=63).contains(&name.len())
        && name.bytes().all(|c| is_plain(c) || c == b'-' || c == b'.')
        && name.bytes().next().is_some_and(is_plain)
        && name.bytes().last().is_some_and(is_plain)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        && !ENDS.iter().any(|end| name.ends_with(end));
    match is_name {
        true => Ok(()),
        false => {
            Err("the bucket is given by its name, not by an ARN or an alias: 3 to 63 lower-case \
                      letters, digits, hyphens and dots"
                .to_owned())
        }
    }
}

/// Refuses anything that is not the key of a file.
pub fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.ends_with('/') {
        return Err(
            "the key names one object: it is not empty and does not end with `/`".to_owned()
        );
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(format!(
            "the key has {} bytes, at most {MAX_KEY_BYTES} are allowed",
            key.len()
        ));
    }
    match key.chars().any(char::is_control) {
        true => {
            Err("the key has a control character: copy the object to another key first".to_owned())
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
