//! Finds every format of dates and times in which all cells of a column can be read.

use std::sync::LazyLock;

use contract::values::{Locale, Pattern, ValueError};

/// What a format is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Date,
    Time,
    Datetime,
}

/// A format that is tried.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) kind: Kind,
    pub(super) text: String,
    pattern: Pattern,
}

/// Formats of days, in the order in which they are preferred: ISO 8601, then the United States,
/// then Europe, then two digits of a year.
const DATES: [&str; 29] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%y/%m/%d",
    "%d.%m.%y",
    "%m-%d-%y",
    "%d-%m-%y",
    "%y-%m-%d",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d/%b/%Y",
    "%d %b %y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%b %d %Y",
    "%b-%d-%Y",
    "%Y %b %d",
    "%Y-%b-%d",
    "%d. %b %Y",
    "%a, %d %b %Y",
    "%a, %b %d, %Y",
    "%Y%m%d",
];

/// Formats of times of day.
const TIMES: [&str; 7] =
    ["%H:%M:%S", "%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p"];

/// What may stand between the two.
const BETWEEN: [&str; 4] = [" ", "T", ", ", ":"];

/// How far from UTC, at the end.
const OFFSETS: [&str; 5] = ["", "%z", " %z", " %Z", "%z[%Z]"];

/// Formats that are not put together of the above.
const OTHERS: [&str; 4] =
    ["%a %b %d %H:%M:%S %Y", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%S%z", "%Y%m%d%H%M%S"];

/// Most bytes of a moment.
const MOST_BYTES: usize = 48;
/// Microseconds that nanoseconds in 64 bits can't reach.
const NANOSECONDS_REACH: i64 = i64::MAX / 1_000;

static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    let mut formats = Vec::new();
    let mut add = |kind: Kind, text: String| {
        let compile = match kind {
            Kind::Date => Pattern::date,
            Kind::Time => Pattern::time,
            Kind::Datetime => Pattern::datetime,
        };
        if let Ok(pattern) = compile(&text) {
            formats.push(Format { kind, text, pattern });
        }
    };
    DATES.iter().for_each(|date| add(Kind::Date, (*date).to_owned()));
    TIMES.iter().for_each(|time| add(Kind::Time, (*time).to_owned()));
    // A local time of ISO 8601 is no moment, so it comes before the default, which takes it for
    // UTC.
    for (between, time) in
        [(" ", "%H:%M:%S"), (" ", "%H:%M:%S%.f"), ("T", "%H:%M:%S"), ("T", "%H:%M:%S%.f")]
    {
        add(Kind::Datetime, format!("%Y-%m-%d{between}{time}"));
    }
    add(Kind::Datetime, "default".to_owned());
    for date in DATES {
        for (time, between, offset) in TIMES.iter().flat_map(|time| {
            BETWEEN.iter().flat_map(move |b| OFFSETS.iter().map(move |o| (time, b, o)))
        }) {
            add(Kind::Datetime, format!("{date}{between}{time}{offset}"));
        }
    }
    OTHERS.iter().for_each(|other| add(Kind::Datetime, (*other).to_owned()));
    formats
});

/// The formats that are left for a column.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    /// `None`: no cell was seen yet, and all formats are possible.
    left: Option<Vec<Left>>,
    /// Some cell says how far it is from UTC; some does not.
    has_offset: bool,
    lacks_offset: bool,
    /// All numbers have two digits, or four.
    is_padded: bool,
    /// Some cell has minutes that are 00 or past 12.
    has_round_or_late_minutes: bool,
    /// All begin with a year from 1900 to 2099.
    is_of_our_time: bool,
    /// The locales in which all names of months and days are known that are not English; `None`:
    /// there was none.
    locales: Option<Vec<&'static Locale>>,
}

/// A format that all cells so far can be read in.
#[derive(Debug, Clone, Copy)]
struct Left {
    /// Its position among the formats.
    index: usize,
    /// Some cell is finer than microseconds.
    is_fine: bool,
    /// Some cell is out of the reach of nanoseconds.
    is_far: bool,
}

/// The format of a column.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) format: &'static Format,
    /// Nanoseconds are needed.
    pub(super) is_fine: bool,
    /// Other formats that would do as well, and mean other days.
    pub(super) rivals: Vec<&'static str>,
    /// Some cells have an offset from UTC, and some have none.
    pub(super) has_mixed_offsets: bool,
    /// All numbers have two digits, or four.
    pub(super) is_padded: bool,
    /// Some cell has minutes that are 00 or past 12.
    pub(super) has_round_or_late_minutes: bool,
    /// All begin with a year from 1900 to 2099.
    pub(super) is_of_our_time: bool,
    /// The locale of the names of months and days, and others that would do as well; none: they are
    /// English, or there are none.
    pub(super) locales: Vec<&'static str>,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            left: None,
            has_offset: false,
            lacks_offset: false,
            is_padded: true,
            has_round_or_late_minutes: false,
            is_of_our_time: true,
            locales: None,
        }
    }
}

impl Moments {
    /// Takes a cell in and says whether any format is left.
    pub(super) fn observe(&mut self, text: &[u8]) -> bool {
        self.look_at(text);
        let translated = self.translate(text);
        let text = translated.as_deref().map_or(text, str::as_bytes);
        match &mut self.left {
            None => {
                let could_be = text.len() <= MOST_BYTES && text.iter().any(u8::is_ascii_digit);
                let all = if could_be { 0..FORMATS.len() } else { 0..0 };
                self.left = Some(
                    all.filter_map(|index| {
                        Left { index, is_fine: false, is_far: false }.after(text)
                    })
                    .collect(),
                );
            }
            Some(left) => left.retain_mut(|format| {
                format.after(text).is_some_and(|after| {
                    *format = after;
                    true
                })
            }),
        }
        self.left.as_ref().is_some_and(|left| !left.is_empty())
    }

    /// The text with English names of months and days, if it has others that some locale knows.
    fn translate(&mut self, text: &[u8]) -> Option<String> {
        let is_likely =
            text.len() <= MOST_BYTES && has_word(text) && text.iter().any(u8::is_ascii_digit);
        let text = std::str::from_utf8(text)
            .ok()
            .filter(|_| is_likely && self.left.as_ref().is_none_or(|left| !left.is_empty()))?;
        let (mut out, mut rest, mut is_changed) = (String::new(), text, false);
        while let Some(start) = rest.find(char::is_alphabetic) {
            let end = rest[start..]
                .find(|c: char| !c.is_alphabetic())
                .map_or(rest.len(), |end| start + end);
            let word = &rest[start..end];
            out.push_str(&rest[..start]);
            rest = &rest[end..];
            // Letters and pairs of them are days in some language.
            let known = if word.chars().count() < 3 { &[] } else { Locale::that_know(word) };
            if known.is_empty() || known.iter().any(|(locale, _)| locale.name == "en_US") {
                out.push_str(word);
                continue;
            }
            let is_left = |locale: &Locale| {
                self.locales
                    .as_ref()
                    .is_none_or(|left| left.iter().any(|other| other.name == locale.name))
            };
            let known: Vec<_> = known.iter().filter(|(locale, _)| is_left(locale)).collect();
            let english = known.first()?.1;
            self.locales = Some(
                known
                    .iter()
                    .filter(|(_, name)| *name == english)
                    .map(|(locale, _)| *locale)
                    .collect(),
            );
            out.push_str(english);
            // The point of an abbreviation belongs to the name.
            rest = rest.strip_prefix('.').filter(|after| after.starts_with(' ')).unwrap_or(rest);
            is_changed = true;
        }
        out.push_str(rest);
        is_changed.then_some(out)
    }

    fn look_at(&mut self, text: &[u8]) {
        let numbers =
            || text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
        self.is_padded &= numbers().all(|digits| matches!(digits.len(), 2 | 4));
        self.is_of_our_time &= matches!(text, [b'1', b'9', ..] | [b'2', b'0', ..]);
        let time = text.iter().position(|byte| *byte == b':').map_or(&[][..], |at| &text[at + 1..]);
        self.has_round_or_late_minutes |=
            matches!(time, [b'0', b'0', ..] | [b'1', b'3'..=b'9', ..] | [b'2'..=b'5', ..]);
        let is_offset = matches!(text.last(), Some(b'Z' | b'z' | b']'))
            || time.iter().any(|byte| matches!(byte, b'+' | b'-'));
        *(if is_offset { &mut self.has_offset } else { &mut self.lacks_offset }) = true;
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.has_offset |= other.has_offset;
        self.lacks_offset |= other.lacks_offset;
        self.is_padded &= other.is_padded;
        self.has_round_or_late_minutes |= other.has_round_or_late_minutes;
        self.is_of_our_time &= other.is_of_our_time;
        self.locales = match (self.locales.take(), other.locales) {
            (Some(mine), Some(theirs)) => {
                Some(mine.into_iter().filter(|locale| theirs.contains(locale)).collect())
            }
            (mine, theirs) => mine.or(theirs),
        };
        match (&mut self.left, other.left) {
            (Some(mine), Some(theirs)) => mine.retain_mut(|format| {
                let same = theirs.iter().find(|other| other.index == format.index);
                same.is_some_and(|other| {
                    format.is_fine |= other.is_fine;
                    format.is_far |= other.is_far;
                    true
                })
            }),
            (None, theirs) => self.left = theirs,
            _ => {}
        }
    }

    /// The best format. `day_first`: what the file's other columns tell of days and months;
    /// `is_european`: what its delimiter lets expect.
    pub(super) fn best(&self, day_first: Option<bool>, is_european: bool) -> Option<Choice> {
        let day_first = day_first.or(is_european.then_some(true));
        let usable = || self.left.iter().flatten().filter(|left| !(left.is_fine && left.is_far));
        let order =
            |left: &&Left| day_first.is_some() && FORMATS[left.index].day_first() == day_first;
        let best = usable().find(order).or_else(|| usable().next())?;
        let format = &FORMATS[best.index];
        let locales: Vec<_> = self.locales.iter().flatten().map(|locale| locale.name).collect();
        if self.locales.is_some() && locales.is_empty() {
            // The names are of several languages.
            return None;
        }
        let sorted = |text: &str| {
            let mut directives: Vec<_> = text.bytes().collect();
            directives.sort_unstable();
            directives
        };
        // The same directives in another order read other days.
        let is_rival = |other: &&Format| {
            other.text != format.text && sorted(&other.text) == sorted(&format.text)
        };
        let rivals = usable()
            .map(|left| &FORMATS[left.index])
            .filter(is_rival)
            .map(|format| format.text.as_str())
            .collect();
        Some(Choice {
            format,
            is_fine: best.is_fine,
            rivals,
            has_mixed_offsets: format.text == "default" && self.has_offset && self.lacks_offset,
            is_padded: self.is_padded,
            has_round_or_late_minutes: self.has_round_or_late_minutes,
            is_of_our_time: self.is_of_our_time,
            locales,
        })
    }
}

impl Format {
    /// Whether days come before months, where both are numbers.
    pub(super) fn day_first(&self) -> Option<bool> {
        let (day, month) = (self.text.find("%d")?, self.text.find("%m")?);
        // Formats that begin with the year are never in doubt.
        let year = self.text.find("%Y").or_else(|| self.text.find("%y"))?;
        (year > day.min(month)).then_some(day < month)
    }

    /// Whether years have two digits.
    pub(super) fn has_short_year(&self) -> bool {
        self.text.contains("%y")
    }

    /// Whether months have names.
    pub(super) fn has_month_name(&self) -> bool {
        self.text.contains("%b")
    }

    /// Whether the text says how far it is from UTC.
    pub(super) fn has_offset(&self) -> bool {
        self.pattern.has_offset()
    }
}

impl Left {
    /// The same format once `text` is seen, if it can be read in it.
    fn after(self, text: &[u8]) -> Option<Self> {
        let Format { kind, pattern, .. } = &FORMATS[self.index];
        // Results and ratios look like times, but for minutes of one digit.
        if *kind != Kind::Date && has_short_minutes(text) {
            return None;
        }
        let read = |per_second: i64| match kind {
            Kind::Date => pattern.read_date(text).map(i64::from),
            Kind::Time => pattern.read_time(text, per_second),
            Kind::Datetime => pattern.read_datetime(text, per_second, None),
        };
        match read(1_000_000) {
            Ok(value) => Some(Self {
                is_far: self.is_far
                    || (*kind == Kind::Datetime && value.unsigned_abs() > NANOSECONDS_REACH as u64),
                ..self
            }),
            Err(ValueError::TooPrecise) => {
                read(1_000_000_000).ok().map(|_| Self { is_fine: true, ..self })
            }
            Err(_) => None,
        }
    }
}

/// Whether a colon stands before a single digit.
fn has_short_minutes(text: &[u8]) -> bool {
    let mut parts = text.split(|byte| *byte == b':').skip(1);
    parts.any(|part| part.iter().take_while(|byte| byte.is_ascii_digit()).count() == 1)
}

/// Whether there is a word of three letters and more.
fn has_word(text: &[u8]) -> bool {
    text.split(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic()).any(|word| word.len() >= 3)
}
