//! Who may do what. API Gateway checks tokens and signatures; what a token allows is checked here
//! once more.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;

use crate::problem::{Kind, Problem};

/// The scope that reading needs.
pub const READ: &str = "landfall:read";
/// The scope that everything else needs; it allows reading too.
pub const WRITE: &str = "landfall:write";

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

    /// Whether a request may go on.
    fn allows(self, request: &Request) -> Result<(), Problem> {
        let wanted = match *request.method() {
            // No route does anything for it, and a browser asks before it sends any credentials.
            Method::OPTIONS => return Ok(()),
            Method::GET | Method::HEAD => [READ, WRITE].as_slice(),
            _ => [WRITE].as_slice(),
        };
        let authorizer = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref(),
            _ => None,
        };
        match self {
            Self::Open => Ok(()),
            Self::Iam if authorizer.is_some_and(|authorizer| authorizer.iam.is_some()) => Ok(()),
            Self::Jwt => match authorizer.and_then(|authorizer| authorizer.jwt.as_ref()) {
                Some(jwt) => {
                    let claims = ["scope", "scp"]
                        .into_iter()
                        .filter_map(|name| jwt.claims.get(name))
                        .flat_map(|claim| scopes(claim));
                    let held: Vec<&str> =
                        jwt.scopes.iter().flatten().map(String::as_str).chain(claims).collect();
                    match wanted.iter().any(|scope| held.contains(scope)) {
                        true => Ok(()),
                        false => Err(Problem::new(
                            Kind::Forbidden,
                            format!("the token lacks the scope `{}`", wanted[0]),
                        )),
                    }
                }
                None => Err(unknown_caller()),
            },
            Self::Iam => Err(unknown_caller()),
        }
    }
}

fn unknown_caller() -> Problem {
    const DETAIL: &str = "the request carries no identity that API Gateway has verified";
    Problem::new(Kind::Unauthorized, DETAIL)
}

/// Lets through what the caller may do.
pub(crate) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    match access.allows(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The scopes of a claim: `a b`, or a list as API Gateway writes it, `[a b]`.
fn scopes(claim: &str) -> impl Iterator<Item = &str> {
    claim
        .split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '"'))
        .filter(|scope| !scope.is_empty())
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
    fn scopes_are_read_in_all_their_forms() {
        for claim in [
            "landfall:read landfall:write",
            "[landfall:read landfall:write]",
            "[\"landfall:read\",\"landfall:write\"]",
        ] {
            assert_eq!(scopes(claim).collect::<Vec<_>>(), [READ, WRITE], "{claim}");
        }
        assert_eq!(scopes("").count(), 0);
    }
}
