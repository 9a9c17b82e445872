//! Who may do what. API Gateway checks tokens and signatures; what a token allows is checked here
//! once more.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use job::Datasets;
use lambda_http::request::RequestContext;

use crate::audit::identity;
use crate::caller::{Caller, DATASETS_CLAIM, Subject};
use crate::problem::{Kind, Problem};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To see contracts, jobs, and how both stand.
    Read,
    /// To land files.
    Write,
    /// To change contracts.
    Admin,
    /// To see records and values: whoever runs the pipeline need not.
    Data,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Admin, Self::Data];

    /// As a token names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "landfall:read",
            Self::Write => "landfall:write",
            Self::Admin => "landfall:admin",
            Self::Data => "landfall:data",
        }
    }

    /// The scopes that allow it: each of the first three allows what those before it do.
    pub fn granted_by(self) -> &'static [Self] {
        match self {
            Self::Read => &[Self::Read, Self::Write, Self::Admin],
            Self::Write => &[Self::Write, Self::Admin],
            Self::Admin => &[Self::Admin],
            Self::Data => &[Self::Data],
        }
    }
}

/// What each route needs of a token: all of these scopes.
pub const NEEDS: &[(&str, &str, &[Scope])] = &[
    ("GET", "/health", &[Scope::Read]),
    ("GET", "/openapi.json", &[Scope::Read]),
    ("GET", "/contract.schema.json", &[Scope::Read]),
    ("GET", "/datasets", &[Scope::Read]),
    ("PUT", "/datasets/{name}", &[Scope::Admin]),
    ("GET", "/datasets/{name}", &[Scope::Read]),
    ("DELETE", "/datasets/{name}", &[Scope::Admin]),
    ("GET", "/datasets/{name}/versions", &[Scope::Read]),
    ("POST", "/datasets/{name}/check", &[Scope::Read]),
    ("GET", "/datasets/{name}/files", &[Scope::Read, Scope::Data]),
    // The reason for a guess may quote values.
    // The reasons of faults quote values.
    ("GET", "/datasets/{name}/rejects", &[Scope::Read, Scope::Data]),
    ("POST", "/infer", &[Scope::Write, Scope::Data]),
    ("POST", "/uploads", &[Scope::Write]),
    ("POST", "/tickets", &[Scope::Read]),
    ("POST", "/jobs", &[Scope::Write]),
    ("GET", "/jobs", &[Scope::Read]),
    ("GET", "/jobs/{id}", &[Scope::Read]),
    ("POST", "/jobs/{id}/cancel", &[Scope::Write]),
    ("POST", "/jobs/{id}/redrive", &[Scope::Write]),
    ("POST", "/datasets/{name}/backfill", &[Scope::Write]),
    ("GET", "/jobs/{id}/changes", &[Scope::Read]),
    ("POST", "/jobs/{id}/approve", &[Scope::Write]),
    ("POST", "/jobs/{id}/refuse", &[Scope::Write]),
    ("POST", "/jobs/{id}/replay", &[Scope::Write]),
    ("POST", "/jobs/{id}/rejects/dismiss", &[Scope::Write]),
    ("GET", "/jobs/{id}/execution", &[Scope::Read]),
    ("GET", "/jobs/{id}/shards", &[Scope::Read]),
    ("GET", "/jobs/{id}/rejects", &[Scope::Read, Scope::Data]),
    ("GET", "/jobs/{id}/errors", &[Scope::Read, Scope::Data]),
    ("GET", "/jobs/{id}/profile", &[Scope::Read, Scope::Data]),
    ("GET", "/jobs/{id}/outputs", &[Scope::Read, Scope::Data]),
];

/// What a request needs. A path that is none of ours is answered to whoever may read; a route that
/// is not listed is for nobody but those who may do everything.
pub(crate) fn needs(method: &Method, route: Option<&str>) -> &'static [Scope] {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let Some(route) = route else { return &[Scope::Read] };
    let listed = NEEDS.iter().find(|(of, path, _)| *of == method.as_str() && *path == route);
    listed.map_or(&[Scope::Admin, Scope::Data], |(_, _, scopes)| scopes)
}

/// Whether a request to a route changes something, or lets somebody change it.
pub(crate) fn changes(method: &Method, route: &str) -> bool {
    let changes = |scope: &Scope| matches!(scope, Scope::Write | Scope::Admin);
    *method != Method::OPTIONS && needs(method, Some(route)).iter().any(changes)
}

/// How callers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// By a JWT, which API Gateway has verified.
    Jwt,
    /// By an AWS signature, which API Gateway has verified.
    Iam,
    /// Not at all: for this machine only.
    Open,
}

impl FromStr for Access {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "jwt" => Ok(Self::Jwt),
            "iam" => Ok(Self::Iam),
            "open" => Ok(Self::Open),
            _ => Err(format!("LANDFALL_AUTH is `jwt`, `iam` or `open`, not `{text}`")),
        }
    }
}

impl Access {
    /// Refuses what would let strangers in: `open` anywhere but on this machine, and a plain server
    /// that relies on a gateway it does not have.
    ///
    /// `listen` is the address of a plain server, `endpoint` the URL that AWS is reached at when it
    /// is not AWS's own.
    pub fn check(self, listen: Option<SocketAddr>, endpoint: Option<&str>) -> Result<Self, String> {
        match (self, listen) {
            (Self::Open, Some(address)) if address.ip().is_loopback() => Ok(self),
            (Self::Open, Some(address)) => Err(format!("LANDFALL_AUTH=open serves loopback addresses only, not {address}")),
            (Self::Open, None) if endpoint.is_some_and(is_loopback) => Ok(self),
            (Self::Open, None) => {
                Err("LANDFALL_AUTH=open needs AWS_ENDPOINT_URL to be a loopback address: the API is never open on AWS".to_owned())
            }
            (_, Some(_)) => {
                Err("a plain server can't check tokens or signatures: set LANDFALL_AUTH=open and listen on a loopback address".to_owned())
            }
            (_, None) => Ok(self),
        }
    }

    /// The datasets that there are for whoever sent a request, and whether they may see what is in
    /// them; or why it may not go on.
    fn admit(self, request: &Request) -> Result<(Datasets, bool), Problem> {
        let authorizer = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref(),
            _ => None,
        };
        match self {
            // No route does anything for it, and a browser asks before it sends any credentials.
            _ if request.method() == Method::OPTIONS => Ok((Datasets::All, false)),
            Self::Open => Ok((Datasets::All, true)),
            Self::Iam => match authorizer.and_then(|authorizer| authorizer.iam.as_ref()) {
                Some(_) => Ok((Datasets::All, true)),
                None => Err(unknown_caller()),
            },
            Self::Jwt => {
                let jwt = authorizer.and_then(|authorizer| authorizer.jwt.as_ref());
                let jwt = jwt.ok_or_else(unknown_caller)?;
                let claims = ["scope", "scp"].into_iter().filter_map(|name| jwt.claims.get(name));
                let held: Vec<&str> = jwt
                    .scopes
                    .iter()
                    .flatten()
                    .map(String::as_str)
                    .chain(claims.flat_map(|claim| items(claim)))
                    .collect();
                let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
                for scope in needs(request.method(), route) {
                    if !scope.granted_by().iter().any(|scope| held.contains(&scope.name())) {
                        let detail = format!("the token lacks the scope `{}`", scope.name());
                        return Err(Problem::new(Kind::Forbidden, detail));
                    }
                }
                let datasets = match jwt.claims.get(DATASETS_CLAIM) {
                    None => Datasets::All,
                    Some(claim) => items(claim)
                        .map(str::parse)
                        .collect::<Result<_, String>>()
                        .map_err(|why| {
                            Problem::new(
                                Kind::Forbidden,
                                format!("the token's claim `{DATASETS_CLAIM}`: {why}"),
                            )
                        })?,
                };
                Ok((datasets, held.contains(&Scope::Data.name())))
            }
        }
    }
}

fn unknown_caller() -> Problem {
    const DETAIL: &str = "the request carries no identity that API Gateway has verified";
    Problem::new(Kind::Unauthorized, DETAIL)
}

/// Lets through what the caller may do, and tells handlers whose datasets these are.
pub(crate) async fn guard(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    match access.admit(&request) {
        Ok((datasets, may_see_data)) => {
            let subject = request.extensions().get::<Arc<Subject>>().cloned().unwrap_or_default();
            let (who, _) = identity(&request);
            request.extensions_mut().insert(Caller { datasets, may_see_data, who, subject });
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The entries of a claim: `a b`, or a list as API Gateway writes it, `[a b]`.
fn items(claim: &str) -> impl Iterator<Item = &str> {
    claim
        .split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '"'))
        .filter(|item| !item.is_empty())
}

/// Whether a URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let Some(authority) =
        url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next())
    else {
        return false;
    };
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn open_stays_on_this_machine() {
        let here = Some("127.0.0.1:8080".parse().unwrap());
        let everywhere = Some("0.0.0.0:8080".parse().unwrap());
        for endpoint in ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566"] {
            assert_eq!(Access::Open.check(None, Some(endpoint)), Ok(Access::Open), "{endpoint}");
        }
        for endpoint in [
            "https://sts.amazonaws.com",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1@example.org",
            "localhost",
            "",
        ] {
            assert!(Access::Open.check(None, Some(endpoint)).is_err(), "{endpoint}");
        }
        assert!(Access::Open.check(None, None).is_err());
        assert_eq!(Access::Open.check(here, None), Ok(Access::Open));
        assert!(Access::Open.check(everywhere, Some("http://127.0.0.1:4566")).is_err());
    }

    #[test]
    fn a_plain_server_has_no_gateway_to_rely_on() {
        let here = Some("127.0.0.1:8080".parse().unwrap());
        for access in [Access::Jwt, Access::Iam] {
            assert!(access.check(here, None).is_err());
            assert_eq!(access.check(None, None), Ok(access));
        }
    }

    #[test]
    fn claims_are_read_in_all_their_forms() {
        for claim in [
            "landfall:read landfall:write",
            "[landfall:read landfall:write]",
            "[\"landfall:read\",\"landfall:write\"]",
        ] {
            assert_eq!(
                items(claim).collect::<Vec<_>>(),
                ["landfall:read", "landfall:write"],
                "{claim}"
            );
        }
        assert_eq!(items("[]").count(), 0);
    }

    #[test]
    fn a_route_that_is_not_listed_is_for_nobody_else() {
        assert_eq!(needs(&Method::PATCH, Some("/jobs")), [Scope::Admin, Scope::Data]);
        assert_eq!(needs(&Method::HEAD, Some("/jobs")), [Scope::Read]);
        assert_eq!(needs(&Method::GET, None), [Scope::Read]);
    }
}
