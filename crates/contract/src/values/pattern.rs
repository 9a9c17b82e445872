//! Turns formats of dates and times into patterns, and texts into moments by them.
//!
//! A format is text with directives of `strftime`. The calendar arithmetic is Howard Hinnant's
//! `days_from_civil` (<https://howardhinnant.github.io/date_algorithms.html>).

use chrono::{NaiveDate, Offset, TimeZone};
use zones::Zone;

use super::ValueError;
use super::layout::{Layout, Slot};
use super::locales::Locale;
use super::written_zones::{self, WrittenZone};
use crate::SPACES;

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
    /// The first of the years of two digits that are of the 20th century.
    year_pivot: i64,
    ambiguous: Ambiguous,
    /// What calls months and days; `None`: English does.
    locale: Option<&'static Locale>,
    /// How it is mostly written, if that is always as long.
    layout: Option<Layout>,
}

/// What becomes of local times that happen twice, when clocks are set back, or never, when they are
/// set forward.
///
/// Of those that never happen the earlier reading is by the offset after the change, and the later
/// by that before it, as in the Temporal proposal of ECMAScript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ambiguous {
    /// They are refused.
    #[default]
    Reject,
    /// They are read as the earlier moment.
    Earliest,
    /// They are read as the later moment.
    Latest,
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
    /// An IANA name, or an abbreviation that means one offset: see [`zones`].
    Zone,
    /// Units since 1970-01-01 UTC, and how many are a second.
    Epoch(i64),
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
    zone: Option<WrittenZone>,
    epoch: Option<i64>,
    /// The seconds of `epoch`, and the fraction with them, are those before 1970.
    before_epoch: bool,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const SECONDS_PER_DAY: i64 = 86_400;
/// POSIX: 69 to 99 are of the 20th century.
pub const YEAR_PIVOT: i64 = 69;
/// Most digits of seconds since 1970. Milliseconds of our time have more, and are none.
const MOST_EPOCH_DIGITS: usize = 12;
/// Formats that count from 1970-01-01 UTC, and how many of their units are a second.
pub const EPOCHS: [(&str, i64); 4] =
    [("epoch", 1), ("epoch_ms", 1_000), ("epoch_us", 1_000_000), ("epoch_ns", 1_000_000_000)];
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
        pattern.needs(
            !pattern.has(Part::Year) && !pattern.has_offset() && !pattern.has_epoch(),
            "nothing of a date or an offset",
        )?;
        Ok(pattern.laid_out())
    }

    /// A format of dates with times; `default` is ISO 8601: `T` or a space between, an optional
    /// fraction, and an optional offset (UTC without).
    pub fn datetime(text: &str) -> Result<Self, String> {
        if text == "default" {
            let mut pattern = Self::compile("%Y-%m-%d", "")?;
            pattern.parts.push(Part::Between);
            pattern.parts.extend(Self::compile("%H:%M:%S", "")?.parts);
            pattern.parts.extend([Part::PointFraction, Part::MaybeOffset]);
            pattern.text = "default".to_owned();
            return Ok(pattern.laid_out());
        }
        if let Some((_, per_second)) = EPOCHS.iter().find(|(name, _)| *name == text) {
            let mut pattern = Self::compile("%s", "")?;
            pattern.parts = vec![Part::Epoch(*per_second), Part::PointFraction];
            pattern.text = text.to_owned();
            return Ok(pattern);
        }
        let pattern = Self::compile(text, "")?;
        pattern
            .needs(pattern.has_epoch() || pattern.has_date(), "a year, a month and a day, or %s")?;
        Ok(pattern.laid_out())
    }

    /// The same with another first year of the 20th century among those of two digits; the error
    /// says why that is not possible.
    pub fn with_year_pivot(mut self, pivot: u64) -> Result<Self, String> {
        match pivot {
            _ if !self.has(Part::ShortYear) => {
                Err(format!("applies to two-digit years (%y), and `{}` has none", self.text))
            }
            0..=100 => {
                self.year_pivot = pivot as i64;
                Ok(self)
            }
            _ => Err(format!(
                "`{pivot}` is no year of two digits; allowed: 0 (all are 19..) to 100 (all are 20..)"
            )),
        }
    }

    /// The same with the names of months and days of a locale; the error says why that is not
    /// possible.
    pub fn with_locale(mut self, name: &str) -> Result<Self, String> {
        if !self.has(Part::MonthName) && !self.has(Part::WeekdayName) {
            return Err(format!(
                "applies to names of months and days (%b, %a), and `{}` has none",
                self.text
            ));
        }
        self.locale = Some(Locale::parse(name)?);
        Ok(self)
    }

    /// The same with another reading of local times that happen twice or never.
    pub fn with_ambiguous(mut self, ambiguous: Ambiguous) -> Self {
        self.ambiguous = ambiguous;
        self
    }

    /// Whether values say how far they are from UTC.
    pub fn has_offset(&self) -> bool {
        self.has(Part::Offset)
            || self.has(Part::MaybeOffset)
            || self.has(Part::Zone)
            || self.has_epoch()
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
        // Spaces around a value are not part of it.
        let source = if text == "default" { default } else { text.trim_matches([' ', '\t']) };
        if source.is_empty() || text == "any" {
            return Err(format!(
                "`{text}` is not a format; allowed: default, or text with directives such as %Y-%m-%d %H:%M:%S"
            ));
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
                b's' => parts.push(Part::Epoch(1)),
                b'Z' => parts.push(Part::Zone),
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
                    let known = "%Y %y %m %b %B %d %e %H %I %M %S %f %.f %p %z %Z %j %a %A %s %T %R %F %D %%";
                    let epochs = EPOCHS.map(|(name, _)| name).join(", ");
                    return Err(format!(
                        "`%{}` is not a directive; allowed: {known}, or as the whole format {epochs}",
                        char::from(other)
                    ));
                }
            }
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
            year_pivot: YEAR_PIVOT,
            ambiguous: Ambiguous::Reject,
            locale: None,
            layout: None,
        })
    }

    /// With the layout of what it reads when everything has two digits and nothing that may be left
    /// out is there.
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
        let always = self
            .parts
            .iter()
            .filter(|part| !matches!(part, Part::PointFraction | Part::MaybeOffset));
        let slots: Option<Vec<_>> = always.map(slot).collect();
        let is_told_once = |slots: &Vec<Slot>| {
            (1..slots.len()).all(|at| {
                matches!(slots[at], Slot::Literal(_)) || !slots[..at].contains(&slots[at])
            })
        };
        self.layout = slots.filter(is_told_once).and_then(|slots| Layout::new(&slots));
        self
    }

    fn has_epoch(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Epoch(_)))
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
        let time = [Part::Hour, Part::Hour12, Part::Minute, Part::Second, Part::Offset, Part::Zone];
        if self.has_epoch() || time.iter().any(|part| self.has(*part)) {
            return Err(format!(
                "`{}` has a time, and a {kind} has none; use `type: datetime`",
                self.text
            ));
        }
        Ok(())
    }

    /// Days since 1970-01-01.
    #[inline(always)]
    pub fn read_date(&self, text: &[u8]) -> Result<i32, ValueError> {
        match self.layout.as_ref().and_then(|layout| layout.days_of(text)) {
            Some(days) => Ok(days),
            None => self.read_slowly(text),
        }
    }

    /// The same for what is not of the layout.
    #[inline(never)]
    pub fn read_slowly(&self, text: &[u8]) -> Result<i32, ValueError> {
        let days = self.read(text)?.days()?;
        i32::try_from(days).map_err(|_| ValueError::OutOfRange)
    }

    /// The places of the digits in what is mostly written, if it always has the same length.
    pub fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }

    /// Units since midnight.
    pub fn read_time(&self, text: &[u8], per_second: i64) -> Result<i64, ValueError> {
        if let Some(seconds) = self.layout.as_ref().and_then(|layout| layout.seconds_of_day(text)) {
            return Ok(seconds * per_second);
        }
        let moment = self.read(text)?;
        let nanos =
            i128::from(moment.seconds_of_day()?) * NANOS_PER_SECOND + i128::from(moment.nanos);
        to_units(nanos, per_second)
    }

    /// Units since 1970-01-01T00:00:00, in UTC when the column has a zone.
    #[inline(always)]
    pub fn read_datetime(
        &self,
        text: &[u8],
        per_second: i64,
        zone: Option<Zone>,
    ) -> Result<i64, ValueError> {
        let is_utc = zone.is_none_or(Zone::is_utc);
        let seconds =
            self.layout.as_ref().filter(|_| is_utc).and_then(|layout| layout.seconds_of(text));
        match seconds.and_then(|seconds| seconds.checked_mul(per_second)) {
            Some(units) => Ok(units),
            None => self.read_exactly(text, per_second, zone),
        }
    }

    /// The same for what is not of the layout, or has a zone.
    #[inline(never)]
    pub fn read_exactly(
        &self,
        text: &[u8],
        per_second: i64,
        zone: Option<Zone>,
    ) -> Result<i64, ValueError> {
        let moment = self.read(text)?;
        let seconds = match moment.epoch {
            Some(seconds) => seconds,
            None => {
                let local =
                    moment.days()?.checked_mul(SECONDS_PER_DAY).ok_or(ValueError::OutOfRange)?
                        + moment.seconds_of_day()?;
                match (moment.offset_seconds, moment.zone, zone) {
                    (Some(offset), ..) | (None, Some(WrittenZone::Offset(offset)), _) => {
                        local - offset
                    }
                    (None, Some(WrittenZone::Named(zone)), _) | (None, None, Some(zone))
                        if !zone.is_utc() =>
                    {
                        local - offset_at(zone, local, self.ambiguous)?
                    }
                    _ => local,
                }
            }
        };
        let nanos = i128::from(seconds) * NANOS_PER_SECOND + i128::from(moment.nanos);
        to_units(if moment.before_epoch { -nanos } else { nanos }, per_second)
    }

    /// Nanoseconds with those after a point: of units finer than a second a point divides the unit.
    fn after_point(&self, nanos: u32, fraction: u32) -> Result<u32, ValueError> {
        let per_second = match self.parts.first() {
            Some(Part::Epoch(per_second)) => *per_second as u32,
            _ => 1,
        };
        if fraction.is_multiple_of(per_second) {
            Ok(nanos + fraction / per_second)
        } else {
            Err(ValueError::TooPrecise)
        }
    }

    fn read(&self, text: &[u8]) -> Result<Moment, ValueError> {
        let mut moment = Moment { month: 1, day: 1, year: 1970, ..Moment::default() };
        let mut at = 0;
        for part in &self.parts {
            match part {
                Part::Literal(b' ') => space(text, &mut at)?,
                Part::Literal(byte) => literal(text, &mut at, *byte)?,
                Part::Between => match text.get(at) {
                    Some(b'T' | b't') => at += 1,
                    _ => space(text, &mut at)?,
                },
                Part::Year => moment.year = digits(text, &mut at, 4, 4)?,
                Part::ShortYear => {
                    let year = digits(text, &mut at, 2, 2)?;
                    moment.year = if year >= self.year_pivot { 1900 + year } else { 2000 + year };
                }
                Part::Month => moment.month = digits(text, &mut at, 1, 2)? as u32,
                Part::MonthName => {
                    moment.month = match self.locale {
                        Some(locale) => named(text, &mut at, |rest| locale.month(rest))?,
                        None => name(text, &mut at, &MONTHS)?,
                    }
                }
                Part::Day => moment.day = digits(text, &mut at, 1, 2)? as u32,
                Part::Hour | Part::Hour12 => moment.hour = digits(text, &mut at, 1, 2)? as u32,
                Part::Minute => moment.minute = digits(text, &mut at, 1, 2)? as u32,
                Part::Second => moment.second = digits(text, &mut at, 1, 2)? as u32,
                Part::Fraction => moment.nanos = fraction(text, &mut at)?,
                Part::PointFraction => {
                    if matches!(text.get(at), Some(b'.' | b',')) {
                        at += 1;
                        let nanos = fraction(text, &mut at)?;
                        moment.nanos = self.after_point(moment.nanos, nanos)?;
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
                Part::WeekdayName => match self.locale {
                    Some(locale) => {
                        named(text, &mut at, |rest| locale.weekday(rest))?;
                    }
                    None => {
                        name(text, &mut at, &WEEKDAYS)?;
                    }
                },
                Part::Zone => moment.zone = Some(written_zones::read(text, &mut at)?),
                Part::Epoch(per_second) => {
                    let is_negative = text.get(at) == Some(&b'-');
                    at += usize::from(is_negative);
                    let units =
                        count(text, &mut at, MOST_EPOCH_DIGITS + per_second.ilog10() as usize)?;
                    let per_second = i128::from(*per_second);
                    moment.before_epoch = is_negative;
                    moment.epoch = i64::try_from(units / per_second).ok();
                    moment.nanos = (units % per_second * (NANOS_PER_SECOND / per_second)) as u32;
                }
            }
        }
        if at != text.len() {
            return Err(ValueError::NotOfType);
        }
        if let Some(afternoon) = moment.afternoon {
            if !(1..=12).contains(&moment.hour) {
                return Err(ValueError::NotOfType);
            }
            moment.hour = moment.hour % 12 + if afternoon { 12 } else { 0 };
        }
        Ok(moment)
    }
}

impl Moment {
    fn days(&self) -> Result<i64, ValueError> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        if let Some(day) = self.day_of_year {
            let last = if leap { 366 } else { 365 };
            return if (1..=last).contains(&day) {
                Ok(days_from_civil(self.year, 1, 1) + i64::from(day) - 1)
            } else {
                Err(ValueError::NotOfType)
            };
        }
        let last = match self.month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return Err(ValueError::NotOfType),
        };
        if self.day < 1 || self.day > last {
            Err(ValueError::NotOfType)
        } else {
            Ok(days_from_civil(self.year, self.month, self.day))
        }
    }

    /// A leap second (`:60`) has no place in a day of 86,400 seconds: it is a fault, never rounded.
    fn seconds_of_day(&self) -> Result<i64, ValueError> {
        if self.hour > 23 || self.minute > 59 || self.second > 59 {
            return Err(ValueError::NotOfType);
        }
        Ok(i64::from(self.hour * 3600 + self.minute * 60 + self.second))
    }
}

fn to_units(nanos: i128, per_second: i64) -> Result<i64, ValueError> {
    let nanos_per_unit = NANOS_PER_SECOND / i128::from(per_second);
    if nanos % nanos_per_unit != 0 {
        return Err(ValueError::TooPrecise);
    }
    i64::try_from(nanos / nanos_per_unit).map_err(|_| ValueError::OutOfRange)
}

/// Seconds that `zone` is ahead of UTC at a local time.
fn offset_at(zone: Zone, local_seconds: i64, ambiguous: Ambiguous) -> Result<i64, ValueError> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)
        .and_then(|day| day.and_hms_opt(0, 0, 0))
        .unwrap_or_default();
    let at = |seconds: i64| {
        chrono::TimeDelta::try_seconds(seconds)
            .and_then(|delta| epoch.checked_add_signed(delta))
            .ok_or(ValueError::OutOfRange)
    };
    let seconds = |offset: &<Zone as TimeZone>::Offset| i64::from(offset.fix().local_minus_utc());
    match (zone.offset_from_local_datetime(&at(local_seconds)?), ambiguous) {
        (chrono::LocalResult::Single(offset), _) => Ok(seconds(&offset)),
        (chrono::LocalResult::Ambiguous(..), Ambiguous::Reject) => Err(ValueError::Ambiguous),
        (chrono::LocalResult::None, Ambiguous::Reject) => Err(ValueError::Skipped),
        (chrono::LocalResult::Ambiguous(a, b), Ambiguous::Earliest) => {
            Ok(seconds(&a).max(seconds(&b)))
        }
        (chrono::LocalResult::Ambiguous(a, b), Ambiguous::Latest) => {
            Ok(seconds(&a).min(seconds(&b)))
        }
        (chrono::LocalResult::None, _) => {
            // No change of clocks takes a day, so that a day before and after it the offsets are
            // those on both sides of it.
            let around =
                [at(local_seconds - SECONDS_PER_DAY)?, at(local_seconds + SECONDS_PER_DAY)?];
            let around = around.map(|utc| seconds(&zone.offset_from_utc_datetime(&utc)));
            let offset = if ambiguous == Ambiguous::Earliest {
                around.iter().max()
            } else {
                around.iter().min()
            };
            offset.copied().ok_or(ValueError::Skipped)
        }
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

/// A space, or one of those that typography puts there: U+202F before AM and PM, in what CLDR 42
/// and later write.
fn space(text: &[u8], at: &mut usize) -> Result<(), ValueError> {
    let rest = &text[*at..];
    let found = SPACES
        .iter()
        .map(|space| space.len_utf8())
        .zip(SPACES)
        .find(|(_, space)| rest.starts_with(space.encode_utf8(&mut [0; 4]).as_bytes()));
    *at += found.ok_or(ValueError::NotOfType)?.0;
    Ok(())
}

fn literal(text: &[u8], at: &mut usize, byte: u8) -> Result<(), ValueError> {
    if text.get(*at) != Some(&byte) {
        return Err(ValueError::NotOfType);
    }
    *at += 1;
    Ok(())
}

fn digits(text: &[u8], at: &mut usize, least: usize, most: usize) -> Result<i64, ValueError> {
    let mut value = 0i64;
    let mut count = 0;
    while count < most
        && let Some(digit @ b'0'..=b'9') = text.get(*at)
    {
        value = value * 10 + i64::from(digit - b'0');
        *at += 1;
        count += 1;
    }
    if count < least { Err(ValueError::NotOfType) } else { Ok(value) }
}

/// At least a digit, and at most `most`.
fn count(text: &[u8], at: &mut usize, most: usize) -> Result<i128, ValueError> {
    let rest = &text[*at..];
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 || length > most {
        return Err(ValueError::NotOfType);
    }
    *at += length;
    Ok(rest[..length].iter().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0')))
}

/// 1 to 9 digits, as nanoseconds. More digits are not rounded: they are a fault.
fn fraction(text: &[u8], at: &mut usize) -> Result<u32, ValueError> {
    let start = *at;
    let value = digits(text, at, 1, 9)?;
    while text.get(*at) == Some(&b'0') {
        *at += 1;
    }
    if text.get(*at).is_some_and(u8::is_ascii_digit) {
        return Err(ValueError::TooPrecise);
    }
    let count = (*at - start).min(9) as u32;
    Ok(value as u32 * 10u32.pow(9 - count))
}

/// The number (from 1) of the name that stands there, whole or as its first three letters, in any
/// case.
fn name(text: &[u8], at: &mut usize, names: &[&str]) -> Result<u32, ValueError> {
    let rest = &text[*at..];
    let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let word = &rest[..letters];
    let found = names.iter().position(|name| {
        word.eq_ignore_ascii_case(name.as_bytes())
            || word.eq_ignore_ascii_case(&name.as_bytes()[..3])
    });
    *at += letters;
    found.map(|index| index as u32 + 1).ok_or(ValueError::NotOfType)
}

/// The number of the name of a locale that stands there, with the point of an abbreviation.
fn named(
    text: &[u8],
    at: &mut usize,
    find: impl Fn(&str) -> Option<(u32, usize)>,
) -> Result<u32, ValueError> {
    let rest = std::str::from_utf8(&text[*at..]).map_err(|_| ValueError::NotOfType)?;
    let (number, length) = find(rest).ok_or(ValueError::NotOfType)?;
    *at += length;
    Ok(number)
}

fn half(text: &[u8], at: &mut usize) -> Result<bool, ValueError> {
    let word = text.get(*at..*at + 2).ok_or(ValueError::NotOfType)?;
    *at += 2;
    match () {
        () if word.eq_ignore_ascii_case(b"am") => Ok(false),
        () if word.eq_ignore_ascii_case(b"pm") => Ok(true),
        () => Err(ValueError::NotOfType),
    }
}

fn offset(text: &[u8], at: &mut usize) -> Result<i64, ValueError> {
    let sign = match text.get(*at) {
        Some(b'Z' | b'z') => {
            *at += 1;
            return Ok(0);
        }
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(ValueError::NotOfType),
    };
    *at += 1;
    let hours = digits(text, at, 2, 2)?;
    let colon = text.get(*at) == Some(&b':');
    *at += usize::from(colon);
    let minutes = if colon || text.get(*at).is_some_and(u8::is_ascii_digit) {
        digits(text, at, 2, 2)?
    } else {
        0
    };
    if hours > 23 || minutes > 59 {
        Err(ValueError::NotOfType)
    } else {
        Ok(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, text: &str, expected: Result<i64, ValueError>) {
        let pattern = Pattern::datetime(format).expect("a valid format");
        assert_eq!(
            pattern.read_datetime(text.as_bytes(), 1_000_000, None),
            expected,
            "{text} as {format}"
        );
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
        check("%Y-%m-%d %H:%M:%S %Z", "1970-01-01 01:00:00 CET", Ok(0));
        check("%Y-%m-%d %H:%M:%S %Z", "1970-07-01 00:00:00 Europe/Berlin", Ok(15_634_800_000_000));
        check("%Y-%m-%dT%H:%M:%S%z[%Z]", "1970-01-01T01:00:00+01:00[Europe/Berlin]", Ok(0));
        check("%m/%d/%y, %I:%M %p", "1/1/70, 12:00\u{202f}AM", Ok(0));
        check("epoch_ms", "1700000000123", Ok(1_700_000_000_123_000));
        check("epoch_ms", "-1", Ok(-1_000));
        check("epoch_ms", "1.5", Ok(1_500));
        check("epoch_us", "1700000000123456", Ok(1_700_000_000_123_456));
        check("epoch_ns", "1700000000123456000", Ok(1_700_000_000_123_456));
        check("epoch_ns", "1700000000123456789", Err(ValueError::TooPrecise));
        check("epoch", "1.25", Ok(1_250_000));
        check("%s", "1700000000123", Err(ValueError::NotOfType));
        check("%s", "-1", Ok(-1_000_000));
        check("%s%.f", "-1", Ok(-1_000_000));
        check("%s%.f", "1.5", Ok(1_500_000));
        check("%s%.f", "-1.5", Ok(-1_500_000));
        check("%s%.f", "-0.000001", Ok(-1));
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in [
            "2013-02-29T00:00:00",
            "2013-1-1",
            "2013-01-01T24:00:00",
            "2013-01-01T00:00:60Z",
            "2013-01-01T00:00:00Zx",
            "",
        ] {
            check("default", text, Err(ValueError::NotOfType));
        }
        check("default", "1970-01-01T00:00:00.0000001Z", Err(ValueError::TooPrecise));
        check("default", "1970-01-01T00:00:00.0000000000Z", Ok(0));
    }

    #[test]
    fn local_times_are_exact_or_faults() {
        let pattern = Pattern::datetime("%Y-%m-%d %H:%M").expect("a valid format");
        let read = |text: &str| {
            pattern.read_datetime(
                text.as_bytes(),
                1,
                Some("America/New_York".parse().expect("a zone")),
            )
        };
        assert_eq!(read("2013-01-01 05:00"), Ok(1_357_034_400));
        assert_eq!(read("2013-11-03 01:30"), Err(ValueError::Ambiguous));
        assert_eq!(read("2013-03-10 02:30"), Err(ValueError::Skipped));
    }

    #[test]
    fn local_times_that_happen_twice_or_never_are_read_as_is_said() {
        let pattern = |ambiguous| {
            Pattern::datetime("%Y-%m-%d %H:%M").expect("a valid format").with_ambiguous(ambiguous)
        };
        let read = |ambiguous, text: &str| {
            pattern(ambiguous).read_datetime(
                text.as_bytes(),
                1,
                Some("America/New_York".parse().expect("a zone")),
            )
        };
        // 05:30 and 06:30 UTC; 06:30 (01:30 before clocks are set forward) and 07:30 UTC.
        assert_eq!(read(Ambiguous::Earliest, "2013-11-03 01:30"), Ok(1_383_456_600));
        assert_eq!(read(Ambiguous::Latest, "2013-11-03 01:30"), Ok(1_383_460_200));
        assert_eq!(read(Ambiguous::Earliest, "2013-03-10 02:30"), Ok(1_362_897_000));
        assert_eq!(read(Ambiguous::Latest, "2013-03-10 02:30"), Ok(1_362_900_600));
        assert_eq!(read(Ambiguous::Latest, "2013-01-01 05:00"), Ok(1_357_034_400));
    }

    #[test]
    fn months_have_names_in_other_languages() {
        let pattern = |format: &str, locale: &str| {
            Pattern::date(format).expect("a valid format").with_locale(locale).expect("a locale")
        };
        for (format, locale, text) in [
            ("%d. %b %Y", "de", "29. Februar 2000"),
            ("%d %b %Y", "fr", "29 f\u{e9}vr. 2000"),
            ("%a %d %b %Y", "es", "martes 29 febrero 2000"),
            ("%d %b %Y", "pl", "29 lutego 2000"),
            ("%d.%b.%Y", "de", "29.Feb.2000"),
        ] {
            assert_eq!(pattern(format, locale).read_date(text.as_bytes()), Ok(11_016), "{text}");
        }
        assert!(Pattern::date("%Y-%m-%d").is_ok_and(|pattern| pattern.with_locale("de").is_err()));
    }

    #[test]
    fn years_of_two_digits_have_a_pivot() {
        let read = |pivot, text: &str| {
            let pattern = Pattern::date("%d.%m.%y")
                .expect("a valid format")
                .with_year_pivot(pivot)
                .expect("a year");
            pattern.read_date(text.as_bytes())
        };
        let day = |text: &str| {
            Pattern::date("%d.%m.%Y").expect("a valid format").read_date(text.as_bytes())
        };
        assert_eq!(
            (read(69, "02.01.68"), read(69, "02.01.69")),
            (day("02.01.2068"), day("02.01.1969"))
        );
        assert_eq!(
            (read(30, "02.01.29"), read(30, "02.01.30")),
            (day("02.01.2029"), day("02.01.1930"))
        );
        assert!(
            Pattern::date("%Y-%m-%d").is_ok_and(|pattern| pattern.with_year_pivot(30).is_err())
        );
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
            let date = NaiveDate::from_num_days_from_ce_opt(days + 719_163)
                .expect("inside chrono's range");
            use chrono::Datelike;
            assert_eq!(
                days_from_civil(date.year().into(), date.month(), date.day()),
                i64::from(days)
            );
        }
    }
}
