//! Describes how numbers are written: the marks between their digits, around them, and for their
//! sign.

use super::document::{Node, Object, Reading};

/// How numbers are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberFormat {
    /// Stands between the whole and the fraction.
    pub decimal: u8,
    /// How digits of the whole are grouped, where they are.
    pub group: Option<Group>,
    /// What may stand around a number, with spaces; `None`: nothing may.
    pub affixes: Option<Affixes>,
    /// Signs of negative numbers besides a minus before the digits.
    pub negatives: Negatives,
    /// Every number has a percent sign, and what is stored; `None`: none has one.
    pub percent: Option<Percent>,
}

/// How digits are grouped. A number may have no groups at all, but none of other sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Stands between groups. A space stands for each of [`SPACES`].
    pub mark: char,
    /// Digits of a group.
    pub sizes: Grouping,
}

/// Digits of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// Three: `1,234,567`.
    #[default]
    Thousands,
    /// Three, and then two: `12,34,567`, as in India.
    Lakhs,
}

/// What may stand around a number: one before it, one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affixes {
    /// A sign or a code of a currency: see [`is_currency`].
    Currencies,
    /// One of these; the longest first, so that `US$` is not read as `$`.
    Stated(Vec<String>),
}

/// Signs of negative numbers besides a minus before the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Negatives {
    /// `(42.75)`.
    pub parentheses: bool,
    /// `42.75-`.
    pub trailing_minus: bool,
    /// U+2212 wherever a minus may stand.
    pub minus_sign: bool,
    /// `42.75 DR` and `42.75 CR`: which of them is negative, where the other is positive.
    pub letters: Option<Letters>,
}

/// Which side of an account is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// Debits: `DR`.
    Debit,
    /// Credits: `CR`.
    Credit,
}

/// What is stored of a number with a percent sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Percent {
    /// 12.5 of `12.5%`.
    Written,
    /// 0.125 of `12.5%`.
    Divided,
}

/// The plain space, and those that typography puts between groups of digits and before units:
/// U+00A0 (no-break), U+202F (narrow no-break, as in French locales of CLDR), U+2009 (thin).
pub const SPACES: [char; 4] = [' ', '\u{a0}', '\u{202f}', '\u{2009}'];

/// Most bytes of an affix.
const MOST_AFFIX_BYTES: usize = 32;

impl Default for NumberFormat {
    fn default() -> Self {
        Self {
            decimal: b'.',
            group: None,
            affixes: None,
            negatives: Negatives::default(),
            percent: None,
        }
    }
}

impl NumberFormat {
    /// Whether a number is nothing but digits, a point, a sign before them and an exponent.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Reads `decimalChar`, `groupChar`, `grouping`, `bareNumber`, `affixes`, `negatives` and
    /// `percent` of a field, which holds integers if it `is_whole`.
    pub(super) fn read(field: &Object<'_>, is_whole: bool, reading: &mut Reading) -> Self {
        let mut format = Self::default();
        if let Some(byte) = field.get("decimalChar").and_then(|node| read_decimal(&node, reading)) {
            format.decimal = byte;
        } else if is_whole
            && field.get("groupChar").and_then(|node| node.text(&mut Reading::default()))
                == Some(".")
        {
            // An integer has no decimal character, and so none to be told apart from.
            format.decimal = b',';
        }
        let sizes = field.get("grouping").and_then(|node| {
            if field.get("groupChar").is_none() {
                node.fault(
                    reading,
                    "says how `groupChar` groups digits, and there is none".to_owned(),
                );
            }
            node.choice(reading, &[("thousands", Grouping::Thousands), ("lakhs", Grouping::Lakhs)])
        });
        if let Some(node) = field.get("groupChar") {
            format.group = read_mark(&node, reading)
                .map(|mark| Group { mark, sizes: sizes.unwrap_or_default() });
            if format.group.is_some_and(|group| group.mark == char::from(format.decimal)) {
                node.fault(reading, "is the same as decimalChar".to_owned());
            }
        }
        let bare = field.get("bareNumber").and_then(|node| node.boolean(reading));
        format.affixes = match field.get("affixes") {
            Some(node) => {
                if bare == Some(true) {
                    node.fault(reading, "does not apply with `bareNumber: true`, which allows nothing around a number".to_owned());
                }
                Some(read_affixes(&node, &format, reading))
            }
            None => (bare == Some(false)).then_some(Affixes::Currencies),
        };
        if let Some(node) = field.get("negatives") {
            format.negatives = Negatives::read(&node, reading);
        }
        format.percent = field.get("percent").and_then(|node| {
            let choices = [("written", Percent::Written), ("divided", Percent::Divided)];
            node.choice(reading, &choices)
        });
        format
    }
}

impl Negatives {
    fn read(node: &Node<'_>, reading: &mut Reading) -> Self {
        let mut negatives = Self::default();
        for item in node.list(reading) {
            let choices =
                [("parentheses", 0), ("trailingMinus", 1), ("minusSign", 2), ("DR", 3), ("CR", 4)];
            match item.choice(reading, &choices) {
                Some(0) => negatives.parentheses = true,
                Some(1) => negatives.trailing_minus = true,
                Some(2) => negatives.minus_sign = true,
                Some(_) if negatives.letters.is_some() => {
                    item.fault(
                        reading,
                        "only one of DR and CR can be negative; the other is positive".to_owned(),
                    );
                }
                Some(3) => negatives.letters = Some(Letters::Debit),
                Some(_) => negatives.letters = Some(Letters::Credit),
                None => {}
            }
        }
        negatives
    }
}

/// What can't be taken for a part of the number itself. A delimiter may be one: the numbers stand
/// between quotes then.
fn read_decimal(node: &Node<'_>, reading: &mut Reading) -> Option<u8> {
    let byte = node.byte(reading)?;
    let is_separator = byte == b' '
        || (byte.is_ascii_punctuation()
            && !matches!(byte, b'+' | b'-' | b'"' | b'(' | b')' | b'%'));
    if !is_separator {
        node.fault(reading, no_separator(char::from(byte)));
    }
    is_separator.then_some(byte)
}

/// The same of what groups digits, which may be any character.
fn read_mark(node: &Node<'_>, reading: &mut Reading) -> Option<char> {
    let text = node.text(reading)?;
    let mut chars = text.chars();
    let mark = match (chars.next(), chars.next()) {
        (Some(mark), None) => mark,
        _ => {
            node.fault(reading, format!("`{text}` is not a single character"));
            return None;
        }
    };
    let is_mark =
        !mark.is_alphanumeric() && !mark.is_control() && !"+-\u{2212}\"()%".contains(mark);
    if !is_mark {
        node.fault(reading, no_separator(mark));
    }
    is_mark.then_some(mark)
}

fn no_separator(found: char) -> String {
    let allowed =
        "a space, or a punctuation character such as `.` or `'`, but no sign and no double quote";
    format!("`{}` can't stand between digits; allowed: {allowed}", found.escape_default())
}

fn read_affixes(node: &Node<'_>, format: &NumberFormat, reading: &mut Reading) -> Affixes {
    let mut affixes = Vec::new();
    for item in node.list(reading) {
        let Some(text) = item.scalar(reading) else { continue };
        let is_part = |c: char| {
            c.is_ascii_digit()
                || "+-\u{2212}()".contains(c)
                || c == char::from(format.decimal)
                || format.group.is_some_and(|g| g.mark == c)
        };
        // A point ends an abbreviation (`kg.`), where it is not between digits.
        let begins_or_ends = |text: &str| text.starts_with(is_part) || text.ends_with(is_part);
        match () {
            () if text.trim() != text || text.is_empty() || text.len() > MOST_AFFIX_BYTES => {
                item.fault(
                    reading,
                    format!(
                        "has to be a text of 1 to {MOST_AFFIX_BYTES} bytes without spaces around it"
                    ),
                );
            }
            () if text.contains(['%', '\u{2030}']) => {
                item.fault(
                    reading,
                    "says what a number means: `percent: written` stores 12.5 of `12.5%`, `percent: divided` 0.125".to_owned(),
                );
            }
            () if begins_or_ends(&text) => {
                item.fault(
                    reading,
                    format!("`{text}` begins or ends with what may be a part of the number"),
                );
            }
            () => affixes.push(text),
        }
    }
    affixes.sort_by_key(|affix| std::cmp::Reverse(affix.len()));
    Affixes::Stated(affixes)
}

/// Whether a text is the sign of a currency (Unicode's category Sc, and what is written for some
/// currencies without one), or its code in ISO 4217.
pub fn is_currency(text: &str) -> bool {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(sign), None) => is_currency_sign(sign),
        (Some(_), Some(_)) => {
            // `US$`, `A$`, `R$`: whose dollar or real it is.
            let named = text.strip_suffix('$').is_some_and(|of| {
                of.len() <= 3 && of.bytes().all(|byte| byte.is_ascii_uppercase())
            });
            named
                || LOCAL.contains(&text)
                || (text.len() == 3 && CODES.split(' ').any(|code| code == text))
        }
        (None, _) => false,
    }
}

/// Unicode's category Sc.
pub fn is_currency_sign(c: char) -> bool {
    matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{58f}' | '\u{60b}' | '\u{9f2}' | '\u{9f3}' | '\u{9fb}' | '\u{af1}' | '\u{bf9}'
        | '\u{e3f}' | '\u{17db}' | '\u{20a0}'..='\u{20c0}' | '\u{a838}' | '\u{fdfc}' | '\u{fe69}' | '\u{ff04}' | '\u{ffe0}'
        | '\u{ffe1}' | '\u{ffe5}' | '\u{ffe6}')
}

const LOCAL: [&str; 14] =
    ["kr", "kr.", "Kr", "zł", "Kč", "Ft", "lei", "лв", "лв.", "руб", "руб.", "грн", "Fr.", "Rs"];

/// Active codes of ISO 4217 (list one, 2024-06-25).
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF \
    CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL \
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT \
    MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG \
    SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV \
    WST XAF XCD XOF XPF YER ZAR ZMW ZWG";

#[cfg(test)]
mod tests {
    use crate::Contract;

    #[track_caller]
    fn check(properties: &str, expected: &str) {
        let text =
            format!("name: x\nschema: {{ fields: [ {{ name: a, type: number, {properties} }} ] }}");
        let faults = Contract::parse(&text).err().unwrap_or_default();
        assert_eq!(
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            expected,
            "{properties}"
        );
    }

    #[test]
    fn what_stands_between_digits_is_no_part_of_a_number() {
        check("decimalChar: \",\", groupChar: \".\"", "");
        check("groupChar: \" \"", "");
        check("groupChar: \"'\"", "");
        check("groupChar: _", "");
        check("groupChar: \u{2019}", "");
        check("groupChar: \"\\u202f\"", "");
        check(
            "decimalChar: \",\", groupChar: \",\"",
            "schema.fields[0].groupChar: is the same as decimalChar",
        );
        let allowed = "can't stand between digits; allowed: a space, or a punctuation character such as `.` or `'`, but no sign and no double quote";
        for (written, shown) in [
            ("\"0\"", "0"),
            ("\"-\"", "-"),
            ("\"+\"", "+"),
            ("e", "e"),
            ("'\"'", "\\\""),
            ("(", "("),
            ("\"%\"", "%"),
            ("\"\\t\"", "\\t"),
        ] {
            check(
                &format!("groupChar: {written}"),
                &format!("schema.fields[0].groupChar: `{shown}` {allowed}"),
            );
            check(
                &format!("decimalChar: {written}"),
                &format!("schema.fields[0].decimalChar: `{shown}` {allowed}"),
            );
        }
    }

    #[test]
    fn what_stands_around_a_number_is_stated() {
        check("affixes: [\"$\", kg, EUR]", "");
        check("bareNumber: false, negatives: [parentheses, trailingMinus, minusSign, DR]", "");
        check("percent: divided", "");
        check(
            "affixes: [\"%\"]",
            "schema.fields[0].affixes[0]: says what a number means: `percent: written` stores 12.5 of `12.5%`, `percent: divided` 0.125",
        );
        check(
            "affixes: [\"-\"]",
            "schema.fields[0].affixes[0]: `-` begins or ends with what may be a part of the number",
        );
        check(
            "affixes: [\" $\"]",
            "schema.fields[0].affixes[0]: has to be a text of 1 to 32 bytes without spaces around it",
        );
        check(
            "negatives: [DR, CR]",
            "schema.fields[0].negatives[1]: only one of DR and CR can be negative; the other is positive",
        );
        check(
            "bareNumber: true, affixes: [kg]",
            "schema.fields[0].affixes: does not apply with `bareNumber: true`, which allows nothing around a number",
        );
        check(
            "grouping: lakhs",
            "schema.fields[0].grouping: says how `groupChar` groups digits, and there is none",
        );
    }
}
