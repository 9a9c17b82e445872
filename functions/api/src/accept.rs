//! Which of several media types a caller wants (RFC 9110, 12.5.1).

use axum::http::{HeaderMap, header};

use crate::problem::{Kind, Problem};

/// A media range: `text/csv;q=0.5`, `text/*`, `*/*`.
struct Range {
    kind: String,
    subtype: String,
    /// Thousandths.
    weight: u16,
}

/// The media type that the caller likes best, of those `offered`, of which the first is the usual
/// one.
///
/// Weights count, then whether the type was named, then the order of `offered`.
pub(crate) fn choose<'a>(headers: &HeaderMap, offered: &[&'a str]) -> Result<&'a str, Problem> {
    let texts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<Range> =
        texts.flat_map(|text| text.split(',')).filter_map(Range::parse).collect();
    if ranges.is_empty() {
        return Ok(offered[0]);
    }
    let liked = offered.iter().enumerate().filter_map(|(index, media)| {
        let fitting = ranges.iter().filter_map(|range| Some((range.fits(media)?, range.weight)));
        // The nearest range tells the weight.
        let (nearness, weight) = fitting.max()?;
        (weight > 0).then_some(((weight, nearness, usize::MAX - index), *media))
    });
    liked.max().map(|(_, media)| media).ok_or_else(|| {
        let offered = offered.join("` or `");
        let detail = format!("`Accept` allows none of what there is: `{offered}`");
        Problem::new(Kind::NotAcceptable, detail).of_field("Accept")
    })
}

impl Range {
    /// Reads a range; nothing of what is none.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        if kind.is_empty() || subtype.is_empty() || (kind == "*" && subtype != "*") {
            return None;
        }
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim_end().eq_ignore_ascii_case("q").then(|| weight(value.trim_start()))
        });
        let [kind, subtype] = [kind, subtype].map(str::to_ascii_lowercase);
        Some(Self { kind, subtype, weight: weight.unwrap_or(Some(1000))? })
    }

    /// How near the range is to a media type that it allows.
    fn fits(&self, media: &str) -> Option<u8> {
        let (kind, subtype) = media.split_once('/')?;
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("*", _) => Some(0),
            (own, "*") if own == kind => Some(1),
            (own, other) if own == kind && other == subtype => Some(2),
            _ => None,
        }
    }
}

/// A weight in thousandths: from `0` to `1`, with at most three digits after the point.
fn weight(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || part.len() > 3 || !part.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let weight: u16 = format!("{whole}{part:0<3}").parse().ok()?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const OFFERED: [&str; 2] = ["application/json", "text/csv"];

    fn chosen(accept: &[&str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for accept in accept {
            headers.append(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
        }
        choose(&headers, &OFFERED).ok()
    }

    #[test]
    fn a_caller_gets_what_it_likes_best() {
        let (json, csv) = (Some("application/json"), Some("text/csv"));
        for (accept, expected) in [
            ("", json),
            ("*/*", json),
            ("text/csv", csv),
            ("TEXT/CSV", csv),
            ("text/csv, */*", csv),
            ("*/*, application/*", json),
            ("text/*", csv),
            ("text/*;q=0.1", csv),
            ("text/csv;q=0.5, application/json;q=0.4", csv),
            ("text/csv;q=0.4, application/json;q=0.5", json),
            ("text/csv ; header=present ; Q=0.001 , application/json;q=0", csv),
            ("text/csv;q=0, */*;q=0.1", json),
            ("application/json;q=0, */*;q=0.1", csv),
            ("application/json;q=0.2, */*;q=0.1", json),
            ("application/json;q=0.1, */*;q=0.2", csv),
            ("text/html, application/xhtml+xml, */*;q=0.8", json),
            ("text/csv;q=1.000", csv),
            ("text/csvx", None),
            ("application/csv, text/html", None),
            ("*/*;q=0", None),
            ("text/csv;q=0, application/*;q=0.000", None),
            // What is no media range is as if it were not there.
            ("csv", json),
            ("text/csv;q=2", json),
            ("text/csv;q=1.001", json),
            ("text/csv;q=x, */*", json),
            ("*/csv", json),
        ] {
            assert_eq!(chosen(&[accept]), expected, "{accept}");
        }
        assert_eq!(chosen(&[]), json);
        assert_eq!(chosen(&["application/json;q=0.1", "text/csv;q=0.2"]), csv);
    }

    /// Whatever the weights: the one with the greater weight, and none where both are nothing.
    #[test]
    fn weights_decide() {
        let written = |weight: u16| format!("{}.{:03}", weight / 1000, weight % 1000);
        for json in (0..=1000).step_by(50) {
            for csv in (0..=1000).step_by(50) {
                let expected = match json.max(csv) {
                    0 => None,
                    most => Some(if json == most { OFFERED[0] } else { OFFERED[1] }),
                };
                let accept =
                    format!("text/csv;q={}, application/json;q={}", written(csv), written(json));
                assert_eq!(chosen(&[&accept]), expected, "{accept}");
            }
        }
    }
}
