//! Where an execution stands in the landing's graph, by histories as AWS and the local cloud tell
//! them.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use flow::history::{MapRun, milliseconds};
use flow::{EdgeKind, Event, Execution, Graph, History, Machine, Node, Standing, Status};
use serde_json::Value;

const LANDING: &str = include_str!("../../../statemachine/landing.asl.json");
/// With ids of preceding events, and events of map runs.
const AWS: &str = include_str!("histories/aws.json");
/// Without them.
const LOCAL: &str = include_str!("histories/local.json");
const STARTED: &str = "2026-01-31T12:00:00.000Z";
/// A minute later.
const NOW: &str = "2026-01-31T12:01:00.000Z";

fn landing() -> Machine {
    let functions =
        ["Ingest", "Transform", "Verify", "Store"].map(|name| format!("{name}Function"));
    let functions: Vec<_> = functions.iter().map(|name| (name.as_str(), "function")).collect();
    Machine::read("landing", LANDING, &functions).unwrap()
}

/// What `GetExecutionHistory` and `ListMapRuns` answered.
fn read(answer: &str) -> (Vec<Event>, Vec<MapRun>) {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let events = answer["events"].as_array().unwrap().iter().map(|event| {
        let (entered, exited) =
            (&event["stateEnteredEventDetails"], &event["stateExitedEventDetails"]);
        let details = event.as_object().unwrap().values();
        let failure = details.clone().find_map(|details| {
            Some((text(&details["error"])?, text(&details["cause"]).unwrap_or_default()))
        });
        Event {
            at: text(&event["timestamp"]).unwrap(),
            kind: text(&event["type"]).unwrap(),
            state: text(&entered["name"]).or_else(|| text(&exited["name"])),
            input: text(&entered["input"]),
            output: text(&exited["output"]),
            failure,
        }
    });
    let runs = answer["mapRuns"].as_array().unwrap().iter().map(|run| MapRun {
        arn: text(&run["mapRunArn"]).unwrap(),
        state: None,
        status: text(&run["status"]),
        started: text(&run["startDate"]).unwrap(),
        stopped: text(&run["stopDate"]),
        counts: None,
    });
    (events.collect(), runs.collect())
}

fn execution(status: Status, stopped: Option<&str>) -> Execution {
    Execution {
        arn: "arn".to_owned(),
        status,
        started: STARTED.to_owned(),
        stopped: stopped.map(str::to_owned),
        error: None,
        cause: None,
        input: None,
    }
}

/// The execution after its first events, while it runs, or once it has ended.
fn after(answer: &str, count: usize, status: Status) -> (Graph, History) {
    let (events, runs) = read(answer);
    let events = &events[..count.min(events.len())];
    let last = events.last().map_or(STARTED, |event| event.at.as_str());
    let runs = runs.into_iter().filter(|run| run.started.as_str() < last);
    let mut history = History::of(events, runs.collect());
    let stopped = Some(last).filter(|_| status != Status::Running);
    let graph = landing().graph(&execution(status, stopped), &mut history, milliseconds(NOW));
    (graph, history)
}

fn whole(answer: &str) -> (Graph, History) {
    after(answer, usize::MAX, Status::Failed)
}

fn node<'g>(graph: &'g Graph, name: &str) -> &'g Node {
    graph.nodes.iter().find(|node| node.name == name).unwrap()
}

#[test]
fn a_failed_map_looks_the_same_whoever_tells_of_it() {
    let [(aws, of_aws), (local, of_local)] = [AWS, LOCAL].map(whole);
    assert_eq!(aws, local);
    assert_eq!(of_aws, of_local);
    let reached: Vec<_> = aws
        .nodes
        .iter()
        .filter(|node| node.status != Standing::NotReached)
        .map(|node| (node.name.as_str(), node.status, node.milliseconds, node.attempts))
        .collect();
    assert_eq!(
        reached,
        [
            ("Ingest", Standing::Succeeded, 4_000, 2),
            ("One shard?", Standing::Succeeded, 0, 0),
            ("Abandon", Standing::Succeeded, 1_000, 1),
            ("TransformAll", Standing::Caught, 10_000, 1),
            ("TransformShard", Standing::Caught, 0, 0),
            ("How did it end?", Standing::Succeeded, 0, 0),
            ("Abandoned", Standing::Failed, 0, 0),
        ]
    );
    let map = node(&aws, "TransformAll");
    assert_eq!(map.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    assert_eq!((map.failed_attempts, &map.next_retry), (1, &None));
    let taken: Vec<_> = aws
        .edges
        .iter()
        .filter(|edge| edge.taken > 0)
        .map(|edge| (edge.from.as_str(), edge.to.as_str(), edge.kind))
        .collect();
    assert_eq!(
        taken,
        [
            ("Ingest", "One shard?", EdgeKind::Next),
            ("One shard?", "TransformAll", EdgeKind::Default),
            ("Abandon", "How did it end?", EdgeKind::Next),
            ("TransformAll", "Abandon", EdgeKind::Catch),
            ("How did it end?", "Abandoned", EdgeKind::Default),
        ]
    );
}

/// Each member of a message is shown by the state that made it, and by no other.
#[test]
fn no_state_repeats_a_message() {
    for answer in [AWS, LOCAL] {
        let (_, history) = whole(answer);
        let shown = history.states.iter().map(|visit| {
            let output = visit.output.as_ref().and_then(Value::as_object);
            let keys = output.into_iter().flat_map(|output| output.keys().cloned());
            keys.collect::<Vec<_>>().join(" ")
        });
        let shown: Vec<_> = shown.collect();
        assert_eq!(shown, ["plan", "", "failure", "abandoned", "", ""]);
    }
}

#[test]
fn what_waits_for_a_retry_says_until_when() {
    for answer in [AWS, LOCAL] {
        // Started, entered, scheduled, begun, failed.
        let (graph, _) = after(answer, 5, Status::Running);
        let ingest = node(&graph, "Ingest");
        assert_eq!(ingest.status, Standing::Retrying);
        let next = ingest.next_retry.as_ref().unwrap();
        assert_eq!((next.attempt, next.left), (2, 4));
        assert_eq!(next.by, "2026-01-31T12:00:03.000Z", "two seconds after the failure at most");
        assert_eq!(ingest.milliseconds, 60_000, "it is on until now");
        let (graph, _) = after(answer, 6, Status::Running);
        let ingest = node(&graph, "Ingest");
        assert_eq!((ingest.status, &ingest.next_retry), (Standing::Running, &None));
        let (graph, _) = after(answer, 5, Status::Aborted);
        let ingest = node(&graph, "Ingest");
        assert_eq!((ingest.status, &ingest.next_retry), (Standing::Aborted, &None));
    }
}

/// Whenever somebody looks, the graph tells of all that the history does, and of nothing else.
#[test]
fn the_graph_goes_with_the_history_at_each_of_its_events() {
    for (answer, status) in [AWS, LOCAL].into_iter().flat_map(|answer| {
        [Status::Running, Status::Failed, Status::Aborted, Status::TimedOut]
            .map(|status| (answer, status))
    }) {
        for count in 0..=read(answer).0.len() {
            let (graph, history) = after(answer, count, status);
            let entered = history.states.len() as u64;
            assert_eq!(graph.nodes.iter().map(|node| node.visits).sum::<u64>(), entered);
            let taken = graph.edges.iter().map(|edge| edge.taken).sum::<u64>();
            assert_eq!(taken, entered.saturating_sub(1));
            let on = |node: &&Node| {
                node.within.is_none() && node.exited.is_none() && node.entered.is_some()
            };
            let on: Vec<_> = graph.nodes.iter().filter(on).collect();
            assert!(on.len() <= 1, "one state after another: {on:?}");
            let running = [Standing::Running, Standing::Retrying, Standing::Waiting];
            for node in on {
                assert_eq!(status == Status::Running, running.contains(&node.status), "{node:?}");
            }
        }
    }
}

#[test]
fn every_state_and_every_way_is_in_the_graph() {
    let document: Value = serde_json::from_str(LANDING).unwrap();
    let states = document["States"].as_object().unwrap();
    let (graph, _) = after(AWS, 0, Status::Running);
    assert_eq!(graph.nodes[0].name, graph.start);
    let outer: Vec<_> = graph.nodes.iter().filter(|node| node.within.is_none()).collect();
    assert_eq!(outer.len(), states.len());
    for (name, state) in states {
        let to = |kind: EdgeKind| {
            let edges = graph.edges.iter().filter(|edge| edge.from == *name && edge.kind == kind);
            edges.map(|edge| edge.to.clone()).collect::<Vec<_>>()
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        assert_eq!(to(EdgeKind::Next), Vec::from_iter(text(&state["Next"])));
        assert_eq!(to(EdgeKind::Default), Vec::from_iter(text(&state["Default"])));
        for (field, kind) in [("Choices", EdgeKind::Choice), ("Catch", EdgeKind::Catch)] {
            for way in state[field].as_array().into_iter().flatten() {
                assert!(to(kind).contains(&text(&way["Next"]).unwrap()), "{name} {way}");
            }
        }
    }
    let again = graph.edges.iter().find(|edge| edge.to == "TransformAgain").unwrap();
    assert_eq!(
        (again.from.as_str(), &again.when[..]),
        ("Run again?", &["$.verified.again.count > 0".to_owned()][..])
    );
    let settled = graph.edges.iter().find(|edge| edge.to == "Settled").unwrap();
    assert_eq!(settled.when.len(), 3, "{settled:?}");
}

#[test]
fn a_held_job_waits() {
    let entered = |at: &str, state: &str| Event {
        at: at.to_owned(),
        kind: "TaskStateEntered".to_owned(),
        state: Some(state.to_owned()),
        ..Event::default()
    };
    let scheduled =
        Event { at: STARTED.to_owned(), kind: "TaskScheduled".to_owned(), ..Event::default() };
    let mut history = History::of(&[entered(STARTED, "Hold"), scheduled], Vec::new());
    let running = execution(Status::Running, None);
    let graph = landing().graph(&running, &mut history, milliseconds(NOW));
    assert_eq!(node(&graph, "Hold").status, Standing::Waiting);
}

/// An execution of an earlier version of the machine is shown with the states that it had.
#[test]
fn a_state_that_the_machine_no_longer_has_is_shown() {
    let entered = Event {
        at: STARTED.to_owned(),
        kind: "TaskStateEntered".to_owned(),
        state: Some("Weigh".to_owned()),
        ..Event::default()
    };
    let mut history = History::of(&[entered], Vec::new());
    let running = execution(Status::Running, None);
    let graph = landing().graph(&running, &mut history, milliseconds(NOW));
    assert_eq!(node(&graph, "Weigh").status, Standing::Running);
}
