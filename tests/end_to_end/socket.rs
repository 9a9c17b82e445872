//! A client of the WebSocket API.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

/// How long a message may take before a test says that it does not come.
const PATIENCE: Duration = Duration::from_secs(120);

/// An open WebSocket.
pub(crate) struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Opens a URL that `POST /tickets` answered; the status of the answer, when that is no success.
    pub(crate) fn open(url: &str) -> Result<Self, u16> {
        let request = url.into_client_request().unwrap();
        let host = request.uri().authority().unwrap().as_str().to_owned();
        let stream = TcpStream::connect(host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).unwrap();
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sends a message and waits for its answer, which has a request of its own; with it come the
    /// snapshots before it.
    pub(crate) fn ask(&mut self, message: Value) -> (Vec<Value>, Value) {
        let mut message = message;
        message["request"] = json!(message.to_string());
        self.send(&message);
        let mut before = Vec::new();
        loop {
            let next = self.next();
            if next["type"] == "answer" && next["request"] == message["request"] {
                return (before, next);
            }
            before.push(next);
        }
    }
}
