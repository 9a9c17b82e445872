use std::collections::BTreeMap;

use super::*;

fn lake() -> (tempfile::TempDir, Arc<dyn Objects>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let objects = Directories.bucket(directory.path().to_str().expect("its path is UTF-8"));
    (directory, objects)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

#[tokio::test]
async fn directories_conform_and_leave_nothing_behind() {
    let (directory, _) = lake();
    crate::conformance(&Directories, directory.path().to_str().expect("its path is UTF-8")).await;
    assert_eq!(names(directory.path()), [""; 0]);
}

#[tokio::test]
async fn no_key_leads_out_of_the_directory() {
    let (_directory, objects) = lake();
    for key in [
        "",
        "/",
        "/etc/passwd",
        "..",
        "../a",
        "a/../../b",
        "a/..",
        "./a",
        "a//b",
        "a/",
        "a\0b",
        ".uploads/a",
        ".uploads",
    ] {
        assert!(
            matches!(objects.put(key, Bytes::new(), Put::Overwrite).await, Err(Error::Denied(_))),
            "put {key:?}"
        );
        assert!(matches!(objects.head(key, None).await, Err(Error::Denied(_))), "head {key:?}");
        assert!(
            matches!(objects.create_upload(key).await, Err(Error::Denied(_))),
            "create_upload {key:?}"
        );
        assert!(matches!(objects.delete(key).await, Err(Error::Denied(_))), "delete {key:?}");
        assert!(
            matches!(objects.presign_get(key, "a", 1).await, Err(Error::Denied(_))),
            "presign_get {key:?}"
        );
    }
}

#[tokio::test]
async fn no_upload_id_leads_out_of_the_directory() {
    let (directory, objects) = lake();
    fs::create_dir_all(directory.path().join("trap")).expect("a directory");
    fs::write(directory.path().join("trap/key"), "a").expect("a file");
    assert!(matches!(
        objects.put_part("a", "../trap", 1, Bytes::new()).await,
        Err(Error::Missing(_))
    ));
    objects.abort_upload("a", "../trap").await.expect("of an upload that is gone it is a success");
    assert_eq!(names(&directory.path().join("trap")), ["key"]);
}

#[tokio::test]
async fn an_upload_belongs_to_its_key() {
    let (_directory, objects) = lake();
    let upload = objects.create_upload("a").await.expect("an upload");
    assert!(matches!(
        objects.put_part("b", &upload, 1, Bytes::new()).await,
        Err(Error::Missing(_))
    ));
}

#[tokio::test]
async fn uploads_are_hidden_from_listings() {
    let (directory, objects) = lake();
    let upload = objects.create_upload("a").await.expect("an upload");
    objects.put_part("a", &upload, 1, Bytes::from("part")).await.expect("a part");
    assert_eq!(names(directory.path()), [".uploads"]);
    assert_eq!(objects.list("", None, 10).await, Ok(vec![]));
}

#[tokio::test]
async fn a_completion_that_was_cut_off_is_done_again() {
    for sizes in [vec![4], vec![4, 2]] {
        let (directory, objects) = lake();
        let id = objects.create_upload("a/b").await.expect("an upload");
        let mut parts = Vec::new();
        for (number, size) in (1..).zip(&sizes) {
            parts.push(
                objects
                    .put_part("a/b", &id, number, vec![b'x'; *size].into())
                    .await
                    .expect("a part"),
            );
        }
        // It took effect, but the upload was not removed.
        let upload = Upload::open(directory.path(), "a/b", &id).expect("it is open");
        upload.complete(&parts, &directory.path().join("a/b")).expect("it is completed");
        objects.complete_upload("a/b", &id, &parts).await.expect("it is completed again");
        assert_eq!(
            objects.read("a/b", 100).await.expect("it is there").len(),
            sizes.iter().sum::<usize>()
        );
        assert_eq!(names(directory.path()), ["a"]);
    }
}

#[tokio::test]
async fn a_completion_that_was_cut_off_as_it_removed_its_parts_is_done() {
    for is_aborted in [false, true] {
        let (directory, objects) = lake();
        let id = objects.create_upload("a").await.expect("an upload");
        let part = objects.put_part("a", &id, 1, Bytes::from("whole")).await.expect("a part");
        let upload = Upload::open(directory.path(), "a", &id).expect("it is open");
        let folder = directory.path().join(".uploads").join(upload.id());
        upload
            .complete(std::slice::from_ref(&part), &directory.path().join("a"))
            .expect("it is completed");
        fs::rename(folder.join("key"), folder.join("done")).expect("that is noted");
        fs::remove_file(folder.join("data")).expect("the part is removed");
        assert_eq!(
            objects.uploads("a").await.expect("a list").len(),
            1,
            "somebody has to remove the rest"
        );
        match is_aborted {
            true => objects.abort_upload("a", &id).await.expect("there is something to remove"),
            false => objects.complete_upload("a", &id, &[part]).await.expect("it was completed"),
        }
        assert_eq!(objects.read("a", 100).await.expect("it is there"), "whole");
        assert_eq!(names(directory.path()), ["a"]);
    }
}

#[tokio::test]
async fn a_completion_names_the_parts_as_they_are() {
    let (_directory, objects) = lake();
    let upload = objects.create_upload("a").await.expect("an upload");
    let part = objects.put_part("a", &upload, 1, Bytes::from("old")).await.expect("a part");
    objects.put_part("a", &upload, 1, Bytes::from("newer")).await.expect("a part");
    assert!(matches!(objects.complete_upload("a", &upload, &[part]).await, Err(Error::Denied(_))));
    assert!(matches!(objects.complete_upload("a", &upload, &[]).await, Err(Error::Denied(_))));
    assert!(matches!(objects.head("a", None).await, Err(Error::Missing(_))));
}

#[tokio::test]
async fn parts_that_came_in_order_are_not_copied() {
    use std::os::unix::fs::MetadataExt;
    let inode = |path: PathBuf| fs::metadata(path).expect("it is there").ino();
    for (numbers, is_copied) in [([1, 2, 3], false), ([2, 1, 3], true), ([1, 1, 2], true)] {
        let (directory, objects) = lake();
        let upload = objects.create_upload("a").await.expect("an upload");
        let mut parts = BTreeMap::new();
        for number in numbers {
            let part = objects
                .put_part("a", &upload, number, format!("part {number}, ").into())
                .await
                .expect("a part");
            parts.insert(number, part);
        }
        let data = inode(directory.path().join(UPLOADS).join(&upload).join("data"));
        objects
            .complete_upload("a", &upload, &parts.values().cloned().collect::<Vec<_>>())
            .await
            .expect("it is completed");
        let expected: String = parts.keys().map(|number| format!("part {number}, ")).collect();
        assert_eq!(objects.read("a", 100).await.expect("it is there"), expected);
        assert_eq!(inode(directory.path().join("a")) != data, is_copied, "{numbers:?}");
    }
}

#[tokio::test]
async fn nothing_is_added_to_what_was_completed() {
    let (directory, objects) = lake();
    let id = objects.create_upload("a").await.expect("an upload");
    let part = objects.put_part("a", &id, 1, Bytes::from("whole")).await.expect("a part");
    // It took effect, but the upload was not removed.
    let upload = Upload::open(directory.path(), "a", &id).expect("it is open");
    upload.complete(&[part], &directory.path().join("a")).expect("it is completed");
    assert!(matches!(
        objects.put_part("a", &id, 2, Bytes::from("more")).await,
        Err(Error::Missing(_))
    ));
    assert_eq!(objects.read("a", 100).await.expect("it is there"), "whole");
}

#[tokio::test]
async fn a_write_by_others_changes_the_etag() {
    let (directory, objects) = lake();
    fs::write(directory.path().join("a"), "1").expect("a file");
    let pin =
        Pin { version: None, etag: Some(objects.head("a", None).await.expect("it is there").etag) };
    fs::write(directory.path().join("a"), "12").expect("a file");
    assert!(matches!(objects.get("a", &pin, 0..1).await, Err(Error::Changed(_))));
}

#[tokio::test]
async fn puts_and_deletions_side_by_side_do_not_hinder_each_other() {
    let (directory, objects) = lake();
    let one = |number: usize| {
        let objects = objects.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let key = format!("a/b/{number}-{round}");
                objects.put(&key, Bytes::from("x"), Put::IfAbsent).await?;
                objects.delete(&key).await?;
            }
            Ok::<_, Error>(())
        })
    };
    let all: Vec<_> = (0..8).map(one).collect();
    for task in all {
        assert_eq!(task.await.expect("it does not panic"), Ok(()));
    }
    assert_eq!(names(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_file_in_the_way_is_told() {
    let (_directory, objects) = lake();
    objects.put("a", Bytes::new(), Put::Overwrite).await.expect("a file");
    objects.put("d/e", Bytes::new(), Put::Overwrite).await.expect("a file");
    for put in [Put::Overwrite, Put::IfAbsent] {
        assert!(matches!(objects.put("a/b", Bytes::new(), put).await, Err(Error::Denied(_))));
        assert!(matches!(objects.put("d", Bytes::new(), put).await, Err(Error::Denied(_))));
    }
    assert!(matches!(objects.head("a/b", None).await, Err(Error::Missing(_))));
    assert!(matches!(objects.read("d", 1).await, Err(Error::Missing(_))));
    objects.delete("d").await.expect("there is no object of that name");
    assert_eq!(objects.head("d/e", None).await.map(|head| head.size), Ok(0));
}

fn keys(listed: Result<Vec<Listed>>) -> Vec<String> {
    let listed = listed.expect("a listing");
    assert!(listed.iter().all(|file| file.modified.is_some()), "files have a time");
    listed.into_iter().map(|file| file.key).collect()
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_empty() {
    let (directory, _) = lake();
    let objects =
        Directories.bucket(directory.path().join("new").to_str().expect("its path is UTF-8"));
    assert_eq!(objects.list("", None, 10).await, Ok(vec![]));
    assert_eq!(objects.uploads("").await, Ok(vec![]));
    objects.put("a", Bytes::new(), Put::IfAbsent).await.expect("the directory is made");
    assert_eq!(keys(objects.list("", None, 10).await), ["a"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_whose_name_is_no_key_is_told_where_it_is_listed() {
    use std::os::unix::ffi::OsStrExt;
    let (directory, objects) = lake();
    fs::write(directory.path().join(std::ffi::OsStr::from_bytes(b"a\xff")), "").expect("a file");
    fs::write(directory.path().join("b"), "").expect("a file");
    assert!(
        matches!(objects.list("", None, 10).await, Err(Error::Denied(text)) if text.contains("UTF-8"))
    );
    assert_eq!(keys(objects.list("b", None, 10).await), ["b"]);
}

/// What could not be put there is not there: a job that takes its files back comes to its end.
#[tokio::test]
async fn a_name_that_is_too_long_is_of_no_file() {
    let (_directory, objects) = lake();
    let key = format!("k={}/a", "x".repeat(300));
    assert!(matches!(
        objects.put(&key, Bytes::from_static(b"a"), Put::Overwrite).await,
        Err(Error::TooLarge(_))
    ));
    assert_eq!(objects.delete(&key).await, Ok(()));
}

#[tokio::test]
async fn urls_of_a_directory_are_paths() {
    let (directory, objects) = lake();
    let expected = format!("file://{}/a%20b/%C3%BC%25.csv", directory.path().display());
    assert_eq!(objects.presign_get("a b/ü%.csv", "name", 60).await, Ok(expected));
    assert!(matches!(
        objects.presign_put("a", &PutTerms::default(), 60).await,
        Err(Error::Denied(_))
    ));
}

/// Runs a test of this file again in a process of its own, which may mount what only it sees.
#[cfg(target_os = "linux")]
fn in_a_process(test: &str, prepare: &str) -> std::process::Output {
    let this = std::env::current_exe().expect("this process has a program");
    let script = format!(
        "{prepare} exec \"$0\" --exact \"directory::tests::{test}\" --nocapture --test-threads=1"
    );
    let mut shell = std::process::Command::new("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-ec", &script]).arg(this);
    shell.env(INNER, "1").output().expect("`unshare` of util-linux starts")
}

/// Set in the process that a test runs again in.
#[cfg(target_os = "linux")]
const INNER: &str = "LANDFALL_TEST_INNER";

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_what_is_missing_and_forgotten_once_there_is_room() {
    const MOUNT: &str = "mount -t tmpfs -o size=256k,nr_inodes=64 tmpfs /mnt;";
    if std::env::var_os(INNER).is_none() {
        // Of no test at all only the mount can fail. Some containers forbid it.
        let can_mount = in_a_process("none", MOUNT);
        if !can_mount.status.success() {
            eprintln!(
                "SKIPPED: no tmpfs may be mounted here: {}",
                String::from_utf8_lossy(&can_mount.stderr)
            );
            return;
        }
        let output = in_a_process(
            "a_full_disk_is_told_with_what_is_missing_and_forgotten_once_there_is_room",
            MOUNT,
        );
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let objects = Directories.bucket("/mnt/lake");
        let large = Bytes::from(vec![b'x'; 300 << 10]);
        let told = |result: Result<()>| match result {
            Err(Error::Full(text)) => text,
            other => panic!("{other:?}"),
        };
        let text = told(objects.put("a", large.clone(), Put::Overwrite).await);
        assert!(text.contains("307200 bytes") && text.contains("/mnt/lake/.uploads/"), "{text}");
        let missing: u64 = text
            .split(", ")
            .nth(2)
            .and_then(|part| part.split(' ').next()?.parse().ok())
            .expect("a number");
        assert!(((300 << 10) - (256 << 10)..=300 << 10).contains(&missing), "{text}");
        assert_eq!(objects.list("", None, 10).await, Ok(vec![]), "nothing of it is left");
        assert_eq!(objects.uploads("").await, Ok(vec![]));

        let upload = objects.create_upload("b").await.expect("there is room for its key");
        let sent = objects.put_part("b", &upload, 1, large.clone()).await;
        told(sent.map(drop));
        objects.abort_upload("b", &upload).await.expect("it can be removed");
        objects
            .put("c", large.slice(..100 << 10), Put::Overwrite)
            .await
            .expect("there is room again");

        // Files without bytes fill a file system, too.
        let mut names = (0..).map(|n| format!("empty/{n}"));
        let text = loop {
            match objects
                .put(&names.next().expect("names have no end"), Bytes::new(), Put::Overwrite)
                .await
            {
                Ok(()) => {}
                Err(Error::Full(text)) => break text,
                Err(other) => panic!("{other:?}"),
            }
        };
        assert!(text.contains("no more files"), "{text}");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_not_grow_is_told() {
    const TEST: &str = "a_file_that_may_not_grow_is_told";
    if std::env::var_os(INNER).is_none() {
        let this = std::env::current_exe().expect("this process has a program");
        let name = format!("directory::tests::{TEST}");
        let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\" --nocapture";
        let mut shell = std::process::Command::new("sh");
        let output = shell
            .args(["-ec", script])
            .arg(this)
            .arg(name)
            .env(INNER, "1")
            .output()
            .expect("a shell");
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (_directory, objects) = lake();
        let put = objects.put("a", vec![b'x'; 64 << 10].into(), Put::Overwrite).await;
        assert!(matches!(&put, Err(Error::Full(text)) if text.contains("65536") && text.contains("ulimit")), "{put:?}");
        objects.put("a", Bytes::from("x"), Put::Overwrite).await.expect("it is small enough");
    });
}

#[tokio::test]
async fn a_name_that_is_too_long_is_no_matter_of_permission() {
    let (directory, objects) = lake();
    for key in ["x".repeat(256), format!("{}a", "x/".repeat(2048))] {
        let put = objects.put(&key, Bytes::new(), Put::Overwrite).await;
        assert!(matches!(put, Err(Error::TooLarge(_))), "{put:?}");
        let head = objects.head(&key, None).await;
        assert!(matches!(head, Err(Error::TooLarge(_))), "{head:?}");
    }
    assert_eq!(names(directory.path()), [""; 0]);
}
