//! Shows a machine as a graph, and where an execution stands in it.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::Value;

use crate::execution::{Execution, Status, cause};
use crate::history::{Failure, History, StateVisit, milliseconds};
use crate::machine::{Machine, States};
use crate::outside::Fixed;
use crate::retry::{Catcher, Tries};
use crate::state::{State, Work};

/// A machine, and where an execution stands in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graph {
    /// The state at which executions start.
    pub start: String,
    /// The states, in the order in which they follow each other; those of a map after it.
    pub nodes: Vec<Node>,
    /// What follows what.
    pub edges: Vec<Edge>,
}

/// A state, and where the execution stands with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Name of the state.
    pub name: String,
    /// `Task`, `Choice`, `Map`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The map that goes through it for each of its items. Its status is then that of the map, and
    /// nothing else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Where it stands; of several visits the last one counts.
    pub status: Standing,
    /// When it was entered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entered: Option<String>,
    /// When it was left last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exited: Option<String>,
    /// How long it took, all visits together, so far.
    pub milliseconds: u64,
    /// How often it was entered.
    pub visits: u64,
    /// Its attempts, all visits together.
    pub attempts: u64,
    /// How many of them failed.
    pub failed_attempts: u64,
    /// How its last visit failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The attempt that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_retry: Option<NextRetry>,
}

/// Where a state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    /// It was not entered.
    NotReached,
    /// It is at work.
    Running,
    /// It waits: for somebody's answer, or for a moment.
    Waiting,
    /// An attempt failed, and it waits for the next one.
    Retrying,
    /// It came to its end.
    Succeeded,
    /// It failed, and the execution went on where its `Catch` leads.
    Caught,
    /// It failed, and the execution with it.
    Failed,
    /// The time of the execution was over.
    TimedOut,
    /// The execution was stopped.
    Aborted,
}

/// An attempt that is to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextRetry {
    /// Which attempt of the visit it is, from 1.
    pub attempt: u64,
    /// How many more may follow it if it fails likewise.
    pub left: u64,
    /// The moment at which it begins at the latest: chance may have it begin before.
    pub by: String,
}

/// That a state may follow another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The state.
    pub from: String,
    /// The one that may follow.
    pub to: String,
    /// Why it follows.
    pub kind: EdgeKind,
    /// The conditions of a choice, or the error names of a catch. Any one of them is enough.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// How often the execution went this way.
    pub taken: u64,
}

/// Why a state follows another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// It always does.
    Next,
    /// A condition holds.
    Choice,
    /// No condition holds.
    Default,
    /// The state failed.
    Catch,
}

impl Machine {
    /// Where an execution of this machine stands. `now` is the time, in milliseconds since 1970.
    ///
    /// Some services tell of a failed map only by what its `Catch` put into its output: `history`
    /// is told its failure, too.
    pub fn graph(&self, execution: &Execution, history: &mut History, now: i64) -> Graph {
        self.name_caught(history);
        let mut graph = Graph { start: self.states.start.clone(), ..Graph::of(&self.states, None) };
        for visit in &history.states {
            // An execution of an earlier version of the machine may know others.
            if !graph.nodes.iter().any(|node| node.name == visit.name) {
                graph.nodes.push(Node::new(&visit.name, &visit.kind, None));
            }
        }
        for visit in &history.states {
            let state = self.states.all.get(&visit.name);
            let node = graph.nodes.iter_mut().find(|node| node.name == visit.name);
            if let Some(node) = node {
                node.count(visit, state, execution, now);
            }
        }
        for pair in history.states.windows(2) {
            graph.take(&pair[0], &pair[1]);
        }
        let maps: BTreeMap<_, _> =
            graph.nodes.iter().map(|node| (node.name.clone(), node.status)).collect();
        for node in &mut graph.nodes {
            let status = node.within.as_ref().and_then(|map| maps.get(map));
            node.status = status.copied().unwrap_or(node.status);
        }
        graph
    }

    /// Tells states their failures that no event tells of.
    fn name_caught(&self, history: &mut History) {
        for index in 1..history.states.len() {
            let next = history.states[index].name.clone();
            let visit = &mut history.states[index - 1];
            let Some(state) = self.states.all.get(&visit.name) else { continue };
            if visit.failure.is_some()
                || state.ways().any(|(to, kind, _)| to == next && kind != EdgeKind::Catch)
            {
                continue;
            }
            let catcher = state.catch.iter().find(|catcher| catcher.next == next);
            visit.failure = catcher.and_then(|catcher| caught(catcher, visit.output.as_ref()?));
            if let Some(attempt) = visit.attempts.last_mut() {
                attempt.failure.clone_from(&visit.failure);
            }
        }
    }
}

/// The failure that a catcher wrote into the output of a state.
fn caught(catcher: &Catcher, output: &Value) -> Option<Failure> {
    let put = catcher.result.find(output)?;
    let text = |name: &str| put[name].as_str();
    Some(Failure {
        error: text("Error")?.to_owned(),
        cause: cause(text("Cause").unwrap_or_default()),
    })
}

impl State {
    /// Where it may lead, and when.
    fn ways(&self) -> impl Iterator<Item = (&str, EdgeKind, Vec<String>)> {
        let (branches, default) = match &self.work {
            Work::Choice { branches, default } => (branches.as_slice(), default.as_deref()),
            _ => (&[][..], None),
        };
        let next = self.next.as_deref().map(|next| (next, EdgeKind::Next, Vec::new()));
        let branches = branches.iter().map(|branch| {
            (branch.next.as_str(), EdgeKind::Choice, vec![branch.condition.to_string()])
        });
        let default = default.map(|default| (default, EdgeKind::Default, Vec::new()));
        let catch = self
            .catch
            .iter()
            .map(|catcher| (catcher.next.as_str(), EdgeKind::Catch, catcher.errors().to_vec()));
        next.into_iter().chain(branches).chain(default).chain(catch)
    }
}

impl Graph {
    /// The states of a machine, or of a map, from the start on.
    fn of(states: &States, within: Option<&str>) -> Self {
        let mut graph = Self { start: states.start.clone(), nodes: Vec::new(), edges: Vec::new() };
        let (mut seen, mut ahead) = (vec![states.start.as_str()], VecDeque::new());
        ahead.push_back(states.start.as_str());
        while let Some(name) = ahead.pop_front() {
            let Some(state) = states.all.get(name) else { continue };
            graph.nodes.push(Node::new(name, state.kind(), within));
            if let Work::Map(map) = &state.work {
                let inner = Self::of(&map.states, Some(name));
                graph.nodes.extend(inner.nodes);
                graph.edges.extend(inner.edges);
            }
            for (to, kind, when) in state.ways() {
                graph.lead(name, to, kind, when);
                if !seen.contains(&to) {
                    seen.push(to);
                    ahead.push_back(to);
                }
            }
        }
        graph
    }

    /// Adds a way, or another reason to go it.
    fn lead(&mut self, from: &str, to: &str, kind: EdgeKind, when: Vec<String>) {
        let is_it = |edge: &&mut Edge| edge.from == from && edge.to == to && edge.kind == kind;
        match self.edges.iter_mut().find(is_it) {
            Some(edge) => edge.when.extend(when),
            None => {
                let (from, to) = (from.to_owned(), to.to_owned());
                self.edges.push(Edge { from, to, kind, when, taken: 0 });
            }
        }
    }

    /// Notes which way the execution went. A state that failed was left by a catch.
    fn take(&mut self, left: &StateVisit, entered: &StateVisit) {
        let is_between = |edge: &Edge| edge.from == left.name && edge.to == entered.name;
        let failed = left.failure.is_some();
        let ways = |edge: &Edge| is_between(edge) && (edge.kind == EdgeKind::Catch) == failed;
        let index = self.edges.iter().position(ways);
        let index = index.or_else(|| self.edges.iter().position(is_between));
        if let Some(index) = index {
            self.edges[index].taken += 1;
        }
    }
}

impl Node {
    fn new(name: &str, kind: &str, within: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            within: within.map(str::to_owned),
            status: Standing::NotReached,
            entered: None,
            exited: None,
            milliseconds: 0,
            visits: 0,
            attempts: 0,
            failed_attempts: 0,
            error: None,
            next_retry: None,
        }
    }

    /// Adds a visit, which comes after those that were added before.
    fn count(
        &mut self,
        visit: &StateVisit,
        state: Option<&State>,
        execution: &Execution,
        now: i64,
    ) {
        let failed = visit.attempts.iter().filter(|attempt| attempt.failure.is_some()).count();
        self.visits += 1;
        self.attempts += visit.attempts.len() as u64;
        self.failed_attempts += failed as u64;
        self.milliseconds += visit.took(execution, now);
        self.entered = Some(visit.entered.clone());
        self.exited.clone_from(&visit.exited);
        self.error = visit.failure.as_ref().map(|failure| failure.error.clone());
        let is_on = visit.exited.is_none() && execution.status == Status::Running;
        self.next_retry = state.filter(|_| is_on).and_then(|state| next_retry(visit, state));
        self.status = match (&visit.exited, execution.status) {
            (Some(_), _) if visit.failure.is_some() => Standing::Caught,
            (Some(_), _) | (None, Status::Succeeded) => Standing::Succeeded,
            (None, Status::Failed) => Standing::Failed,
            (None, Status::TimedOut) => Standing::TimedOut,
            (None, Status::Aborted) => Standing::Aborted,
            (None, Status::Running) if self.next_retry.is_some() => Standing::Retrying,
            (None, Status::Running) => match state.map(|state| &state.work) {
                Some(Work::Wait(_)) => Standing::Waiting,
                Some(Work::Task(task)) if task.waits() => Standing::Waiting,
                _ => Standing::Running,
            },
        };
    }
}

impl StateVisit {
    /// How long it took, or takes so far. What was not left ended with the execution.
    pub fn took(&self, execution: &Execution, now: i64) -> u64 {
        let ended = self.exited.as_ref().or(execution.stopped.as_ref());
        let ended = ended.map_or(now, |ended| milliseconds(ended));
        u64::try_from(ended - milliseconds(&self.entered)).unwrap_or(0)
    }
}

/// The attempt that a state waits for, if its last one failed.
fn next_retry(visit: &StateVisit, state: &State) -> Option<NextRetry> {
    let mut tries = Tries::new(&state.retry);
    let mut pause = None;
    for attempt in &visit.attempts {
        let failure = attempt.failure.as_ref();
        pause = failure.and_then(|failure| tries.pause(failure, &Fixed::WHOLE));
    }
    let last = visit.attempts.last()?;
    let by = milliseconds(last.ended.as_ref()?) + i64::try_from(pause?.as_millis()).ok()?;
    let by = DateTime::from_timestamp_millis(by)?.to_rfc3339_opts(SecondsFormat::Millis, true);
    let attempt = visit.attempts.len() as u64 + 1;
    Some(NextRetry { attempt, left: tries.left(last.failure.as_ref()?), by })
}
