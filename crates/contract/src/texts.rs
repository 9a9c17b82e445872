//! Checks texts against the formats that Table Schema names. The text stays as it is written.

use std::net::Ipv6Addr;

use super::document::{Node, Reading};

/// A format that texts must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// An address by the rule of HTML's `<input type=email>`, which takes what is used: no
    /// comments, no quotes.
    Email,
    /// A URI with a scheme (RFC 3986).
    Uri,
    /// A UUID in hexadecimal digits with hyphens: 8-4-4-4-12, of either case (RFC 9562).
    Uuid,
    /// Bytes in base64 with padding (RFC 4648, section 4).
    Binary,
}

impl TextFormat {
    const CHOICES: [(&'static str, Option<Self>); 5] = [
        ("default", None),
        ("email", Some(Self::Email)),
        ("uri", Some(Self::Uri)),
        ("uuid", Some(Self::Uuid)),
        ("binary", Some(Self::Binary)),
    ];

    pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Option<Self> {
        node.choice(reading, &Self::CHOICES).flatten()
    }

    /// Whether a text is written so.
    pub fn holds(self, text: &str) -> bool {
        match self {
            Self::Email => is_email(text.as_bytes()),
            Self::Uri => is_uri(text),
            Self::Uuid => is_uuid(text.as_bytes()),
            Self::Binary => is_base64(text.as_bytes()),
        }
    }

    /// The kind of text that a value lacks the form of.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Email => "an email address such as ada@example.org",
            Self::Uri => {
                "a URI with a scheme such as https://example.org/a?b=c, in which other characters are percent-encoded (RFC 3986)"
            }
            Self::Uuid => "a UUID: 8-4-4-4-12 hexadecimal digits",
            Self::Binary => "base64 with its padding (RFC 4648)",
        }
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| {
            if matches!(at, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() }
        })
}

/// Groups of four, of which the last one may end with padding. What its bits stand for is a whole
/// number of bytes: others are zero.
fn is_base64(text: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let spare = match text.len() - digits.len() {
        0 => 0,
        1 => 0b11,
        _ => 0b1111,
    };
    let last = digits.last().map_or(Some(0), |byte| value(*byte));
    text.len().is_multiple_of(4)
        && digits.iter().all(|byte| value(*byte).is_some())
        && last.is_some_and(|last| last & spare == 0)
        && (spare == 0 || !digits.is_empty())
}

/// The regular expression of the HTML Living Standard (4.10.5.1.5), by hand:
/// `[a-zA-Z0-9.!#$%&'*+\/=?^_`{|}~-]+` before the `@`,
/// after it labels of letters, digits and hyphens, up to 63 long, joined by points.
fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text) else { return false };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let is_local =
        |byte: &u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(byte);
    let is_label = |label: &[u8]| {
        let ends = label
            .first()
            .zip(label.last())
            .is_some_and(|(a, b)| a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric());
        ends && label.len() <= 63
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    !local.is_empty()
        && local.iter().all(is_local)
        && domain.split(|byte| *byte == b'.').all(is_label)
}

/// `scheme ":" hier-part [ "?" query ] [ "#" fragment ]` of RFC 3986, appendix A.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(in_scheme) {
        return false;
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_hierarchy = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            is_authority(authority) && is_made_of(path, b":@/")
        }
        None => is_made_of(rest, b":@/"),
    };
    is_hierarchy && is_made_of(query, b":@/?") && is_made_of(fragment, b":@/?")
}

/// `[ userinfo "@" ] host [ ":" port ]`.
fn is_authority(text: &str) -> bool {
    let (user, host) = text.split_once('@').unwrap_or(("", text));
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((literal, port)) => {
            is_ip_literal(literal)
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        }
        None => {
            let (name, port) = host.split_once(':').unwrap_or((host, ""));
            is_made_of(name, b"") && is_port(port)
        }
    };
    is_made_of(user, b":") && is_host
}

/// An address of IPv6, or of a version yet to come.
fn is_ip_literal(text: &str) -> bool {
    match text.strip_prefix(['v', 'V']) {
        Some(rest) => rest.split_once('.').is_some_and(|(version, address)| {
            let are_digits =
                !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
            are_digits && !address.is_empty() && !address.contains('%') && is_made_of(address, b":")
        }),
        None => text.parse::<Ipv6Addr>().is_ok(),
    }
}

/// Whether there is nothing but `unreserved`, `sub-delims`, what is percent-encoded, and `others`.
fn is_made_of(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_known = byte.is_ascii_alphanumeric()
            || b"-._~!$&'()*+,;=".contains(&byte)
            || others.contains(&byte);
        let is_encoded = |bytes: &mut std::str::Bytes<'_>| {
            bytes.by_ref().take(2).filter(u8::is_ascii_hexdigit).count() == 2
        };
        if !(is_known || byte == b'%' && is_encoded(&mut bytes)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::TextFormat::{self, Binary, Email, Uri, Uuid};

    #[track_caller]
    fn check(format: TextFormat, right: &[&str], wrong: &[&str]) {
        right.iter().for_each(|text| assert!(format.holds(text), "{format:?} {text}"));
        wrong.iter().for_each(|text| assert!(!format.holds(text), "{format:?} {text}"));
    }

    #[test]
    fn uris_have_a_scheme_and_the_characters_of_rfc_3986() {
        // Section 1.1.2 has the first ones.
        check(
            Uri,
            &[
                "ftp://ftp.is.co.za/rfc/rfc1808.txt",
                "http://www.ietf.org/rfc/rfc2396.txt",
                "ldap://[2001:db8::7]/c=GB?objectClass?one",
                "mailto:John.Doe@example.com",
                "news:comp.infosystems.www.servers.unix",
                "tel:+1-816-555-1212",
                "telnet://192.0.2.16:80/",
                "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
                "file:///etc/fstab",
                "http://a@b:8080/c;d=1?e=f&g#h/i?j",
                "https://example.org",
                "s3://bucket/key%20with%20blanks",
                "x:",
                "http://[v1.a:b]/",
            ],
            &[
                "",
                "example.org",
                "//example.org/a",
                "/a/b",
                "1http://a",
                "http//a",
                "http://a b",
                "http://a/\u{e9}",
                "http://a/%zz",
                "http://a/%2",
                "http://a:b/",
                "http://[2001:db8::7/",
                "http://[::1]x/",
                "http://[fe80::1%25eth0]/",
                "http://a/[b]",
                "http://a#b#c",
                "http://a/\"b\"",
                " http://a",
                "http://a\\b",
            ],
        );
    }

    #[test]
    fn uuids_and_base64_are_strict() {
        check(
            Uuid,
            &[
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
                "00000000-0000-0000-0000-000000000000",
            ],
            &[
                "",
                "f81d4fae7dec11d0a76500a0c91e6bf6",
                "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
                "g81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
            ],
        );
        // Section 10 has the first ones.
        check(
            Binary,
            &["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy", "+/+/"],
            &[
                "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "==", "=Zg=", "Zm9v\n", "Zm 9v",
                "_-_-", "Zm9vYg",
            ],
        );
    }

    proptest! {
        #[test]
        fn emails_are_those_of_html(text in "[a-cA!.@'# é\"-]{0,12}|[a-z]{1,3}@[a-z0-9.-]{1,70}") {
            let html = Regex::new(
                r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$",
            );
            prop_assert_eq!(Email.holds(&text), html.expect("it is HTML's").is_match(&text));
        }

        #[test]
        fn base64_is_what_has_bytes(bytes in prop::collection::vec(any::<u8>(), 0..9), other in "[A-D+/=]{0,8}") {
            let digit = |value: u8| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[usize::from(value)]);
            let encode = |bytes: &[u8]| {
                let groups = bytes.chunks(3).map(|group| {
                    let bits = group.iter().chain(&[0, 0]).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
                    (0..4).map(|at| if at <= group.len() { digit((bits >> (18 - 6 * at) & 63) as u8) } else { '=' }).collect::<String>()
                });
                groups.collect::<String>()
            };
            prop_assert!(Binary.holds(&encode(&bytes)));
            let digits = other.trim_end_matches('=');
            let value = |c: char| "ABCD".find(c).map_or(if c == '+' { 62 } else { 63 }, |at| at as u32);
            let bits = digits.chars().fold(0_u64, |bits, c| bits << 6 | u64::from(value(c)));
            let whole = digits.len() * 6 / 8;
            let read: Vec<u8> = (0..whole).map(|at| (bits >> (digits.len() * 6 - 8 * (at + 1))) as u8).collect();
            let is_one = !digits.contains('=') && encode(&read) == other;
            prop_assert_eq!(Binary.holds(&other), is_one, "{}", other);
        }
    }
}
