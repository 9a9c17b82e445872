//! Which tokens the gateway lets through, and what the function makes of those: an issuer on this
//! machine signs good ones and bad ones.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use ureq::http::Method;
use xtask::local::{Answer, Options};

use super::stage::Stage;

/// Makes two keys, and tokens of which only the last few are as the gateway wants them. It prints
/// the issuer's keys and the tokens.
const SIGN: &str = "
import base64, json, sys, time
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
issuer, now, scope = sys.argv[1], int(time.time()), 'landfall:read'
everything = 'landfall:admin landfall:data'
ours, theirs = (rsa.generate_private_key(65537, 2048) for _ in range(2))
def base(data): return base64.urlsafe_b64encode(data).rstrip(b'=').decode()
def part(value): return base(json.dumps(value).encode())
def signed(head, body, key): return base(key.sign(f'{head}.{body}'.encode(), padding.PKCS1v15(), hashes.SHA256()))
def token(key=ours, **claims):
    head = part({'alg': 'RS256', 'kid': 'a', 'typ': 'JWT'})
    body = part({'iss': issuer, 'aud': 'landfall', 'sub': 'ada', 'iat': now - 60, 'exp': now + 3600, 'scope': scope, **claims})
    return f'{head}.{body}.{signed(head, body, key)}'
good = token()
head, body, signature = good.split('.')
forged = {**json.loads(base64.urlsafe_b64decode(body + '==')), 'scope': everything}
tokens = {
    'expired': token(exp=now - 60),
    'not yet': token(nbf=now + 3600),
    'another audience': token(aud='elsewhere'),
    'another issuer': token(iss='https://elsewhere.example.org'),
    'another key': token(key=theirs),
    'tampered': f'{head}.{part(forged)}.{signature}',
    'unsigned': f\"{part({'alg': 'none', 'kid': 'a'})}.{body}.\",
    'no scope': token(scope='openid'),
    'reader': good,
    'sales': token(scope=everything, **{'landfall:datasets': ['sales_*']}),
    'all': token(scope=everything),
}
numbers = ours.public_key().public_numbers()
def number(n): return base(n.to_bytes((n.bit_length() + 7) // 8, 'big'))
key = {'kid': 'a', 'kty': 'RSA', 'alg': 'RS256', 'use': 'sig', 'n': number(numbers.n), 'e': number(numbers.e)}
print(json.dumps({'keys': {'keys': [key]}, 'tokens': tokens}))
";
const CONTRACT: &str = "name: orders\nschema: { fields: [ { name: id, type: integer } ] }\n";

/// Answers whoever asks for the issuer's keys.
fn serve(listener: TcpListener, keys: Arc<OnceLock<Value>>) {
    for stream in listener.incoming() {
        answer(&stream.unwrap(), &keys);
    }
}

fn answer(mut stream: &TcpStream, keys: &OnceLock<Value>) {
    let head: Vec<_> = BufReader::new(stream)
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect();
    let asks_for_keys = head.first().is_some_and(|line| line.contains("/.well-known/jwks.json"));
    let (status, body) = match keys.get() {
        Some(keys) if asks_for_keys => ("200 OK", keys.to_string()),
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n");
    write!(stream, "{head}content-type: application/json\r\n\r\n{body}").unwrap();
}

#[test]
fn only_good_tokens_pass_the_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let keys = Arc::new(OnceLock::new());
    std::thread::spawn({
        let keys = keys.clone();
        move || serve(listener, keys)
    });
    let parameters = [("Auth", "JWT"), ("JwtIssuer", &issuer), ("JwtAudience", "landfall")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let stage = Stage::with(Options { parameters, ..Options::default() });
    let made = stage.python(SIGN, &[&issuer]);
    keys.set(made["keys"].clone()).unwrap();

    let call = |token: &str, method: Method, path: &str, body: &str| -> Answer {
        let bearer = format!("Bearer {}", made["tokens"][token].as_str().unwrap());
        let headers = [("authorization", bearer.as_str())];
        stage.cloud.api().call(method, path, &headers, body.into()).unwrap()
    };
    let none = stage.cloud.api().get("/jobs").unwrap();
    assert_eq!(none.status, 401, "{}", none.body);
    for (token, expected) in [
        ("expired", 401),
        ("not yet", 401),
        ("another audience", 401),
        ("another issuer", 401),
        ("another key", 401),
        ("tampered", 401),
        ("unsigned", 401),
        ("no scope", 403),
        ("reader", 200),
        ("sales", 200),
        ("all", 200),
    ] {
        let answer = call(token, Method::GET, "/jobs", "");
        assert_eq!(answer.status, expected, "{token}: {}", answer.body);
    }
    // What the gateway leaves to the function.
    for (token, method, path, expected) in [
        ("reader", Method::PUT, "/datasets/orders", 403),
        ("sales", Method::PUT, "/datasets/orders", 404),
        ("all", Method::PUT, "/datasets/orders", 201),
        ("reader", Method::GET, "/datasets/orders", 200),
        ("sales", Method::GET, "/datasets/orders", 404),
        ("reader", Method::GET, "/datasets/orders/files", 403),
        ("all", Method::GET, "/datasets/orders/files", 404),
    ] {
        let body = if method == Method::PUT { CONTRACT } else { "" };
        let answer = call(token, method, path, body);
        assert_eq!(answer.status, expected, "{token} {path}: {}", answer.body);
    }
}
