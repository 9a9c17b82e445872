//! Which encoding a source is in, when nobody says.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::{ByteOrder, Encoding};

/// Of the units of a text in UTF-16, one in so many is taken to be ASCII at least: delimiters, terminators and digits are.
const ASCII_SHARE: usize = 10;

/// Fewest units of two bytes that are evidence of UTF-16 without a mark.
const LEAST_UNITS: usize = 3;

/// Tells the encoding of a source by its first bytes, and by what it was told. `end_of_source`: the sample is all of it.
///
/// In this order: a byte order mark; zero bytes at every other place; UTF-8, if the sample is valid; else the likeliest of the old encodings, by the frequencies of
/// letters, if it is likely at all. What is but ASCII is taken for UTF-8.
pub fn sniff(sample: &[u8], end_of_source: bool) -> (Encoding, String) {
    if let Some(encoding) = byte_order_mark(sample) {
        return (encoding, format!("the byte order mark of {}", encoding.name()));
    }
    if let Some((encoding, share)) = zeros(sample) {
        return (encoding, format!("{share} % of its units of two bytes are ASCII in {}", encoding.name()));
    }
    let length = sample.len();
    match std::str::from_utf8(sample) {
        Ok(_) if sample.is_ascii() => (Encoding::UTF_8, format!("its first {length} bytes are ASCII")),
        Ok(_) => (Encoding::UTF_8, format!("its first {length} bytes are valid UTF-8")),
        // The sample ends inside a character.
        Err(error) if error.error_len().is_none() && !end_of_source => {
            (Encoding::UTF_8, format!("its first {} bytes are valid UTF-8", error.valid_up_to()))
        }
        Err(error) => {
            let invalid = format!("byte {} is not valid UTF-8", error.valid_up_to());
            if is_mostly_utf8(sample) {
                return (Encoding::UTF_8, format!("{invalid}, but most of what is not ASCII is"));
            }
            let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
            detector.feed(sample, end_of_source);
            let encoding = Encoding(detector.guess(None, Utf8Detection::Deny));
            if is_likely(encoding, sample) {
                (encoding, format!("{invalid}, and the letters of {length} bytes are likeliest {}", encoding.name()))
            } else {
                (Encoding::UTF_8, format!("{invalid}, but no other encoding is likely"))
            }
        }
    }
}

/// Whether a sample that is not valid UTF-8 has more characters of several bytes that are than bytes that are not: they hardly come together by chance.
fn is_mostly_utf8(sample: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0, 0);
    for chunk in sample.utf8_chunks() {
        valid += chunk.valid().chars().filter(|char| !char.is_ascii()).count();
        invalid += chunk.invalid().len();
    }
    valid > invalid
}

/// Characters that are no letters and yet frequent in tables.
const SYMBOLS: &str = "€£¥§°²³½¼¾©®™«»‘’“”„–—…•·×±µªº¿¡№、。・「」（）";

/// Whether most of what is not ASCII looks like text in `encoding`. A byte that stands alone is more likely damage than a word of one letter, and so is `ÿ`: faults are told, and a
/// wrong guess would be silent.
fn is_likely(encoding: Encoding, sample: &[u8]) -> bool {
    let mut text = Vec::new();
    encoding.decode(sample, &mut text);
    let text = String::from_utf8_lossy(&text);
    let (mut likely, mut unlikely, mut before) = (0_usize, 0_usize, ' ');
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if !char.is_ascii() {
            let next = chars.peek().copied().unwrap_or(' ');
            let near = |is: fn(char) -> bool| is(before) || is(next);
            let fits = if is_wide(char) {
                near(is_wide)
            } else {
                SYMBOLS.contains(char) || (char.is_alphabetic() && char != 'ÿ' && near(char::is_alphabetic))
            };
            *(if fits { &mut likely } else { &mut unlikely }) += 1;
        }
        before = char;
    }
    likely > unlikely
}

/// The encoding that a byte order mark tells.
pub fn byte_order_mark(sample: &[u8]) -> Option<Encoding> {
    [Encoding::UTF_8, Encoding::UTF_16LE, Encoding::UTF_16BE].into_iter().find(|encoding| sample.starts_with(encoding.byte_order_mark()))
}

/// Whether a sample, which begins without a byte order mark, is certainly not in an encoding, though all of it may be valid there: its units are of another width or order.
pub fn is_misread(sample: &[u8], encoding: Encoding) -> bool {
    let found = zeros(sample).filter(|(_, share)| *share > 66).map(|(found, _)| found);
    match (encoding.byte_order(), found) {
        (_, Some(found)) => found != encoding,
        // Text in UTF-16 has a zero byte in each delimiter and each line break.
        (Some(_), None) => sample.len() >= 2 * LEAST_UNITS && !sample.contains(&0) && is_text_with_zeros(sample),
        (None, None) => false,
    }
}

/// Whether of every four bytes all but the last, or all but the first, are zero: UTF-32 without a mark.
pub fn is_utf_32(sample: &[u8]) -> bool {
    let units = sample.as_chunks::<4>().0;
    let count = |is: fn(&[u8; 4]) -> bool| units.iter().filter(|unit| is(unit)).count();
    let most = count(|unit| unit[0] != 0 && unit[1..] == [0; 3]).max(count(|unit| unit[3] != 0 && unit[..3] == [0; 3]));
    units.len() >= LEAST_UNITS && most * 3 >= units.len() * 2
}

/// UTF-16 without a mark, and the share of its units that are ASCII, in per cent.
fn zeros(sample: &[u8]) -> Option<(Encoding, usize)> {
    let units = sample.as_chunks::<2>().0;
    let ascii = |order: ByteOrder| {
        let is_ascii = |unit: &&[u8; 2]| match (order, **unit) {
            (ByteOrder::Little, [low, 0]) | (ByteOrder::Big, [0, low]) => (1..0x80).contains(&low),
            _ => false,
        };
        units.iter().filter(is_ascii).count()
    };
    let (little, big) = (ascii(ByteOrder::Little), ascii(ByteOrder::Big));
    let (encoding, most, least) = if little >= big { (Encoding::UTF_16LE, little, big) } else { (Encoding::UTF_16BE, big, little) };
    // Zero bytes are data too: text that is as good without UTF-16 must have one at nearly every other place.
    let is_enough = if is_text_with_zeros(sample) { most * 3 >= units.len() * 2 } else { most * ASCII_SHARE >= units.len() };
    let is_clear = is_enough && least * ASCII_SHARE <= most;
    (units.len() >= LEAST_UNITS && is_clear).then(|| (encoding, most * 100 / units.len()))
}

/// Whether a sample reads as UTF-8, but for zero bytes: without control characters other than those of tables. In UTF-16 the first or the second bytes of most scripts are some.
fn is_text_with_zeros(sample: &[u8]) -> bool {
    let is_valid = std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_valid && sample.iter().all(|byte| matches!(byte, 0 | 1 | b'\t' | b'\n' | b'\r' | 0x1c..=0x7e | 0x80..))
}

/// Whether this is a character of East Asia.
fn is_wide(char: char) -> bool {
    char >= '\u{2E80}' && char != char::REPLACEMENT_CHARACTER
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sample: &[u8], expected: &str) {
        let (encoding, because) = sniff(sample, true);
        assert_eq!(encoding.label(), expected, "{because}");
    }

    #[test]
    fn content_tells_the_encoding() {
        check(b"", "utf-8");
        check(b"id,name\n1,a\n", "utf-8");
        check("id,name\n1,Zoë\n".as_bytes(), "utf-8");
        check(b"\xEF\xBB\xBFid\n", "utf-8");
        check(b"id,name\n1,Zo\xEB\n2,caf\xE9\n", "windows-1252");
        check(b"a\0,\0b\0\n\0", "utf-16le");
        check(b"\0a\0,\0b\0\n", "utf-16be");
        check(b"\xFF\xFEa\0", "utf-16le");
        for text in ["номер,имя\n1,Анна Каренина\n", "番号,名前\n1,山田太郎\n", "a;é\n1;2\n"] {
            let bytes = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
            check(&bytes(u16::to_le_bytes), "utf-16le");
            check(&bytes(u16::to_be_bytes), "utf-16be");
        }
        let texts = [
            (encoding_rs::SHIFT_JIS, "番号,名前\n1,山田太郎\n2,鈴木一郎さん\n"),
            (encoding_rs::WINDOWS_1251, "номер,имя\n1,Анна Каренина\n2,Пётр\n"),
            (encoding_rs::GBK, "编号,姓名\n1,王小明\n2,李大伟的书\n"),
            (encoding_rs::EUC_KR, "번호,이름\n1,김철수\n2,이영희입니다\n"),
            (encoding_rs::BIG5, "編號,姓名\n1,王小明\n2,這是中文資料\n"),
            (encoding_rs::WINDOWS_1250, "číslo,jméno\n1,Tomáš Dvořák\n2,Jiří Žižka\n"),
        ];
        for (encoding, text) in texts {
            check(&encoding.encode(text).0, &encoding.name().to_ascii_lowercase());
            check(text.as_bytes(), "utf-8");
        }
    }

    /// What is damage is told as such, record by record, and not read as something else.
    #[test]
    fn damage_is_no_encoding() {
        check(b"a,b\n\xFF,1\n", "utf-8");
        check(b"a,b\nx\x81y,1\n", "utf-8");
        check(b"a,b\n\xC3,1\n", "utf-8");
        check("a,b\nZoë,ü\n".as_bytes().iter().copied().chain(*b"x\xE9,1\n").collect::<Vec<_>>().as_slice(), "utf-8");
        for zeros in ["\0", "a,\0b,c", "a,b\0,c", "a,b\\\0,c", "a,\"\0b\",c", "a,b\n1,x\0\n2,\0\0y\n", "ab\0\0\0\0,cd\0\0\0\0\n"] {
            check(zeros.as_bytes(), "utf-8");
        }
    }
}
