//! How the numbers of a column are written, and how far they reach.

/// A way to write numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) decimal: u8,
    pub(super) group: Option<u8>,
}

/// The styles that are tried, in the order in which they are preferred.
pub(super) const STYLES: [Style; 7] = [
    Style { decimal: b'.', group: None },
    Style { decimal: b'.', group: Some(b',') },
    Style { decimal: b',', group: None },
    Style { decimal: b',', group: Some(b'.') },
    Style { decimal: b'.', group: Some(b' ') },
    Style { decimal: b',', group: Some(b' ') },
    Style { decimal: b'.', group: Some(b'\'') },
];

/// Most bytes of a number.
const MOST_BYTES: usize = 64;
/// Most digits of an exact decimal.
pub(super) const MOST_DIGITS: u32 = 38;

/// What stands around numbers that are not bare: no digit, sign, point or comma is part of it.
const AFFIXES: [&str; 10] = ["$", "€", "£", "¥", "₹", "%", "USD", "EUR", "GBP", "CHF"];

/// The numbers of a column, as each style reads them.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// Cells of digits only, perhaps with a sign: all styles read them the same.
    digits: Extent,
    /// The other cells, by style; `None`: some cell is no number in that style.
    others: [Option<Extent>; STYLES.len()],
    /// What stands before or after some of the numbers.
    affix: Option<&'static str>,
}

/// How far numbers reach.
#[derive(Debug, Clone, Default)]
pub(super) struct Extent {
    pub(super) cells: u64,
    /// Most digits before the point, without leading zeros.
    pub(super) whole: u32,
    /// Least and most digits after it, of those that have a point.
    pub(super) fraction: Option<(u32, u32)>,
    /// Most digits in all, without leading zeros.
    pub(super) significant: u32,
    pub(super) least: i128,
    pub(super) greatest: i128,
    /// Cells with an exponent, or infinite ones: floats only.
    pub(super) floats: u64,
    /// Cells such as `007`.
    pub(super) leading_zeros: u64,
    /// Cells with a plus sign and digits as many as a telephone number has.
    pub(super) phones: u64,
    /// Cells with group characters.
    pub(super) grouped: u64,
    /// Cells of four digits and more before the point, without group characters.
    pub(super) ungrouped: u64,
    /// The lengths of the shortest and the longest cell, in bytes.
    pub(super) lengths: Option<(usize, usize)>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { digits: Extent::default(), others: std::array::from_fn(|_| Some(Extent::default())), affix: None }
    }
}

impl Numbers {
    /// Takes a cell in and says whether any style is left in which all cells are numbers.
    pub(super) fn observe(&mut self, text: &[u8]) -> bool {
        if self.others.iter().all(Option::is_none) {
            return false;
        }
        let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
        if text.len() > sign && text.len() <= MOST_BYTES && text[sign..].iter().all(u8::is_ascii_digit) {
            self.digits.add(text, &Measure::of_digits(&text[sign..], &text[..sign]));
            return true;
        }
        let (bare, affix) = strip_affix(text);
        if affix.is_some() && self.affix.is_some() && self.affix != affix {
            // Two currencies are no number.
            self.others = Default::default();
            return false;
        }
        self.affix = self.affix.or(affix);
        for (style, slot) in STYLES.iter().zip(&mut self.others) {
            let Some(extent) = slot else { continue };
            match Measure::of(bare, *style).filter(|_| affix.is_none() || bare.last().is_some_and(u8::is_ascii_digit)) {
                Some(measure) => extent.add(bare, &measure),
                None => *slot = None,
            }
        }
        self.others.iter().any(Option::is_some)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.digits.merge(&other.digits);
        let differ = self.affix.is_some() && other.affix.is_some() && self.affix != other.affix;
        self.affix = self.affix.or(other.affix);
        for (mine, theirs) in self.others.iter_mut().zip(other.others) {
            match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) if !differ => mine.merge(&theirs),
                _ => *mine = None,
            }
        }
    }

    /// The best style, how far the numbers reach in it, and a doubt, if another style would do as well but mean something else.
    pub(super) fn best(&self, european: bool) -> Option<(Style, Extent, Option<String>)> {
        let read = |index: usize| {
            let extent = self.others[index].as_ref()?;
            // Who groups digits groups all of them.
            (extent.grouped == 0 || extent.ungrouped + self.digits.ungrouped == 0).then_some(extent)
        };
        let mut index = (0..STYLES.len()).find(|index| read(*index).is_some())?;
        let mut doubt = None;
        // `1.234`: the same with a point, where commas are decimal ones.
        if european && index == 0 && read(3).is_some_and(|extent| extent.grouped == extent.cells && extent.cells > 0) {
            index = 3;
            doubt = Some("a point before three digits, which may be a decimal one".to_owned());
        }
        // `1,234`: a thousand and more, or one and a bit?
        if index == 1 && read(2).is_some() && read(1).is_some_and(|extent| extent.grouped > 0) {
            index = if european { 2 } else { 1 };
            doubt = Some(format!("a comma before three digits, which may be a {}", if european { "group's" } else { "decimal one" }));
        }
        let mut extent = read(index)?.clone();
        extent.merge(&self.digits);
        if self.affix.is_some() && extent.floats > 0 {
            return None;
        }
        Some((STYLES[index], extent, doubt))
    }

    pub(super) fn affix(&self) -> Option<&'static str> {
        self.affix
    }
}

impl Extent {
    fn add(&mut self, text: &[u8], measure: &Measure) {
        let mut one = Self {
            cells: 1,
            whole: measure.whole,
            fraction: measure.fraction.map(|digits| (digits, digits)),
            significant: measure.significant,
            lengths: Some((text.len(), text.len())),
            ..Self::default()
        };
        (one.least, one.greatest) = (measure.integer, measure.integer);
        one.floats = measure.is_float.into();
        one.leading_zeros = measure.has_leading_zero.into();
        one.phones = measure.is_phone.into();
        one.grouped = measure.is_grouped.into();
        one.ungrouped = (!measure.is_grouped && measure.whole >= 4).into();
        self.merge(&one);
    }

    fn merge(&mut self, other: &Self) {
        let both = |a: Option<(u32, u32)>, b: Option<(u32, u32)>| match (a, b) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        if other.cells == 0 {
            return;
        }
        if self.cells == 0 {
            *self = other.clone();
            return;
        }
        self.cells += other.cells;
        self.whole = self.whole.max(other.whole);
        self.fraction = both(self.fraction, other.fraction);
        self.significant = self.significant.max(other.significant);
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.floats += other.floats;
        self.leading_zeros += other.leading_zeros;
        self.phones += other.phones;
        self.grouped += other.grouped;
        self.ungrouped += other.ungrouped;
        if let (Some(mine), Some(theirs)) = (&mut self.lengths, other.lengths) {
            *mine = (mine.0.min(theirs.0), mine.1.max(theirs.1));
        }
    }
}

/// What there is to know of one number.
#[derive(Debug, Default, PartialEq, Eq)]
struct Measure {
    whole: u32,
    fraction: Option<u32>,
    significant: u32,
    /// The whole part with its sign; beyond 38 digits the bound of what can be.
    integer: i128,
    is_float: bool,
    has_leading_zero: bool,
    is_phone: bool,
    is_grouped: bool,
}

/// Fewest digits after a plus sign that are a telephone number.
const PHONE_DIGITS: usize = 7;

impl Measure {
    fn of_digits(digits: &[u8], sign: &[u8]) -> Self {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let whole = (digits.len() - zeros) as u32;
        let value = digits.iter().try_fold(0i128, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into()));
        Self {
            whole,
            significant: whole,
            integer: value.unwrap_or(i128::MAX) * if sign == b"-" { -1 } else { 1 },
            has_leading_zero: digits.len() > 1 && zeros > 0,
            is_phone: sign == b"+" && digits.len() >= PHONE_DIGITS,
            ..Self::default()
        }
    }

    fn of(text: &[u8], style: Style) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        if text == b"INF" || text == b"-INF" {
            return Some(Self { is_float: true, ..Self::default() });
        }
        let (sign, rest) = text.split_at(usize::from(matches!(text.first(), Some(b'+' | b'-'))));
        let (mantissa, exponent) = match rest.iter().position(|byte| matches!(byte, b'e' | b'E')) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.iter().position(|byte| *byte == style.decimal) {
            Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
            None => (mantissa, None),
        };
        let (digits, is_grouped) = ungroup(whole, style.group)?;
        let fraction_digits = fraction.unwrap_or_default();
        if !fraction_digits.iter().all(u8::is_ascii_digit) || digits.len() + fraction_digits.len() == 0 {
            return None;
        }
        let mut new = Self::of_digits(&digits, sign);
        new.is_grouped = is_grouped;
        new.fraction = fraction.map(|digits| digits.len() as u32);
        new.is_phone &= fraction.is_none() && exponent.is_none();
        let zeros = if new.whole == 0 { fraction_digits.iter().take_while(|digit| **digit == b'0').count() } else { 0 };
        new.significant = new.whole + (fraction_digits.len() - zeros) as u32;
        if let Some(exponent) = exponent {
            let digits = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
            if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let plain: Vec<u8> = text
                .iter()
                .filter(|byte| Some(**byte) != style.group)
                .map(|byte| if *byte == style.decimal { b'.' } else { *byte })
                .collect();
            let value: f64 = std::str::from_utf8(&plain).ok()?.parse().ok()?;
            new.is_float = true;
            return value.is_finite().then_some(new);
        }
        Some(new)
    }
}

/// The digits without group characters, which must stand before every third digit from the right; and whether there were any.
fn ungroup(whole: &[u8], group: Option<u8>) -> Option<(Vec<u8>, bool)> {
    let Some(group) = group.filter(|group| whole.contains(group)) else {
        return whole.iter().all(u8::is_ascii_digit).then(|| (whole.to_vec(), false));
    };
    let mut parts = whole.split(|byte| *byte == group);
    let first = parts.next().filter(|first| (1..=3).contains(&first.len()))?;
    let mut digits = first.to_vec();
    for part in parts {
        if part.len() != 3 {
            return None;
        }
        digits.extend_from_slice(part);
    }
    digits.iter().all(u8::is_ascii_digit).then_some((digits, true))
}

/// A number without a currency or a per cent sign before or after it.
fn strip_affix(text: &[u8]) -> (&[u8], Option<&'static str>) {
    for affix in AFFIXES {
        if let Some(rest) = text.strip_prefix(affix.as_bytes()).or_else(|| text.strip_suffix(affix.as_bytes())) {
            return (rest.trim_ascii(), Some(affix));
        }
    }
    (text, None)
}
