//! Formats of dates and times, and their reading.
//!
//! A format is text with directives of `strftime`. The calendar arithmetic is Howard Hinnant's `days_from_civil`
//! (<https://howardhinnant.github.io/date_algorithms.html>).

use chrono::{NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

use super::Flaw;
use super::lanes::{Clock, Moments};
use super::layout::{Layout, Slot};

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
    /// How it is mostly written, if that is always as long.
    layout: Option<Layout>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(u8),
    /// `T`, `t` or a space, between a date and a time of ISO 8601.
    Between,
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    /// 1 to 9 digits.
    Fraction,
    /// Nothing, or a point and 1 to 9 digits.
    PointFraction,
    Half,
    /// `Z`, `+hh:mm`, `+hhmm` or `+hh`.
    Offset,
    /// Nothing, or an offset.
    MaybeOffset,
    DayOfYear,
    WeekdayName,
    /// Seconds since 1970-01-01 UTC.
    Epoch,
}

/// A date and time as it was read.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    year: i64,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    afternoon: Option<bool>,
    offset_seconds: Option<i64>,
    epoch: Option<i64>,
    /// The seconds of `epoch`, and the fraction with them, are those before 1970.
    before_epoch: bool,
}

const MONTHS: [&str; 12] =
    ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i128 = 1_000_000_000;

impl Pattern {
    /// A format of days; `default` is `%Y-%m-%d`.
    pub fn date(text: &str) -> Result<Self, String> {
        let pattern = Self::compile(text, "%Y-%m-%d")?;
        pattern.needs(pattern.has_date(), "a year, a month and a day")?;
        pattern.lacks_time("date")?;
        Ok(pattern.laid_out())
    }

    /// A format of times of day; `default` is `%H:%M:%S` with an optional fraction.
    pub fn time(text: &str) -> Result<Self, String> {
        let mut pattern = Self::compile(text, "%H:%M:%S")?;
        if text == "default" {
            pattern.parts.push(Part::PointFraction);
        }
        pattern.needs(pattern.has(Part::Hour) || pattern.has_half_day(), "an hour")?;
        pattern.needs(!pattern.has(Part::Year) && !pattern.has_offset() && !pattern.has(Part::Epoch), "nothing of a date or an offset")?;
        Ok(pattern.laid_out())
    }

    /// A format of dates with times; `default` is ISO 8601: `T` or a space between, an optional fraction, and an optional offset (UTC without).
    pub fn datetime(text: &str) -> Result<Self, String> {
        if text == "default" {
            let mut pattern = Self::compile("%Y-%m-%d", "")?;
            pattern.parts.push(Part::Between);
            pattern.parts.extend(Self::compile("%H:%M:%S", "")?.parts);
            pattern.parts.extend([Part::PointFraction, Part::MaybeOffset]);
            pattern.text = "default".to_owned();
            return Ok(pattern.laid_out());
        }
        let pattern = Self::compile(text, "")?;
        pattern.needs(pattern.has(Part::Epoch) || pattern.has_date(), "a year, a month and a day, or %s")?;
        Ok(pattern.laid_out())
    }

    /// Whether values say how far they are from UTC.
    pub fn has_offset(&self) -> bool {
        self.has(Part::Offset) || self.has(Part::MaybeOffset) || self.has(Part::Epoch)
    }

    /// The format as a person knows it.
    pub fn describe(&self, kind: &str) -> String {
        match (self.text.as_str(), kind) {
            ("default", "date") => "YYYY-MM-DD".to_owned(),
            ("default", "time") => "hh:mm:ss".to_owned(),
            ("default", _) => "YYYY-MM-DDThh:mm:ss with an optional fraction and offset".to_owned(),
            (text, _) => text.to_owned(),
        }
    }

    fn compile(text: &str, default: &str) -> Result<Self, String> {
        let source = if text == "default" { default } else { text };
        if source.is_empty() || text == "any" {
            return Err(format!("`{text}` is not a format; allowed: default, or text with directives such as %Y-%m-%d %H:%M:%S"));
        }
        let mut parts = Vec::new();
        let mut bytes = source.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                parts.push(Part::Literal(byte));
                continue;
            }
            let directive = bytes.next().unwrap_or(b' ');
            match directive {
                b'Y' => parts.push(Part::Year),
                b'y' => parts.push(Part::ShortYear),
                b'm' => parts.push(Part::Month),
                b'b' | b'B' | b'h' => parts.push(Part::MonthName),
                b'd' | b'e' => parts.push(Part::Day),
                b'H' | b'k' => parts.push(Part::Hour),
                b'I' | b'l' => parts.push(Part::Hour12),
                b'M' => parts.push(Part::Minute),
                b'S' => parts.push(Part::Second),
                b'f' => parts.push(Part::Fraction),
                b'p' | b'P' => parts.push(Part::Half),
                b'z' => parts.push(Part::Offset),
                b'j' => parts.push(Part::DayOfYear),
                b'a' | b'A' => parts.push(Part::WeekdayName),
                b's' => parts.push(Part::Epoch),
                b'T' => parts.extend(Self::compile("%H:%M:%S", "")?.parts),
                b'R' => parts.extend(Self::compile("%H:%M", "")?.parts),
                b'F' => parts.extend(Self::compile("%Y-%m-%d", "")?.parts),
                b'D' => parts.extend(Self::compile("%m/%d/%y", "")?.parts),
                b'%' => parts.push(Part::Literal(b'%')),
                b'.' if bytes.clone().next() == Some(b'f') => {
                    bytes.next();
                    parts.push(Part::PointFraction);
                }
                other => {
                    let known = "%Y %y %m %b %B %d %e %H %I %M %S %f %.f %p %z %j %a %A %s %T %R %F %D %%";
                    return Err(format!("`%{}` is not a directive; allowed: {known}", char::from(other)));
                }
            }
        }
        Ok(Self { text: text.to_owned(), parts, layout: None })
    }

    /// With the layout of what it reads when everything has two digits and nothing that may be left out is there.
    fn laid_out(mut self) -> Self {
        let slot = |part: &Part| match part {
            Part::Literal(byte) => Some(Slot::Literal(*byte)),
            Part::Between => Some(Slot::Between),
            Part::Year => Some(Slot::Year),
            Part::Month => Some(Slot::Month),
            Part::Day => Some(Slot::Day),
            Part::Hour => Some(Slot::Hour),
            Part::Minute => Some(Slot::Minute),
            Part::Second => Some(Slot::Second),
            _ => None,
        };
        let always = self.parts.iter().filter(|part| !matches!(part, Part::PointFraction | Part::MaybeOffset));
        let slots: Option<Vec<_>> = always.map(slot).collect();
        let is_told_once =
            |slots: &Vec<Slot>| (1..slots.len()).all(|at| matches!(slots[at], Slot::Literal(_)) || !slots[..at].contains(&slots[at]));
        self.layout = slots.filter(is_told_once).and_then(|slots| Layout::new(&slots));
        self
    }

    fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    fn has_half_day(&self) -> bool {
        self.has(Part::Hour12) && self.has(Part::Half)
    }

    fn has_date(&self) -> bool {
        let year = self.has(Part::Year) || self.has(Part::ShortYear);
        let month = self.has(Part::Month) || self.has(Part::MonthName);
        year && (self.has(Part::DayOfYear) || (month && self.has(Part::Day)))
    }

    fn needs(&self, fulfilled: bool, what: &str) -> Result<(), String> {
        if fulfilled { Ok(()) } else { Err(format!("`{}` must have {what}", self.text)) }
    }

    fn lacks_time(&self, kind: &str) -> Result<(), String> {
        let time = [Part::Hour, Part::Hour12, Part::Minute, Part::Second, Part::Epoch, Part::Offset];
        if time.iter().any(|part| self.has(*part)) {
            return Err(format!("`{}` has a time; a {kind} has none: type datetime would", self.text));
        }
        Ok(())
    }

    /// Days since 1970-01-01.
    #[inline(always)]
    pub(crate) fn read_date(&self, text: &[u8]) -> Result<i32, Flaw> {
        match self.layout.as_ref().and_then(|layout| layout.days_of(text)) {
            Some(days) => Ok(days),
            None => self.read_slowly(text),
        }
    }

    #[inline(never)]
    pub(super) fn read_slowly(&self, text: &[u8]) -> Result<i32, Flaw> {
        let days = self.read(text)?.days()?;
        i32::try_from(days).map_err(|_| Flaw::OutOfRange)
    }

    /// What reads many moments at once that are mostly written, if they always have the same length.
    pub(super) fn lanes(&self, what: Clock, per_second: i64, zone: Option<Tz>) -> Option<Moments<'_>> {
        let layout =
            self.layout.as_ref().filter(|layout| matches!(zone, None | Some(Tz::UTC)) && (what == Clock::Time || layout.has_date()))?;
        Some(Moments { layout, what, per_second })
    }

    /// Units since midnight.
    pub(crate) fn read_time(&self, text: &[u8], per_second: i64) -> Result<i64, Flaw> {
        if let Some(seconds) = self.layout.as_ref().and_then(|layout| layout.seconds_of_day(text)) {
            return Ok(seconds * per_second);
        }
        let moment = self.read(text)?;
        let nanos = i128::from(moment.seconds_of_day()?) * NANOS_PER_SECOND + i128::from(moment.nanos);
        to_units(nanos, per_second)
    }

    /// Units since 1970-01-01T00:00:00, in UTC when the column has a zone.
    #[inline(always)]
    pub(crate) fn read_datetime(&self, text: &[u8], per_second: i64, zone: Option<Tz>) -> Result<i64, Flaw> {
        let is_utc = matches!(zone, None | Some(Tz::UTC));
        let seconds = self.layout.as_ref().filter(|_| is_utc).and_then(|layout| layout.seconds_of(text));
        match seconds.and_then(|seconds| seconds.checked_mul(per_second)) {
            Some(units) => Ok(units),
            None => self.read_exactly(text, per_second, zone),
        }
    }

    #[inline(never)]
    pub(super) fn read_exactly(&self, text: &[u8], per_second: i64, zone: Option<Tz>) -> Result<i64, Flaw> {
        let moment = self.read(text)?;
        let seconds = match moment.epoch {
            Some(seconds) => seconds,
            None => {
                let local = moment.days()?.checked_mul(SECONDS_PER_DAY).ok_or(Flaw::OutOfRange)? + moment.seconds_of_day()?;
                match (moment.offset_seconds, zone) {
                    (Some(offset), _) => local - offset,
                    (None, Some(Tz::UTC) | None) => local,
                    (None, Some(zone)) => local - offset_at(zone, local)?,
                }
            }
        };
        let nanos = i128::from(seconds) * NANOS_PER_SECOND + i128::from(moment.nanos);
        to_units(if moment.before_epoch { -nanos } else { nanos }, per_second)
    }

    fn read(&self, text: &[u8]) -> Result<Moment, Flaw> {
        let mut moment = Moment { month: 1, day: 1, year: 1970, ..Moment::default() };
        let mut at = 0;
        for part in &self.parts {
            match part {
                Part::Literal(byte) => literal(text, &mut at, *byte)?,
                Part::Between => match text.get(at) {
                    Some(b'T' | b't' | b' ') => at += 1,
                    _ => return Err(Flaw::NotOfType),
                },
                Part::Year => moment.year = digits(text, &mut at, 4, 4)?,
                // POSIX: 69 to 99 are of the 20th century.
                Part::ShortYear => moment.year = digits(text, &mut at, 2, 2).map(|y| if y >= 69 { 1900 + y } else { 2000 + y })?,
                Part::Month => moment.month = digits(text, &mut at, 1, 2)? as u32,
                Part::MonthName => moment.month = name(text, &mut at, &MONTHS)?,
                Part::Day => moment.day = digits(text, &mut at, 1, 2)? as u32,
                Part::Hour | Part::Hour12 => moment.hour = digits(text, &mut at, 1, 2)? as u32,
                Part::Minute => moment.minute = digits(text, &mut at, 1, 2)? as u32,
                Part::Second => moment.second = digits(text, &mut at, 1, 2)? as u32,
                Part::Fraction => moment.nanos = fraction(text, &mut at)?,
                Part::PointFraction => {
                    if matches!(text.get(at), Some(b'.' | b',')) {
                        at += 1;
                        moment.nanos = fraction(text, &mut at)?;
                    }
                }
                Part::Half => moment.afternoon = Some(half(text, &mut at)?),
                Part::Offset => moment.offset_seconds = Some(offset(text, &mut at)?),
                Part::MaybeOffset => {
                    if at < text.len() {
                        moment.offset_seconds = Some(offset(text, &mut at)?);
                    }
                }
                Part::DayOfYear => moment.day_of_year = Some(digits(text, &mut at, 1, 3)? as u32),
                Part::WeekdayName => {
                    name(text, &mut at, &WEEKDAYS)?;
                }
                Part::Epoch => {
                    moment.before_epoch = text.get(at) == Some(&b'-');
                    at += usize::from(moment.before_epoch);
                    moment.epoch = Some(digits(text, &mut at, 1, 12)?);
                }
            }
        }
        if at != text.len() {
            return Err(Flaw::NotOfType);
        }
        if let Some(afternoon) = moment.afternoon {
            if !(1..=12).contains(&moment.hour) {
                return Err(Flaw::NotOfType);
            }
            moment.hour = moment.hour % 12 + if afternoon { 12 } else { 0 };
        }
        Ok(moment)
    }
}

impl Moment {
    fn days(&self) -> Result<i64, Flaw> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        if let Some(day) = self.day_of_year {
            let last = if leap { 366 } else { 365 };
            return if (1..=last).contains(&day) {
                Ok(days_from_civil(self.year, 1, 1) + i64::from(day) - 1)
            } else {
                Err(Flaw::NotOfType)
            };
        }
        let last = match self.month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(Flaw::NotOfType),
        };
        if self.day < 1 || self.day > last { Err(Flaw::NotOfType) } else { Ok(days_from_civil(self.year, self.month, self.day)) }
    }

    /// A leap second (`:60`) has no place in a day of 86,400 seconds: it is a fault, never rounded.
    fn seconds_of_day(&self) -> Result<i64, Flaw> {
        if self.hour > 23 || self.minute > 59 || self.second > 59 {
            return Err(Flaw::NotOfType);
        }
        Ok(i64::from(self.hour * 3600 + self.minute * 60 + self.second))
    }
}

fn to_units(nanos: i128, per_second: i64) -> Result<i64, Flaw> {
    let nanos_per_unit = NANOS_PER_SECOND / i128::from(per_second);
    if nanos % nanos_per_unit != 0 {
        return Err(Flaw::TooPrecise);
    }
    i64::try_from(nanos / nanos_per_unit).map_err(|_| Flaw::OutOfRange)
}

/// Seconds that `zone` is ahead of UTC at a local time.
fn offset_at(zone: Tz, local_seconds: i64) -> Result<i64, Flaw> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).unwrap_or_default();
    let local = chrono::TimeDelta::try_seconds(local_seconds).and_then(|delta| epoch.checked_add_signed(delta)).ok_or(Flaw::OutOfRange)?;
    match zone.offset_from_local_datetime(&local) {
        chrono::LocalResult::Single(offset) => Ok(i64::from(offset.fix().local_minus_utc())),
        chrono::LocalResult::Ambiguous(..) => Err(Flaw::Ambiguous),
        chrono::LocalResult::None => Err(Flaw::Skipped),
    }
}

fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn literal(text: &[u8], at: &mut usize, byte: u8) -> Result<(), Flaw> {
    if text.get(*at) != Some(&byte) {
        return Err(Flaw::NotOfType);
    }
    *at += 1;
    Ok(())
}

fn digits(text: &[u8], at: &mut usize, least: usize, most: usize) -> Result<i64, Flaw> {
    let mut value = 0i64;
    let mut count = 0;
    while count < most
        && let Some(digit @ b'0'..=b'9') = text.get(*at)
    {
        value = value * 10 + i64::from(digit - b'0');
        *at += 1;
        count += 1;
    }
    if count < least { Err(Flaw::NotOfType) } else { Ok(value) }
}

/// 1 to 9 digits, as nanoseconds. More digits are no rounding's business: they are a fault.
fn fraction(text: &[u8], at: &mut usize) -> Result<u32, Flaw> {
    let start = *at;
    let value = digits(text, at, 1, 9)?;
    while text.get(*at) == Some(&b'0') {
        *at += 1;
    }
    if text.get(*at).is_some_and(u8::is_ascii_digit) {
        return Err(Flaw::TooPrecise);
    }
    let count = (*at - start).min(9) as u32;
    Ok(value as u32 * 10u32.pow(9 - count))
}

/// The number (from 1) of the name that stands there, whole or as its first three letters, in any case.
fn name(text: &[u8], at: &mut usize, names: &[&str]) -> Result<u32, Flaw> {
    let rest = &text[*at..];
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = &rest[..letters];
    let found =
        names.iter().position(|name| word.eq_ignore_ascii_case(name.as_bytes()) || word.eq_ignore_ascii_case(&name.as_bytes()[..3]));
    *at += letters;
    found.map(|index| index as u32 + 1).ok_or(Flaw::NotOfType)
}

fn half(text: &[u8], at: &mut usize) -> Result<bool, Flaw> {
    let word = text.get(*at..*at + 2).ok_or(Flaw::NotOfType)?;
    *at += 2;
    match () {
        () if word.eq_ignore_ascii_case(b"am") => Ok(false),
        () if word.eq_ignore_ascii_case(b"pm") => Ok(true),
        () => Err(Flaw::NotOfType),
    }
}

fn offset(text: &[u8], at: &mut usize) -> Result<i64, Flaw> {
    let sign = match text.get(*at) {
        Some(b'Z' | b'z') => {
            *at += 1;
            return Ok(0);
        }
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(Flaw::NotOfType),
    };
    *at += 1;
    let hours = digits(text, at, 2, 2)?;
    let colon = text.get(*at) == Some(&b':');
    *at += usize::from(colon);
    let minutes = if colon || text.get(*at).is_some_and(u8::is_ascii_digit) { digits(text, at, 2, 2)? } else { 0 };
    if hours > 23 || minutes > 59 { Err(Flaw::NotOfType) } else { Ok(sign * (hours * 3600 + minutes * 60)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, text: &str, expected: Result<i64, Flaw>) {
        let pattern = Pattern::datetime(format).expect("a valid format");
        assert_eq!(pattern.read_datetime(text.as_bytes(), 1_000_000, None), expected, "{text} as {format}");
    }

    #[test]
    fn reads_moments() {
        check("default", "1970-01-01T00:00:01Z", Ok(1_000_000));
        check("default", "1970-01-01 00:00:01.5", Ok(1_500_000));
        check("default", "1970-01-01T01:00:00+01:00", Ok(0));
        check("default", "1969-12-31T23:59:59Z", Ok(-1_000_000));
        check("default", "2013-01-01T10:00:00Z", Ok(1_357_034_400_000_000));
        check("%d/%m/%y %I:%M %p", "31/12/99 12:30 AM", Ok(946_600_200_000_000));
        check("%b %d, %Y", "Feb 29, 2000", Ok(951_782_400_000_000));
        check("%Y%j", "2000366", Ok(978_220_800_000_000));
        check("%s", "-1", Ok(-1_000_000));
        check("%s%.f", "-1", Ok(-1_000_000));
        check("%s%.f", "1.5", Ok(1_500_000));
        check("%s%.f", "-1.5", Ok(-1_500_000));
        check("%s%.f", "-0.000001", Ok(-1));
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in ["2013-02-29T00:00:00", "2013-1-1", "2013-01-01T24:00:00", "2013-01-01T00:00:60Z", "2013-01-01T00:00:00Zx", ""] {
            check("default", text, Err(Flaw::NotOfType));
        }
        check("default", "1970-01-01T00:00:00.0000001Z", Err(Flaw::TooPrecise));
        check("default", "1970-01-01T00:00:00.0000000000Z", Ok(0));
    }

    #[test]
    fn local_times_are_exact_or_faults() {
        let pattern = Pattern::datetime("%Y-%m-%d %H:%M").expect("a valid format");
        let read = |text: &str| pattern.read_datetime(text.as_bytes(), 1, Some(Tz::America__New_York));
        assert_eq!(read("2013-01-01 05:00"), Ok(1_357_034_400));
        assert_eq!(read("2013-11-03 01:30"), Err(Flaw::Ambiguous));
        assert_eq!(read("2013-03-10 02:30"), Err(Flaw::Skipped));
    }

    #[test]
    fn formats_are_checked() {
        assert!(Pattern::date("%Y-%m").is_err());
        assert!(Pattern::date("%Y-%m-%d %H").is_err());
        assert!(Pattern::datetime("%Q").is_err());
        assert!(Pattern::time("%M").is_err());
    }

    #[test]
    fn days_agree_with_chrono() {
        for days in (-800_000..2_900_000).step_by(997) {
            let date = NaiveDate::from_num_days_from_ce_opt(days + 719_163).expect("inside chrono's range");
            use chrono::Datelike;
            assert_eq!(days_from_civil(date.year().into(), date.month(), date.day()), i64::from(days));
        }
    }
}
