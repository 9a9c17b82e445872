use proptest::prelude::*;

use super::parser::parse;
use super::{Form, Tree};
use crate::comparisons::Comparison;
use crate::operators::Arithmetic;
use crate::{Flaw, Position};

/// What an expression is, whatever the places of its parts.
fn shape(text: &str) -> String {
    let tree = parse(text).unwrap_or_else(|flaw| panic!("{text}: {flaw}"));
    written(&tree, true)
}

/// How strongly operators hold, strongest last, as DuckDB's documentation lists them.
const OR: u8 = 0;
const AND: u8 = 1;
const NOT: u8 = 2;
const IS: u8 = 3;
const COMPARE: u8 = 4;
const LIKE: u8 = 5;
const APPEND: u8 = 6;
const ADD: u8 = 7;
const MULTIPLY: u8 = 8;
const AT: u8 = 9;
const SIGN: u8 = 10;
const CAST: u8 = 11;
const OPERAND: u8 = 12;

/// The text of an expression with as few parentheses as there can be, or with all.
fn written(tree: &Tree, with_all: bool) -> String {
    let write = |tree: &Tree, least: u8| {
        let text = written(tree, with_all);
        let is_simple = strength_of(tree) == OPERAND;
        if !is_simple && (with_all || strength_of(tree) < least) {
            format!("({text})")
        } else {
            text
        }
    };
    let pair = |[a, b]: &[Tree; 2], sign: &str, strength: u8, is_chain: bool| {
        let left = write(a, if is_chain { strength } else { strength + 1 });
        format!("{left} {sign} {}", write(b, strength + 1))
    };
    let not = |negated: &bool| if *negated { "NOT " } else { "" };
    let any = |tree: &Tree| written(tree, with_all);
    let list = |trees: &[Tree]| trees.iter().map(any).collect::<Vec<_>>().join(", ");
    match &tree.form {
        Form::Column { name, is_quoted: false } => name.clone(),
        Form::Column { name, is_quoted: true } => format!("\"{}\"", name.replace('"', "\"\"")),
        Form::Null => "NULL".to_owned(),
        Form::Boolean(value) => value.to_string(),
        Form::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Form::Number(number) => number.clone(),
        Form::Interval(text) => format!("INTERVAL '{text}'"),
        Form::Not(inner) => format!("NOT {}", write(inner, NOT)),
        Form::Minus(inner) => format!("- {}", write(inner, SIGN)),
        Form::Plus(inner) => format!("+{}", write(inner, SIGN)),
        Form::And(args) => pair(args, "AND", AND, true),
        Form::Or(args) => pair(args, "or", OR, true),
        Form::Append(args) => pair(args, "||", APPEND, true),
        Form::Arithmetic(sign, args) => {
            let is_sum = matches!(sign, Arithmetic::Add | Arithmetic::Subtract);
            pair(args, sign.sign(), if is_sum { ADD } else { MULTIPLY }, true)
        }
        Form::Compare(Comparison::Distinct, args) => pair(args, "IS DISTINCT FROM", IS, true),
        Form::Compare(Comparison::NotDistinct, args) => {
            pair(args, "IS NOT DISTINCT FROM", IS, true)
        }
        Form::Compare(comparison, args) => {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "<>",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                _ => ">=",
            };
            pair(args, sign, COMPARE, false)
        }
        Form::IsNull { value, negated } => format!("{} IS {}NULL", write(value, IS), not(negated)),
        Form::IsTruth { value, truth, negated } => {
            format!("{} IS {}{truth}", write(value, IS), not(negated))
        }
        Form::Between { args, negated } => format!(
            "{} {}BETWEEN {} AND {}",
            write(&args[0], LIKE),
            not(negated),
            write(&args[1], LIKE + 1),
            write(&args[2], LIKE + 1)
        ),
        Form::In { args, negated } => {
            format!("{} {}IN ({})", write(&args[0], LIKE), not(negated), list(&args[1..]))
        }
        Form::Like { args, escape, ignores_case, negated } => {
            let like = if *ignores_case { "ILIKE" } else { "LIKE" };
            let escape = escape
                .as_ref()
                .map_or(String::new(), |escape| format!(" ESCAPE {}", write(escape, LIKE + 1)));
            let (value, pattern) = (write(&args[0], LIKE), write(&args[1], LIKE + 1));
            format!("{value} {}{like} {pattern}{escape}", not(negated))
        }
        Form::Similar { args, negated } => format!(
            "{} {}SIMILAR TO {}",
            write(&args[0], LIKE),
            not(negated),
            write(&args[1], LIKE + 1)
        ),
        Form::Cast { value, to, is_lenient: true } => {
            format!("TRY_CAST({} AS {})", any(value), crate::types::name(to))
        }
        Form::Cast { value, to, is_lenient: false } => {
            format!("{}::{}", write(value, CAST), crate::types::name(to))
        }
        Form::Case { operand, branches, otherwise } => {
            let operand = operand.as_ref().map_or(String::new(), |operand| any(operand) + " ");
            let branches = branches
                .iter()
                .map(|[when, then]| format!("WHEN {} THEN {} ", any(when), any(then)))
                .collect::<String>();
            let otherwise =
                otherwise.as_ref().map_or(String::new(), |tree| format!("ELSE {} ", any(tree)));
            format!("CASE {operand}{branches}{otherwise}END")
        }
        Form::AtTimeZone(args) => pair(args, "AT TIME ZONE", AT, true),
        Form::Call(function, args) => format!("{}({})", function.names[0], list(args)),
    }
}

fn strength_of(tree: &Tree) -> u8 {
    match &tree.form {
        Form::Or(_) => OR,
        Form::And(_) => AND,
        Form::Not(_) => NOT,
        Form::Compare(Comparison::Distinct | Comparison::NotDistinct, _)
        | Form::IsNull { .. }
        | Form::IsTruth { .. } => IS,
        Form::Compare(..) => COMPARE,
        Form::Between { .. } | Form::In { .. } | Form::Like { .. } | Form::Similar { .. } => LIKE,
        Form::Append(_) => APPEND,
        Form::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, _) => ADD,
        Form::Arithmetic(..) => MULTIPLY,
        Form::AtTimeZone(_) => AT,
        Form::Minus(_) | Form::Plus(_) => SIGN,
        Form::Cast { is_lenient: false, .. } => CAST,
        _ => OPERAND,
    }
}

fn tree(form: Form) -> Tree {
    Tree { at: Position { line: 1, column: 1 }, form }
}

fn two([a, b]: [Tree; 2]) -> Box<[Tree; 2]> {
    Box::new([a, b])
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        "[a-z_é][a-z0-9_]{0,3}x".prop_map(|name| Form::Column { name, is_quoted: false }),
        "[a-z A-Z\".'é]{1,5}".prop_map(|name| Form::Column { name, is_quoted: true }),
        Just(Form::Null),
        any::<bool>().prop_map(Form::Boolean),
        "[a-z '\"/*-]{0,5}".prop_map(Form::Text),
        prop_oneof![Just("1"), Just("1_0"), Just(".5"), Just("1."), Just("2.5e-3"), Just("1E5")]
            .prop_map(|number| Form::Number(number.to_owned())),
        Just(Form::Interval("3 days".to_owned())),
    ]
    .prop_map(tree);
    leaf.prop_recursive(5, 40, 3, |inner| {
        let pair = || [inner.clone(), inner.clone()];
        let one = || inner.clone().prop_map(Box::new);
        let some = || proptest::option::of(inner.clone().prop_map(Box::new));
        let types = || {
            prop_oneof![
                Just(arrow_schema::DataType::Int64),
                Just(arrow_schema::DataType::Decimal128(12, 2)),
                Just(crate::types::zoned(arrow_schema::TimeUnit::Microsecond)),
            ]
        };
        let comparison = prop_oneof![
            Just(Comparison::Equal),
            Just(Comparison::NotEqual),
            Just(Comparison::Less),
            Just(Comparison::GreaterOrEqual),
            Just(Comparison::Distinct),
            Just(Comparison::NotDistinct),
        ];
        let arithmetic = prop_oneof![
            Just(Arithmetic::Add),
            Just(Arithmetic::Subtract),
            Just(Arithmetic::Multiply),
            Just(Arithmetic::DivideWhole),
            Just(Arithmetic::Remainder),
        ];
        let list = || proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            one().prop_map(Form::Not),
            one().prop_map(Form::Minus),
            one().prop_map(Form::Plus),
            pair().prop_map(two).prop_map(Form::And),
            pair().prop_map(two).prop_map(Form::Or),
            pair().prop_map(two).prop_map(Form::Append),
            pair().prop_map(two).prop_map(Form::AtTimeZone),
            (arithmetic, pair()).prop_map(|(sign, args)| Form::Arithmetic(sign, two(args))),
            (comparison, pair()).prop_map(|(sign, args)| Form::Compare(sign, two(args))),
            (one(), any::<bool>()).prop_map(|(value, negated)| Form::IsNull { value, negated }),
            (one(), any::<bool>(), any::<bool>())
                .prop_map(|(value, truth, negated)| Form::IsTruth { value, truth, negated }),
            ([inner.clone(), inner.clone(), inner.clone()], any::<bool>())
                .prop_map(|(args, negated)| Form::Between { args: Box::new(args), negated }),
            (list(), any::<bool>()).prop_map(|(args, negated)| Form::In { args, negated }),
            (pair(), some(), any::<bool>(), any::<bool>()).prop_map(
                |(args, escape, ignores_case, negated)| {
                    Form::Like { args: two(args), escape, ignores_case, negated }
                }
            ),
            (pair(), any::<bool>())
                .prop_map(|(args, negated)| Form::Similar { args: two(args), negated }),
            (one(), types(), any::<bool>()).prop_map(|(value, to, is_lenient)| Form::Cast {
                value,
                to,
                is_lenient
            }),
            (some(), proptest::collection::vec(pair(), 1..3), some()).prop_map(
                |(operand, branches, otherwise)| Form::Case { operand, branches, otherwise }
            ),
            list().prop_map(|args| Form::Call(
                crate::functions::find("concat").expect("a function"),
                args
            )),
        ]
        .prop_map(tree)
    })
}

/// Words and signs that expressions are made of, and some that they are not.
fn words() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(vec![
        "a",
        "\"b\"",
        "'c'",
        "1",
        ".5",
        "1e",
        "(",
        ")",
        ",",
        ".",
        "+",
        "-",
        "*",
        "/",
        "//",
        "||",
        "::",
        "=",
        "<>",
        "<",
        "^",
        "->",
        "[",
        "]",
        "NOT",
        "AND",
        "OR",
        "IS",
        "NULL",
        "TRUE",
        "IN",
        "BETWEEN",
        "LIKE",
        "ESCAPE",
        "SIMILAR",
        "TO",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "CAST",
        "AS",
        "int",
        "decimal",
        "timestamp",
        "with",
        "time",
        "zone",
        "AT",
        "interval",
        "day",
        "extract",
        "from",
        "position",
        "substring",
        "for",
        "trim",
        "leading",
        "abs",
        "concat",
        "select",
        "exists",
        "distinct",
        "over",
        "filter",
        "order",
        "--",
        "/*",
        "*/",
        "'",
        "\"",
        "\n",
        "é",
        "\u{200b}",
        ":=",
    ]);
    proptest::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

fn is_inside(flaw: &Flaw, text: &str) -> bool {
    let Position { line, column } = flaw.at;
    let lines: Vec<&str> = text.split('\n').collect();
    line >= 1
        && lines
            .get(line as usize - 1)
            .is_some_and(|line| (1..=line.chars().count() as u64 + 1).contains(&column))
}

proptest! {
    /// Parentheses that say what operators say anyway can be left out.
    #[test]
    fn operators_hold_as_strongly_as_in_duckdb(tree in trees()) {
        let (few, all) = (written(&tree, false), written(&tree, true));
        prop_assert_eq!(shape(&all), all.clone());
        prop_assert_eq!(shape(&few), all, "{}", few);
    }

    /// A text that is no expression has a flaw, at a position inside the text.
    #[test]
    fn a_flaw_has_a_place(text in prop_oneof![words(), "\\PC{0,20}"]) {
        if let Err(flaw) = parse(&text) {
            prop_assert!(is_inside(&flaw, &text), "{:?}: {:?}", text, flaw);
            prop_assert!(!flaw.message.is_empty());
        }
    }
}

#[test]
fn words_that_operators_are_made_of_may_be_names() {
    for (text, all) in [
        ("end > start", "end > start"),
        ("interval + day", "interval + day"),
        ("date = 1 AND time IS NULL", "(date = 1) AND (time IS NULL)"),
        ("CASE WHEN end > 1 THEN text END", "CASE WHEN end > 1 THEN text END"),
        ("trim(both)", "trim(both)"),
        ("\"select\" + \"AND\"", "\"select\" + \"AND\""),
        ("position(a, b) + at", "position(a, b) + at"),
    ] {
        assert_eq!(shape(text), all, "{text}");
    }
}

#[test]
fn what_nests_is_parsed_once() {
    // A parser that tries one way and then another one takes twice as long for each level.
    for function in ["position", "substring", "trim", "abs"] {
        let text = format!("{}a{}", format!("{function}(").repeat(44), ", 1)".repeat(44));
        let parsed = parse(&text);
        assert!(parsed.is_ok(), "{function}: {parsed:?}");
    }
}
