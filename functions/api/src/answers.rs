//! What every answer carries, whatever it says: headers for browsers, caches, and pages of other
//! origins.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::App;

/// Nothing here is a page, and much of it holds presigned URLs, which are as good as what they lead
/// to.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // Seconds: a year.
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];
/// Headers of ours that a page may read besides those that every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static("Allow, Location, Retry-After");
/// Headers that a page may send: those of the two ways to be known, and ours.
const SENT: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, X-Amz-Content-Sha256, X-Amz-Date, X-Amz-Security-Token",
);
/// Seconds for which a browser may remember what it may send: two hours, the most that browsers
/// heed.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

/// The origins whose pages may read answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Origins such as `https://app.example.org`, separated by commas; or `*`, any.
    pub fn parse(list: &str) -> Result<Self, String> {
        let origins = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        origins.map(Self::origin).collect::<Result<_, _>>().map(Self)
    }

    fn origin(text: &str) -> Result<String, String> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let is_host = |host: &str| {
            let is_plain =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
            !host.is_empty() && host.chars().all(is_plain)
        };
        match text == "*" || host.is_some_and(is_host) {
            true => Ok(text.to_owned()),
            false => Err(format!(
                "`{text}` is no origin: `*`, or scheme, host and port as browsers send them, \
                 https://app.example.org"
            )),
        }
    }

    /// Tells a browser what a page of its origin may do.
    fn tell(&self, asked: &Asked, headers: &mut HeaderMap) {
        let Self(origins) = self;
        if origins.is_empty() {
            return;
        }
        let is_any = origins.iter().any(|origin| origin == "*");
        if !is_any {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = &asked.origin else { return };
        let is_listed = || origins.iter().any(|listed| origin.as_bytes() == listed.as_bytes());
        let allowed = match is_any {
            true => HeaderValue::from_static("*"),
            false if is_listed() => origin.clone(),
            false => return,
        };
        // No cookies are read, so credentials that browsers add by themselves need not be let
        // through.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if let Some(methods) = headers.get(header::ALLOW).filter(|_| asked.is_preflight).cloned() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        }
    }
}

/// What of a request decides about these headers.
struct Asked {
    origin: Option<HeaderValue>,
    is_preflight: bool,
}

/// Completes an answer.
pub(crate) async fn complete(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let asked = Asked {
        origin: request.headers().get(header::ORIGIN).cloned(),
        is_preflight: method == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
    };
    let mut response = next.run(request).await;
    if method == Method::OPTIONS {
        response = options(response);
    }
    response.headers_mut().extend(ALWAYS);
    app.config.origins.tell(&asked, response.headers_mut());
    if method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    response
}

/// Says which methods a path knows, as the router does when it refuses one that the path does not
/// know.
fn options(refused: Response) -> Response {
    match (refused.status(), refused.headers().get(header::ALLOW)) {
        (StatusCode::METHOD_NOT_ALLOWED, Some(known)) => {
            let known = known.to_str().unwrap_or_default().split(',').map(str::trim);
            let all: Vec<_> = known.chain(["OPTIONS"]).collect();
            (StatusCode::NO_CONTENT, [(header::ALLOW, all.join(", "))]).into_response()
        }
        _ => refused,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        let all = ["https://app.example.org", "http://localhost:5173", "http://[::1]:80", "*"];
        assert_eq!(Origins::parse(&all.join(" , ")).unwrap().0, all);
        assert_eq!(Origins::parse(" ,").unwrap(), Origins::default());
        let wrong = [
            "app.example.org",
            "https://a/",
            "https://a/b",
            "https://A",
            "https://",
            "https://*.a",
            "null",
            "ftp://a",
        ];
        for wrong in wrong {
            assert!(Origins::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
