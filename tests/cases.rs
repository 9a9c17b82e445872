//! Lands files of public bug reports, and compares each with what is right for it:
//! `testdata/cases`.

use std::collections::BTreeSet;
use std::process::Command;

use xtask::{Python, checkout};

use crate::end_to_end::landfall;

/// Runs the check of a case, which prints what is wrong.
fn check(case: &str) {
    let script = checkout::root().join("testdata/cases").join(case).join("check.py");
    let mut python: Command = Python::of_peers().unwrap().command();
    let checked = python.arg(&script).env("LANDFALL", landfall().get_program()).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{case}: {}", said.trim());
}

macro_rules! cases {
    ($($name:ident: $folder:literal)*) => {
        $(
            #[test]
            fn $name() {
                check($folder);
            }
        )*

        #[test]
        fn every_case_is_run() {
            let run = BTreeSet::from([$($folder.to_owned()),*]);
            let folders = std::fs::read_dir(checkout::root().join("testdata/cases")).unwrap().map(|entry| entry.unwrap());
            let folders = folders.filter(|entry| entry.file_type().unwrap().is_dir());
            let there: BTreeSet<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
            assert_eq!(run, there);
        }
    };
}

cases! {
    bare_number_strips_meaning: "bare-number-strips-meaning"
    booleans: "booleans"
    by_position_without_warning: "by-position-without-warning"
    case_colliding: "case-colliding"
    comma_is_not_a_group: "comma-is-not-a-group"
    delimiters_of_two_bytes: "delimiters-of-two-bytes"
    eight_digits: "eight-digits"
    epoch_milliseconds: "epoch-milliseconds"
    excel_formula_text: "excel-formula-text"
    exponent_ids: "exponent-ids"
    failed_job_leaves_files: "failed-job-leaves-files"
    footer_total: "footer-total"
    french_thousands: "french-thousands"
    header_invisible: "header-invisible"
    header_only_daily: "header-only-daily"
    infinity: "infinity"
    mixed_offsets: "mixed-offsets"
    mysql_null: "mysql-null"
    narrow_space_am_pm: "narrow-space-am-pm"
    next_day: "next-day"
    nothing_in_it: "nothing-in-it"
    one_column_blank_lines: "one-column-blank-lines"
    parentheses: "parentheses"
    partition_columns_of_all_types: "partition-columns-of-all-types"
    percent_mixed: "percent-mixed"
    repeated_header_text_only: "repeated-header-text-only"
    schema_evolution: "schema-evolution"
    scores_and_ratios: "scores-and-ratios"
    semicolons_with_points: "semicolons-with-points"
    sep_line: "sep-line"
    three_years_by_day: "three-years-by-day"
    trailing_delimiter: "trailing-delimiter"
    wide_contract: "wide-contract"
    yaml_in_the_contract: "yaml-in-the-contract"
    zip_members: "zip-members"
    zone_names: "zone-names"
}

/// Files of our own, at least two of each kind of fault that the cases are of.
#[test]
fn our_own_files_land_as_they_are_meant() {
    let folder = checkout::root().join("testdata/kinds");
    let mut python: Command = Python::of_peers().unwrap().command();
    let checked = python
        .arg("-B")
        .arg(folder.join("check.py"))
        .env("LANDFALL", landfall().get_program())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
