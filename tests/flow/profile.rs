//! Checks the profile of a job: it is the same however the source is split, and holds nothing that
//! is not stored.

use landing::profile::Profile;

use super::bench::Bench;

const CONTRACT: &str = "
name: things
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: secret, type: string }
    - { name: price, type: number, physicalType: \"decimal(6,2)\" }
    - { name: kind, type: string }
transform: { drop: [secret] }
output: { partitionBy: [kind] }
";

#[tokio::test]
async fn a_profile_does_not_depend_on_the_split() {
    let rows: String = (0..200)
        .map(|n| format!("{n},hidden{n},{}.5,{}\n", n % 20, ["a", "b", ""][n % 3]))
        .collect();
    let source = format!("id,secret,price,kind\n{rows}x,hidden,1,a\n");
    let mut expected: Option<Profile> = None;
    for shard_bytes in [u64::MAX, 1_000, 100] {
        let bench = Bench::new(CONTRACT).await;
        let submission = bench.submit("job", source.as_bytes(), shard_bytes, false).await;
        let stored = bench.run(submission).await.unwrap();
        let text = bench.text(&bench.context.keys(&stored.job).profile()).await;
        assert!(!text.contains("hidden"), "{text}");
        let profile: Profile = serde_json::from_str(&text).unwrap();
        assert_eq!((profile.rows, stored.counts.rejected), (200, 1));
        let columns: Vec<_> = profile
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.count, column.mean))
            .collect();
        assert_eq!(
            columns,
            [("id", 200, Some(99.5)), ("price", 200, Some(10.0)), ("kind", 134, None)]
        );
        assert_eq!(profile.columns[2].distinct, Some(2));
        let commit = bench.commit(0).await.unwrap();
        let bounds: Vec<_> =
            commit.bounds.iter().map(|(name, b)| format!("{name} {} {}", b.min, b.max)).collect();
        assert_eq!(bounds, ["id 0 199", "kind \"a\" \"b\"", "price \"0.50\" \"19.50\""]);
        // Quantiles of few rows differ a little by the order in which they were merged.
        let comparable = Profile {
            columns: profile
                .columns
                .into_iter()
                .map(|column| landing::profile::ColumnProfile { quantiles: None, ..column })
                .collect(),
            ..profile
        };
        let frequent = |profile: &Profile| profile.columns[2].frequent.clone();
        if let Some(expected) = &expected {
            assert_eq!(frequent(&comparable), frequent(expected));
        }
        expected.get_or_insert(comparable);
    }
}
