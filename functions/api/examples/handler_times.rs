//! Measures how long the api function takes for a request, beyond what AWS takes: the binary runs
//! as on Lambda, over a Runtime API of this process, and what it asks of AWS is answered at once.
//!
//! `handler_times PATH_OF_THE_BINARY [REQUESTS]`

use std::collections::HashMap;
use std::error::Error;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Requests before the measured ones: connections are made, and code is paged in.
const WARM_UP: usize = 50;
const CONTRACT: &str = "name: flights\nschema: { fields: [ { name: year, type: integer } ] }\n";
const SUBMISSION: &str = r#"{"dataset":"flights","source":{"key":"staged/flights/june.csv"}}"#;

/// The two ends at which requests go in and answers come out.
struct Lambda {
    events: AsyncMutex<Receiver<Value>>,
    begun: Mutex<Instant>,
    answers: Sender<(Duration, Value)>,
}

/// What stands for AWS: a table without conditions, objects that are all there, executions that
/// start.
#[derive(Default)]
struct Aws {
    items: HashMap<String, Value>,
    calls: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let binary = arguments.next().ok_or("handler_times PATH_OF_THE_BINARY [REQUESTS]")?;
    let requests: usize = arguments.next().map_or(Ok(2_000), |count| count.parse())?;

    let aws = Arc::new(Mutex::new(Aws::default()));
    let aws_at = serve(Router::new().fallback(answer_for_aws).with_state(aws.clone())).await?;
    let (send, events) = channel(1);
    let (answers, mut receive) = channel(1);
    let lambda =
        Lambda { events: AsyncMutex::new(events), begun: Mutex::new(Instant::now()), answers };
    let runtime = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
        .with_state(Arc::new(lambda));
    let runtime_at = serve(runtime).await?;
    let mut function = Command::new(binary)
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", runtime_at.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "api"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_ENDPOINT_URL", &format!("http://{aws_at}")),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("LANDFALL_AUTH", "jwt"),
            ("LANDFALL_TABLE", "table"),
            (
                "LANDFALL_STATE_MACHINE",
                "arn:aws:states:us-east-1:000000000000:stateMachine:landing",
            ),
            ("LANDFALL_FUNCTIONS", "transform=transform"),
            ("LANDFALL_INBOX_BUCKET", "the-inbox"),
            ("LANDFALL_INBOX_PREFIX", "inbox/"),
            ("LANDFALL_SOURCE_BUCKET_ARNS", ""),
            ("LANDFALL_WORK_BUCKET", "the-work"),
            ("LANDFALL_LAKE_BUCKET", "the-lake"),
            ("LANDFALL_LAKE_PREFIX", "lake/"),
            ("LANDFALL_CORS_ORIGINS", ""),
            ("LANDFALL_SOCKET_API", "sockets"),
            ("LANDFALL_SOCKET_STAGE", "live"),
            ("LANDFALL_HAS_MASK_SALT", "false"),
            ("LANDFALL_CHANGES_PER_MINUTE", "1000000"),
        ])
        .stdout(Stdio::null())
        .spawn()?;

    let mut ask = async |method: &str, path: &str, body: &str, expected: u64| {
        send.send(event(method, path, body)).await?;
        let (took, answer) = receive.recv().await.ok_or("the function has ended")?;
        if answer["statusCode"] != expected {
            return Err(format!("{method} {path}: {answer}").into());
        }
        let body = answer["body"].as_str().unwrap_or_default();
        Ok::<_, Box<dyn Error>>((took, serde_json::from_str::<Value>(body)?))
    };
    ask("PUT", "/datasets/flights", CONTRACT, 201).await?;
    println!("request        p50 ms   p99 ms   calls of AWS");
    let mut job = String::new();
    for (name, method, expected) in [("POST /jobs", "POST", 202), ("GET /jobs/{id}", "GET", 200)] {
        let (path, body) = match method {
            "POST" => ("/jobs".to_owned(), SUBMISSION),
            _ => (format!("/jobs/{job}"), ""),
        };
        let mut times = Vec::with_capacity(requests);
        let mut calls = 0;
        for number in 0..WARM_UP + requests {
            if number == WARM_UP {
                calls = calls_of(&aws);
            }
            let (took, answer) = ask(method, &path, body, expected).await?;
            job = answer["job"].as_str().unwrap_or_default().to_owned();
            if number >= WARM_UP {
                times.push(took);
            }
        }
        times.sort_unstable();
        let [p50, p99] = [50, 99].map(|percent| times[times.len() * percent / 100]);
        let [p50, p99] = [p50, p99].map(|time| time.as_secs_f64() * 1_000.0);
        let calls = (calls_of(&aws) - calls) as f64 / requests as f64;
        println!("{name:<14} {p50:>6.2}   {p99:>6.2}   {calls}");
    }
    function.kill()?;
    function.wait()?;
    Ok(())
}

/// Serves on a free port of this machine; where.
async fn serve(router: Router) -> Result<String, std::io::Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address.to_string())
}

fn calls_of(aws: &Mutex<Aws>) -> u64 {
    aws.lock().expect("nobody panics with it").calls
}

/// A request as API Gateway hands it to the function.
fn event(method: &str, path: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": format!("{method} /{{proxy+}}"), "rawPath": path, "rawQueryString": "",
        "headers": {"host": "abc.execute-api.us-east-1.amazonaws.com", "content-type": "application/json"},
        "requestContext": {
            "accountId": "000000000000", "apiId": "abc", "requestId": "r-1", "stage": "$default", "timeEpoch": 0,
            "domainName": "abc.execute-api.us-east-1.amazonaws.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
            "authorizer": {"jwt": {"claims": {"sub": "ada", "scope": "landfall:admin", "landfall:datasets": "fl*"}, "scopes": null}},
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// The Runtime API's `next`: the time runs from here.
async fn next(State(lambda): State<Arc<Lambda>>) -> Response {
    let Some(event) = lambda.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = std::time::SystemTime::now() + Duration::from_secs(29);
    let since = deadline.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let headers = [
        ("lambda-runtime-aws-request-id", "r-1".to_owned()),
        ("lambda-runtime-deadline-ms", since.as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:api".to_owned(),
        ),
    ];
    *lambda.begun.lock().expect("nobody panics with it") = Instant::now();
    (headers, Json(event)).into_response()
}

/// The Runtime API's `response`: the time runs until here.
async fn answered(State(lambda): State<Arc<Lambda>>, _: Path<String>, body: Bytes) -> StatusCode {
    let took = lambda.begun.lock().expect("nobody panics with it").elapsed();
    let answer = serde_json::from_slice(&body).unwrap_or_default();
    match lambda.answers.send((took, answer)).await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::GONE,
    }
}

async fn answer_for_aws(
    State(aws): State<Arc<Mutex<Aws>>>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut aws = aws.lock().expect("nobody panics with it");
    aws.calls += 1;
    let key = |item: &Value| format!("{} {}", item["pk"]["S"], item["sk"]["S"]);
    let answer = match operation {
        "GetItem" => match aws.items.get(&key(&asked["Key"])) {
            Some(item) => json!({"Item": item}),
            None => json!({}),
        },
        "PutItem" => {
            aws.items.insert(key(&asked["Item"]), asked["Item"].clone());
            json!({})
        }
        "UpdateItem" => json!({"Attributes": {"requests": {"N": "1"}}}),
        "TransactWriteItems" => {
            for write in asked["TransactItems"].as_array().into_iter().flatten() {
                let item = &write["Put"]["Item"];
                aws.items.insert(key(item), item.clone());
            }
            json!({})
        }
        "Query" => json!({"Items": [], "Count": 0, "ScannedCount": 0}),
        "StartExecution" => json!({
            "executionArn": format!("arn:aws:states:us-east-1:000000000000:execution:landing:{}", asked["name"].as_str().unwrap_or_default()),
            "startDate": 1_769_860_800.0,
        }),
        // `HeadObject`.
        _ => {
            let headers = [
                ("etag", "\"d41d8cd98f00b204e9800998ecf8427e\""),
                ("x-amz-version-id", "v-1"),
                ("last-modified", "Sat, 31 Jan 2026 12:00:00 GMT"),
            ];
            return (headers, "").into_response();
        }
    };
    ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}
