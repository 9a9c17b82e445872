//! Reads the zones that stand behind moments.

use zones::Zone;

use super::ValueError;

/// A zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrittenZone {
    /// Seconds ahead of UTC.
    Offset(i64),
    /// One of IANA's, whose offset depends on the time.
    Named(Zone),
}

/// Abbreviations that mean one offset, in hours: those of RFC 822, and those of Europe. An
/// abbreviation with several meanings (IST, BST) is not among them.
const ABBREVIATIONS: [(&str, i64); 21] = [
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("MEZ", 1),
    ("MESZ", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// The zone whose name stands there.
pub(super) fn read(text: &[u8], at: &mut usize) -> Result<WrittenZone, ValueError> {
    let rest = &text[*at..];
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    let length = rest.iter().take_while(|byte| is_part(byte)).count();
    let name = std::str::from_utf8(&rest[..length]).map_err(|_| ValueError::NotOfType)?;
    *at += length;
    if let Some((_, hours)) = ABBREVIATIONS.iter().find(|(known, _)| *known == name) {
        return Ok(WrittenZone::Offset(hours * 3_600));
    }
    // IANA has abbreviations of its own, some of which mean another offset in summer.
    name.parse()
        .ok()
        .filter(|_| name.contains('/'))
        .map(WrittenZone::Named)
        .ok_or(ValueError::NotOfType)
}
