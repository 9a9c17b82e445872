use super::*;

fn used(item: Item, invocations: u64, milliseconds: u64) -> Usage {
    Usage {
        invocations,
        milliseconds,
        mb_milliseconds: milliseconds * item.memory_mb(),
        ..Usage::default()
    }
}

#[test]
fn a_bill_is_what_the_table_says_by_hand() {
    // 1 GB for 1,000 s at 0.0000133334, a million invocations at 0.20, 1,000 PUTs at 0.005 and
    // 10,000 GETs at 0.0004 a thousand.
    let usage = Usage {
        invocations: 1_000_000,
        mb_milliseconds: 1024 * 1_000_000,
        puts: 1_000,
        gets: 10_000,
        deletes: 5,
        ..Usage::default()
    };
    assert_eq!(prices::functions(usage, Processor::Arm64).to_string(), "0.213333 USD");
    assert_eq!(prices::functions(usage, Processor::X86).to_string(), "0.216667 USD");
    assert_eq!(prices::requests(usage).to_string(), "0.009000 USD");
    assert_eq!(prices::state_machine(1_000, 0, 0).to_string(), "0.025000 USD");
    // A million children of 100 ms, of which rounding makes 150, at 64 MB.
    assert_eq!(prices::state_machine(0, 1_000_000, 100_000_000).to_string(), "1.156281 USD");
    assert_eq!(prices::registry(1_000_000, 1_000_000).to_string(), "0.750000 USD");
}

#[test]
fn lines_add_up_to_the_total() {
    let bill = Bill::new(
        Basis::Measured,
        Processor::Arm64,
        [
            (Item::Ingest, used(Item::Ingest, 1, 80)),
            (Item::Transform, used(Item::Transform, 1, 900)),
            (Item::Transform, used(Item::Transform, 2, 1_800)),
        ],
        128 << 20,
    );
    assert_eq!(bill.lines[&Item::Transform].usage, used(Item::Transform, 3, 2_700));
    assert_eq!(bill.total, bill.lines.values().map(|line| line.cost).sum());
    assert!(bill.lines.values().all(|line| line.cost > Dollars::default()), "{bill:?}");
    let orchestration = bill.lines[&Item::Orchestration];
    assert_eq!(
        (orchestration.transitions, orchestration.express),
        (prices::TRANSITIONS_OF_A_JOB + 4 + 1, 3)
    );
    let mut more = bill.clone();
    more.add(Item::Store, used(Item::Store, 1, 10));
    assert_eq!(more.total, more.lines.values().map(|line| line.cost).sum());
    assert!(more.total > bill.total);
}

#[test]
fn a_bill_is_the_same_after_it_was_written() {
    let bill = estimate(expected(1_000_000_000_000, 14_902));
    let json = serde_json::to_string(&bill).expect("a bill is plain data");
    assert_eq!(serde_json::from_str::<Bill>(&json).expect("what was written"), bill);
    assert!(json.contains(r#""basis":"estimate""#), "{json}");
}

fn expected(source_bytes: u64, shards: u64) -> Expected {
    Expected {
        objects: 1,
        source_bytes,
        is_packed: false,
        shards,
        counts_lines: false,
        joined_bytes: 0,
        processor: Processor::Arm64,
    }
}

#[test]
fn a_terabyte_is_estimated_far_below_what_others_ask() {
    let bill = estimate(expected(1_000_000_000_000, 3_726));
    assert_eq!(
        [bill.elsewhere.glue, bill.elsewhere.athena_ctas, bill.elsewhere.snowpipe]
            .map(|price| price.to_string()),
        ["1.222222 USD", "5.000000 USD", "7.400000 USD"]
    );
    assert!((0.3..1.3).contains(&f64::from(bill.total)), "{}", bill.total);
}

/// What `benches/README.md` says of a terabyte of lineitem.
#[test]
fn a_terabyte_costs_a_third_of_a_dollar() {
    const BYTES: u64 = 1_000_000_000_000;
    /// Bytes that S3 gives a function in a millisecond: of its 0.43 processors less than half are
    /// busy with them.
    const BYTES_PER_MS: u64 = 75_000;
    const PAUSE_MS: u64 = 300;
    /// Of a shard of 1.08 GB as it was measured, its documents included; there in reads of 1 MiB,
    /// here of 8 MiB.
    const PUTS: u64 = 21;
    // What such a source is cut into.
    let shards = 1_000;
    let gets = BYTES.div_ceil(8 << 20) + 8 * shards;
    let requests = |usage: Usage, puts, gets| Usage { puts, gets, ..usage };
    let bill = Bill::new(
        Basis::Estimate,
        Processor::Arm64,
        [
            (Item::Ingest, requests(used(Item::Ingest, 1, PAUSE_MS), 4, 8)),
            (
                Item::Transform,
                requests(
                    used(Item::Transform, shards, shards * PAUSE_MS + BYTES / BYTES_PER_MS),
                    shards * PUTS,
                    gets,
                ),
            ),
            (Item::Verify, requests(used(Item::Verify, 1, 3 * shards), 4, shards)),
            (Item::Store, requests(used(Item::Store, 1, 6 * shards), shards + 10, 2 * shards)),
        ],
        BYTES,
    );
    assert_eq!(bill.total.to_string(), "0.339289 USD");
}

#[test]
fn more_work_is_estimated_to_cost_more() {
    let total = |expected| estimate(expected).total;
    let plain = expected(10 << 30, 160);
    assert!(total(expected(20 << 30, 320)) > total(plain));
    assert!(total(expected(10 << 30, 1_600)) > total(plain), "more shards");
    for more in [
        Expected { is_packed: true, ..plain },
        Expected { counts_lines: true, ..plain },
        Expected { joined_bytes: 16 << 20, ..plain },
        Expected { processor: Processor::X86, ..plain },
    ] {
        assert!(total(more) > total(plain), "{more:?}");
    }
}

#[test]
fn a_cap_names_what_is_estimated_and_itself() {
    let bill = estimate(expected(1 << 30, 16));
    assert_eq!(check_cap(&bill, None), Ok(()));
    assert_eq!(check_cap(&bill, Some(bill.total)), Ok(()));
    let refused = check_cap(&bill, Some(Dollars::of_picos(1_000_000))).expect_err("too dear");
    assert_eq!(refused.name(), "CostCapExceeded");
    assert!(
        refused.to_string().contains(&format!(
            "estimated to cost {}, more than its cap of 0.000001 USD",
            bill.total
        )),
        "{refused}"
    );
}

#[test]
fn amounts_are_from_nothing_to_a_million() {
    assert_eq!("0.05".parse::<Dollars>().map(|cap| cap.to_string()), Ok("0.050000 USD".to_owned()));
    for wrong in ["-1", "NaN", "inf", "1e7", "cheap"] {
        assert!(wrong.parse::<Dollars>().is_err(), "{wrong}");
    }
}
