//! Judges whether the characters beyond ASCII make sense as writing, or look like damage.
//!
//! Almost every byte is a character of every encoding of one byte per character, so that bytes are
//! valid says nothing. Words do. A *word* is what stands between two characters that are no
//! letters, and is counted here if it has two letters or more, and one of them is beyond ASCII. It
//! makes sense if all of this is true:
//!
//! - Its letters are of one script: Latin, Greek, Cyrillic, Hebrew, Arabic or Thai.
//! - All letters are small, or all are capital, or only the first one is.
//! - No letter comes three times in a row.
//! - In Latin there is a language that has all of its letters beyond ASCII ([`LANGUAGES`]); in
//!   Greek and Cyrillic a word of three letters or more has a vowel, unless it is in capitals; in
//!   Hebrew and Arabic the letters that only end words end this one.
//! - It does not touch a sign that no writer would put there, such as `Ã©`.
//!
//! A sign beyond ASCII that tables don't have ([`SIGNS`]), a control character among them, makes no
//! sense.

use std::collections::HashSet;

/// Fewest different words that tell an encoding of one byte per character.
const LEAST_WORDS: usize = 4;
/// Fewest different runs of characters of East Asia that tell an encoding of several bytes per
/// character.
const LEAST_RUNS: usize = 3;
/// Where one thing in so many makes no sense, all of it makes none.
const MOST_ODD: usize = 10;

/// Letters beyond ASCII that a language is written with.
const LANGUAGES: [&str; 22] = [
    "äöüß",                                  // German
    "àâæçèéêëîïôœùûü",                       // French
    "áéíóúüñàçèïò",                          // Spanish, Catalan
    "áâãàçéêíóôõúü",                         // Portuguese
    "àèéìíîòóù",                             // Italian
    "áéëïóöüèêç",                            // Dutch
    "æøåéèêóòôäöüð",                         // Danish, Norwegian, Faroese
    "åäöéüàšž",                              // Swedish, Finnish
    "áðéíóúýþæöø",                           // Icelandic
    "âêîôûŵŷáéíóúäëïöü",                     // Welsh, Irish
    "ąćęłńóśźż",                             // Polish
    "áčďéěíňóřšťúůýž",                       // Czech
    "áäčďéíĺľňóôŕšťúýž",                     // Slovak
    "áéíóöőúüű",                             // Hungarian
    "ăâîșțşţ",                               // Romanian
    "čćđšž",                                 // Croatian, Slovenian
    "çğıöşüâîû",                             // Turkish
    "ąčęėįšųūž",                             // Lithuanian
    "āčēģīķļņōŗšūž",                         // Latvian
    "äõöüšž",                                // Estonian
    "çëáéíóúâêôûïöüèàòù",                    // Albanian, Afrikaans and others of the west
    "ăâđêôơưáàảãạéèẻẽẹíìỉĩịóòỏõọúùủũụýỳỷỹỵ", // Vietnamese
];

/// Signs beyond ASCII that tables have: by themselves they are not evidence.
const SIGNS: &str = "\u{a0}€£¥¢§©®™°²³¹½¼¾·×÷±µªº¿¡«»‹›‘’‚“”„–—…•†‡№‰→←↑↓−≈≤≥、。・「」（）";
/// Those that touch a word.
const TOUCHING: &str = "\u{a0}®™°²³¹·×ªºµ¿¡«»‹›‘’‚“”„–—…•†№−";

const CYRILLIC_VOWELS: &str = "аеёиоуыэюяіїєў";
const GREEK_VOWELS: &str = "αεηιουωάέήίόύώϊϋΐΰ";
/// Letters of Hebrew and Arabic that only end words.
const LAST_LETTERS: &str = "ךםןףץةى";

/// What is beyond ASCII in a text, by whether it makes sense. Each thing counts once.
#[derive(Debug, Default)]
pub(super) struct Sense {
    words: HashSet<String>,
    odd: HashSet<String>,
}

impl Sense {
    /// Looks at the words of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut sense = Self::default();
        let mut word = None;
        let mut before = ' ';
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            match (is_letter(c), word) {
                (true, None) => word = Some((at, before)),
                (false, Some((from, left))) => {
                    sense.word(&text[from..at], left, c);
                    word = None;
                }
                _ => {}
            }
            if !c.is_ascii() && !is_letter(c) && !SIGNS.contains(c) {
                sense.odd.insert([before, c].iter().collect());
            }
            before = c;
        }
        sense
    }

    fn word(&mut self, word: &str, left: char, right: char) {
        let is_torn = |c: char| !c.is_ascii() && !TOUCHING.contains(c);
        if is_torn(left) || is_torn(right) {
            self.odd
                .insert([left, right].iter().chain(&word.chars().collect::<Vec<_>>()).collect());
        } else if !word.is_ascii() && word.chars().nth(1).is_some() {
            let set = if is_sensible(word) { &mut self.words } else { &mut self.odd };
            set.insert(word.to_owned());
        }
    }

    /// How many different words make sense.
    pub(super) fn words(&self) -> usize {
        self.words.len()
    }

    /// Whether nothing in it makes no sense.
    pub(super) fn is_whole(&self) -> bool {
        self.odd.is_empty()
    }

    /// Whether it is text: many different words make sense, and hardly anything makes none.
    pub(super) fn is_text(&self) -> bool {
        self.words.len() >= LEAST_WORDS && self.odd.len() * MOST_ODD <= self.words.len()
    }
}

fn is_letter(c: char) -> bool {
    // Points and tones stand above letters and are not letters themselves.
    let is_mark =
        matches!(c, '\u{0591}'..='\u{05C7}' | '\u{064B}'..='\u{0652}' | '\u{0E30}'..='\u{0E4E}');
    (c.is_alphabetic() && !SIGNS.contains(c)) || is_mark
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Semitic,
    Thai,
}

fn script(c: char) -> Option<Script> {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => {
            Some(Script::Latin)
        }
        '\u{370}'..='\u{3FF}' => Some(Script::Greek),
        '\u{400}'..='\u{52F}' => Some(Script::Cyrillic),
        '\u{590}'..='\u{6FF}' => Some(Script::Semitic),
        '\u{E00}'..='\u{E7F}' => Some(Script::Thai),
        _ => None,
    }
}

fn is_sensible(word: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    let Some(first) = script(letters[0]) else { return false };
    let capitals = letters.iter().filter(|c| c.is_uppercase()).count();
    let caseless = letters.iter().filter(|c| **c == 'ß').count();
    let is_capital = capitals + caseless == letters.len();
    let has_usual_case = is_capital || capitals == usize::from(letters[0].is_uppercase());
    let repeats = letters.windows(3).any(|three| three[0] == three[1] && three[1] == three[2]);
    if !has_usual_case || repeats || letters.iter().any(|c| script(*c) != Some(first)) {
        return false;
    }
    let has_vowel = |vowels: &str| {
        is_capital || letters.len() < 3 || letters.iter().any(|c| vowels.contains(lower(*c)))
    };
    match first {
        Script::Latin => LANGUAGES
            .iter()
            .any(|language| letters.iter().all(|c| c.is_ascii() || language.contains(lower(*c)))),
        Script::Greek => has_vowel(GREEK_VOWELS),
        Script::Cyrillic => has_vowel(CYRILLIC_VOWELS),
        Script::Semitic => !letters[..letters.len() - 1].iter().any(|c| LAST_LETTERS.contains(*c)),
        Script::Thai => true,
    }
}

fn lower(c: char) -> char {
    // As the Turks do: in Unicode it is an i and a dot.
    if c == 'İ' { 'ı' } else { c.to_lowercase().next().unwrap_or(c) }
}

/// Whether a text is one of East Asia: nearly all of what is beyond ASCII are usual characters of
/// its scripts, most of them beside each other, in several different runs.
pub(super) fn is_east_asian(text: &str) -> bool {
    let (mut together, mut alone, mut odd) = (0_usize, 0_usize, 0_usize);
    let mut runs = HashSet::new();
    for run in text.split(|c: char| !is_wide(c)) {
        match run.chars().count() {
            0 => {}
            1 => alone += 1,
            count => {
                together += count;
                runs.insert(run);
            }
        }
    }
    for c in text.chars().filter(|c| !c.is_ascii() && !is_wide(*c)) {
        odd += usize::from(!is_letter(c) && !SIGNS.contains(c));
    }
    runs.len() >= LEAST_RUNS && together > alone && odd * MOST_ODD <= together
}

/// Whether this is a usual character of East Asia. Rare ones come of bytes that mean something
/// else.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{FF00}'..='\u{FFEF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_make_sense_in_a_language() {
        for word in [
            "Zoë",
            "café",
            "Müller",
            "Ångström",
            "SÃO",
            "São",
            "STRAßE",
            "œuvre",
            "Łódź",
            "Tomáš",
            "Jiří",
            "İstanbul",
            "Çağrı",
            "őrült",
            "Анна",
            "МОСКВА",
            "Пётр",
            "Київ",
            "Γιώργος",
            "ΑΘΗΝΑ",
            "שלום",
            "مدرسة",
            "กรุงเทพ",
        ] {
            assert!(is_sensible(word), "{word}");
        }
        for word in [
            "ZoÃ",
            "ZoÃŸ",
            "Ãšlohy",
            "ےےے",
            "caÿ",
            "łaß",
            "аННА",
            "рПёт",
            "бвгд",
            "Zoж",
            "םשלו",
            "ةمدرس",
        ] {
            assert!(!is_sensible(word), "{word}");
        }
    }

    #[test]
    fn few_words_are_no_text() {
        assert!(Sense::of("näme,Zoë,Müller,Château").is_text());
        assert!(!Sense::of("Zoë,café,Zoë,café,Zoë").is_text());
        assert!(!Sense::of("näme,Zoë,Müller,Château,ZoÃ«").is_text());
        assert!(Sense::of("5 £, 20°C, «Zoë», m²").is_whole());
        assert!(!Sense::of("Zoa£").is_whole());
        assert!(!Sense::of("caf\u{81}").is_whole());
    }
}
