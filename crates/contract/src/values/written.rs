//! Turns numbers as people write them into the form that the readers of `scalar` take.

use super::scalar::ValueError;
use crate::{
    Affixes, Group, Grouping, Letters, NumberFormat, Percent, SPACES, is_currency, is_currency_sign,
};

/// Most bytes of a number.
const MOST_BYTES: usize = 256;

/// Room for a number in plain form: `-1234.5e-2`.
pub(super) struct Plain {
    bytes: [u8; MOST_BYTES],
    length: usize,
}

/// A number on its way out of what is written around it.
struct Peeled<'t> {
    rest: &'t str,
    /// Whether a sign stood there, and was negative.
    sign: Option<bool>,
    /// Digits by which a percent or per mille sign moves the point.
    percent: Option<u8>,
    has_prefix: bool,
    has_suffix: bool,
}

impl Plain {
    pub(super) fn new() -> Self {
        Self { bytes: [0; MOST_BYTES], length: 0 }
    }

    /// The number that `text` is in `format`: an optional minus, digits, an optional point with
    /// digits, an optional exponent.
    ///
    /// What is not written as the format says is a flaw that tells why. The readers check the
    /// digits themselves.
    pub(super) fn of(&mut self, text: &[u8], format: &NumberFormat) -> Result<&[u8], ValueError> {
        let text = std::str::from_utf8(text).map_err(|_| ValueError::NotOfType)?;
        let mut peeled =
            Peeled { rest: text, sign: None, percent: None, has_prefix: false, has_suffix: false };
        if format.affixes.is_some() {
            peeled.rest = peeled.rest.trim_matches(SPACES);
        }
        while peeled.step(format)? {}
        if peeled.sign == Some(true) {
            self.push(b'-')?;
        }
        self.number(peeled.rest, format)?;
        match (format.percent, peeled.percent) {
            (None, None) | (Some(Percent::Written), Some(2)) => {}
            (Some(Percent::Divided), Some(digits))
                if !self.bytes[..self.length].contains(&b'e') =>
            {
                [b'e', b'-', b'0' + digits].into_iter().try_for_each(|byte| self.push(byte))?;
            }
            _ => return Err(ValueError::Percent),
        }
        Ok(&self.bytes[..self.length])
    }

    fn push(&mut self, byte: u8) -> Result<(), ValueError> {
        *self.bytes.get_mut(self.length).ok_or(ValueError::OutOfRange)? = byte;
        self.length += 1;
        Ok(())
    }

    /// Digits with their groups, a fraction, and an exponent.
    fn number(&mut self, text: &str, format: &NumberFormat) -> Result<(), ValueError> {
        let decimal = char::from(format.decimal);
        let is_whole =
            |c: char| c.is_ascii_digit() || format.group.is_some_and(|group| group.is_mark(c));
        let (whole, rest) = text.split_at(text.find(|c| !is_whole(c)).unwrap_or(text.len()));
        let after_point = rest.strip_prefix(decimal);
        let (fraction, exponent) = match after_point {
            Some(rest) => {
                rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()))
            }
            None => ("", rest),
        };
        let is_exponent = |text: &str| {
            let digits = text
                .strip_prefix(['e', 'E'])
                .map(|digits| digits.strip_prefix(['+', '-']).unwrap_or(digits));
            digits.is_some_and(|digits| {
                !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
            })
        };
        if !exponent.is_empty() && !is_exponent(exponent) {
            return Err(blame(text, exponent));
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(blame(text, text));
        }
        match format.group.filter(|_| !whole.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(group) => group
                .parts(whole)?
                .try_for_each(|part| part.bytes().try_for_each(|byte| self.push(byte)))?,
            None => whole.bytes().try_for_each(|byte| self.push(byte))?,
        }
        if after_point.is_some() {
            self.push(b'.')?;
            fraction.bytes().try_for_each(|byte| self.push(byte))?;
        }
        exponent.bytes().try_for_each(|byte| self.push(byte.to_ascii_lowercase()))
    }
}

impl<'t> Peeled<'t> {
    /// Takes one thing off that stands around the number; `false`: there is none any more.
    fn step(&mut self, format: &NumberFormat) -> Result<bool, ValueError> {
        let text = self.rest;
        let negatives = format.negatives;
        let is_minus = |c: char| c == '-' || (negatives.minus_sign && c == '\u{2212}');
        let enclosed = text
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .filter(|_| negatives.parentheses);
        let trailing = || text.strip_suffix(is_minus).filter(|_| negatives.trailing_minus);
        if let Some(inner) = enclosed.or_else(|| text.strip_prefix(is_minus)).or_else(trailing) {
            return self.take_sign(true, inner);
        }
        if let Some(inner) = text.strip_prefix('+') {
            return self.take_sign(false, inner);
        }
        if let Some(negative) = negatives.letters {
            for (letters, side) in [("DR", Letters::Debit), ("CR", Letters::Credit)] {
                if let Some(inner) = without(text, letters) {
                    return self.take_sign(side == negative, inner);
                }
            }
        }
        for (sign, digits) in [('%', 2), ('\u{2030}', 3)] {
            if self.percent.is_none()
                && let Some(inner) = text.strip_suffix(sign).or_else(|| text.strip_prefix(sign))
            {
                (self.percent, self.rest) = (Some(digits), inner.trim_matches(SPACES));
                return Ok(true);
            }
        }
        let Some(affixes) = &format.affixes else { return Ok(false) };
        if !self.has_prefix
            && let Some(inner) = affixes.before(text)
        {
            (self.has_prefix, self.rest) = (true, inner.trim_start_matches(SPACES));
            return Ok(true);
        }
        if !self.has_suffix
            && let Some(inner) = affixes.after(text)
        {
            (self.has_suffix, self.rest) = (true, inner.trim_end_matches(SPACES));
            return Ok(true);
        }
        Ok(false)
    }

    /// Two signs are an error.
    fn take_sign(&mut self, is_negative: bool, inner: &'t str) -> Result<bool, ValueError> {
        if self.sign.is_some() {
            return Err(ValueError::Sign);
        }
        (self.sign, self.rest) = (Some(is_negative), inner.trim_matches(SPACES));
        Ok(true)
    }
}

impl Affixes {
    /// What comes after the affix with which `text` begins.
    fn before<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Stated(affixes) => {
                affixes.iter().find_map(|affix| text.strip_prefix(affix.as_str()))
            }
            Self::Currencies => {
                let end = text.find(|c: char| {
                    c.is_ascii_digit() || SPACES.contains(&c) || "+-.,\u{2212}()".contains(c)
                })?;
                let (sign, rest) = text.split_at(end);
                is_currency(sign).then_some(rest)
            }
        }
    }

    /// What comes before the affix with which `text` ends.
    fn after<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Stated(affixes) => {
                affixes.iter().find_map(|affix| text.strip_suffix(affix.as_str()))
            }
            Self::Currencies => {
                let start = text.rfind(|c: char| {
                    c.is_ascii_digit() || SPACES.contains(&c) || "+-,\u{2212}()".contains(c)
                })?;
                let start = start + text[start..].chars().next()?.len_utf8();
                let (rest, sign) = text.split_at(start);
                is_currency(sign).then_some(rest)
            }
        }
    }
}

impl Group {
    /// Whether a character stands between groups.
    pub fn is_mark(self, c: char) -> bool {
        c == self.mark || (SPACES.contains(&self.mark) && SPACES.contains(&c))
    }

    /// The groups of `whole`, if they have the right sizes, the same mark between them, and do not
    /// begin with a zero.
    pub fn parts(self, whole: &str) -> Result<impl Iterator<Item = &str>, ValueError> {
        let mark = whole.chars().find(|c| self.is_mark(*c)).unwrap_or(self.mark);
        let count = whole.split(mark).count();
        let most = match self.sizes {
            Grouping::Thousands => 3,
            Grouping::Lakhs => 2,
        };
        let fits = |(index, part): (usize, &str)| {
            let size = if index + 1 == count { 3 } else { most };
            let is_right = if index == 0 {
                (1..=most).contains(&part.len()) && !part.starts_with('0')
            } else {
                part.len() == size
            };
            is_right && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        if whole.split(mark).enumerate().all(fits) {
            Ok(whole.split(mark))
        } else {
            Err(ValueError::Grouping)
        }
    }
}

/// What remains without the letters at one end, in any case.
fn without<'t>(text: &'t str, letters: &str) -> Option<&'t str> {
    let is = |part: &str| part.eq_ignore_ascii_case(letters);
    let start = text.len().checked_sub(letters.len())?;
    match () {
        () if text.get(start..).is_some_and(is) => text.get(..start),
        () if text.get(..letters.len()).is_some_and(is) => text.get(letters.len()..),
        () => None,
    }
}

/// Why `text`, of which `found` can't be read on, is no number.
fn blame(text: &str, found: &str) -> ValueError {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    match () {
        () if !has_digit => ValueError::NotOfType,
        () if found.contains(['(', ')', '-', '\u{2212}']) => ValueError::Sign,
        () if without(text, "DR").or_else(|| without(text, "CR")).is_some() => ValueError::Sign,
        () if found.contains(['%', '\u{2030}']) => ValueError::Percent,
        () if found.starts_with(|c: char| {
            c.is_alphabetic() || SPACES.contains(&c) || is_currency_sign(c)
        }) =>
        {
            ValueError::Affix
        }
        () if text.starts_with(|c: char| !c.is_ascii_digit() && !c.is_ascii_punctuation()) => {
            ValueError::Affix
        }
        () => ValueError::NotOfType,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::super::scalar::{ValueError, decimal, float, integer};
    use crate::{Contract, DataType, NumberFormat};

    fn format(properties: &str) -> NumberFormat {
        let text =
            format!("name: x\nschema: {{ fields: [ {{ name: a, type: number, {properties} }} ] }}");
        let contract = Contract::parse(&text).expect("a valid contract");
        match &contract.schema.fields[0].data_type {
            DataType::Number(_, format) => format.clone(),
            other => panic!("{other:?} is no number"),
        }
    }

    #[track_caller]
    fn check(properties: &str, text: &str, expected: Result<i128, ValueError>) {
        assert_eq!(
            decimal(text.as_bytes(), 15, 3, &format(properties)),
            expected,
            "{text} with {properties}"
        );
    }

    #[test]
    fn nothing_that_changes_the_meaning_is_left_out() {
        let prices = "bareNumber: false, groupChar: \",\"";
        for text in [
            "$1,234.50",
            "€ 1,234.50",
            "1234.5 CHF",
            "-$1,234.50",
            "$-1,234.50",
            "US$ 1,234.50",
            "1,234.5\u{a0}kr.",
        ] {
            let value = if text.contains('-') { -1_234_500 } else { 1_234_500 };
            check(prices, text, Ok(value));
        }
        for text in ["1.5M", "2k", "1,000 kg"] {
            check(prices, text, Err(ValueError::Affix));
        }
        for text in ["($42.75)", "5-", "(6)", "\u{2212}45.50", "3 DR", "CR 4"] {
            check(prices, text, Err(ValueError::Sign));
        }
        check(prices, "12.5%", Err(ValueError::Percent));
        for text in ["2,40", "12,5", "1,2,3", "1,23,456", "0,500"] {
            check(prices, text, Err(ValueError::Grouping));
        }
        for text in ["<8", "~7", "9?", "1/2", "10:30", "0x1F", "$", "", "1 2", "--5"] {
            assert!(decimal(text.as_bytes(), 15, 3, &format(prices)).is_err(), "{text}");
        }
    }

    #[test]
    fn signs_are_read_where_the_contract_says_so() {
        let signs = "bareNumber: false, negatives: [parentheses, trailingMinus, minusSign, DR]";
        for text in [
            "($42.75)",
            "$(42.75)",
            "42.75-",
            "\u{2212}42.75",
            "$\u{2212}42.75",
            "42.75 DR",
            "42.75Dr",
            "DR 42.75",
            "-42.75",
        ] {
            check(signs, text, Ok(-42_750));
        }
        for text in ["42.75 CR", "+42.75", "$42.75"] {
            check(signs, text, Ok(42_750));
        }
        for text in ["(-42.75)", "-42.75-", "42.75- DR", "(42.75", "42.75)", "-(42.75)"] {
            check(signs, text, Err(ValueError::Sign));
        }
        check("negatives: [CR]", "42.75CR", Ok(-42_750));
        check("negatives: [CR]", "42.75DR", Ok(42_750));
    }

    #[test]
    fn percents_are_never_of_two_scales() {
        check("percent: written", "12.5%", Ok(12_500));
        check("percent: written", "12.5 %", Ok(12_500));
        check("percent: divided", "12.5%", Ok(125));
        check("percent: divided", "%7", Ok(70));
        check("percent: divided", "12\u{2030}", Ok(12));
        check("percent: written", "12\u{2030}", Err(ValueError::Percent));
        assert_eq!(float(b"7%", &format("percent: divided")), Ok(0.07));
        for properties in ["percent: written", "percent: divided"] {
            check(properties, "0.075", Err(ValueError::Percent));
        }
        check("percent: divided", "12.55%", Err(ValueError::TooPrecise));
    }

    #[test]
    fn groups_have_the_size_that_is_stated() {
        check("groupChar: \",\", grouping: lakhs", "12,34,567.5", Ok(1_234_567_500));
        check("groupChar: \",\", grouping: lakhs", "123,456", Err(ValueError::Grouping));
        for space in [' ', '\u{a0}', '\u{202f}', '\u{2009}'] {
            check("groupChar: \" \"", &format!("12{space}345{space}678"), Ok(12_345_678_000));
        }
        check("groupChar: \u{2019}", "12\u{2019}345", Ok(12_345_000));
        check("groupChar: \" \"", "12 345\u{a0}678", Err(ValueError::Grouping));
    }

    /// Digits with marks between their groups.
    fn grouped(digits: &str, mark: Option<char>, is_lakhs: bool) -> String {
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            let left = digits.len() - index;
            let is_bound = match is_lakhs {
                true => left == 3 || (left > 3 && left % 2 == 1),
                false => left.is_multiple_of(3),
            };
            if index > 0 && is_bound {
                grouped.extend(mark);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// How numbers may be written, and a number so written.
    fn written() -> impl Strategy<Value = (String, i128, String)> {
        let marks = prop_oneof![
            Just(('.', None)),
            Just((',', None)),
            select(vec![',', ' ', '\'', '\u{2019}', '\u{a0}']).prop_map(|mark| ('.', Some(mark))),
            select(vec!['.', ' ', '\u{202f}']).prop_map(|mark| (',', Some(mark))),
        ];
        let negatives = subsequence(vec!["parentheses", "trailingMinus", "minusSign", "DR"], 0..=4);
        let affix = select(vec!["", "$", "kg", "US$", "\u{b0}C", "km/h"]);
        let value = prop_oneof![-9_999_i128..10_000, -99_999_999_999_i128..=99_999_999_999];
        (
            marks,
            any::<bool>(),
            negatives,
            affix,
            any::<[bool; 3]>(),
            any::<prop::sample::Index>(),
            value,
        )
            .prop_map(
                |(
                    (point, mark),
                    is_lakhs,
                    negatives,
                    affix,
                    [is_before, is_spaced, is_percent],
                    sign,
                    value,
                )| {
                    let mut properties = vec![format!("decimalChar: \"{point}\"")];
                    if let Some(mark) = mark {
                        properties.push(format!(
                            "groupChar: \"{mark}\", grouping: {}",
                            if is_lakhs { "lakhs" } else { "thousands" }
                        ));
                    }
                    properties.push(format!("negatives: [{}]", negatives.join(", ")));
                    if !affix.is_empty() {
                        properties.push(format!("affixes: [\"{affix}\", \"$\"]"));
                    }
                    if is_percent {
                        properties.push("percent: written".to_owned());
                    }
                    let whole = grouped(&(value.abs() / 1_000).to_string(), mark, is_lakhs);
                    let mut text = format!("{whole}{point}{:03}", value.abs() % 1_000);
                    let space = if is_spaced { " " } else { "" };
                    if is_percent {
                        text = format!("{text}{space}%");
                    }
                    if !affix.is_empty() {
                        text = if is_before {
                            format!("{affix}{space}{text}")
                        } else {
                            format!("{text}{space}{affix}")
                        };
                    }
                    if value < 0 {
                        let mut ways = vec![format!("-{text}")];
                        ways.extend(negatives.iter().map(|way| match *way {
                            "parentheses" => format!("({text})"),
                            "trailingMinus" => format!("{text}-"),
                            "minusSign" => format!("\u{2212}{text}"),
                            _ => format!("{text} DR"),
                        }));
                        text = sign.get(&ways).clone();
                    }
                    (properties.join(", "), value, text)
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// A number is read back as itself, in whatever way it is written.
        #[test]
        fn what_is_written_is_read((properties, value, text) in written()) {
            let format = format(&properties);
            prop_assert_eq!(decimal(text.as_bytes(), 30, 3, &format), Ok(value), "{} with {}", text, properties);
            let nearest: f64 = format!("{}e-3", value).parse().expect("a number");
            prop_assert_eq!(float::<f64>(text.as_bytes(), &format), Ok(nearest), "{} with {}", text, properties);
            if value % 1_000 == 0 {
                let whole = text.replacen(&format!("{}000", char::from(format.decimal)), "", 1);
                prop_assert_eq!(integer(whole.as_bytes(), &format), Ok(value / 1_000), "{} with {}", whole, properties);
            }
        }

        /// Whatever stands there, a number that is read has all its digits.
        #[test]
        fn no_digit_is_ever_left_out((properties, _, text) in written(), at: prop::sample::Index, odd in "[0-9.,'$%()MkE -]{1,2}") {
            let format = format(&properties);
            let mut text: Vec<char> = text.chars().collect();
            let at = at.index(text.len());
            text.splice(at..at, odd.chars());
            let text: String = text.into_iter().collect();
            if let Ok(value) = decimal(text.as_bytes(), 38, 12, &format)
                && !text.contains(['e', 'E'])
            {
                let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                let read = value.unsigned_abs().to_string();
                let (digits, read) = (digits.trim_matches('0'), read.trim_matches('0'));
                prop_assert_eq!(digits, read, "{} with {}", text, properties);
            }
        }
    }
}
