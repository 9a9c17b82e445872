use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::*;

const LIMITS: Arrivals = Arrivals { max_files: 4, max_bytes: 100, max_seconds: 30 };

/// Keeps what it is asked to remind of.
struct Reminders {
    due: Mutex<Vec<Due>>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Clock for Reminders {
    async fn remind(&self, due: &Due, seconds: u32) -> Result<(), String> {
        assert_eq!(seconds, LIMITS.max_seconds);
        let keep = async {
            self.due.lock().unwrap().push(due.clone());
            Ok(())
        };
        self.faults.around(keep, |text| text).await
    }
}

/// A deployment of which one call may fail.
struct World {
    registry: InTurns<registry::Memory>,
    executions: InTurns<executions::Memory>,
    clock: Reminders,
    faults: Arc<Faults>,
}

impl World {
    async fn new(faults: Arc<Faults>) -> Self {
        let registry = registry::Memory::new();
        let intake = Intake { arrivals: LIMITS, ..Intake::default() };
        registry.put_contract(&flights(), "name: flights", &intake, NOW).await.unwrap();
        Self {
            registry: InTurns::with(registry, faults.clone()),
            executions: InTurns::with(executions::Memory::new(), faults.clone()),
            clock: Reminders { due: Mutex::default(), faults: faults.clone() },
            faults,
        }
    }

    fn admitter(&self) -> Admitter<'_> {
        let Self { registry, executions, clock, .. } = self;
        Admitter { registry, executions, clock }
    }

    /// Delivers events until they are taken, as the queue does.
    async fn deliver(&self, files: &[Arrival]) {
        while let Err(error) = self.admitter().arrive(&flights(), files.to_vec(), NOW).await {
            assert!(self.faults.has_struck(), "{error}");
        }
    }

    /// Delivers all reminders twice.
    async fn tick(&self) {
        let due = std::mem::take(&mut *self.clock.due.lock().unwrap());
        for due in due.iter().chain(&due) {
            while let Err(error) = self.admitter().close(due, NOW).await {
                assert!(self.faults.has_struck(), "{error}");
            }
        }
    }

    /// What each job lands.
    async fn jobs(&self) -> BTreeMap<JobId, Vec<SourceRef>> {
        let mut jobs = BTreeMap::new();
        for input in self.executions.inner.inputs() {
            let Submission { job, source, unreadable, .. } = serde_json::from_str(&input).unwrap();
            let objects = match source {
                Source::Object(only) => {
                    assert_eq!(unreadable, Unreadable::Fail);
                    vec![only]
                }
                Source::Batch { batch } => {
                    assert_eq!(unreadable, Unreadable::Skip);
                    let arrivals = self.registry.inner.gathered(&job).await.unwrap();
                    let bytes: u64 = arrivals.iter().map(|arrival| arrival.bytes).sum();
                    assert_eq!((batch.files as usize, batch.bytes), (arrivals.len(), bytes));
                    arrivals.into_iter().map(|arrival| arrival.source).collect()
                }
                other => panic!("{other:?}"),
            };
            jobs.insert(job, objects);
        }
        jobs
    }

    /// Checks that each file has exactly one job.
    async fn check(&self, files: &[Arrival]) {
        let jobs = self.jobs().await;
        let mut landed: Vec<_> = jobs.values().flatten().map(SourceRef::name).collect();
        landed.sort_unstable();
        let mut expected: Vec<_> = files.iter().map(|file| file.source.name()).collect();
        expected.sort_unstable();
        assert_eq!(landed, expected);
        assert_eq!(self.registry.inner.batch(&flights()).await, Ok(None), "nothing waits");
    }
}

fn file(name: &str, bytes: u64) -> Arrival {
    let key = format!("inbox/flights/{name}");
    let source = SourceRef { etag: Some("e".to_owned()), ..SourceRef::new("b".to_owned(), key) };
    Arrival { source, bytes }
}

/// Small ones, large ones, packed ones.
fn files() -> Vec<Arrival> {
    [
        ("a.csv", 1),
        ("b.csv", 2),
        ("large.csv", 100),
        ("c.csv", 3),
        ("packed.CSV.GZ", 3),
        ("large.csv.zst", 100),
        ("d.csv", 4),
        ("e.csv", 5),
        ("f.csv", 99),
        ("g.csv", 1),
    ]
    .map(|(name, bytes)| file(name, bytes))
    .to_vec()
}

#[tokio::test]
async fn small_files_are_landed_together_and_large_ones_at_once_packed_or_not() {
    let world = World::new(Arc::default()).await;
    world.deliver(&files()).await;
    let jobs = world.jobs().await;
    let mut sizes: Vec<_> = jobs.values().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 3, 4], "two alone, a batch of four files, and one of a hundred bytes");
    world.tick().await;
    world.check(&files()).await;
    let last = world.jobs().await.into_values().filter(|objects| objects.len() == 1).count();
    assert_eq!(last, 3, "a batch of one file is that file");
}

#[tokio::test]
async fn wherever_it_is_cut_off_each_file_has_one_job() {
    for takes_effect in [false, true] {
        for call in 0.. {
            let world = World::new(Faults::at(call, takes_effect)).await;
            for group in files().chunks(2) {
                world.deliver(group).await;
            }
            world.tick().await;
            world.check(&files()).await;
            if !world.faults.has_struck() {
                assert!(call > 20, "{call}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn wherever_it_is_cut_off_and_whatever_the_limits_are_then_each_file_has_one_job() {
    let others = [
        Arrivals { max_bytes: 1_000, ..LIMITS },
        Arrivals { max_bytes: 2, ..LIMITS },
        Arrivals { max_files: 2, ..LIMITS },
        Arrivals::ALONE,
    ];
    for others in others {
        for takes_effect in [false, true] {
            for call in 0.. {
                let world = World::new(Faults::at(call, takes_effect)).await;
                for group in files().chunks(2) {
                    let once = world.admitter().arrive(&flights(), group.to_vec(), NOW).await;
                    assert!(once.is_ok() || world.faults.has_struck(), "{once:?}");
                }
                let has_struck = world.faults.has_struck();
                let intake = Intake { arrivals: others, ..Intake::default() };
                let registry = &world.registry.inner;
                let changed = "name: flights # changed";
                registry.put_contract(&flights(), changed, &intake, NOW).await.unwrap();
                for group in files().chunks(3) {
                    world.deliver(group).await;
                }
                world.tick().await;
                // Whoever opened a batch may have died, and nothing recalls it if files land alone.
                world.admitter().close_overdue(&flights(), NOW, NOW).await.unwrap();
                world.check(&files()).await;
                if !has_struck {
                    assert!(call > 10, "{call}");
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn whoever_delivers_what_and_how_often_each_file_has_one_job() {
    let world = World::new(Arc::default()).await;
    let files: Vec<Arrival> = (0..40).map(|n| file(&format!("{n}.csv"), n % 30)).collect();
    join_all((0..8).map(|deliverer| {
        let (world, mut files) = (&world, files.clone());
        files.rotate_left(deliverer * 13 % 40);
        async move {
            for group in files.chunks(1 + deliverer) {
                world.deliver(group).await;
                if deliverer % 3 == 0 {
                    world.tick().await;
                }
            }
        }
    }))
    .await;
    world.tick().await;
    world.check(&files).await;
    assert!(world.jobs().await.values().all(|objects| objects.len() <= 4));
}

#[tokio::test]
async fn a_batch_that_nobody_closes_is_found() {
    let world = World::new(Arc::default()).await;
    world.deliver(&[file("a.csv", 1), file("b.csv", 1)]).await;
    let admitter = world.admitter();
    let before = "2026-01-31T11:59:59.999Z";
    assert_eq!(admitter.close_overdue(&flights(), before, NOW).await, Ok(false));
    assert_eq!(admitter.close_overdue(&flights(), NOW, NOW).await, Ok(true));
    assert_eq!(admitter.close_overdue(&flights(), NOW, NOW).await, Ok(false));
    world.check(&[file("a.csv", 1), file("b.csv", 1)]).await;
}

#[tokio::test]
async fn the_same_file_in_another_version_is_another_arrival() {
    let world = World::new(Arc::default()).await;
    let versions: Vec<Arrival> = ["v1", "v2", "v2"]
        .map(|version| {
            let file = file("a.csv", 1);
            let version = Some(version.to_owned());
            Arrival { source: SourceRef { version, ..file.source }, ..file }
        })
        .to_vec();
    world.deliver(&versions).await;
    world.tick().await;
    let jobs = world.jobs().await;
    let landed: BTreeSet<_> = jobs.values().flatten().map(|object| &object.version).collect();
    assert_eq!((jobs.len(), landed.len()), (1, 2));
}
