//! Checks that no value of a source leaves where it may not: into causes, logs, answers, events and
//! registry items.
//!
//! Each place where a source can hold a value holds one that is nowhere else, and each place is
//! tried with each way to fail. What lies beside the job and in the lake may tell; everything else
//! is searched.

mod places;
mod told;
mod ways;

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Contract;
use contract::rejects::ErrorEntry;
use job::message::Submission;
use objects::{FaultKind, Faulty, InjectedFault, Memory};

use super::bench::Bench;
use places::{Place, places, with_masks};
use told::Told;
use ways::{Way, ways};

/// Leaks by place and way, with the first text that leaked.
type Leaks = BTreeMap<(String, String), String>;

#[test]
fn no_value_leaves_whatever_fails() {
    let mut leaks = Leaks::new();
    let (mut tried, mut failures) = (0, BTreeMap::<String, u32>::new());
    let (places, ways) = (places(), ways());
    for place in &places {
        for way in ways.iter().filter(|way| way.goes_with(place)) {
            let place = way.change(place.clone());
            if Contract::parse(&place.contract()).is_err() {
                assert_ne!(*way, Way::AsItIs, "{}", place.contract());
                continue;
            }
            let told = Told::of(async |told| {
                let bench = bench(&place, Arc::new(Memory::new())).await;
                way.land(&bench, &place, told).await;
            });
            tried += 1;
            failures.entry(told.failure().to_owned()).and_modify(|count| *count += 1).or_insert(1);
            note(&mut leaks, &place, way.name(), &told);
        }
    }
    println!(
        "{} places, {} ways, {tried} of them together; ended as {failures:?}",
        places.len(),
        ways.len()
    );
    // A way that no longer fails as it should would prove nothing.
    for name in [
        "",
        "SchemaDrift",
        "RejectLimitExceeded",
        "LimitExceeded",
        "SourceCorrupt",
        "SourceChanged",
        "AlreadyLanded",
        "Cancelled",
    ] {
        assert!(failures.contains_key(name), "no job ended as `{name}`: {failures:?}");
    }
    none(&leaks);
}

#[test]
fn no_value_leaves_whatever_call_fails() {
    be_quiet_about_demanded_panics();
    let mut leaks = Leaks::new();
    let mut tried = 0;
    let kinds = [
        FaultKind::Before,
        FaultKind::After,
        FaultKind::Denied,
        FaultKind::Missing,
        FaultKind::Panic,
    ];
    let places: Vec<Place> = places().into_iter().filter(|place| place.with_faults).collect();
    for place in &places {
        for kind in kinds {
            for call in 1.. {
                let mut is_over = false;
                let told = Told::of(async |told| {
                    let memory = Arc::new(Memory::new());
                    let faulty =
                        Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
                    let bench = bench(place, memory).await.beside(faulty.clone());
                    let submission = submit(&bench, place).await;
                    told.land(&bench, submission).await;
                    is_over = faulty.calls() < call;
                });
                if is_over {
                    break;
                }
                tried += 1;
                note(&mut leaks, place, &format!("{kind:?}"), &told);
            }
        }
    }
    println!("{} places, {} kinds of faults, {tried} calls that failed", places.len(), kinds.len());
    assert!(tried > 500, "{tried} calls are too few to be all");
    none(&leaks);
}

/// Hundreds of them, with a trace each, take minutes. Those that nobody asked for are told as ever.
fn be_quiet_about_demanded_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload_as_str().is_some_and(|text| text.ends_with("panics as the test demands"))
        {
            tell(panic);
        }
    }));
}

/// A file lies where the folder of a partition should be, or its name is too long for a directory.
#[test]
fn no_value_leaves_when_a_directory_refuses() {
    let mut leaks = Leaks::new();
    for place in places().iter().filter(|place| !place.folders.is_empty()) {
        let told = Told::of(async |told| {
            let directory = tempfile::tempdir().unwrap();
            let lake = directory.path().join("lake/things");
            std::fs::create_dir_all(&lake).unwrap();
            for folder in place.folders.iter().filter(|folder| folder.len() < 200) {
                std::fs::write(lake.join(folder), "").unwrap();
            }
            let mut bench = bench(place, Arc::new(Split { memory: Memory::new() })).await;
            bench.context.lake.bucket = directory.path().to_string_lossy().into_owned();
            let submission = submit(&bench, place).await;
            told.land(&bench, submission).await;
        });
        assert!(!told.failure().is_empty(), "{} landed", place.name);
        note(&mut leaks, place, "a directory refuses", &told);
    }
    none(&leaks);
}

/// What stands in a header is found where rejects may be read. Under a contract with masks, only
/// texts that are not values: the file may have no header, and masked fields have their places.
#[test]
fn what_a_header_holds_is_told_beside_the_job() {
    for (name, is_hidden_by_masks) in [
        ("header cell", true),
        ("header of more columns", false),
        ("header that is a record", true),
        ("header of two rows", true),
        ("header under another delimiter", true),
    ] {
        let place = places().into_iter().find(|place| place.name == name).unwrap();
        let holds = |errors: &[ErrorEntry], secret: &String| {
            format!("{errors:?}").contains(secret.as_str())
        };
        let errors = errors_of(&place);
        assert!(place.secrets.iter().all(|secret| holds(&errors, secret)), "{name}: {errors:?}");
        let masked = errors_of(&with_masks(place.clone()));
        assert!(
            place.secrets.iter().all(|secret| holds(&masked, secret) != is_hidden_by_masks),
            "{name}: {masked:?}"
        );
        assert_eq!(masked.len(), errors.len(), "the differences are told all the same");
    }
}

fn errors_of(place: &Place) -> Vec<ErrorEntry> {
    let mut errors = Vec::new();
    Told::of(async |told| {
        let bench = bench(place, Arc::new(Memory::new())).await;
        let submission = submit(&bench, place).await;
        let key = bench.context.keys(&submission.job).errors();
        told.land(&bench, submission).await;
        errors = bench
            .text(&key)
            .await
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
    });
    errors
}

/// Buckets in memory, but for those that are paths.
struct Split {
    memory: Memory,
}

impl objects::Buckets for Split {
    fn bucket(&self, name: &str) -> Arc<dyn objects::Objects> {
        if name.starts_with('/') {
            objects::Directories.bucket(name)
        } else {
            self.memory.bucket(name)
        }
    }
}

async fn bench(place: &Place, buckets: Arc<dyn objects::Buckets>) -> Bench {
    let mut bench = Bench::over(buckets.clone(), buckets, &place.contract()).await;
    bench.context.salt = Ok(Some(steps::Salt::parse("a salt for the tests").unwrap()));
    if let Some(reference) = &place.reference {
        bench.put_reference("shops.csv", reference).await;
    }
    bench
}

async fn submit(bench: &Bench, place: &Place) -> Submission {
    bench.submit("job", &place.source(), place.shard_bytes, false).await
}

fn note(leaks: &mut Leaks, place: &Place, way: &str, told: &Told) {
    for secret in &place.secrets {
        if let Some(text) = told.texts().iter().find(|text| text.contains(secret.as_str())) {
            leaks.entry((place.name.to_owned(), way.to_owned())).or_insert_with(|| text.clone());
        }
    }
}

fn none(leaks: &Leaks) {
    let lines: Vec<_> = leaks
        .iter()
        .map(|((place, way), text)| format!("{place} × {way}: {}", &text[..text.len().min(400)]))
        .collect();
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), lines.join("\n"));
}
