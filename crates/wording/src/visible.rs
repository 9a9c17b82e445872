//! Makes texts in messages visible, so that a person sees what stands there.

/// Most characters of a text that is shown.
pub const VALUE_CHARS: usize = 200;

/// What can't be seen, or is taken for something else, and how Unicode calls it.
const NAMES: [(char, &str); 22] = [
    ('\t', "tab"),
    ('\n', "line feed"),
    ('\r', "carriage return"),
    ('\0', "null"),
    ('\u{a0}', "no-break space"),
    ('\u{ad}', "soft hyphen"),
    ('\u{2007}', "figure space"),
    ('\u{2009}', "thin space"),
    ('\u{200b}', "zero width space"),
    ('\u{200c}', "zero width non-joiner"),
    ('\u{200d}', "zero width joiner"),
    ('\u{200e}', "left-to-right mark"),
    ('\u{200f}', "right-to-left mark"),
    ('\u{2028}', "line separator"),
    ('\u{202a}', "left-to-right embedding"),
    ('\u{202c}', "pop directional formatting"),
    ('\u{202f}', "narrow no-break space"),
    ('\u{2060}', "word joiner"),
    ('\u{2212}', "minus sign"),
    ('\u{3000}', "ideographic space"),
    ('\u{feff}', "byte order mark"),
    ('\u{fffd}', "replacement character, for bytes that are not valid"),
];

/// Cuts a text at [`VALUE_CHARS`]; what was cut ends with `…`.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A text between backquotes, cut as in [`cut`]. Characters that can't be seen are escaped as in
/// Rust (`\u{200b}`), and named behind it: among them marks that are combined with the letter
/// before (as in NFD), which looks like one letter otherwise.
pub fn quote(text: &str) -> String {
    let text = cut(text);
    let mut shown = String::with_capacity(text.len() + 2);
    let mut named: Vec<String> = Vec::new();
    shown.push('`');
    for c in text.chars() {
        let name = NAMES.iter().find(|(known, _)| *known == c).map(|(_, name)| *name);
        let is_combining = matches!(c, '\u{300}'..='\u{36f}');
        if name.is_none() && !is_combining && !c.is_control() {
            shown.push(c);
            continue;
        }
        let escaped = c.escape_default().to_string();
        let name =
            name.or(is_combining.then_some("a mark that is combined with the letter before"));
        if let Some(name) = name
            .map(|name| format!("{escaped} is {}", with_article(name)))
            .filter(|name| !named.contains(name))
        {
            named.push(name);
        }
        shown.push_str(&escaped);
    }
    shown.push('`');
    if !named.is_empty() {
        shown.push_str(&format!(" ({})", named.join(", ")));
    }
    shown
}

/// What is odd about a name that a person would not see: characters that can't be seen, and spaces
/// around it.
pub fn odd_name(name: &str) -> Option<String> {
    let shown = quote(name);
    let is_plain = shown.len() == name.len() + 2;
    match () {
        () if !is_plain => Some(format!("the name is {shown}")),
        () if name.trim() != name => {
            Some("spaces stand around the name, and are part of it".to_owned())
        }
        () => None,
    }
}

fn with_article(name: &str) -> String {
    if name.starts_with("a ") { name.to_owned() } else { format!("a {name}") }.replacen(
        "a ideographic",
        "an ideographic",
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_seen_is_named() {
        assert_eq!(quote("a b"), "`a b`");
        assert_eq!(odd_name("a b"), None);
        assert_eq!(
            odd_name(" a").as_deref(),
            Some("spaces stand around the name, and are part of it")
        );
        assert_eq!(
            odd_name("a\u{a0}").as_deref(),
            Some("the name is `a\\u{a0}` (\\u{a0} is a no-break space)")
        );
        assert_eq!(quote("Zoë"), "`Zoë`");
        assert_eq!(quote("amount\u{200b}"), "`amount\\u{200b}` (\\u{200b} is a zero width space)");
        assert_eq!(
            quote("1\u{a0}2\u{a0}3\u{202f}"),
            "`1\\u{a0}2\\u{a0}3\\u{202f}` (\\u{a0} is a no-break space, \\u{202f} is a narrow no-break space)"
        );
        assert_eq!(
            quote("Zoe\u{308}"),
            "`Zoe\\u{308}` (\\u{308} is a mark that is combined with the letter before)"
        );
        assert_eq!(quote("a\tb\x07"), "`a\\tb\\u{7}` (\\t is a tab)");
    }
}
