//! Guesses the encoding of a source from its bytes, where nobody states one.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use super::words::{Sense, is_east_asian};
use super::{ByteOrder, Encoding};

/// Of the units of a text in UTF-16, one in so many is taken to be ASCII at least: delimiters,
/// terminators and digits are.
const ASCII_SHARE: usize = 10;

/// Fewest units of two bytes that are evidence of UTF-16 without a mark.
const LEAST_UNITS: usize = 3;

/// What the bytes of a source seem to stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// The encoding.
    pub encoding: Encoding,
    /// Why.
    pub because: String,
    /// Nothing but the look of the text tells it: there is no byte order mark, and it is neither
    /// UTF-8 nor UTF-16.
    pub is_doubtful: bool,
}

/// Of bytes that are not valid UTF-8 there must be so many to each character of several bytes that
/// is, before an encoding of one byte per character is thought of: that letters make such a
/// character happens by chance (`Пё` in windows-1251), and rarely.
const OLD_BYTES_TO_A_CHARACTER: usize = 16;
/// The same for encodings of several bytes per character, whose text says more by itself.
const WIDE_BYTES_TO_A_CHARACTER: usize = 2;

/// Tells the encoding of a source by its first bytes. `end_of_source`: the sample is all of it.
///
/// In this order: a byte order mark; zero bytes at every other place; UTF-8, if the sample is
/// valid. Else some bytes are damaged, or all of the text is in an older encoding. That is taken to
/// be so if hardly any character of several bytes is valid UTF-8, and what the likeliest of the old
/// encodings (by the frequencies of letters) makes of the bytes is text: of one byte per character,
/// at least four different words that make sense, and ten to each thing that makes none; of several
/// bytes per character, three different runs of characters of East Asia. Otherwise it is UTF-8, and
/// records with bytes that are not are refused: a fault is told, and a wrong guess would be silent.
pub fn sniff(sample: &[u8], end_of_source: bool) -> Guess {
    let sure = |encoding, because| Guess { encoding, because, is_doubtful: false };
    if let Some(encoding) = byte_order_mark(sample) {
        return sure(encoding, format!("the byte order mark of {}", encoding.name()));
    }
    if let Some((encoding, share)) = zeros(sample) {
        return sure(
            encoding,
            format!("{share} % of its units of two bytes are ASCII in {}", encoding.name()),
        );
    }
    let length = sample.len();
    match std::str::from_utf8(sample) {
        Ok(_) if sample.is_ascii() => {
            sure(Encoding::UTF_8, format!("its first {length} bytes are ASCII"))
        }
        Ok(_) => sure(Encoding::UTF_8, format!("its first {length} bytes are valid UTF-8")),
        // The sample ends inside a character.
        Err(error) if error.error_len().is_none() && !end_of_source => sure(
            Encoding::UTF_8,
            format!("its first {} bytes are valid UTF-8", error.valid_up_to()),
        ),
        Err(error) => guess_old(
            sample,
            end_of_source,
            &format!("byte {} is not valid UTF-8", error.valid_up_to()),
        ),
    }
}

/// Tells whether a sample that is not valid UTF-8 is damaged, or in an older encoding.
fn guess_old(sample: &[u8], end_of_source: bool, invalid: &str) -> Guess {
    let utf_8 = |because| Guess { encoding: Encoding::UTF_8, because, is_doubtful: false };
    let (mut characters, mut bytes) = (0, 0);
    for chunk in sample.utf8_chunks() {
        characters += chunk.valid().chars().filter(|char| !char.is_ascii()).count();
        bytes += chunk.invalid().len();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, end_of_source);
    let encoding = Encoding(detector.guess(None, Utf8Detection::Deny));
    let is_wide = !encoding.0.is_single_byte();
    let least = if is_wide { WIDE_BYTES_TO_A_CHARACTER } else { OLD_BYTES_TO_A_CHARACTER };
    if bytes < characters * least {
        return utf_8(format!("{invalid}, but {characters} characters of several bytes are"));
    }
    let mut text = Vec::new();
    encoding.decode(sample, &mut text);
    let text = String::from_utf8_lossy(&text);
    let name = encoding.name();
    if is_wide {
        if is_east_asian(&text) {
            return Guess {
                encoding,
                because: format!("{invalid}, and its characters are likeliest {name}"),
                is_doubtful: true,
            };
        }
        return utf_8(format!("{invalid}, but no other encoding makes text of it"));
    }
    let sense = Sense::of(&text);
    let words = sense.words();
    if sense.is_text() {
        let because =
            format!("{invalid}, and the letters of {words} different words are likeliest {name}");
        return Guess { encoding, because, is_doubtful: true };
    }
    utf_8(match words {
        0 => format!("{invalid}, but no other encoding makes words of it"),
        words => format!(
            "{invalid}; {words} words could be {name}, which is too little to tell: state the `encoding` if it is"
        ),
    })
}

impl Encoding {
    /// Whether the bytes of a cell, which stand for `text` in this encoding of one byte per
    /// character, are UTF-8 all the same: they are valid there, and `text` makes no sense (`ZoÃ«`).
    /// Answers the offset of the first byte beyond ASCII.
    pub fn is_rather_utf_8(self, bytes: &[u8], text: &[u8]) -> Option<usize> {
        let first = Encoding::first_beyond_ascii(bytes)?;
        let is_utf_8 = self.0.is_single_byte() && std::str::from_utf8(bytes).is_ok();
        let makes_sense = || std::str::from_utf8(text).is_ok_and(|text| Sense::of(text).is_whole());
        (is_utf_8 && !makes_sense()).then_some(first)
    }

    fn first_beyond_ascii(bytes: &[u8]) -> Option<usize> {
        Some(encoding_rs::Encoding::ascii_valid_up_to(bytes)).filter(|at| *at < bytes.len())
    }
}

/// The encoding that a byte order mark tells.
pub fn byte_order_mark(sample: &[u8]) -> Option<Encoding> {
    [Encoding::UTF_8, Encoding::UTF_16LE, Encoding::UTF_16BE]
        .into_iter()
        .find(|encoding| sample.starts_with(encoding.byte_order_mark()))
}

/// Whether a sample, which begins without a byte order mark, is certainly not in an encoding,
/// though all of it may be valid there: its units are of another width or order, or it is UTF-8, of
/// which an encoding of one byte per character makes no sense.
pub fn is_misread(sample: &[u8], encoding: Encoding) -> bool {
    let found = zeros(sample).filter(|(_, share)| *share > 66).map(|(found, _)| found);
    match (encoding.byte_order(), found) {
        (_, Some(found)) => found != encoding,
        (None, None) if encoding.0.is_single_byte() => {
            let end = match std::str::from_utf8(sample) {
                // It may end inside a character.
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => sample.len(),
            };
            let mut text = Vec::new();
            encoding.decode(&sample[..end], &mut text);
            encoding.is_rather_utf_8(&sample[..end], &text).is_some()
        }
        // Text in UTF-16 has a zero byte in each delimiter and each line break.
        (Some(_), None) => {
            sample.len() >= 2 * LEAST_UNITS && !sample.contains(&0) && is_text_with_zeros(sample)
        }
        (None, None) => false,
    }
}

/// Whether of every four bytes all but the last, or all but the first, are zero: UTF-32 without a
/// mark.
pub fn is_utf_32(sample: &[u8]) -> bool {
    let units = sample.as_chunks::<4>().0;
    let count = |is: fn(&[u8; 4]) -> bool| units.iter().filter(|unit| is(unit)).count();
    let most = count(|unit| unit[0] != 0 && unit[1..] == [0; 3])
        .max(count(|unit| unit[3] != 0 && unit[..3] == [0; 3]));
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
    let (encoding, most, least) = if little >= big {
        (Encoding::UTF_16LE, little, big)
    } else {
        (Encoding::UTF_16BE, big, little)
    };
    // Zero bytes are data too: text that is as good without UTF-16 must have one at nearly every
    // other place.
    let is_enough = if is_text_with_zeros(sample) {
        most * 3 >= units.len() * 2
    } else {
        most * ASCII_SHARE >= units.len()
    };
    let is_clear = is_enough && least * ASCII_SHARE <= most;
    (units.len() >= LEAST_UNITS && is_clear).then(|| (encoding, most * 100 / units.len()))
}

/// Whether a sample reads as UTF-8, but for zero bytes: without control characters other than those
/// of tables. In UTF-16 the first or the second bytes of most scripts are some.
fn is_text_with_zeros(sample: &[u8]) -> bool {
    let is_valid =
        std::str::from_utf8(sample).map_or_else(|error| error.error_len().is_none(), |_| true);
    is_valid
        && sample
            .iter()
            .all(|byte| matches!(byte, 0 | 1 | b'\t' | b'\n' | b'\r' | 0x1c..=0x7e | 0x80..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sample: &[u8], expected: &str) {
        let Guess { encoding, because, .. } = sniff(sample, true);
        assert_eq!(encoding.label(), expected, "{because}: {:?}", String::from_utf8_lossy(sample));
    }

    #[test]
    fn content_tells_the_encoding() {
        check(b"", "utf-8");
        check(b"id,name\n1,a\n", "utf-8");
        check("id,name\n1,Zoë\n".as_bytes(), "utf-8");
        check(b"\xEF\xBB\xBFid\n", "utf-8");
        check(b"id,name\n1,Zo\xEB\n2,caf\xE9\n3,Andr\xE9\n4,M\xFCller\n", "windows-1252");
        check(b"a\0,\0b\0\n\0", "utf-16le");
        check(b"\0a\0,\0b\0\n", "utf-16be");
        check(b"\xFF\xFEa\0", "utf-16le");
        for text in ["номер,имя\n1,Анна Каренина\n", "番号,名前\n1,山田太郎\n", "a;é\n1;2\n"]
        {
            let bytes =
                |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<_>>();
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

    #[test]
    fn what_is_stated_may_be_misread() {
        let old = Encoding(encoding_rs::WINDOWS_1252);
        assert!(is_misread("id,name\n1,Zoë\n".as_bytes(), old));
        assert!(is_misread(
            "id,name\n1,Zoë\n2,ë".as_bytes().split_last().expect("it has bytes").1,
            old
        ));
        assert!(!is_misread(b"id,name\n1,Zo\xEB\n", old));
        assert!(!is_misread(b"id,name\n1,Zoe\n", old));
        assert!(!is_misread("id,name\n1,Zoë\n".as_bytes(), Encoding::UTF_8));
        assert!(!is_misread("id,name\n1,Zoë\n".as_bytes(), Encoding(encoding_rs::GBK)));
    }

    /// Damage is told as damage, record by record, and not read as something else.
    #[test]
    fn damage_is_no_encoding() {
        check(b"a,b\n\xFF,1\n", "utf-8");
        check(b"a,b\nx\x81y,1\n", "utf-8");
        check(b"a,b\n\xC3,1\n", "utf-8");
        check(
            "a,b\nZoë,ü\n"
                .as_bytes()
                .iter()
                .copied()
                .chain(*b"x\xE9,1\n")
                .collect::<Vec<_>>()
                .as_slice(),
            "utf-8",
        );
        // Two words are not enough to tell: the records are rejected.
        check(b"id,name\n1,Zo\xEB\n2,caf\xE9\n", "utf-8");
        check(b"a,b\n1,inv_\xFF\xFF\n", "utf-8");
        for byte in 0x80..=0xFF {
            check(&[b"id,name\n1,na", &[byte][..], b"me\n2,other\n3,third\n"].concat(), "utf-8");
            check(
                &[b"id,name\n1,name", &[byte][..], b"\n2,other\n3,", &[byte][..], b"third\n"]
                    .concat(),
                "utf-8",
            );
            check(
                &[b"id,name\n1,inv", &[byte, byte, byte][..], b"\n2,other\n3,third\n"].concat(),
                "utf-8",
            );
        }
        // Of one valid and one invalid sequence none outweighs the other: a character by chance is
        // the rarer one.
        check(
            "id,name\n1,Zoë\n2,caf"
                .as_bytes()
                .iter()
                .copied()
                .chain(*b"\xE9\n")
                .collect::<Vec<_>>()
                .as_slice(),
            "utf-8",
        );
        let words: Vec<u8> =
            (0..10).flat_map(|n| [&b"caf\xE9"[..], &[b'a' + n, b',']].concat()).collect();
        check(&words, "windows-1252");
        check(&[&words[..], "Zoë,".as_bytes()].concat(), "utf-8");
        for zeros in [
            "\0",
            "a,\0b,c",
            "a,b\0,c",
            "a,b\\\0,c",
            "a,\"\0b\",c",
            "a,b\n1,x\0\n2,\0\0y\n",
            "ab\0\0\0\0,cd\0\0\0\0\n",
        ] {
            check(zeros.as_bytes(), "utf-8");
        }
    }
}
