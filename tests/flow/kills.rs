//! Kills processes with `kill -9` while they store jobs of one lake on disk, or put their small
//! files together: they leave the old table or the new one, and the next one ends in the new one.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::{env, fs};

use job::Intake;
use job::message::JobRef;
use objects::{Buckets, Directories, FaultKind, Faulty, InjectedFault, Objects};

use super::bench::{Bench, NOW};
use super::commits::{
    APPEND, FORMATS, MEANWHILE, NEW, OLD, OVERWRITE, PARTITIONS, assert_table, contract, model,
    submit, with_modes,
};
use super::merges::first_merge;

/// What a process is to do: the folder, the form of the log, the step, the job, and the call after
/// which it stands still.
const TASK: &str = "LANDFALL_TEST_STEP";
/// What it says when it stands still.
const STANDS: &str = "it stands still";
/// What it says when its step is done, before the number of the merge or of the commit.
const DONE: &str = "it is done, number ";

/// Buckets that are folders of one folder.
pub(super) struct Rooted(pub(super) PathBuf);

impl Buckets for Rooted {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Directories.bucket(&self.0.join(name).to_string_lossy())
    }
}

/// The deployment in a folder, as any process sees it.
pub(super) async fn deployment(root: &Path, buckets: Arc<dyn Buckets>, format: &str) -> Bench {
    let mut bench =
        Bench::over(buckets, Arc::new(Rooted(root.to_owned())), &contract(format, "append")).await;
    bench.context.registry = Arc::new(registry::Directory::new(root.join("registry")));
    bench
}

/// The same for the test itself.
async fn inspected(root: &Path, format: &str) -> Bench {
    deployment(root, Arc::new(Rooted(root.to_owned())), format).await
}

/// A deployment with the old table, and a job with many small files that are ready to be put
/// together.
async fn scattered(root: &Path, format: &str) {
    prepared(root, format, &[]).await;
    let bench = with_modes(inspected(root, format).await, format).await;
    let submission = submit(&bench, "new", APPEND, NEW).await;
    assert_eq!(bench.transformed(submission).await.unwrap(), 1);
}

/// A deployment with the old table, and jobs that are ready to be stored, each with its mode and
/// rows.
async fn prepared(root: &Path, format: &str, jobs: &[(&str, u32, super::commits::Rows)]) {
    let bench = inspected(root, format).await;
    bench
        .context
        .registry
        .put_contract(&bench.dataset, &contract(format, "append"), &Intake::default(), NOW)
        .await
        .unwrap();
    let bench = with_modes(bench, format).await;
    let old = submit(&bench, "old", APPEND, OLD).await;
    bench.run(old).await.unwrap();
    for (job, mode, rows) in jobs {
        let submission = submit(&bench, job, *mode, rows).await;
        bench.verified(submission).await.unwrap();
    }
}

fn reference(bench: &Bench, job: &str) -> JobRef {
    JobRef { job: job::message::JobId::parse(job).unwrap(), dataset: bench.dataset.clone() }
}

/// The same files under another folder: the same inodes, by which parts of uploads are known.
fn link(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            link(&path, &to.join(name))
        } else {
            fs::hard_link(&path, to.join(name)).unwrap()
        }
    }
}

/// Starts a process that runs a step of a job, and stands still after so many calls of the store;
/// 0: it does not.
fn start(root: &Path, format: &str, step: &str, job: &str, call: u64) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["flow::kills::a_process_of_a_step", "--exact", "--ignored", "--nocapture"]);
    command.env(TASK, [&root.to_string_lossy(), format, step, job, &call.to_string()].join("\n"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a process stands still (`None`) or has done its step.
fn hear(child: &mut Child) -> Option<u64> {
    let stdout = child.stdout.take().unwrap();
    let mut done = None;
    for line in BufReader::new(stdout).lines() {
        let line = line.unwrap();
        if line == STANDS {
            return None;
        }
        done = line.strip_prefix(DONE).map(|number| number.parse().unwrap()).or(done);
    }
    if done.is_some() {
        return done;
    }
    let mut complaint = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut complaint).unwrap();
    panic!("the process ended without a word: {complaint}");
}

#[tokio::test]
#[ignore = "a process of the tests below, which start it"]
async fn a_process_of_a_step() {
    let task = env::var(TASK).expect("the tests below say what is to be done");
    let [root, format, step, job, call] = task.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let fault = InjectedFault { call: call.parse().unwrap(), kind: FaultKind::HangAfter };
    let faulty = Arc::new(Faulty::new(Arc::new(Rooted(root.into())), fault));
    let bench = deployment(Path::new(root), faulty.clone(), format).await;
    tokio::select! {
        _ = async { steps::merge(&bench.context, first_merge(&reference(&bench, job)), "killed").await.unwrap() }, if step == "merge" => println!("\n{DONE}0"),
        stored = steps::store(&bench.context, reference(&bench, job)), if step == "store" => println!("\n{DONE}{}", stored.unwrap().sequence),
        () = faulty.hangs() => {
            println!("\n{STANDS}");
            std::future::pending::<()>().await;
        }
    }
}

#[tokio::test]
async fn a_store_that_is_killed_leaves_the_old_table_or_the_new_one() {
    for (format, mode) in FORMATS
        .into_iter()
        .flat_map(|format| [APPEND, OVERWRITE, PARTITIONS].map(|mode| (format, mode)))
    {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        prepared(&ready, format, &[("new", mode, NEW)]).await;
        let old = inspected(&ready, format).await.table_keys().await;
        let mut expected = OLD.to_vec();
        model(&mut expected, mode, NEW);

        // Deaths with the old table, some of whose new files were visible already, and with the new
        // one.
        let (mut between, mut after) = (0, 0);
        for call in 1.. {
            let case = format!("{format}, mode {mode}, killed after call {call}");
            let root = folder.path().join(call.to_string());
            link(&ready, &root);
            let bench = inspected(&root, format).await;
            let mut process = start(&root, format, "store", "new", call);
            if hear(&mut process).is_some() {
                assert!(process.wait().unwrap().success(), "{case}");
                assert_table(&bench, &expected, 2, &case).await;
                break;
            }
            process.kill().unwrap();
            assert!(!process.wait().unwrap().success(), "{case}");

            let (table, (visible, _)) = (bench.table_keys().await, bench.visible().await);
            steps::store(&bench.context, reference(&bench, "new"))
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_table(&bench, &expected, 2, &case).await;
            let new = bench.table_keys().await;
            assert!(table == old || table == new, "{case}: {table:?}");
            assert!(table.iter().all(|key| visible.contains(key)), "{case}: {visible:?}");
            let is_log = |key: &String| key.contains("/_landfall/") || key.contains("/_delta_log/");
            assert!(
                visible.iter().all(|key| old.contains(key) || new.contains(key) || is_log(key)),
                "{case}: {visible:?}"
            );
            between += usize::from(
                table == old && visible.iter().any(|key| new.contains(key) && !old.contains(key)),
            );
            after += usize::from(table == new);
            fs::remove_dir_all(&root).unwrap();
        }
        assert!(
            between > 0 && after > 0,
            "{format}, mode {mode}: {between} died in the midst of completions, {after} after the commit"
        );
    }
}

#[tokio::test]
async fn a_merge_that_is_killed_leaves_nothing_to_be_seen() {
    for format in FORMATS {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        scattered(&ready, format).await;
        let bench = inspected(&ready, format).await;
        let (old, receipt) =
            (bench.visible().await, bench.context.keys(&reference(&bench, "new").job).merged(0));
        let mut expected = OLD.to_vec();
        model(&mut expected, APPEND, NEW);

        // Deaths with uploads of an attempt that does not count, and of one that does.
        let (mut open, mut after) = (0, 0);
        for call in 1.. {
            let case = format!("{format}, killed after call {call}");
            let root = folder.path().join(call.to_string());
            link(&ready, &root);
            let bench = inspected(&root, format).await;
            let job = reference(&bench, "new");
            let mut process = start(&root, format, "merge", "new", call);
            let is_done = hear(&mut process).is_some();
            if !is_done {
                process.kill().unwrap();
            }
            assert_eq!(process.wait().unwrap().success(), is_done, "{case}");

            let visible = bench.visible().await;
            assert_eq!(visible.0, old.0, "{case}");
            let counts = !bench.text(&receipt).await.is_empty();
            open += usize::from(!counts && visible.1 > old.1);
            after += usize::from(counts && !is_done);
            steps::merge(&bench.context, first_merge(&job), "again")
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(
                bench.text(&receipt).await.contains("killed"),
                counts,
                "{case}: the first receipt counts"
            );
            steps::store(&bench.context, job.clone())
                .await
                .unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_table(&bench, &expected, 2, &case).await;
            let small = bench
                .work()
                .list(bench.context.keys(&job.job).small_prefix(), None, 10)
                .await
                .unwrap();
            assert_eq!(small, [], "{case}");
            fs::remove_dir_all(&root).unwrap();
            if is_done {
                break;
            }
        }
        assert!(
            open > 0 && after > 0,
            "{format}: {open} died with uploads, {after} with a receipt"
        );
    }
}

#[tokio::test]
async fn of_two_processes_that_store_at_once_none_loses_what_the_other_did() {
    let pairs = [
        (APPEND, OVERWRITE),
        (OVERWRITE, OVERWRITE),
        (PARTITIONS, APPEND),
        (PARTITIONS, PARTITIONS),
    ];
    for (format, (mode, other)) in
        FORMATS.into_iter().flat_map(|format| pairs.map(|pair| (format, pair)))
    {
        let case = format!("{format}, mode {mode} against {other}");
        let folder = tempfile::tempdir().unwrap();
        prepared(folder.path(), format, &[("new", mode, NEW), ("meanwhile", other, MEANWHILE)])
            .await;
        let mut processes =
            ["new", "meanwhile"].map(|job| start(folder.path(), format, "store", job, 0));
        let [own, theirs] =
            processes.each_mut().map(|process| hear(process).expect("it does not stand still"));
        assert_eq!([own.min(theirs), own.max(theirs)], [1, 2], "{case}");
        assert!(processes.iter_mut().all(|process| process.wait().unwrap().success()), "{case}");

        let mut expected = OLD.to_vec();
        let mut order = [(own, mode, NEW), (theirs, other, MEANWHILE)];
        order.sort_unstable_by_key(|(number, ..)| *number);
        order.iter().for_each(|(_, mode, rows)| model(&mut expected, *mode, rows));
        assert_table(&inspected(folder.path(), format).await, &expected, 3, &case).await;
    }
}
