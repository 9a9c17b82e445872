//! Says which file of an archive is the source.

/// Which file of an archive is read: a pattern that its whole name matches, folders included. `*`
/// stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member(String);

impl Member {
    /// A pattern; the error says what would be allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.is_empty() {
            true => Err("is empty; allowed: the name of a file in a zip archive, in which `*` stands for any characters".to_owned()),
            false => Ok(Self(text.to_owned())),
        }
    }

    /// Whether a name matches.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) =
            (self.0.chars().collect(), name.chars().collect());
        let (mut at, mut next) = (0, 0);
        // Where the last `*` stands, and the character up to which it stands for what was passed
        // over.
        let mut star: Option<(usize, usize)> = None;
        while next < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, next));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == name[next] => (at, next) = (at + 1, next + 1),
                _ => {
                    let Some((stands, until)) = star else { return false };
                    star = Some((stands, until + 1));
                    (at, next) = (stands + 1, until + 1);
                }
            }
        }
        pattern[at..].iter().all(|c| *c == '*')
    }
}

impl std::fmt::Display for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
