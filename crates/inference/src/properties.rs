//! Checks that a proposed contract lands the data that it was proposed from, whatever they are.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::{infer, infer_in_pieces, land};

/// The cells of one column: of one kind mostly, with some that are missing and perhaps some that do
/// not belong.
fn column() -> impl Strategy<Value = Vec<String>> {
    let kinds = prop_oneof![
        vec("-?[0-9]{1,4}", 1..40),
        vec("[+-]?[0-9]{1,25}", 1..40),
        vec("-[0-9]{1,12}", 1..9),
        vec("-?[0-9]{1,9}\\.[0-9]{2}", 1..40),
        vec("-?[0-9]{0,20}\\.[0-9]{0,20}", 1..40),
        vec("-?[1-9][0-9]{0,2}(,[0-9]{3}){0,3}(\\.[0-9]{0,3})?", 1..40),
        vec("-?[1-9][0-9]{0,2}([. '][0-9]{3}){0,3}(,[0-9]{0,3})?", 1..40),
        vec("[$€]? ?[0-9]{1,3}(\\.[0-9])?[%]?", 1..40),
        vec("[-+(\u{2212}]? ?[0-9]{1,3}([.,][0-9])?( ?[-)%]| CR| DR)?", 1..4),
        vec("[-+(]? ?(inf|nan|[0-9],[0-9]|[0-9]{1,2})[)]?", 1..4),
        vec("[0-9]{1,2}(e[+-]?[0-9]{1,4})?", 1..40),
        vec("(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9]", 1..40),
        vec("[0-3]?[0-9]/[01]?[0-9]/(20)?[0-9]{2}", 1..40),
        vec(
            "[0-3][0-9]\\.[01][0-9]\\.20[0-9]{2}( [012][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,10})?)?)?",
            1..40
        ),
        vec(
            "2[0-9]{3}-0[1-9]-[012][0-9][T ][01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]0[0-9]:?[03]0)?",
            1..40
        ),
        vec("[01]?[0-9]:[0-5][0-9]( ?[AaPp][Mm])?", 1..40),
        vec("(19|20)[0-9]{2}[01][0-9][0-3][0-9]([0-2][0-9][0-5][0-9][0-5][0-9])?", 1..40),
        vec("true|false|True|FALSE|yes|No|t|f|Y|N|on|off|0|1", 1..40),
        vec("NaN|INF|-INF|nan|[0-9]\\.5", 1..40),
        vec("[a-zé\"'#:,;{}\\[\\]&*!|>%@`\\\\ \t-]{0,8}", 1..40),
        vec("\\PC{0,6}", 1..40),
    ];
    let odd =
        select(vec!["", "", "NA", "null", "-", "\\N", " ", "1 ", " NA", "x", "\n", "0012", "#"]);
    (kinds, vec((any::<prop::sample::Index>(), odd), 0..6)).prop_map(|(mut cells, odd)| {
        odd.into_iter().for_each(|(index, text)| *index.get_mut(&mut cells) = text.to_owned());
        cells
    })
}

/// A table of columns as a CSV file in which whatever must be quoted is, and some cells are that
/// need not be.
fn table() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        3 => "[a-z]{1,6}",
        1 => select(vec!["created_at", "date", "is_x", "zip", "month", "n", "yes", "", "a b", "_line", "1", "ä: #", "\"q\"", "NA"]).prop_map(str::to_owned),
    ];
    let delimiter = select(vec![',', ',', ';', '\t', '|']);
    (vec((name, column()), 1..5), delimiter, any::<bool>(), any::<u64>()).prop_map(
        |(columns, delimiter, header, mut seed)| {
            let rows = columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
            let mut write = |text: &str| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let must = text.contains([delimiter, '"', '\n', '\r', '\'', '#'])
                    || text.is_empty() && columns.len() == 1;
                if must || seed >> 60 == 0 {
                    format!("\"{}\"", text.replace('"', "\"\""))
                } else {
                    text.to_owned()
                }
            };
            let mut lines = Vec::new();
            if header {
                lines.push(columns.iter().map(|(name, _)| write(name)).collect::<Vec<_>>());
            }
            for row in 0..rows {
                lines.push(
                    columns
                        .iter()
                        .map(|(_, cells)| write(cells.get(row).map_or("", String::as_str)))
                        .collect(),
                );
            }
            lines.iter().map(|cells| cells.join(&delimiter.to_string()) + "\n").collect()
        },
    )
}

/// Nothing is refused but what no contract would take.
fn check(source: &[u8]) -> Result<(), TestCaseError> {
    let inferred = infer(source);
    prop_assert_eq!(
        land(source, &inferred.yaml),
        (inferred.records, inferred.refused),
        "{}",
        inferred.yaml
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A proposed contract is valid and refuses nothing but what no contract would take.
    #[test]
    fn what_is_proposed_lands_what_was_seen(source in table()) {
        check(source.as_bytes())?;
    }

    /// The same for bytes that are not a table at all.
    #[test]
    fn anything_at_all_lands(source in vec(select(b"\"',;\t|\n\r #a1-./:\\ 0\xff\xc3".to_vec()), 0..120)) {
        check(&source)?;
    }

    /// The same of a column of one cell with what may stand around numbers, in any order.
    #[test]
    fn a_number_in_any_dress_lands(
        source in vec(
            select(vec![
                "0", "12", "1", ".", ",", " ", "-", "+", "(", ")", "%", "\u{2030}", "\u{2212}", "$",
                "EUR", "kg", "CR", "dr", "inf", "NaN", "e", "\u{a0}",
            ]),
            1..7,
        ),
    ) {
        check(format!("n\n\"{}\"\n", source.concat()).as_bytes())?;
    }

    /// Pieces of a source that are looked at apart tell the same as the whole.
    #[test]
    fn pieces_tell_the_same(source in table(), cut: prop::sample::Index) {
        prop_assert_eq!(infer_in_pieces(source.as_bytes(), cut), infer(source.as_bytes()).yaml);
    }
}
