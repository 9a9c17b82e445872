//! Gives out tickets, with which a client opens a WebSocket: a token has no place in a URL, and a
//! browser can send a WebSocket nothing else.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{SecondsFormat, TimeDelta, Utc};
use lambda_http::request::RequestContext;
use registry::Viewer;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::App;
use crate::caller::{Caller, DATASETS_CLAIM};
use crate::problem::Problem;

/// How long a ticket is good for.
const TICKET_SECONDS: i64 = 60;
/// What the audit and the checks of access read of a token.
const CLAIMS: [&str; 5] = ["sub", "client_id", "scope", "scp", DATASETS_CLAIM];

/// A ticket.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ticket {
    /// Where to connect, once and before the ticket expires: the ticket is in the URL.
    #[schema(example = "wss://abc123.execute-api.eu-west-1.amazonaws.com/live?ticket=5f0c")]
    url: String,
    /// When the ticket expires.
    #[schema(example = "2026-11-24T10:01:00.000Z")]
    expires: String,
}

/// Gives out a ticket that opens one WebSocket within a minute. What its holder may see and do
/// there is what the caller may.
#[utoipa::path(
    post,
    path = "/tickets",
    tag = "live",
    responses((status = 201, description = "The ticket.", body = Ticket))
)]
pub(crate) async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    context: Option<Extension<RequestContext>>,
) -> Result<Response, Problem> {
    // Two random UUIDs have 244 random bits.
    let secret = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let expires = Utc::now() + TimeDelta::seconds(TICKET_SECONDS);
    let authorizer = context.map_or(Value::Null, |Extension(context)| authorizer(&context));
    let viewer = Viewer { datasets: caller.datasets, authorizer };
    app.live.issue_ticket(&secret, &viewer, expires.timestamp().unsigned_abs()).await?;
    let url = format!("{}?ticket={secret}", app.config.socket_url);
    let expires = expires.to_rfc3339_opts(SecondsFormat::Millis, true);
    Ok((StatusCode::CREATED, Json(Ticket { url, expires })).into_response())
}

/// How API Gateway authorized the caller, as far as it is asked about later.
fn authorizer(context: &RequestContext) -> Value {
    let RequestContext::ApiGatewayV2(context) = context else { return Value::Null };
    let Some(authorizer) = &context.authorizer else { return Value::Null };
    if let Some(jwt) = &authorizer.jwt {
        let claims = CLAIMS
            .into_iter()
            .filter_map(|name| jwt.claims.get(name).map(|value| (name.to_owned(), json!(value))));
        return json!({"jwt": {"claims": claims.collect::<Map<_, _>>(), "scopes": jwt.scopes}});
    }
    match &authorizer.iam {
        Some(iam) => json!({"iam": {"userArn": iam.user_arn}}),
        None => Value::Null,
    }
}
