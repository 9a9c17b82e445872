//! Checks packed sources: the same rows as unpacked, or a failure that says why, and never fewer
//! rows.

#[path = "../../crates/landing/tests/packing/mod.rs"]
pub(crate) mod packing;

use std::io::Write;

use super::bench::{Bench, Landed};
use packing::{bzip2, gzip};

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer, constraints: { required: true } }, { name: text, type: string } ] }
output: { lineage: true }
";

fn zip(text: &[u8]) -> Vec<u8> {
    packing::zip(&[("things.csv", text)], false, false)
}

/// A table that unpacks in several pieces and shards.
fn table(rows: usize) -> String {
    let row = |id: usize| match id % 1000 {
        7 => format!("{id},\"two\nlines\"\r\n"),
        8 => format!("x{id},refused\n"),
        _ => format!("{id},{}\n", "abcdefgh".repeat(id % 50)),
    };
    format!("id,text\n{}", (0..rows).map(row).collect::<String>())
}

fn assert_same(packed: &Landed, plain: &Landed, name: &str) {
    assert_eq!(packed.counts, plain.counts, "{name}");
    assert!(packed.rows == plain.rows, "{name}: other rows");
    assert_eq!(packed.errors, plain.errors, "{name}");
    assert_eq!(packed.rejects, plain.rejects, "{name}");
}

#[tokio::test]
async fn every_compression_lands_the_same() {
    let text = table(30_000);
    let (first, second) = text.as_bytes().split_at(text.len() / 3);
    assert!(text.len() > 5 << 20, "more than one piece");
    let plain = Bench::new(CONTRACT).await.land("job", text.as_bytes(), 1 << 20).await.unwrap();
    let sources = [
        ("gzip", gzip(text.as_bytes())),
        ("gzip", [gzip(first), gzip(second)].concat()),
        ("zstd", zstd::bulk::compress(text.as_bytes(), 3).unwrap()),
        (
            "zstd",
            [zstd::bulk::compress(first, 3).unwrap(), zstd::bulk::compress(second, 3).unwrap()]
                .concat(),
        ),
        ("bzip2", [bzip2(first), bzip2(second)].concat()),
        ("zip", zip(text.as_bytes())),
    ];
    for (name, source) in sources {
        let bench = Bench::new(CONTRACT).await;
        let packed = bench.land("job", &source, 1000).await.unwrap();
        assert_same(&packed, &plain, name);
        let keys = bench.context.keys(&job::message::JobId::parse("job").unwrap());
        let plan: landing::plan::Plan =
            serde_json::from_str(&bench.text(&keys.plan()).await).unwrap();
        assert_eq!((plan.shards, plan.source_bytes), (1, source.len() as u64));
        assert_eq!(
            plan.one_shard_because.unwrap(),
            format!("{name} can only be unpacked from its beginning")
        );
        assert_eq!(plan.layouts[0].evidence[0].value, name);
    }
}

/// What people see in an archive is one file: it lands as if it had been packed alone.
#[tokio::test]
async fn what_systems_put_beside_a_file_is_passed_over() {
    let text = table(3_000);
    let plain = Bench::new(CONTRACT).await.land("job", text.as_bytes(), 1 << 20).await.unwrap();
    let file = ("data/things.csv", text.as_bytes());
    for streamed in [false, true] {
        let source = packing::zip(
            &[
                (".DS_Store", b"\0\0\0\x01Bud1"),
                file,
                ("__MACOSX/data/._things.csv", b"\0\x05\x16\x07"),
            ],
            streamed,
            false,
        );
        let packed = Bench::new(CONTRACT).await.land("job", &source, 1000).await.unwrap();
        assert_same(&packed, &plain, "zip");
    }
}

#[tokio::test]
async fn a_contract_says_which_file_of_an_archive_is_meant() {
    let (text, other) = (table(50), table(20));
    let plain = Bench::new(CONTRACT).await.land("job", text.as_bytes(), 1 << 20).await.unwrap();
    let source = packing::zip(
        &[
            ("README.txt", b"secret remarks"),
            ("jan/things.csv", text.as_bytes()),
            ("feb.csv", other.as_bytes()),
        ],
        false,
        false,
    );
    for (member, refused) in [
        ("", "holds 3 files: unpack it, or say which one is meant with the contract's `member`"),
        ("*.csv", "holds 2 files whose names match `*.csv`"),
        ("things.csv", "holds no file whose name matches `things.csv`, of 3"),
    ] {
        let contract = if member.is_empty() {
            CONTRACT.to_owned()
        } else {
            format!("{CONTRACT}member: \"{member}\"\n")
        };
        let bench = Bench::new(&contract).await;
        let failure = bench.land("job", &source, 1000).await.unwrap_err();
        assert_eq!(failure.error, "SourceCorrupt", "{member}");
        assert!(
            failure.cause.contains(refused) && !failure.cause.contains("README"),
            "{}",
            failure.cause
        );
        let errors = bench
            .text(&bench.context.keys(&job::message::JobId::parse("job").unwrap()).errors())
            .await;
        let values: Vec<String> = errors
            .lines()
            .map(|line| {
                serde_json::from_str::<contract::rejects::ErrorEntry>(line).unwrap().value.unwrap()
            })
            .collect();
        assert_eq!(
            values,
            ["README.txt", "jan/things.csv", "feb.csv"],
            "the job's errors tell the names"
        );
    }
    for member in ["jan/*", "*/things.csv", "jan/things.cs?"] {
        let bench = Bench::new(&format!("{CONTRACT}member: \"{member}\"\n")).await;
        assert_same(&bench.land("job", &source, 1000).await.unwrap(), &plain, member);
    }
}

#[tokio::test]
async fn an_encoding_may_be_inside() {
    let text = table(20);
    let plain = Bench::new(CONTRACT).await.land("job", text.as_bytes(), 1 << 20).await.unwrap();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let packed = Bench::new(CONTRACT).await.land("job", &gzip(&wide), 10).await.unwrap();
    assert_eq!((&packed.rows, packed.counts), (&plain.rows, plain.counts));
}

#[tokio::test]
async fn what_is_cut_off_never_lands() {
    // Without a header nothing but the compression tells that something is missing.
    let contract =
        "name: things\ndialect: { header: false }\nschema: { fields: [ { name: text } ] }\n";
    let text = "one\ntwo\nthree\n".repeat(20);
    let sources = [
        ("gzip", gzip(text.as_bytes())),
        ("zstd", zstd::bulk::compress(text.as_bytes(), 3).unwrap()),
        ("bzip2", bzip2(text.as_bytes())),
        ("zip", zip(text.as_bytes())),
    ];
    for (name, source) in sources {
        let whole = Bench::new(contract).await.land("job", &source, 1000).await.unwrap();
        assert_eq!(whole.counts.stored, 60, "{name}");
        for cut in 1..source.len() {
            let stated = format!("{contract}compression: {name}\n");
            let failure =
                Bench::new(&stated).await.land("job", &source[..cut], 1000).await.unwrap_err();
            assert_eq!(failure.error, "SourceCorrupt", "{name} cut at {cut}: {}", failure.cause);
            // Sniffed, too, once there is a magic number that no text begins with.
            if cut >= 4 || name == "gzip" {
                let failure =
                    Bench::new(contract).await.land("job", &source[..cut], 1000).await.unwrap_err();
                assert_eq!(
                    failure.error, "SourceCorrupt",
                    "{name} cut at {cut}: {}",
                    failure.cause
                );
            }
        }
        let failure = Bench::new(contract)
            .await
            .land("job", &[&source, &b"four\n"[..]].concat(), 1000)
            .await
            .unwrap_err();
        assert_eq!(failure.error, "SourceCorrupt", "{name}: {}", failure.cause);
    }
}

/// The end of a source is far from its beginning, which `ingest` looks at.
#[tokio::test]
async fn damage_far_in_is_found_and_nothing_is_left() {
    let mut source = gzip(table(10_000).as_bytes());
    let length = source.len();
    source[length - 6] ^= 1;
    let bench = Bench::new(CONTRACT).await;
    let failure = bench.land("job", &source, 1000).await.unwrap_err();
    assert_eq!(failure.error, "SourceCorrupt", "{}", failure.cause);
    assert_eq!(bench.visible().await, (vec![], 0));
}

#[tokio::test]
async fn a_bomb_is_stopped() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(b"id,text\n").unwrap();
    let rows = "\n".repeat(1 << 20);
    for _ in 0..110 {
        bomb.write_all(rows.as_bytes()).unwrap();
    }
    let bench = Bench::new(CONTRACT).await;
    let failure = bench.land("job", &bomb.finish().unwrap(), 1000).await.unwrap_err();
    assert_eq!(failure.error, "LimitExceeded", "{}", failure.cause);
    assert!(failure.cause.contains("unpacks to more than"), "{}", failure.cause);
}

#[tokio::test]
async fn what_is_stated_must_be_so() {
    let stated = |kind: &str| format!("{CONTRACT}compression: {kind}\n");
    let source = gzip(b"id,text\n1,a\n");
    assert_eq!(
        Bench::new(&stated("gzip")).await.land("job", &source, 1000).await.unwrap().counts.stored,
        1
    );
    for kind in ["none", "zstd", "bzip2", "zip"] {
        let failure = Bench::new(&stated(kind)).await.land("job", &source, 1000).await.unwrap_err();
        assert_eq!(failure.error, "SourceCorrupt", "{kind}");
        assert!(failure.cause.contains("is gzip"), "{kind}: {}", failure.cause);
    }
    let twice = Bench::new(CONTRACT).await.land("job", &gzip(&source), 1000).await.unwrap_err();
    assert!(twice.cause.contains("holds gzip, not CSV"), "{}", twice.cause);
    let plain =
        Bench::new(&stated("gzip")).await.land("job", b"id,text\n1,a\n", 1000).await.unwrap_err();
    assert_eq!(plain.error, "SourceCorrupt");
}
