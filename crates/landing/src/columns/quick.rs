//! Turns texts of at most sixteen bytes that are written in the usual way into numbers, a word at a
//! time.
//!
//! A text that is written in another way is `None`, and so is one that is not a value: the readers
//! of `scalar` and `pattern` find out which, and say the same of what is read here. Eight digits
//! become a number by three multiplications, each of which puts neighbours together (Daniel Lemire,
//! "Quickly parsing eight digits",
//! <https://lemire.me/blog/2022/01/21/swar-explained-parsing-eight-digits/>).

/// The bytes of a value in a window. Reading is quick because the bytes before it may be looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) window: &'a [u8],
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A whole number and how many of its digits stand after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digits {
    value: u64,
    after_point: u32,
}

/// Eight times the digit 0.
const ZEROS: u64 = 0x3030_3030_3030_3030;
/// Eight times a point.
const POINTS: u64 = 0x2e2e_2e2e_2e2e_2e2e;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
/// Of a u64: 10^19 is the last.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};
/// Floats that are exact, whatever is divided by them.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl<'a> Text<'a> {
    pub(super) fn bytes(self) -> &'a [u8] {
        &self.window[self.start..self.end]
    }

    #[inline(always)]
    fn len(self) -> usize {
        self.end - self.start
    }

    /// Takes the sign off, if there is one.
    #[inline(always)]
    fn unsigned(self) -> (bool, Self) {
        let first = self.window.get(self.start).copied().unwrap_or_default();
        let is_signed = self.len() > 1 && matches!(first, b'-' | b'+');
        (is_signed && first == b'-', Self { start: self.start + usize::from(is_signed), ..self })
    }

    /// Its last eight bytes, of which the last is the highest. If it has fewer, and it has one, the
    /// digit 0 is put before them.
    #[inline(always)]
    fn word(self) -> u64 {
        let len = self.len().min(8);
        let word = match self.end.checked_sub(8).and_then(|from| self.window[from..].first_chunk())
        {
            Some(bytes) => u64::from_le_bytes(*bytes),
            None => {
                let mut bytes = [0; 8];
                bytes[8 - len..].copy_from_slice(&self.window[self.end - len..self.end]);
                u64::from_le_bytes(bytes)
            }
        };
        (word & !0 << (64 - 8 * len)) | ZEROS >> (8 * (len - 1)) >> 8
    }

    /// The words of a text of 9 to 16 bytes.
    #[inline(always)]
    fn words(self) -> [u64; 2] {
        [Self { end: self.end - 8, ..self }.word(), Self { start: self.end - 8, ..self }.word()]
    }

    #[inline(always)]
    fn digits(self) -> Option<Digits> {
        match self.len() {
            1..=8 => {
                let word = self.word();
                let points = points_of(word);
                if points == 0 {
                    return Some(Digits { value: eight_digits(word)?, after_point: 0 });
                }
                // A point alone is no number.
                let at = points.trailing_zeros() & !7;
                let below = (1 << at) - 1;
                let value =
                    eight_digits((word & !(below << 8 | 0xff)) | (word & below) << 8 | 0x30)?;
                (self.len() > 1).then_some(Digits { value, after_point: 7 - at / 8 })
            }
            9..=16 => {
                let [high, low] = self.words();
                let (points_high, points_low) = (points_of(high), points_of(low));
                let ([high, low], after_point) = if points_low != 0 {
                    let at = points_low.trailing_zeros() & !7;
                    let below = (1 << at) - 1;
                    let low = (low & !(below << 8 | 0xff)) | (low & below) << 8 | high >> 56;
                    ([high << 8 | 0x30, low], 7 - at / 8)
                } else if points_high != 0 {
                    let at = points_high.trailing_zeros() & !7;
                    let below = (1 << at) - 1;
                    ([(high & !(below << 8 | 0xff)) | (high & below) << 8 | 0x30, low], 15 - at / 8)
                } else {
                    ([high, low], 0)
                };
                Some(Digits {
                    value: eight_digits(high)? * POWERS[8] + eight_digits(low)?,
                    after_point,
                })
            }
            _ => None,
        }
    }
}

/// The high bit of the lowest byte that is a point, and perhaps others above it.
#[inline(always)]
fn points_of(word: u64) -> u64 {
    let difference = word ^ POINTS;
    difference.wrapping_sub(ONES) & !difference & HIGHS
}

#[inline(always)]
fn eight_digits(word: u64) -> Option<u64> {
    let digits = word ^ ZEROS;
    if (digits.wrapping_add(0x7676_7676_7676_7676) | digits) & HIGHS != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    Some(low.wrapping_add(high) >> 32)
}

/// An optional sign and at most sixteen digits.
#[inline(always)]
pub(super) fn integer(text: Text<'_>) -> Option<i64> {
    let (is_negative, text) = text.unsigned();
    let value = match text.len() {
        1..=8 => eight_digits(text.word())?,
        9..=16 => {
            let [high, low] = text.words();
            eight_digits(high)? * POWERS[8] + eight_digits(low)?
        }
        _ => return None,
    } as i64;
    Some(if is_negative { -value } else { value })
}

/// The unscaled value of a decimal of `precision` digits, of which `scale` stand after the point.
#[inline(always)]
pub(super) fn decimal(text: Text<'_>, precision: u8, scale: u8) -> Option<i64> {
    let (is_negative, text) = text.unsigned();
    let digits = text.digits()?;
    let shift = u32::from(scale).checked_sub(digits.after_point)?;
    let value = digits.value.checked_mul(*POWERS.get(shift as usize)?)?;
    let value = i64::try_from(value).ok().filter(|value| {
        POWERS.get(usize::from(precision)).is_none_or(|power| (*value as u64) < *power)
    })?;
    Some(if is_negative { -value } else { value })
}

/// The nearest float: of whole numbers and powers of ten that are exact, IEEE 754's division is
/// (William D. Clinger, "How to read floating point numbers accurately", 1990).
#[inline(always)]
pub(super) fn float(text: Text<'_>) -> Option<f64> {
    let (is_negative, text) = text.unsigned();
    let digits = text.digits().filter(|digits| digits.value < 1 << 53)?;
    let value = digits.value as f64 / EXACT_POWERS[digits.after_point as usize];
    Some(if is_negative { -value } else { value })
}

/// The same with 32 bits. Rounded to 64 bits first it is the same, unless that lands exactly
/// between two of 32, of which either may be the nearer.
#[inline(always)]
pub(super) fn narrow_float(text: Text<'_>) -> Option<f32> {
    /// The bits that a float of 32 has no place for.
    const LOST: u64 = (1 << 29) - 1;
    float(text).filter(|value| value.to_bits() & LOST != 1 << 28).map(|value| value as f32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::columns::scalar;
    use contract::NumberFormat;
    use contract::values::Pattern;

    /// Texts that are numbers, nearly, with something before and after them.
    fn numbers() -> impl Strategy<Value = (String, String, String)> {
        let around = "[0-9.,]{0,20}";
        let nearly = prop_oneof![
            6 => "[+-]?[0-9]{0,12}\\.?[0-9]{0,6}",
            2 => "[+-]?[0-9]{0,19}",
            1 => "[-+.0-9eE,/:]{0,17}",
            1 => "[\\x00-\\xff]{0,9}",
        ];
        (around, nearly, around)
    }

    fn in_window(before: &str, text: &str, after: &str, read: impl Fn(Text<'_>)) {
        let window = format!("{before}{text}{after}");
        read(Text {
            window: window.as_bytes(),
            start: before.len(),
            end: before.len() + text.len(),
        });
        read(Text { window: text.as_bytes(), start: 0, end: text.len() });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn numbers_are_what_the_exact_readers_say((before, text, after) in numbers(), precision in 1_u8..=38, scale in 0_u8..=20) {
            let (plain, scale) = (&NumberFormat::default(), scale.min(precision));
            in_window(&before, &text, &after, |quick| {
                if let Some(value) = integer(quick) {
                    assert_eq!(scalar::integer(text.as_bytes(), plain), Ok(value.into()));
                }
                if let Some(value) = decimal(quick, precision, scale) {
                    assert_eq!(scalar::decimal(text.as_bytes(), precision, scale, plain), Ok(value.into()));
                }
                if let Some(value) = float(quick) {
                    assert_eq!(scalar::float(text.as_bytes(), plain).map(f64::to_bits), Ok(value.to_bits()));
                }
                if let Some(value) = narrow_float(quick) {
                    assert_eq!(scalar::float(text.as_bytes(), plain).map(f32::to_bits), Ok(value.to_bits()));
                }
            });
        }

        #[test]
        fn floats_between_two_narrow_ones_are_left_to_the_exact_reader(whole in (1_u32 << 23)..(1 << 24), halvings in 0_u32..30) {
            let between = (f64::from(whole) + 0.5) / f64::from(1_u32 << halvings);
            for text in (6..16).map(|digits| format!("{between:.digits$}")) {
                in_window("1234567", &text, "9", |quick| {
                    if let Some(value) = narrow_float(quick) {
                        assert_eq!(Ok(value), text.parse(), "{text}");
                    }
                });
            }
        }

        #[test]
        fn plain_numbers_are_read(value in -9_999_999_999_999_999_i64..=9_999_999_999_999_999, scale in 1_u32..=6) {
            in_window("12345678901", &value.to_string(), "9", |text| assert_eq!(integer(text), Some(value)));
            let value = value / 100;
            let power = 10_i64.pow(scale);
            let text = format!("{}{}.{:0width$}", if value < 0 { "-" } else { "" }, (value / power).abs(), (value % power).abs(), width = scale as usize);
            in_window("12345678901", &text, "9", |text| assert_eq!(decimal(text, 18, scale as u8), Some(value)));
        }

        #[test]
        fn moments_are_what_the_patterns_say(text in "[0-9]{4}[-/0][0-9]{2}-[0-9]{2}([ Tx][0-9]{2}:[0-9]{2}:[0-9]{2})?", is_likely in any::<bool>()) {
            let mut text = text;
            if is_likely {
                text.replace_range(4..5, "-");
                text.replace_range(5..6, "0");
                text.replace_range(8..9, "1");
            }
            for format in ["default", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"] {
                let pattern = Pattern::datetime(format).expect("a valid format");
                assert_eq!(pattern.read_datetime(text.as_bytes(), 1_000, None), pattern.read_exactly(text.as_bytes(), 1_000, None), "{text} as {format}");
            }
        }
    }
}
