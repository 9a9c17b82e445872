//! Lists the names of months and days in the languages of Europe, from the locales of the GNU C
//! library, as the crate pure-rust-locales (chrono's) has them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What a locale calls months and days.
#[derive(Debug, PartialEq, Eq)]
pub struct Locale {
    /// As in POSIX: `de_DE`.
    pub name: &'static str,
    /// Each name in lower case with its number from 1; the longest first, so that `juillet` is not
    /// read as `juil`.
    months: Vec<(String, u32)>,
    weekdays: Vec<(String, u32)>,
}

macro_rules! locales {
    ($($name:ident)*) => {
        vec![$({
            use pure_rust_locales::$name::LC_TIME::{AB_ALT_MON, ABDAY, ABMON, ALT_MON, DAY, MON};
            Locale {
                name: stringify!($name),
                months: numbered(&[Some(MON), Some(ABMON), ALT_MON, AB_ALT_MON]),
                weekdays: numbered(&[Some(DAY), Some(ABDAY)]),
            }
        }),*]
    };
}

/// All of them. The first of a language is meant where only the language is said.
static LOCALES: LazyLock<Vec<Locale>> = LazyLock::new(|| {
    locales! {
        en_US de_DE fr_FR es_ES it_IT pt_PT nl_NL pl_PL cs_CZ sk_SK hu_HU ro_RO sv_SE da_DK nb_NO nn_NO fi_FI is_IS et_EE lv_LV lt_LT
        sl_SI hr_HR bs_BA sr_RS mk_MK sq_AL bg_BG el_GR ru_RU uk_UA be_BY tr_TR ca_ES eu_ES gl_ES ga_IE cy_GB mt_MT lb_LU de_AT pt_BR
    }
});

/// Who knows a name, and the English one that stands for it; in the order of the locales. A name of
/// a month and of a day is a month's.
static WORDS: LazyLock<HashMap<String, Vec<(&'static Locale, &'static str)>>> =
    LazyLock::new(|| {
        let mut words: HashMap<String, Vec<(&'static Locale, &'static str)>> = HashMap::new();
        for locale in LOCALES.iter() {
            for (names, english) in
                [(&locale.months, &MONTHS[..]), (&locale.weekdays, &WEEKDAYS[..])]
            {
                for (name, number) in names {
                    let known = words.entry(name.clone()).or_default();
                    let is_new = known.last().is_none_or(|(other, _)| other.name != locale.name);
                    if let Some(english) = english.get(*number as usize - 1).filter(|_| is_new) {
                        known.push((locale, english));
                    }
                }
            }
        }
        words
    });

/// The names of lists, each with its place from 1. A point at the end of an abbreviation may be
/// left out.
fn numbered(lists: &[Option<&[&str]>]) -> Vec<(String, u32)> {
    let mut names: Vec<(String, u32)> = Vec::new();
    for list in lists.iter().flatten() {
        for (index, name) in list.iter().enumerate() {
            let name = name.to_lowercase();
            let number = index as u32 + 1;
            for name in [name.trim_end_matches('.').to_owned(), name] {
                if !name.is_empty() && !names.contains(&(name.clone(), number)) {
                    names.push((name, number));
                }
            }
        }
    }
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names
}

impl Locale {
    /// The locale of a name such as `de`, `de_DE` or `de-DE`; the error says which there are.
    pub fn parse(text: &str) -> Result<&'static Self, String> {
        let wanted = text.replace('-', "_");
        let exact = LOCALES.iter().find(|locale| locale.name.eq_ignore_ascii_case(&wanted));
        let language = |locale: &&Locale| {
            locale
                .name
                .split('_')
                .next()
                .is_some_and(|language| language.eq_ignore_ascii_case(&wanted))
        };
        exact.or_else(|| LOCALES.iter().find(language)).ok_or_else(|| {
            let names: Vec<_> = LOCALES.iter().map(|locale| locale.name).collect();
            format!("`{text}` is not a locale whose names are known; allowed: {}", names.join(", "))
        })
    }

    /// Those that call a month or a day `word`, each with the English name that stands for it.
    pub fn that_know(word: &str) -> &'static [(&'static Self, &'static str)] {
        WORDS.get(&word.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// The month whose name stands at the beginning of `text`, and the bytes of the name.
    pub fn month(&self, text: &str) -> Option<(u32, usize)> {
        find(&self.months, text)
    }

    /// The same of a day, from 1 (Sunday).
    pub fn weekday(&self, text: &str) -> Option<(u32, usize)> {
        find(&self.weekdays, text)
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

fn find(names: &[(String, u32)], text: &str) -> Option<(u32, usize)> {
    // The beginning in lower case, which may have more characters, each with where it ends in the
    // text.
    let longest = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lower: Vec<(char, usize)> = text
        .char_indices()
        .take(longest)
        .flat_map(|(at, c)| c.to_lowercase().map(move |lower| (lower, at + c.len_utf8())))
        .collect();
    names.iter().find_map(|(name, number)| {
        let count = name.chars().count();
        let is = lower.len() >= count
            && name.chars().zip(&lower).all(|(wanted, (found, _))| wanted == *found);
        let end = lower.get(count.checked_sub(1)?).filter(|_| is)?.1;
        (!text[end..].starts_with(char::is_alphabetic)).then_some((*number, end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_they_are_written() {
        let month = |locale: &str, text: &str| Locale::parse(locale).expect("a locale").month(text);
        assert_eq!(month("de", "März 2020"), Some((3, 5)));
        assert_eq!(month("de", "MÄRZ 2020"), Some((3, 5)));
        assert_eq!(month("fr-FR", "juillet"), Some((7, 7)));
        assert_eq!(month("fr", "juil. 2020").map(|(month, _)| month), Some(7));
        assert_eq!(month("pl", "stycznia 2020").map(|(month, _)| month), Some(1));
        assert_eq!(month("pl", "styczeń 2020").map(|(month, _)| month), Some(1));
        assert_eq!(month("de", "Märzen"), None);
        assert_eq!(month("de", "March"), None);
        assert_eq!(Locale::parse("xx").map(|locale| locale.name).unwrap_or_default(), "");
        assert_eq!(Locale::parse("de").map(|locale| locale.name), Ok("de_DE"));
    }

    /// No name of a locale means two months.
    #[test]
    fn a_name_is_of_one_month() {
        for locale in LOCALES.iter() {
            for (name, number) in &locale.months {
                assert_eq!(
                    locale.month(name).map(|(month, _)| month),
                    Some(*number),
                    "{name} in {}",
                    locale.name
                );
            }
        }
    }
}
