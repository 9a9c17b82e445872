use std::str::FromStr;

use chrono::{DateTime, Utc};

/// Which state of a table is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum At {
    /// The newest one.
    #[default]
    Newest,
    /// As a commit left it.
    Commit(u64),
    /// As it was at a moment, by the clocks of those who committed.
    Moment(DateTime<Utc>),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment =
            || DateTime::parse_from_rfc3339(text).map(|moment| Self::Moment(moment.to_utc()));
        text.parse().map(Self::Commit).or_else(|_| moment()).map_err(|_| {
            format!("`{text}` is neither the number of a commit, such as 7, nor a moment in RFC 3339, such as 2026-01-31T12:00:00Z")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_a_number_or_a_moment() {
        assert_eq!("7".parse(), Ok(At::Commit(7)));
        assert_eq!(
            "1970-01-01T01:00:01+01:00".parse(),
            Ok(At::Moment(DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1)))
        );
        for text in
            ["", "-1", "2026-01-31", "2026-01-31T12:00:00", "newest", "18446744073709551616"]
        {
            assert!(text.parse::<At>().is_err(), "{text}");
        }
    }
}
