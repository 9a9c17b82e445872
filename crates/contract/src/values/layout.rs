//! Reads moments whose format gives everything a fixed place, a word at a time, one text or many at
//! once.
//!
//! All is arithmetic without a branch, so that the compiler makes vector instructions of it where
//! there are many.

/// A format of moments in which everything has its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of a text: 8 to 32.
    length: u8,
    /// Words that hold all of it, some bytes twice: two, or four if it has 16 bytes or more.
    count: u8,
    words: [Word; 4],
    /// Where T, t or a space stands.
    between: Option<u8>,
    /// Where the digits of the year, month, day, hour, minute and second begin.
    places: [Option<Place>; 6],
}

/// Texts by their words, so many at once.
pub type Words<const N: usize> = [[u64; N]; 4];

const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes of a layout, the first of them the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Word {
    /// Where they begin.
    at: u8,
    /// What they are, with 0 for digits.
    template: u64,
    /// What makes the high bit of a byte that is more than it may be.
    excess: u64,
}

/// Which of the words holds a number, and how far to shift it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    word: u8,
    shift: u8,
}

/// What stands in a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Literal(u8),
    Between,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Layout {
    /// The layout of slots, unless a text would be too short or too long.
    pub fn new(slots: &[Slot]) -> Option<Self> {
        // Each byte with what it may exceed its template by: a digit by nine, another by nothing.
        let mut bytes = Vec::new();
        let mut ranges = [const { None }; 6];
        let mut between = None;
        for slot in slots {
            let at = bytes.len();
            let (index, width) = match slot {
                Slot::Literal(byte) if byte.is_ascii() => {
                    bytes.push((*byte, 0x7f));
                    continue;
                }
                Slot::Literal(_) => return None,
                Slot::Between => {
                    between = Some(u8::try_from(at).ok()?);
                    bytes.push((0, 0));
                    continue;
                }
                Slot::Year => (0, 4),
                Slot::Month => (1, 2),
                Slot::Day => (2, 2),
                Slot::Hour => (3, 2),
                Slot::Minute => (4, 2),
                Slot::Second => (5, 2),
            };
            ranges[index] = Some(at..at + width);
            bytes.extend(std::iter::repeat_n((b'0', 0x76), width));
        }
        let length = bytes.len();
        let starts = match length {
            8..=15 => vec![0, length - 8],
            16..=32 => vec![0, 8, length - 16, length - 8],
            _ => return None,
        };
        let mut words = [Word::default(); 4];
        for (word, at) in words.iter_mut().zip(&starts) {
            let of = |part: fn(&(u8, u8)) -> u8| {
                bytes[*at..at + 8]
                    .iter()
                    .rev()
                    .fold(0, |word, byte| word << 8 | u64::from(part(byte)))
            };
            *word = Word { at: *at as u8, template: of(|byte| byte.0), excess: of(|byte| byte.1) };
        }
        let mut places = [None; 6];
        for (place, range) in places.iter_mut().zip(ranges) {
            let Some(range) = range else { continue };
            // What lies astride two words can't be read from one.
            let word = starts.iter().position(|at| *at <= range.start && range.end <= at + 8)?;
            *place =
                Some(Place { word: word as u8, shift: 8 * (range.start - starts[word]) as u8 });
        }
        Some(Self { length: length as u8, count: starts.len() as u8, words, between, places })
    }

    /// Whether there is a date in it.
    pub fn has_date(&self) -> bool {
        self.places[0].is_some()
    }

    /// Puts the words of a text into `lane`, less what the layout has there: of digits their
    /// numbers. False: this is no text for it.
    #[inline(always)]
    pub fn load<const N: usize>(&self, text: &[u8], lane: usize, words: &mut Words<N>) -> bool {
        if text.len() != usize::from(self.length) {
            return false;
        }
        let of = |word: Word| {
            let bytes = text.get(usize::from(word.at)..).and_then(|rest| rest.first_chunk());
            bytes.map_or(!0, |bytes| u64::from_le_bytes(*bytes) ^ word.template)
        };
        (words[0][lane], words[1][lane]) = (of(self.words[0]), of(self.words[1]));
        if self.count == 4 {
            (words[2][lane], words[3][lane]) = (of(self.words[2]), of(self.words[3]));
        }
        self.between.is_none_or(|at| matches!(text[usize::from(at)], b'T' | b't' | b' '))
    }

    /// Marks the lanes in which something stands where it may not.
    #[inline(always)]
    pub fn check<const N: usize>(&self, words: &Words<N>, odd: &mut [u64; N]) {
        for (word, words) in self.words.iter().zip(words).take(self.count.into()) {
            odd.iter_mut()
                .zip(words)
                .for_each(|(odd, bytes)| *odd |= (bytes.wrapping_add(word.excess) | bytes) & HIGHS);
        }
    }

    /// Days since 1970-01-01, of a layout that has a date.
    #[inline(always)]
    pub fn days<const N: usize>(&self, words: &Words<N>, days: &mut [i64; N], odd: &mut [u64; N]) {
        let (centuries, years) = (self.two(words, 0, 0, 19), self.two(words, 0, 16, 70));
        let (months, mdays) = (self.two(words, 1, 0, 1), self.two(words, 2, 0, 1));
        for lane in 0..N {
            let (century, year, month, day) =
                (centuries[lane], years[lane], months[lane], mdays[lane]);
            // The century decides whether its first year is a leap year.
            let is_leap = u32::from((if year == 0 { century } else { year }) & 3 == 0);
            let last = if month == 2 { 28 + is_leap } else { 30 + ((month ^ month >> 3) & 1) };
            let is_odd =
                u32::from(month.wrapping_sub(1) > 11) | u32::from(day.wrapping_sub(1) >= last);
            odd[lane] |= u64::from(is_odd);
            // The calendar repeats every 400 years of 146,097 days; years begin in March.
            let is_early = u32::from(month < 3);
            let shifted = century * 100 + year + 400 - is_early;
            // These products and shifts divide by 100 and by 5. They are exact for numbers this
            // small.
            let hundreds = (shifted * 5_243) >> 19;
            let day_of_year =
                ((153 * (month + 12 * is_early).wrapping_sub(3) + 2).wrapping_mul(13_108) >> 16)
                    .wrapping_add(day);
            let since = shifted * 365 + (shifted >> 2) - hundreds + (hundreds >> 2);
            days[lane] =
                i64::from(since.wrapping_add(day_of_year) as i32) - (719_468 + 146_097 + 1);
        }
    }

    /// Seconds since midnight.
    #[inline(always)]
    pub fn seconds<const N: usize>(
        &self,
        words: &Words<N>,
        seconds: &mut [i64; N],
        odd: &mut [u64; N],
    ) {
        let (hours, minutes, rest) =
            (self.two(words, 3, 0, 0), self.two(words, 4, 0, 0), self.two(words, 5, 0, 0));
        for lane in 0..N {
            let (hour, minute, second) = (hours[lane], minutes[lane], rest[lane]);
            odd[lane] |=
                u64::from(u32::from(hour > 23) | u32::from(minute > 59) | u32::from(second > 59));
            seconds[lane] = i64::from(hour * 3600 + minute * 60 + second);
        }
    }

    /// Two digits, so many bits into a place; `none`: what they are in a layout without it.
    #[inline(always)]
    fn two<const N: usize>(&self, words: &Words<N>, place: usize, bits: u8, none: u32) -> [u32; N] {
        let Some(Place { word, shift }) = self.places[place] else { return [none; N] };
        words[usize::from(word & 3)].map(|word| {
            let digits = (word >> ((shift + bits) & 63)) as u32;
            (digits & 0xf) * 10 + (digits >> 8 & 0xf)
        })
    }

    /// Days since 1970-01-01, of one text.
    #[inline(always)]
    pub fn days_of(&self, text: &[u8]) -> Option<i32> {
        if !self.has_date() {
            return None;
        }
        self.one(text, |words, days, odd| self.days(words, days, odd)).map(|days| days as i32)
    }

    /// Seconds since midnight, of one text.
    #[inline(always)]
    pub fn seconds_of_day(&self, text: &[u8]) -> Option<i64> {
        self.one(text, |words, seconds, odd| self.seconds(words, seconds, odd))
    }

    /// Seconds since 1970-01-01T00:00:00, by the clock that the text shows.
    #[inline(always)]
    pub fn seconds_of(&self, text: &[u8]) -> Option<i64> {
        if !self.has_date() {
            return None;
        }
        self.one(text, |words, seconds, odd| {
            let mut days = [0];
            self.days(words, &mut days, odd);
            self.seconds(words, seconds, odd);
            seconds[0] += 86_400 * days[0];
        })
    }

    #[inline(always)]
    fn one(
        &self,
        text: &[u8],
        read: impl FnOnce(&Words<1>, &mut [i64; 1], &mut [u64; 1]),
    ) -> Option<i64> {
        let mut words = [[0]; 4];
        if !self.load(text, 0, &mut words) {
            return None;
        }
        let (mut value, mut odd) = ([0], [0]);
        self.check(&words, &mut odd);
        read(&words, &mut value, &mut odd);
        (odd[0] == 0).then_some(value[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Pattern;

    #[test]
    fn all_days_are_read() {
        let pattern = Pattern::date("default").expect("a valid format");
        let layout = Layout::new(&[
            Slot::Year,
            Slot::Literal(b'-'),
            Slot::Month,
            Slot::Literal(b'-'),
            Slot::Day,
        ])
        .expect("ten bytes");
        for year in (0..10_000).step_by(7).chain([1900, 1999, 2000, 2024]) {
            for (month, day) in (0..14)
                .chain([99])
                .flat_map(|month| (0..33).chain([99]).map(move |day| (month, day)))
            {
                let text = format!("{year:04}-{month:02}-{day:02}");
                assert_eq!(
                    layout.days_of(text.as_bytes()),
                    pattern.read_slowly(text.as_bytes()).ok(),
                    "{text}"
                );
            }
        }
    }
}
