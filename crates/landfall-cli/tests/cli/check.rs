//! Checks what all commands have in common.

use crate::binary::landfall;

#[test]
fn a_shard_that_costs_more_than_it_holds_is_wrong_use() {
    for command in [&["run", "--lake", "lake"][..], &["plan"]] {
        let arguments = [command, &["c.yaml", "a.csv", "--shard-size", "65535"]].concat();
        let mut command = crate::binary::command(arguments);
        let answer = crate::binary::answer(
            command.env_remove("LANDFALL_TEST_SHARDS").output().expect("the binary starts"),
        );
        assert_eq!(answer.exit, 2);
        assert!(answer.stderr.contains("a shard has at least 64KiB"), "{}", answer.stderr);
    }
}

#[test]
fn the_version_is_an_answer() {
    let version = landfall(["--version"]).stdout;
    let commit = version
        .strip_prefix(concat!("landfall ", env!("CARGO_PKG_VERSION")))
        .expect("it has the version")
        .trim_end();
    let is_hash =
        |hash: &str| hash.len() == 12 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(
        commit.is_empty()
            || commit
                .strip_prefix(" (")
                .and_then(|rest| rest.strip_suffix(')'))
                .is_some_and(is_hash),
        "the commit, where it was built in a checkout: {version}"
    );
}
