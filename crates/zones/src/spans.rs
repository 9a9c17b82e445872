//! The spans of time in which a zone keeps an offset.

use chrono::LocalResult;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Seconds of 400 years. The calendar, and with it every rule for summer time, begins anew after
/// them: they are whole weeks.
const CYCLE: i64 = 146_097 * 86_400;
/// 2500-01-01, in seconds since 1970: whatever the database says of single years is over by 2100,
/// so that the 400 years before this are what comes again and again.
const FROM_HERE_AGAIN: i64 = 16_725_225_600;
/// More than any offset, and less than the time between two changes that matter.
const DAY: i64 = 86_400;

/// The changes of an offset from UTC, in seconds.
#[derive(Debug)]
pub(crate) struct Spans {
    /// The offset before the first change.
    first: i32,
    /// When it changes, in seconds since 1970, and the offset from then on; in order.
    changes: Vec<(i64, i32)>,
}

impl Spans {
    pub(crate) const UTC: Self = Self { first: 0, changes: Vec::new() };

    /// Those of a compiled file of the database.
    pub(crate) fn read(name: &str, file: &[u8]) -> Self {
        let zone = TimeZone::tzif(name, file).expect("the database is well-formed");
        let first = zone.to_offset(Timestamp::MIN).seconds();
        let (mut changes, mut offset) = (Vec::new(), first);
        for change in zone.following(Timestamp::MIN) {
            let at = change.timestamp().as_second();
            // One year more, so that what is around a moment is known, too.
            if at > FROM_HERE_AGAIN + CYCLE / 400 {
                break;
            }
            // Names of offsets change too.
            if change.offset().seconds() != offset {
                offset = change.offset().seconds();
                changes.push((at, offset));
            }
        }
        Self { first, changes }
    }

    /// The offset at a moment, in seconds since 1970.
    pub(crate) fn at(&self, seconds: i64) -> i32 {
        self.offset_of(self.span_at(known(seconds)))
    }

    /// The offset at a local time, in seconds as if it were UTC: one, two where clocks are turned
    /// back, the one before the change first, or none where they are turned ahead.
    pub(crate) fn at_local(&self, seconds: i64) -> LocalResult<i32> {
        let seconds = known(seconds);
        let mut found = LocalResult::None;
        for span in self.span_at(seconds - DAY)..=self.changes.len() {
            let begin = span.checked_sub(1).map_or(i64::MIN, |change| self.changes[change].0);
            if begin > seconds + DAY {
                break;
            }
            let end = self.changes.get(span).map_or(i64::MAX, |(at, _)| *at);
            let offset = self.offset_of(span);
            if (begin..end).contains(&(seconds - i64::from(offset))) {
                found = match found {
                    LocalResult::None => LocalResult::Single(offset),
                    LocalResult::Single(before) | LocalResult::Ambiguous(before, _) => {
                        LocalResult::Ambiguous(before, offset)
                    }
                };
            }
        }
        found
    }

    /// How many changes there were until a moment.
    fn span_at(&self, seconds: i64) -> usize {
        self.changes.partition_point(|(at, _)| *at <= seconds)
    }

    fn offset_of(&self, span: usize) -> i32 {
        span.checked_sub(1).map_or(self.first, |change| self.changes[change].1)
    }
}

/// The moment before 2500 at which clocks show the same of a year as they do at this one.
fn known(seconds: i64) -> i64 {
    if seconds < FROM_HERE_AGAIN {
        return seconds;
    }
    FROM_HERE_AGAIN - CYCLE + (seconds - FROM_HERE_AGAIN) % CYCLE
}
