//! Finds how the numbers of a column are written, and how far they reach.

use std::collections::BTreeMap;

use contract::{Group, Grouping, SPACES, is_currency};

use super::units::is_unit;

/// A way to write numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) decimal: char,
    pub(super) group: Option<Group>,
}

const fn style(decimal: char, mark: char, sizes: Grouping) -> Style {
    Style { decimal, group: Some(Group { mark, sizes }) }
}

/// The styles that are tried, in the order in which they are preferred.
pub(super) const STYLES: [Style; 9] = [
    Style { decimal: '.', group: None },
    style('.', ',', Grouping::Thousands),
    Style { decimal: ',', group: None },
    style(',', '.', Grouping::Thousands),
    style('.', ' ', Grouping::Thousands),
    style(',', ' ', Grouping::Thousands),
    style('.', '\'', Grouping::Thousands),
    style('.', '\u{2019}', Grouping::Thousands),
    style('.', ',', Grouping::Lakhs),
];
/// Positions of some of them.
const POINT: usize = 0;
const COMMA_GROUPS: usize = 1;
const COMMA: usize = 2;
const POINT_GROUPS: usize = 3;

/// Most bytes of a number.
const MOST_BYTES: usize = 64;
/// Most digits of an exact decimal.
pub(super) const MOST_DIGITS: u32 = 38;

/// The numbers of a column, as each style reads them.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    /// Cells of digits only, perhaps with a sign: all styles read them the same.
    digits: Extent,
    /// The other cells, by style; `None`: some cell is no number in that style.
    others: [Option<Extent>; STYLES.len()],
    pub(super) around: Around,
}

/// What stands around the numbers of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    /// All cells.
    pub(super) cells: u64,
    /// Signs and codes of currencies, and units, each with its count.
    pub(super) affixes: BTreeMap<String, u64>,
    /// Cells with a percent sign.
    pub(super) percents: u64,
    /// Cells with each other sign than one before the digits.
    pub(super) parentheses: u64,
    pub(super) trailing_minus: u64,
    pub(super) minus_sign: u64,
    pub(super) debits: u64,
    pub(super) credits: u64,
    /// Cells with a space between a sign and what follows it.
    pub(super) spaced_signs: u64,
    /// Infinite ones.
    pub(super) infinite: u64,
}

impl Around {
    fn merge(&mut self, other: &Self) {
        self.cells += other.cells;
        self.percents += other.percents;
        self.parentheses += other.parentheses;
        self.trailing_minus += other.trailing_minus;
        self.minus_sign += other.minus_sign;
        self.debits += other.debits;
        self.credits += other.credits;
        self.spaced_signs += other.spaced_signs;
        self.infinite += other.infinite;
        for (affix, count) in &other.affixes {
            *self.affixes.entry(affix.clone()).or_default() += count;
        }
    }

    /// Whether the affixes could be of one column of numbers: two currencies are two columns'
    /// worth, and so are two units.
    fn is_of_one_kind(&self) -> bool {
        self.affixes.len() <= 1
    }

    /// The property `negatives`, and the reason for it.
    pub(super) fn negatives(&self) -> Option<(Vec<&'static str>, String)> {
        let counts = [
            ("parentheses", self.parentheses, "stand in parentheses"),
            ("trailingMinus", self.trailing_minus, "end with a minus"),
            ("minusSign", self.minus_sign, "have the minus sign U+2212"),
            (
                "DR",
                self.debits + self.credits,
                "have DR or CR; DOUBT: debits are taken for negative",
            ),
        ];
        let found: Vec<_> = counts.into_iter().filter(|(_, count, _)| *count > 0).collect();
        let because = found
            .iter()
            .map(|(_, count, how)| format!("{count} {how}"))
            .collect::<Vec<_>>()
            .join(", ");
        (!found.is_empty()).then(|| (found.iter().map(|(name, ..)| *name).collect(), because))
    }
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
    /// Those of them that are digits, the letter E and digits: codes are written like that, too.
    pub(super) bare_exponents: u64,
    /// Cells such as `007`.
    pub(super) leading_zeros: u64,
    /// Cells with a plus sign and digits as many as a telephone number has.
    pub(super) phones: u64,
    /// Cells with group characters.
    pub(super) grouped: u64,
    /// Those of them with two and more.
    pub(super) grouped_twice: u64,
    /// Cells of four digits and more before the point, without group characters.
    pub(super) ungrouped: u64,
    /// The lengths of the shortest and the longest cell, in bytes.
    pub(super) lengths: Option<(usize, usize)>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            digits: Extent::default(),
            others: std::array::from_fn(|_| Some(Extent::default())),
            around: Around::default(),
        }
    }
}

impl Numbers {
    /// Takes a cell in and says whether any style is left in which all cells are numbers.
    pub(super) fn observe(&mut self, text: &[u8]) -> bool {
        if self.others.iter().all(Option::is_none) {
            return false;
        }
        self.around.cells += 1;
        let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
        if text.len() > sign
            && text.len() <= MOST_BYTES
            && text[sign..].iter().all(u8::is_ascii_digit)
        {
            self.digits.add(
                text.len(),
                &Measure::of_digits(
                    &text[sign..],
                    text.first() == Some(&b'-'),
                    text.first() == Some(&b'+'),
                ),
            );
            return true;
        }
        let undressed = std::str::from_utf8(text)
            .ok()
            .filter(|text| text.len() <= MOST_BYTES)
            .and_then(|text| {
                let mut around = std::mem::take(&mut self.around);
                let undressed = Undressed::of(text, &mut around);
                self.around = around;
                undressed
            });
        let Some(number) = undressed.filter(|_| self.around.is_of_one_kind()) else {
            self.others = Default::default();
            return false;
        };
        for (style, slot) in STYLES.iter().zip(&mut self.others) {
            let Some(extent) = slot else { continue };
            match Measure::of(&number, *style) {
                Some(measure) => extent.add(number.digits.len(), &measure),
                None => *slot = None,
            }
        }
        self.others.iter().any(Option::is_some)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.digits.merge(&other.digits);
        self.around.merge(&other.around);
        let is_of_one_kind = self.around.is_of_one_kind();
        for (mine, theirs) in self.others.iter_mut().zip(other.others) {
            match (mine.as_mut(), theirs) {
                (Some(mine), Some(theirs)) if is_of_one_kind => mine.merge(&theirs),
                _ => *mine = None,
            }
        }
    }

    /// The decimal character, if the column can be read with one alone and has it.
    pub(super) fn sure_decimal(&self) -> Option<char> {
        let fits = |decimal: char| {
            let of = |(style, extent): (&Style, &Option<Extent>)| {
                style.decimal == decimal && extent.is_some()
            };
            STYLES.iter().zip(&self.others).any(of)
        };
        let has_fraction = |(style, extent): (&Style, &Option<Extent>)| {
            extent.as_ref().filter(|extent| extent.fraction.is_some()).map(|_| style.decimal)
        };
        match (fits('.'), fits(',')) {
            (true, true) | (false, false) => None,
            _ => STYLES.iter().zip(&self.others).find_map(has_fraction),
        }
    }

    /// The best style, how far the numbers reach in it, and a doubt, if another style would do as
    /// well but mean something else.
    ///
    /// `decimal`: what other columns of the file leave no doubt of. `is_european`: what its
    /// delimiter lets expect.
    pub(super) fn best(
        &self,
        decimal: Option<char>,
        is_european: bool,
    ) -> Option<(Style, Extent, Option<String>)> {
        let read = |index: usize| {
            let extent = self.others[index].as_ref()?;
            // A writer that groups digits groups all of them.
            (extent.grouped == 0 || extent.ungrouped + self.digits.ungrouped == 0).then_some(extent)
        };
        let mut index = (0..STYLES.len()).find(|index| read(*index).is_some())?;
        let mut doubt = None;
        let is_all_grouped = |extent: &Extent| extent.grouped == extent.cells && extent.cells > 0;
        // `1.234`: a thousand and more where commas are decimal ones, or one and a bit.
        if index == POINT && read(POINT_GROUPS).is_some_and(is_all_grouped) {
            (index, doubt) = match decimal {
                Some(',') => (POINT_GROUPS, None),
                None if is_european => {
                    (POINT_GROUPS, Some("a point before three digits, which may be a decimal one"))
                }
                _ => (index, None),
            };
        }
        // `1,234`: the same the other way round.
        if index == COMMA_GROUPS
            && read(COMMA).is_some()
            && read(COMMA_GROUPS).is_some_and(|extent| extent.grouped > 0)
        {
            (index, doubt) = match decimal {
                Some('.') => (COMMA_GROUPS, None),
                Some(_) => (COMMA, None),
                None if is_european => {
                    (COMMA, Some("a comma before three digits, which may be a group's"))
                }
                None => {
                    (COMMA_GROUPS, Some("a comma before three digits, which may be a decimal one"))
                }
            };
        }
        let mut extent = read(index)?.clone();
        extent.merge(&self.digits);
        if !self.around.affixes.is_empty() && extent.floats > 0 {
            return None;
        }
        Some((STYLES[index], extent, doubt.map(str::to_owned)))
    }
}

impl Extent {
    fn add(&mut self, length: usize, measure: &Measure) {
        let mut one = Self {
            cells: 1,
            whole: measure.whole,
            fraction: measure.fraction.map(|digits| (digits, digits)),
            significant: measure.significant,
            lengths: Some((length, length)),
            ..Self::default()
        };
        (one.least, one.greatest) = (measure.integer, measure.integer);
        one.floats = measure.is_float.into();
        one.bare_exponents = measure.is_bare_exponent.into();
        one.leading_zeros = measure.has_leading_zero.into();
        one.phones = measure.is_phone.into();
        one.grouped = (measure.groups > 1).into();
        one.grouped_twice = (measure.groups > 2).into();
        one.ungrouped = (measure.groups <= 1 && measure.whole >= 4).into();
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
        self.bare_exponents += other.bare_exponents;
        self.leading_zeros += other.leading_zeros;
        self.phones += other.phones;
        self.grouped += other.grouped;
        self.grouped_twice += other.grouped_twice;
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
    is_bare_exponent: bool,
    has_leading_zero: bool,
    is_phone: bool,
    /// Groups of digits; none or one: there is no group character.
    groups: usize,
}

/// Fewest digits after a plus sign that are a telephone number.
const PHONE_DIGITS: usize = 7;

impl Measure {
    fn of_digits(digits: &[u8], is_negative: bool, has_plus: bool) -> Self {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let whole = (digits.len() - zeros) as u32;
        let value = digits
            .iter()
            .try_fold(0i128, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into()));
        Self {
            whole,
            significant: whole,
            integer: value.unwrap_or(i128::MAX) * if is_negative { -1 } else { 1 },
            has_leading_zero: digits.len() > 1 && zeros > 0,
            is_phone: has_plus && digits.len() >= PHONE_DIGITS,
            ..Self::default()
        }
    }

    fn of(number: &Undressed<'_>, style: Style) -> Option<Self> {
        let text = number.digits;
        if number.is_infinite {
            return Some(Self { is_float: true, ..Self::default() });
        }
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let (whole, fraction) = mantissa
            .split_once(style.decimal)
            .map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
        let (digits, groups) = ungroup(whole, style.group)?;
        let fraction_digits = fraction.unwrap_or_default().as_bytes();
        if !fraction_digits.iter().all(u8::is_ascii_digit)
            || digits.len() + fraction_digits.len() == 0
        {
            return None;
        }
        let mut new = Self::of_digits(&digits, number.is_negative, number.has_plus);
        new.groups = groups;
        new.fraction = fraction.map(|digits| digits.len() as u32);
        new.is_phone &= fraction.is_none() && exponent.is_none();
        let zeros = if new.whole == 0 {
            fraction_digits.iter().take_while(|digit| **digit == b'0').count()
        } else {
            0
        };
        new.significant = new.whole + (fraction_digits.len() - zeros) as u32;
        if let Some(exponent) = exponent {
            let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            if digits.is_empty()
                || digits.len() > 4
                || !digits.bytes().all(|byte| byte.is_ascii_digit())
            {
                return None;
            }
            let fraction = fraction.unwrap_or("0");
            let value: f64 =
                format!("{}.{fraction}e{exponent}", String::from_utf8_lossy(&new_digits(whole)))
                    .parse()
                    .ok()?;
            new.is_float = true;
            new.is_bare_exponent = new.fraction.is_none() && digits.len() == exponent.len();
            let is_lost = value == 0.0 && mantissa.contains(|c: char| ('1'..='9').contains(&c));
            return (value.is_finite() && !is_lost).then_some(new);
        }
        Some(new)
    }
}

/// The digits of a text, or a zero.
fn new_digits(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
    if digits.is_empty() { vec![b'0'] } else { digits }
}

/// The digits without what stands between their groups, and how many groups there are.
fn ungroup(whole: &str, group: Option<Group>) -> Option<(Vec<u8>, usize)> {
    if let Some(group) = group.filter(|group| whole.contains(|c| group.is_mark(c))) {
        let parts: Vec<&str> = group.parts(whole).ok()?.collect();
        return Some((parts.concat().into_bytes(), parts.len()));
    }
    whole.bytes().all(|byte| byte.is_ascii_digit()).then(|| (whole.as_bytes().to_vec(), 1))
}

/// A number without what stands around it.
struct Undressed<'t> {
    digits: &'t str,
    is_negative: bool,
    has_plus: bool,
    is_infinite: bool,
}

impl<'t> Undressed<'t> {
    /// Takes off what a contract can name, and counts it; `None`: it is no number whatever a
    /// contract says.
    fn of(text: &'t str, around: &mut Around) -> Option<Self> {
        let mut new =
            Self { digits: text, is_negative: false, has_plus: false, is_infinite: false };
        // Nothing but a sign may stand before a word for infinity, whatever a contract says.
        let word = text.strip_prefix(['-', '+']).unwrap_or(text);
        if ["inf", "infinity"].iter().any(|known| word.eq_ignore_ascii_case(known)) {
            around.infinite += 1;
            return Some(Self { is_negative: text.starts_with('-'), is_infinite: true, ..new });
        }
        let (mut signs, mut has_percent, mut affixes) = (0, false, 0);
        let mut has_spaced_sign = false;
        loop {
            let text = new.digits;
            let is_side = |letters: &str| {
                let end = text.len().checked_sub(2).and_then(|end| text.get(end..));
                end.is_some_and(|end| end.eq_ignore_ascii_case(letters))
                    .then(|| &text[..text.len() - 2])
            };
            let (inner, is_negative) = if let Some(inner) =
                text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'))
            {
                around.parentheses += 1;
                (inner, true)
            } else if let Some(inner) = text.strip_prefix('-') {
                (inner, true)
            } else if let Some(inner) = text.strip_prefix('\u{2212}') {
                around.minus_sign += 1;
                (inner, true)
            } else if let Some(inner) = text.strip_prefix('+') {
                new.has_plus = true;
                (inner, false)
            } else if let Some(inner) = text.strip_suffix('-') {
                around.trailing_minus += 1;
                (inner, true)
            } else if let Some(inner) = is_side("DR") {
                around.debits += 1;
                (inner, true)
            } else if let Some(inner) = is_side("CR") {
                around.credits += 1;
                (inner, false)
            } else if let Some(inner) = text.strip_suffix('%').filter(|_| !has_percent) {
                has_percent = true;
                around.percents += 1;
                new.digits = inner.trim_end_matches(SPACES);
                continue;
            } else if let Some((inner, affix)) = affix(text).filter(|_| affixes == 0) {
                affixes += 1;
                *around.affixes.entry(affix.to_owned()).or_default() += 1;
                new.digits = inner.trim_matches(SPACES);
                continue;
            } else {
                break;
            };
            signs += 1;
            new.is_negative |= is_negative;
            new.digits = inner.trim_matches(SPACES);
            has_spaced_sign |= new.digits.len() < inner.len();
        }
        around.spaced_signs += u64::from(has_spaced_sign);
        (signs <= 1 && new.digits.contains(|c: char| c.is_ascii_digit())).then_some(new)
    }
}

/// A number without the currency or the unit before or after it.
fn affix(text: &str) -> Option<(&str, &str)> {
    let is_part =
        |c: char| c.is_ascii_digit() || SPACES.contains(&c) || "+-.,()%\u{2212}".contains(c);
    let (before, rest) = text.split_at(text.find(is_part)?);
    if is_currency(before) {
        return Some((rest, before));
    }
    let end = text.trim_end_matches(|c| c == '.' || !is_part(c)).len();
    let (rest, after) = text.split_at(end);
    // Only a unit that stands apart may be a letter: `12A` is a number of a house.
    let stands_apart = rest.ends_with(SPACES);
    if is_currency(after) || is_unit(after, stands_apart) {
        return Some((rest, after));
    }
    // `km/h`, `m2`: units with a digit or a sign inside.
    let (rest, after) = rest_and_word(text)?;
    is_unit(after, true).then_some((rest, after))
}

/// What stands before and after the last space.
fn rest_and_word(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(SPACES)?;
    let space = text[at..].chars().next()?.len_utf8();
    Some((&text[..at], &text[at + space..]))
}
