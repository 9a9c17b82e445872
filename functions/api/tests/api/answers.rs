use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use crate::door::{Answer, Door};

const PAGE: &str = "https://app.example.org";

async fn asked(door: &Door, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    door.send(request.body(Body::empty()).unwrap()).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name).map(|value| value.to_str().unwrap())
}

/// What can be got can be asked about: the same status and headers, and no body (`Door::send`
/// checks that).
#[tokio::test]
async fn head_is_a_get_without_a_body() {
    let door = Door::with_flights().await;
    let job = door.job().await;
    let paths = [
        "/health",
        "/datasets",
        "/datasets/flights",
        "/datasets/none",
        "/jobs",
        &format!("/jobs/{job}"),
        "/jobs?limit=0",
    ];
    for path in paths {
        let got = asked(&door, Method::GET, path, &[]).await;
        let head = asked(&door, Method::HEAD, path, &[]).await;
        assert_eq!(
            (head.status, header(&head, "content-type")),
            (got.status, header(&got, "content-type")),
            "{path}"
        );
    }
    asked(&door, Method::HEAD, "/infer", &[]).await.expect(StatusCode::METHOD_NOT_ALLOWED);
}

/// Also where callers must be known: a browser asks before it sends who they are.
#[tokio::test]
async fn options_says_which_methods_there_are() {
    let door = Door::with_flights().await.for_pages_of("");
    for (path, allowed) in [
        ("/health", ["GET", "HEAD", "OPTIONS"].as_slice()),
        ("/datasets/flights", &["DELETE", "GET", "HEAD", "OPTIONS", "PUT"]),
        ("/infer", &["OPTIONS", "POST"]),
    ] {
        let answer = asked(&door, Method::OPTIONS, path, &[]).await.expect(StatusCode::NO_CONTENT);
        let mut methods: Vec<_> = header(&answer, "allow").unwrap().split(", ").collect();
        methods.sort_unstable();
        assert_eq!(methods, allowed, "{path}");
    }
    asked(&door, Method::OPTIONS, "/nowhere", &[])
        .await
        .expect_kind(StatusCode::NOT_FOUND, "no-such-route");
    asked(&door, Method::GET, "/datasets", &[])
        .await
        .expect_kind(StatusCode::UNAUTHORIZED, "unauthorized");
}

#[tokio::test]
async fn a_page_may_do_only_what_the_deployment_says() {
    let listed = format!("https://other.example.org,{PAGE}");
    let preflight = [("origin", PAGE), ("access-control-request-method", "PUT")];
    for (origins, allowed) in [
        ("", None),
        ("https://other.example.org", None),
        (listed.as_str(), Some(PAGE)),
        ("*", Some("*")),
    ] {
        let door = Door::with_flights().await.for_pages_of(origins);
        let asks = asked(&door, Method::OPTIONS, "/datasets/flights", &preflight).await;
        let answer = asks.expect(StatusCode::NO_CONTENT);
        assert_eq!(header(&answer, "access-control-allow-origin"), allowed, "{origins}");
        let methods = header(&answer, "access-control-allow-methods");
        assert_eq!(methods, allowed.and(header(&answer, "allow")), "{origins}");
        for sent in ["Authorization", "Idempotency-Key"] {
            let may = header(&answer, "access-control-allow-headers");
            assert_eq!(may.is_some_and(|may| may.contains(sent)), allowed.is_some(), "{origins}");
        }
        // Errors are read too.
        let refused = asked(&door, Method::GET, "/nowhere", &preflight[..1]).await;
        assert_eq!(header(&refused, "access-control-allow-origin"), allowed, "{origins}");
        let exposed = header(&refused, "access-control-expose-headers");
        assert_eq!(exposed, allowed.map(|_| "Allow, Location, Retry-After"), "{origins}");
        assert_eq!(header(&refused, "access-control-allow-methods"), None, "it is no preflight");
        // What depends on who asks must not be kept for another.
        let varies = !["", "*"].contains(&origins);
        assert_eq!(header(&refused, "vary"), varies.then_some("Origin"), "{origins}");
        let same_site = asked(&door, Method::GET, "/nowhere", &[]).await;
        assert_eq!(header(&same_site, "access-control-allow-origin"), None);
    }
}
