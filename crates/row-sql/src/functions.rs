//! Lists the functions: their names, what they take and what they do. The documentation's table is
//! this list.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use regex::Regex;
use zones::Zone;

use super::comparisons::Comparison;
use super::moments::{self, MICROSECONDS, PARTS, Period};
use super::node::{Node, Op};
use super::numbers::{self, Rounding};
use super::operators;
use super::texts::{self, Ends};
use super::types::{self, is_number};
use super::values::Kernel;
use super::{Flaw, Position, coerce};
use crate::patterns::Patterns;

/// A function.
pub(super) struct Function {
    /// Its names, the usual one first.
    pub(super) names: &'static [&'static str],
    /// What it takes, and what it gives.
    pub(super) form: &'static str,
    pub(super) does: &'static str,
    /// Fewest and most arguments.
    arity: (usize, usize),
    bind: fn(Call) -> Result<Node, Flaw>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.names[0])
    }
}

/// A call on its way to be typed.
pub(super) struct Call {
    name: &'static str,
    at: Position,
    args: Vec<Node>,
    patterns: Patterns,
}

const ANY: usize = usize::MAX;

const fn function(
    names: &'static [&'static str],
    arity: (usize, usize),
    form: &'static str,
    does: &'static str,
    bind: fn(Call) -> Result<Node, Flaw>,
) -> Function {
    Function { names, form, does, arity, bind }
}

/// All functions. Where nothing else is said, a null argument makes a null.
pub(super) const FUNCTIONS: &[Function] = &[
    function(
        &["coalesce", "ifnull"],
        (1, ANY),
        "(a, b, …)",
        "the first value that is not null",
        coalesce,
    ),
    function(&["nullif"], (2, 2), "(a, b)", "`a`, or null where it equals `b`", null_if),
    function(
        &["greatest"],
        (1, ANY),
        "(a, b, …)",
        "the greatest value that is not null",
        |call| extreme(call, Comparison::Greater),
    ),
    function(&["least"], (1, ANY), "(a, b, …)", "the least value that is not null", |call| {
        extreme(call, Comparison::Less)
    }),
    function(&["abs"], (1, 1), "(number)", "the value without its sign", abs),
    function(
        &["round"],
        (1, 2),
        "(number, [digits])",
        "rounded to so many digits after the point, halves away from zero",
        |call| round(call, Rounding::Nearest),
    ),
    function(&["floor"], (1, 1), "(number)", "the next whole number below", |call| {
        round(call, Rounding::Down)
    }),
    function(&["ceil", "ceiling"], (1, 1), "(number)", "the next whole number above", |call| {
        round(call, Rounding::Up)
    }),
    function(&["lower", "lcase"], (1, 1), "(string)", "in lower case", |call| {
        text_to_text(call, texts::lower())
    }),
    function(&["upper", "ucase"], (1, 1), "(string)", "in upper case", |call| {
        text_to_text(call, texts::upper())
    }),
    function(
        &["trim"],
        (1, 2),
        "(string, [characters])",
        "without spaces, or these characters, at both ends",
        |call| text_to_text(call, texts::trim(Ends::Both)),
    ),
    function(
        &["ltrim"],
        (1, 2),
        "(string, [characters])",
        "without them at the beginning",
        |call| text_to_text(call, texts::trim(Ends::Left)),
    ),
    function(&["rtrim"], (1, 2), "(string, [characters])", "without them at the end", |call| {
        text_to_text(call, texts::trim(Ends::Right))
    }),
    function(
        &["length", "char_length", "len"],
        (1, 1),
        "(string)",
        "characters, as an int64",
        |call| texts_to(call, ArrowType::Int64, texts::length()),
    ),
    function(
        &["position", "strpos", "instr"],
        (2, 2),
        "(string, wanted)",
        "where `wanted` begins, from 1; 0: nowhere",
        |call| texts_to(call, ArrowType::Int64, texts::position()),
    ),
    function(
        &["substring", "substr"],
        (2, 3),
        "(string, start, [length])",
        "characters from `start` on, counted from 1, below 0 from the end",
        |call| cut(call, texts::substring()),
    ),
    function(
        &["left"],
        (2, 2),
        "(string, count)",
        "the first characters; below 0 all but the last",
        |call| cut(call, texts::left()),
    ),
    function(
        &["right"],
        (2, 2),
        "(string, count)",
        "the last characters; below 0 all but the first",
        |call| cut(call, texts::right()),
    ),
    function(&["replace"], (3, 3), "(string, from, to)", "each `from` replaced by `to`", |call| {
        text_to_text(call, texts::replace())
    }),
    function(
        &["split_part"],
        (3, 3),
        "(string, separator, index)",
        "the part at `index`, from 1, below 0 from the end; empty: there is none",
        split_part,
    ),
    function(
        &["concat"],
        (1, ANY),
        "(a, b, …)",
        "one after the other as text; nulls are left out",
        |call| concat(call, false),
    ),
    function(&["starts_with"], (2, 2), "(string, start)", "whether it begins so", |call| {
        texts_to(call, ArrowType::Boolean, texts::relation(|text, start| text.starts_with(start)))
    }),
    function(&["ends_with", "suffix"], (2, 2), "(string, end)", "whether it ends so", |call| {
        texts_to(call, ArrowType::Boolean, texts::relation(|text, end| text.ends_with(end)))
    }),
    function(&["contains"], (2, 2), "(string, wanted)", "whether it is in there", |call| {
        texts_to(call, ArrowType::Boolean, texts::relation(|text, wanted| text.contains(wanted)))
    }),
    function(
        &["regexp_matches"],
        (2, 2),
        "(string, 'pattern')",
        "whether a regular expression matches somewhere",
        regexp_matches,
    ),
    function(
        &["regexp_extract"],
        (2, 3),
        "(string, 'pattern', [group])",
        "what its first match is; empty: there is none",
        regexp_extract,
    ),
    function(
        &["sha256"],
        (1, 1),
        "(string)",
        "SHA-256 of the UTF-8 bytes, in hexadecimal digits",
        |call| text_to_text(call, texts::sha256()),
    ),
    function(&["year"], (1, 1), "(date or timestamp)", "the year", part),
    function(&["quarter"], (1, 1), "(date or timestamp)", "1 to 4", part),
    function(&["month"], (1, 1), "(date or timestamp)", "1 to 12", part),
    function(&["week"], (1, 1), "(date or timestamp)", "the week of ISO 8601, 1 to 53", part),
    function(&["day", "dayofmonth"], (1, 1), "(date or timestamp)", "1 to 31", part),
    function(&["dayofyear"], (1, 1), "(date or timestamp)", "1 to 366", part),
    function(&["dayofweek"], (1, 1), "(date or timestamp)", "0 (Sunday) to 6", part),
    function(&["isodow"], (1, 1), "(date or timestamp)", "1 (Monday) to 7", part),
    function(&["hour"], (1, 1), "(timestamp or time)", "0 to 23", part),
    function(&["minute"], (1, 1), "(timestamp or time)", "0 to 59", part),
    function(&["second"], (1, 1), "(timestamp or time)", "0 to 59, without its fraction", part),
    function(
        &["epoch"],
        (1, 1),
        "(date or timestamp)",
        "seconds since 1970-01-01, as a float64",
        epoch,
    ),
    function(
        &["epoch_ms"],
        (1, 1),
        "(whole number, or date or timestamp)",
        "the timestamp so many milliseconds after 1970-01-01; or how many it is",
        epoch_ms,
    ),
    function(
        &["epoch_us"],
        (1, 1),
        "(date or timestamp)",
        "microseconds since 1970-01-01",
        |mut call| {
            call.moment(0)?;
            call.apply(ArrowType::Int64, moments::since_epoch(1))
        },
    ),
    function(
        &["to_timestamp"],
        (1, 1),
        "(number)",
        "the timestamptz so many seconds after 1970-01-01; a float is rounded to microseconds",
        to_timestamp,
    ),
    function(&["make_date"], (3, 3), "(year, month, day)", "the date", make_date),
    function(
        &["make_timestamp"],
        (1, 6),
        "(year, month, day, hour, minute, second), or (microseconds)",
        "the timestamp; or the one so many microseconds after 1970-01-01",
        make_timestamp,
    ),
    function(
        &["make_timestamp_ms"],
        (1, 1),
        "(milliseconds)",
        "the timestamp so many milliseconds after 1970-01-01",
        |call| from_epoch(call, 1_000),
    ),
    function(
        &["date_part"],
        (2, 2),
        "('part', a)",
        "the function named so: `date_part('year', a)` is `year(a)`",
        date_part,
    ),
    function(
        &["date_trunc"],
        (2, 2),
        "('part', a)",
        "the timestamp at which its year, quarter, month, week, day, hour, minute or second begins",
        date_trunc,
    ),
    function(
        &["date_diff", "datediff"],
        (3, 3),
        "('part', from, to)",
        "how many years, quarters, months, days, hours, minutes or seconds begin after `from` up to `to`",
        date_diff,
    ),
];

/// Finds a function.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.names.contains(&name))
}

impl Function {
    /// The call of it with arguments.
    pub(super) fn call(
        &self,
        at: Position,
        args: Vec<Node>,
        patterns: &Patterns,
    ) -> Result<Node, Flaw> {
        let (least, most) = self.arity;
        if args.len() < least || args.len() > most {
            let (name, form, does) = (self.names[0], self.form, self.does);
            let message = format!("`{name}` takes other arguments: {name}{form}: {does}");
            return Err(Flaw { at, message });
        }
        (self.bind)(Call { name: self.names[0], at, args, patterns: patterns.clone() })
    }
}

impl Call {
    fn wrong(&self, index: usize, wanted: &str) -> Flaw {
        let arg = &self.args[index];
        Flaw {
            at: arg.at,
            message: format!(
                "`{}` takes {wanted} here, and this is a {}; CAST it",
                self.name,
                types::name(&arg.data_type)
            ),
        }
    }

    fn cast(&mut self, index: usize, to: &ArrowType) -> Result<(), Flaw> {
        self.args[index] = coerce::cast(self.args[index].clone(), to, false)?;
        Ok(())
    }

    fn text(&mut self, index: usize) -> Result<(), Flaw> {
        match &self.args[index].data_type {
            ArrowType::Utf8 | ArrowType::Null => self.cast(index, &ArrowType::Utf8),
            _ => Err(self.wrong(index, "a string")),
        }
    }

    fn whole(&mut self, index: usize) -> Result<(), Flaw> {
        match &self.args[index].data_type {
            data_type if types::is_integer(data_type) => self.cast(index, &ArrowType::Int64),
            ArrowType::Null => self.cast(index, &ArrowType::Int64),
            _ => Err(self.wrong(index, "a whole number")),
        }
    }

    fn number(&mut self, index: usize) -> Result<(), Flaw> {
        let arg = self.args[index].clone();
        if !is_number(&arg.data_type) && !arg.is_null() {
            return Err(self.wrong(index, "a number"));
        }
        self.args[index] = coerce::number(arg)?;
        Ok(())
    }

    /// Seconds, as whole microseconds. Only floats are rounded.
    fn seconds(&mut self, index: usize) -> Result<(), Flaw> {
        self.number(index)?;
        let arg = self.args[index].clone();
        let (at, data_type) = (arg.at, arg.data_type.clone());
        self.args[index] = match &data_type {
            ArrowType::Null => coerce::cast(arg, &ArrowType::Int64, false)?,
            _ => Node::apply(ArrowType::Int64, at, moments::micros_of_seconds(), vec![arg])?,
        };
        Ok(())
    }

    /// A date or timestamp, as a local timestamp in microseconds.
    fn moment(&mut self, index: usize) -> Result<(), Flaw> {
        match &self.args[index].data_type {
            ArrowType::Date32 | ArrowType::Timestamp(..) | ArrowType::Null => {
                self.cast(index, &MICROSECONDS)
            }
            _ => Err(self.wrong(index, "a date or a timestamp")),
        }
    }

    /// A text that has to be known now.
    fn literal(&self, index: usize, what: &str) -> Result<&str, Flaw> {
        let arg = &self.args[index];
        arg.as_text().ok_or_else(|| Flaw {
            at: arg.at,
            message: format!("the {what} has to be a literal, such as '…'"),
        })
    }

    /// A whole number that has to be known now.
    fn literal_number(&self, index: usize, what: &str) -> Result<i64, Flaw> {
        let arg = &self.args[index];
        let value = arg
            .as_constant()
            .and_then(|array| array.as_primitive_opt::<Int64Type>())
            .filter(|array| array.is_valid(0));
        value.map(|array| array.value(0)).ok_or_else(|| Flaw {
            at: arg.at,
            message: format!("the {what} has to be a literal whole number"),
        })
    }

    fn regex(&self, index: usize) -> Result<Regex, Flaw> {
        let compiled = self.patterns.compile(self.literal(index, "pattern")?);
        compiled
            .map_err(|refused| Flaw { at: self.args[index].at, message: refused.describe("this") })
    }

    /// One of the names that a part may have; the first argument.
    fn named<T: Copy>(&self, choices: &[(&'static str, T)]) -> Result<(&'static str, T), Flaw> {
        let text = self.literal(0, "part")?.to_lowercase();
        let singular = text.strip_suffix('s').unwrap_or(&text);
        let choice = choices.iter().find(|(name, _)| *name == text || *name == singular);
        choice.copied().ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            Flaw {
                at: self.args[0].at,
                message: format!(
                    "`{text}` is not a part that `{}` knows; allowed: {}",
                    self.name,
                    names.join(", ")
                ),
            }
        })
    }

    fn apply(self, data_type: ArrowType, kernel: Arc<Kernel>) -> Result<Node, Flaw> {
        Node::apply(data_type, self.at, kernel, self.args)
    }
}

fn coalesce(call: Call) -> Result<Node, Flaw> {
    let (data_type, args) = coerce::unify(call.args)?;
    Node { data_type, at: call.at, op: Op::Coalesce(args) }.folded()
}

fn null_if(call: Call) -> Result<Node, Flaw> {
    let first = call.args[0].clone();
    let (_, mut args) = coerce::unify(call.args)?;
    let first = if first.as_text().is_some() { args[0].clone() } else { first };
    args.insert(0, first);
    Node::apply(args[0].data_type.clone(), call.at, operators::null_if(), args)
}

fn extreme(call: Call, comparison: Comparison) -> Result<Node, Flaw> {
    let (data_type, args) = coerce::unify(call.args)?;
    Node::apply(data_type, call.at, operators::extreme(comparison), args)
}

fn abs(mut call: Call) -> Result<Node, Flaw> {
    call.number(0)?;
    call.apply_same(numbers::abs())
}

impl Call {
    fn apply_same(self, kernel: Arc<Kernel>) -> Result<Node, Flaw> {
        let data_type = self.args[0].data_type.clone();
        self.apply(data_type, kernel)
    }
}

fn round(mut call: Call, rounding: Rounding) -> Result<Node, Flaw> {
    call.number(0)?;
    let digits = if call.args.len() > 1 { call.literal_number(1, "number of digits")? } else { 0 };
    let digits =
        i8::try_from(digits).ok().filter(|digits| digits.abs() <= 38).ok_or_else(|| Flaw {
            at: call.args[1].at,
            message: "a number is rounded to at most 38 digits".to_owned(),
        })?;
    let result = match &call.args[0].data_type {
        ArrowType::Decimal128(precision, scale) => numbers::rounded(*precision, *scale, digits),
        other => other.clone(),
    };
    call.args.truncate(1);
    call.apply(result.clone(), numbers::round(rounding, digits, result))
}

/// All arguments are text, and so is the answer.
fn text_to_text(call: Call, kernel: Arc<Kernel>) -> Result<Node, Flaw> {
    texts_to(call, ArrowType::Utf8, kernel)
}

fn texts_to(mut call: Call, data_type: ArrowType, kernel: Arc<Kernel>) -> Result<Node, Flaw> {
    (0..call.args.len()).try_for_each(|index| call.text(index))?;
    call.apply(data_type, kernel)
}

/// A text, and whole numbers after it.
fn cut(mut call: Call, kernel: Arc<Kernel>) -> Result<Node, Flaw> {
    call.text(0)?;
    (1..call.args.len()).try_for_each(|index| call.whole(index))?;
    call.apply(ArrowType::Utf8, kernel)
}

fn split_part(mut call: Call) -> Result<Node, Flaw> {
    call.text(0)?;
    call.text(1)?;
    call.whole(2)?;
    call.apply(ArrowType::Utf8, texts::split_part())
}

/// Values one after the other, as text.
fn concat(mut call: Call, strict: bool) -> Result<Node, Flaw> {
    (0..call.args.len()).try_for_each(|index| call.cast(index, &ArrowType::Utf8))?;
    call.apply(ArrowType::Utf8, texts::concat(strict))
}

/// `a || b`.
pub(super) fn append(at: Position, args: Vec<Node>) -> Result<Node, Flaw> {
    concat(Call { name: "||", at, args, patterns: Patterns::default() }, true)
}

fn regexp_matches(mut call: Call) -> Result<Node, Flaw> {
    call.text(0)?;
    let pattern = call.regex(1)?;
    call.args.truncate(1);
    call.apply(ArrowType::Boolean, texts::matches(pattern, false))
}

fn regexp_extract(mut call: Call) -> Result<Node, Flaw> {
    call.text(0)?;
    let pattern = call.regex(1)?;
    let group = if call.args.len() > 2 { call.literal_number(2, "group")? } else { 0 };
    let group =
        usize::try_from(group).ok().filter(|group| *group < pattern.captures_len()).ok_or_else(
            || Flaw { at: call.args[2].at, message: format!("the pattern has no group {group}") },
        )?;
    call.args.truncate(1);
    call.apply(ArrowType::Utf8, texts::regexp_extract(pattern, group))
}

/// The function of a part has its name.
fn part(call: Call) -> Result<Node, Flaw> {
    let has_time = matches!(call.name, "hour" | "minute" | "second");
    let fits = match &call.args[0].data_type {
        ArrowType::Timestamp(..) | ArrowType::Null => true,
        ArrowType::Date32 => !has_time,
        ArrowType::Time32(_) | ArrowType::Time64(_) => has_time,
        _ => false,
    };
    if !fits {
        return Err(
            call.wrong(0, if has_time { "a timestamp or a time" } else { "a date or a timestamp" })
        );
    }
    let Some((_, part)) = PARTS.iter().find(|(name, _)| *name == call.name) else {
        unreachable!("each of them is listed")
    };
    if call.args[0].is_null() {
        return coerce::cast(call.args[0].clone(), &ArrowType::Int64, false);
    }
    call.apply(ArrowType::Int64, moments::part(*part))
}

fn epoch(mut call: Call) -> Result<Node, Flaw> {
    call.moment(0)?;
    call.apply(ArrowType::Float64, moments::epoch())
}

/// The timestamp at a count of milliseconds since 1970, or the count of a timestamp.
fn epoch_ms(mut call: Call) -> Result<Node, Flaw> {
    if types::is_integer(&call.args[0].data_type) {
        return from_epoch(call, 1_000);
    }
    call.moment(0)?;
    call.apply(ArrowType::Int64, moments::since_epoch(1_000))
}

fn from_epoch(mut call: Call, micros: i64) -> Result<Node, Flaw> {
    call.whole(0)?;
    call.apply(MICROSECONDS, moments::from_epoch(micros))
}

fn to_timestamp(mut call: Call) -> Result<Node, Flaw> {
    call.seconds(0)?;
    let node = call.apply(MICROSECONDS, moments::from_epoch(1))?;
    coerce::cast(node, &types::zoned(arrow_schema::TimeUnit::Microsecond), false)
}

fn make_date(mut call: Call) -> Result<Node, Flaw> {
    (0..3).try_for_each(|index| call.whole(index))?;
    call.apply(ArrowType::Date32, moments::make_date())
}

fn make_timestamp(mut call: Call) -> Result<Node, Flaw> {
    match call.args.len() {
        1 => from_epoch(call, 1),
        6 => {
            (0..5).try_for_each(|index| call.whole(index))?;
            call.seconds(5)?;
            call.apply(MICROSECONDS, moments::make_timestamp())
        }
        _ => Err(Flaw {
            at: call.at,
            message: "`make_timestamp` takes six arguments, year to second, or one, microseconds"
                .to_owned(),
        }),
    }
}

fn date_part(mut call: Call) -> Result<Node, Flaw> {
    let names: Vec<_> = PARTS
        .iter()
        .map(|(name, _)| *name)
        .chain(["epoch", "dow", "doy"])
        .map(|name| (name, ()))
        .collect();
    let name = match call.named(&names)?.0 {
        "dow" => "dayofweek",
        "doy" => "dayofyear",
        name => name,
    };
    let Some(function) = find(name) else { unreachable!("each part has a function") };
    function.call(call.at, vec![call.args.remove(1)], &call.patterns)
}

fn date_trunc(mut call: Call) -> Result<Node, Flaw> {
    let (_, period) = call.named(&Period::ALL)?;
    let zone = call.args[1].data_type.clone();
    call.moment(1)?;
    call.args.remove(0);
    let at = call.at;
    let node = call.apply(MICROSECONDS, moments::truncate(period))?;
    match zone {
        ArrowType::Timestamp(_, Some(_)) => coerce::cast(
            Node { at, ..node },
            &types::zoned(arrow_schema::TimeUnit::Microsecond),
            false,
        ),
        _ => Ok(node),
    }
}

fn date_diff(mut call: Call) -> Result<Node, Flaw> {
    // Whether a week begins on Mondays or after seven days is not agreed upon.
    let counted = Period::ALL.into_iter().filter(|(name, _)| *name != "week");
    let (_, period) = call.named(&counted.collect::<Vec<_>>())?;
    call.moment(1)?;
    call.moment(2)?;
    call.args.remove(0);
    call.apply(ArrowType::Int64, moments::difference(period))
}

/// `a AT TIME ZONE 'zone'`.
pub(super) fn at_time_zone(at: Position, moment: Node, zone: &Node) -> Result<Node, Flaw> {
    let name = zone.as_text().and_then(|name| name.parse::<Zone>().ok());
    let Some(name) = name else {
        let message = "this is not a time zone; allowed: literal IANA names such as 'America/New_York', or 'UTC'".to_owned();
        return Err(Flaw { at: zone.at, message });
    };
    if !matches!(moment.data_type, ArrowType::Timestamp(_, Some(_))) {
        let message = format!(
            "AT TIME ZONE takes a timestamptz, and this is a {}",
            types::name(&moment.data_type)
        );
        return Err(Flaw { at: moment.at, message });
    }
    let local = coerce::cast(moment, &MICROSECONDS, false)?;
    Node::apply(MICROSECONDS, at, moments::at_zone(name), vec![local])
}

/// A constant.
pub(super) fn literal(array: impl Array + 'static, at: Position) -> Node {
    Node::constant(Arc::new(array) as ArrayRef, at)
}
