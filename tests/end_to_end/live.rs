//! Jobs are watched over the WebSocket API of the local cloud.

use serde_json::{Value, json};

use super::landfall;
use super::socket::Socket;
use super::stage::Stage;

const CONTRACT: &str = "
name: orders
schema:
  fields:
    - { name: id, type: integer }
holdWhen: { rejects: 10% }
";

impl Stage {
    /// The URL that opens a WebSocket once.
    fn ticket(&self) -> String {
        let ticket = self.cloud.api().post("/tickets", &json!({})).unwrap().ok().unwrap();
        ticket["url"].as_str().unwrap().to_owned()
    }
}

/// Numbers below `rows`, one a line, with one in `bad` that is none.
fn numbers(rows: u32, bad: u32) -> Vec<u8> {
    let row = |row: u32| match row % bad {
        0 => "x\n".to_owned(),
        _ => format!("{row}\n"),
    };
    format!("id\n{}", (1..=rows).map(row).collect::<String>()).into_bytes()
}

/// Reads snapshots of a job until one is as wanted; all of them.
fn until(socket: &mut Socket, job: &str, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let next = socket.next();
        assert_eq!((&next["type"], &next["job"]), (&json!("job"), &json!(job)), "{next}");
        let is_done = is_last(&next);
        seen.push(next);
        if is_done {
            return seen;
        }
    }
}

#[test]
fn a_job_is_watched_held_approved_and_seen_to_its_end() {
    let stage = Stage::new();
    stage.register_text("orders", CONTRACT);

    let ticket = stage.ticket();
    let mut socket = Socket::open(&ticket).unwrap();
    assert_eq!(Socket::open(&ticket).err(), Some(403), "a ticket opens one socket");
    assert_eq!(Socket::open(&stage.ticket().replace("ticket=", "ticket=0")).err(), Some(403));

    let (seen, answer) = socket.ask(json!({"action": "subscribe", "dataset": "orders"}));
    assert_eq!((seen.len(), &answer["status"]), (0, &json!(200)), "{answer}");

    // Some 20 shards, and a fifth of the records is bad.
    let bytes = numbers(200_000, 5);
    let size = bytes.len() as u64;
    let key = stage.stage("orders", "numbers.csv", bytes);
    let source = json!({"key": key});
    let request = json!({"dataset": "orders", "source": source, "shardBytes": 65_536});
    let job = stage.submit(&request);
    let to_hold = until(&mut socket, &job, |it| it["status"] == "HELD");
    let held = to_hold.last().unwrap();
    let progress = &held["progress"];
    assert_eq!(held["planned"]["shards"], progress["shards"], "{held}");
    assert_eq!((&progress["read"], &progress["rejected"]), (&json!(200_000), &json!(40_000)));
    assert_eq!(progress["faults"], json!({"type-error": 40_000}));
    assert_eq!(progress["bytes"], size);

    // Somebody who comes later is shown how it stands, and may answer.
    let mut late = Socket::open(&stage.ticket()).unwrap();
    let (shown, _) = late.ask(json!({"action": "subscribe", "job": job}));
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(
        (&shown[0]["status"], &shown[0]["sequence"]),
        (&json!("HELD"), &held["sequence"]),
        "{shown:?}"
    );
    let (_, refused) = late.ask(json!({"action": "approve", "job": "nobody"}));
    assert_eq!(refused["status"], 404, "{refused}");
    let (more, answer) = late.ask(json!({"action": "approve", "job": job}));
    assert_eq!((&answer["status"], &answer["body"]["job"]), (&json!(200), &json!(job)), "{answer}");

    let is_over = |it: &Value| it["isOver"] == true;
    let mut seen = to_hold;
    seen.extend(until(&mut socket, &job, is_over));
    let sequences: Vec<_> = seen.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {sequences:?}");
    let last = seen.last().unwrap();
    assert_eq!(
        (&last["status"], &last["counts"]["stored"]),
        (&json!("SUCCEEDED"), &json!(160_000))
    );
    if !more.iter().any(is_over) {
        let other = until(&mut late, &job, is_over);
        assert_eq!(other.last().unwrap()["sequence"], last["sequence"], "both end alike");
    }

    // The command shows the same, from where the job stands now.
    let watch = |args: &[&str]| {
        let url = stage.cloud.api().url("");
        landfall().arg("watch").args(args).args(["--api", &url]).output().unwrap()
    };
    let shown = watch(&[&job]);
    let said = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.status.code(), Some(0), "{said}");
    let wanted =
        format!("{job} (orders): succeeded, 160,000 stored, 40,000 rejected (type-error 40,000), ");
    assert!(said.starts_with(&wanted) && said.ends_with(" USD\n"), "{said}");
    let nobody = watch(&["nobody", "--json"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert_eq!(String::from_utf8(nobody.stderr).unwrap(), "landfall: there is no job nobody\n");
}

/// How many watch one job.
const WATCHERS: usize = 200;
/// Of them, so many connect at the same time.
const CONNECTING: usize = 10;

#[test]
fn two_hundred_watchers_of_a_job_see_it_without_a_gap_to_its_end() {
    let stage = Stage::new();
    stage.register_text("orders", &CONTRACT.replace("holdWhen: { rejects: 10% }\n", ""));
    let key = stage.stage("orders", "numbers.csv", numbers(400_000, 1_000_000));
    let request = json!({"dataset": "orders", "source": {"key": key}, "shardBytes": 65_536});
    let watch = |_| {
        let mut socket = Socket::open(&stage.ticket()).unwrap();
        let (seen, answer) = socket.ask(json!({"action": "subscribe", "dataset": "orders"}));
        assert_eq!((seen.len(), &answer["status"]), (0, &json!(200)), "{answer}");
        socket
    };
    let sockets: Vec<Socket> = std::thread::scope(|scope| {
        let some = |_| scope.spawn(|| (0..WATCHERS / CONNECTING).map(watch).collect::<Vec<_>>());
        let all: Vec<_> = (0..CONNECTING).map(some).collect();
        all.into_iter().flat_map(|some| some.join().unwrap()).collect()
    });

    let job = stage.submit(&request);
    let follow = |mut socket: Socket| {
        let (mut seen, mut delays) = (Vec::new(), Vec::new());
        loop {
            let next = socket.next();
            assert_eq!(next["job"], job, "{next}");
            if let Some(told) = next["toldAt"].as_i64().filter(|_| next["status"] == "RUNNING") {
                delays.push(chrono::Utc::now().timestamp_millis() - told);
            }
            seen.push(next);
            // Each push is written to many connections at once, so two may overtake each other.
            let newest = seen.iter().max_by_key(|it| it["sequence"].as_u64()).unwrap();
            if newest["isOver"] == true && newest["sequence"] == seen.len() {
                return (seen, delays);
            }
        }
    };
    let all: Vec<_> = std::thread::scope(|scope| {
        let follow = &follow;
        let some = sockets.into_iter().map(|socket| scope.spawn(move || follow(socket)));
        some.collect::<Vec<_>>().into_iter().map(|one| one.join().unwrap()).collect()
    });

    let mut delays: Vec<i64> = Vec::new();
    for (seen, delay) in &all {
        let mut sequences: Vec<_> =
            seen.iter().map(|it| it["sequence"].as_u64().unwrap()).collect();
        sequences.sort_unstable();
        assert_eq!(sequences[0], 1, "the first push");
        assert!(sequences.windows(2).all(|pair| pair[0] + 1 == pair[1]), "no gap: {sequences:?}");
        let newest = seen.iter().max_by_key(|it| it["sequence"].as_u64()).unwrap();
        assert_eq!((&newest["status"], &newest["isOver"]), (&json!("SUCCEEDED"), &json!(true)));
        assert_eq!(newest["counts"]["stored"], 400_000, "{newest}");
        delays.extend(delay);
    }
    delays.sort_unstable();
    let at = |percent: usize| delays.get(delays.len() * percent / 100);
    println!("from a shard's note to the watcher, ms: p50 {:?}, p99 {:?}", at(50), at(99));
}
