//! Who watches, and what running jobs tell.

use std::sync::Arc;

use job::message::{Counts, JobId};
use job::{Planned, Progress};
use serde_json::json;

use crate::{Live, MAX_TOPICS, PUSH_GAP_MS, Push, Subscribed, Subscriber, Topic, Viewer};

/// 2026-01-31T12:00:00Z.
const NOW: u64 = 1_769_860_800_000;

/// Checks what is kept of those who watch, and panics where it breaks the port's promises.
///
/// As for [`conformance`](crate::conformance()), `prefix` must be new to the registry.
pub async fn live_conformance(live: Arc<dyn Live>, prefix: &str) {
    let suite = Suite { live, prefix: prefix.to_owned() };
    suite.a_ticket_is_used_once().await;
    suite.racing_uses_of_a_ticket_have_one_winner().await;
    suite.a_connection_watches_until_it_is_gone().await;
    suite.a_connection_has_so_many_topics().await;
    suite.a_shard_counts_once().await;
    suite.racing_shards_are_all_counted().await;
    suite.one_of_many_sees_to_a_push().await;
    suite.pushes_are_numbered_and_apart().await;
    suite.racing_pushes_have_one_winner().await;
    suite.a_job_that_nobody_watches_is_quiet().await;
}

struct Suite {
    live: Arc<dyn Live>,
    prefix: String,
}

impl Suite {
    fn job(&self, name: &str) -> JobId {
        JobId::parse(&format!("{}-{name}", self.prefix)).expect("an id")
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}=", self.prefix)
    }

    async fn a_ticket_is_used_once(&self) {
        let (live, secret) = (&self.live, self.name("ticket"));
        let datasets = ["orders", "eu_*"].map(|pattern| pattern.parse().expect("a pattern"));
        let datasets = datasets.into_iter().collect();
        let viewer = Viewer { datasets, authorizer: json!({"jwt": {"claims": {"sub": "ann"}}}) };
        let expires = NOW / 1_000 + 60;
        assert_eq!(live.use_ticket(&secret, NOW).await, Ok(None), "there is none yet");
        live.issue_ticket(&secret, &viewer, expires).await.expect("issued");
        assert_eq!(live.use_ticket(&secret, NOW).await, Ok(Some(viewer.clone())));
        assert_eq!(live.use_ticket(&secret, NOW).await, Ok(None), "it is used up");
        let late = self.name("late");
        live.issue_ticket(&late, &viewer, expires).await.expect("issued");
        assert_eq!(live.use_ticket(&late, NOW + 60_000).await, Ok(None), "it has expired");
    }

    async fn racing_uses_of_a_ticket_have_one_winner(&self) {
        let secret = self.name("raced");
        let viewer = Viewer::default();
        self.live.issue_ticket(&secret, &viewer, NOW / 1_000 + 60).await.expect("issued");
        let used = super::race(|_| {
            let (live, secret) = (self.live.clone(), secret.clone());
            async move { live.use_ticket(&secret, NOW).await }
        })
        .await;
        assert_eq!(used.into_iter().filter(|used| *used == Ok(Some(Viewer::default()))).count(), 1);
    }

    async fn watching(&self, topic: &Topic) -> Vec<String> {
        let all = self.live.subscribers(topic).await.expect("listed");
        let of = |Subscriber { connection, .. }| connection;
        let mine = all.into_iter().map(of).filter(|id| id.starts_with(&self.prefix));
        let mut mine: Vec<_> = mine.collect();
        mine.sort_unstable();
        mine
    }

    async fn a_connection_watches_until_it_is_gone(&self) {
        let (live, one, two) = (&self.live, self.name("one"), self.name("two"));
        let topic = Topic::Job(self.job("watched"));
        assert_eq!(live.subscribe(&one, &topic, NOW).await, Ok(Subscribed::NoConnection));
        for id in [&one, &two] {
            live.connect(id, Viewer::default(), NOW).await.expect("connected");
            assert_eq!(live.subscribe(id, &topic, NOW).await, Ok(Subscribed::Yes));
            assert_eq!(live.subscribe(id, &topic, NOW).await, Ok(Subscribed::Yes), "again");
        }
        assert_eq!(live.subscribe(&one, &Topic::All, NOW).await, Ok(Subscribed::Yes));
        assert_eq!(self.watching(&topic).await, [one.clone(), two.clone()]);
        assert_eq!(self.watching(&Topic::All).await, std::slice::from_ref(&one));
        live.unsubscribe(&two, &topic).await.expect("no longer watched");
        live.unsubscribe(&two, &topic).await.expect("again is a success");
        assert_eq!(self.watching(&topic).await, std::slice::from_ref(&one));
        live.disconnect(&one).await.expect("gone");
        live.disconnect(&one).await.expect("again is a success");
        assert_eq!(live.connection(&one).await, Ok(None));
        assert!(
            self.watching(&topic).await.is_empty() && self.watching(&Topic::All).await.is_empty()
        );
        assert!(live.connection(&two).await.is_ok_and(|two| two.is_some()));
        live.disconnect(&two).await.expect("gone");
    }

    async fn a_connection_has_so_many_topics(&self) {
        let (live, id) = (&self.live, self.name("greedy"));
        live.connect(&id, Viewer::default(), NOW).await.expect("connected");
        let topic = |number: usize| Topic::Job(self.job(&format!("topic-{number}")));
        for number in 0..MAX_TOPICS {
            assert_eq!(live.subscribe(&id, &topic(number), NOW).await, Ok(Subscribed::Yes));
        }
        assert_eq!(live.subscribe(&id, &topic(MAX_TOPICS), NOW).await, Ok(Subscribed::TooMany));
        assert_eq!(live.subscribe(&id, &topic(0), NOW).await, Ok(Subscribed::Yes), "it is there");
        live.disconnect(&id).await.expect("gone");
        assert!(self.watching(&topic(MAX_TOPICS - 1)).await.is_empty());
    }

    async fn a_shard_counts_once(&self) {
        let (live, job) = (&self.live, self.job("counted"));
        assert_eq!(live.told(&job).await, Ok(crate::Told::default()), "nothing was told");
        let planned = Planned { objects: 2, bytes: 300, shards: 70 };
        live.note_plan(&job, &planned, NOW).await.expect("noted");
        live.note_plan(&job, &planned, NOW).await.expect("again is a success");
        // 0, 32 and 64 are in one entry.
        for shard in [0, 1, 32, 0, 64, 32, 1] {
            live.note_shard(&job, shard, &done(shard), NOW).await.expect("noted");
        }
        let told = live.told(&job).await.expect("told");
        assert_eq!((told.planned, told.progress), (Some(planned), all(&[0, 1, 32, 64])));
        assert_eq!((told.planned_at, told.told_at), (Some(NOW), Some(NOW)));
    }

    async fn racing_shards_are_all_counted(&self) {
        let job = self.job("raced");
        let noted = super::race(|racer| {
            let (live, job) = (self.live.clone(), job.clone());
            // Each is told twice, and all are in two entries.
            let shard = u32::try_from(racer / 2).expect("few") * 16;
            async move { live.note_shard(&job, shard, &done(shard), NOW).await }
        })
        .await;
        let due = noted.into_iter().map(|due| due.expect("noted")).filter(|due| *due);
        assert_eq!(due.count(), 1, "one sees to the push");
        let shards: Vec<_> = (0..super::RACERS as u32 / 2).map(|shard| shard * 16).collect();
        assert_eq!(self.live.told(&job).await.expect("told").progress, all(&shards));
    }

    async fn one_of_many_sees_to_a_push(&self) {
        let (live, job) = (&self.live, self.job("due"));
        let note = |shard: u32, now: u64| live_note(live, &job, shard, now);
        assert!(note(0, NOW).await, "a push is due");
        assert!(!note(1, NOW + 1).await, "it is seen to");
        assert_eq!(live.begin_push(&job, NOW + 2).await, Ok(Push::Begun(1)));
        assert!(note(2, NOW + 3).await, "it comes after the push began");
        assert!(!note(3, NOW + 4).await);
        assert!(note(4, NOW + 60_000).await, "whoever was to see to it has not");
    }

    async fn pushes_are_numbered_and_apart(&self) {
        let (live, job) = (&self.live, self.job("pushed"));
        assert_eq!(live.begin_push(&job, NOW).await, Ok(Push::Begun(1)));
        assert_eq!(live.begin_push(&job, NOW + 100).await, Ok(Push::Wait(PUSH_GAP_MS - 100)));
        assert_eq!(live.begin_push(&job, NOW + PUSH_GAP_MS).await, Ok(Push::Begun(2)));
        let behind = live.begin_push(&job, NOW - 3_600_000).await;
        assert_eq!(behind, Ok(Push::Wait(PUSH_GAP_MS)), "a clock that is behind waits no longer");
        assert_eq!(live.told(&job).await.expect("told").sequence, 2);
    }

    async fn racing_pushes_have_one_winner(&self) {
        let job = self.job("hurried");
        let begun = super::race(|_| {
            let (live, job) = (self.live.clone(), job.clone());
            async move { live.begin_push(&job, NOW).await }
        })
        .await;
        assert_eq!(begun.into_iter().filter(|push| *push == Ok(Push::Begun(1))).count(), 1);
        assert_eq!(self.live.told(&job).await.expect("told").sequence, 1);
    }

    async fn a_job_that_nobody_watches_is_quiet(&self) {
        let (live, job, id) = (&self.live, self.job("quiet"), self.name("curious"));
        let note = |shard: u32, now: u64| live_note(live, &job, shard, now);
        assert!(note(0, NOW).await);
        live.note_quiet(&job, NOW).await.expect("noted");
        assert!(!note(1, NOW + 1).await, "nobody watches");
        assert!(note(2, NOW + 60_000).await, "somebody may watch by now");
        live.note_quiet(&job, NOW + 60_000).await.expect("noted");
        live.connect(&id, Viewer::default(), NOW).await.expect("connected");
        let topic = Topic::Job(job.clone());
        assert_eq!(live.subscribe(&id, &topic, NOW).await, Ok(Subscribed::Yes));
        assert!(note(3, NOW + 60_001).await, "somebody watches");
        assert_eq!(live.told(&job).await.expect("told").progress.shards, 4);
        live.disconnect(&id).await.expect("gone");
    }
}

async fn live_note(live: &Arc<dyn Live>, job: &JobId, shard: u32, now: u64) -> bool {
    live.note_shard(job, shard, &done(shard), now).await.expect("noted")
}

/// What a shard has done; of another one it is something else.
fn done(shard: u32) -> Progress {
    let read = u64::from(shard) + 3;
    let counts = Counts { read, stored: read - 2, rejected: 1, filtered: 1 };
    // The fault of every second shard is another one.
    let fault = ["type-error", "unique-error"][shard as usize % 2];
    let faults = [(fault.to_owned(), counts.rejected)].into();
    Progress { shards: 1, bytes: read * 10, counts, faults }
}

fn all(shards: &[u32]) -> Progress {
    let mut all = Progress::default();
    for shard in shards {
        all += done(*shard);
    }
    all
}
