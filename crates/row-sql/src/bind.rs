//! Settles names and types: turns what the parser read into expressions that can be evaluated.

use std::sync::Arc;

use arrow_array::{
    BooleanArray, Decimal128Array, Float64Array, Int64Array, IntervalMonthDayNanoArray, NullArray,
    StringArray,
};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use wording::cut;
use wording::nearest;

use super::comparisons::Comparison;
use super::functions::{self, literal};
use super::node::{Node, Op};
use super::operators::{self, Arithmetic};
use super::syntax::{Form, Tree, check_depth};
use super::types::{self, is_float, is_integer, is_number};
use super::{Column, Flaw, Position, coerce, refused, texts};
use crate::patterns::Patterns;

/// Binds an expression to columns.
pub(super) struct Binder<'a> {
    columns: &'a [Column],
    patterns: &'a Patterns,
    depth: usize,
}

impl<'a> Binder<'a> {
    pub(super) fn new(columns: &'a [Column], patterns: &'a Patterns) -> Self {
        Self { columns, patterns, depth: 0 }
    }

    pub(super) fn bind(&mut self, tree: &Tree) -> Result<Node, Flaw> {
        // A sum of many terms is a deep tree, though nothing in it nests.
        check_depth(self.depth, tree.at)?;
        self.depth += 1;
        let node = self.bind_any(tree);
        self.depth -= 1;
        node
    }

    fn bind_all(&mut self, trees: &[Tree]) -> Result<Vec<Node>, Flaw> {
        trees.iter().map(|tree| self.bind(tree)).collect()
    }

    fn bind_any(&mut self, tree: &Tree) -> Result<Node, Flaw> {
        let at = tree.at;
        match &tree.form {
            Form::Column { name, is_quoted } => self.column(name, *is_quoted, at),
            Form::Null => Ok(literal(NullArray::new(1), at)),
            Form::Boolean(value) => Ok(literal(BooleanArray::from(vec![*value]), at)),
            Form::Text(text) => Ok(literal(StringArray::from(vec![text.as_str()]), at)),
            Form::Number(text) => number(text, at),
            Form::Interval(text) => read_interval(text, at),
            Form::Not(inner) => maybe_not(self.boolean(inner, "NOT")?, true),
            Form::Minus(inner) => {
                let node = self.signed("-", inner)?;
                Node::apply(node.data_type.clone(), node.at, operators::negate(), vec![node])
            }
            Form::Plus(inner) => self.signed("+", inner),
            Form::And(args) => {
                let args = args.each_ref().map(|arg| self.boolean(arg, "AND"));
                self.joined(args, Op::And, at)
            }
            Form::Or(args) => {
                let args = args.each_ref().map(|arg| self.boolean(arg, "OR"));
                self.joined(args, Op::Or, at)
            }
            Form::Append(args) => functions::append(at, self.bind_all(args.as_slice())?),
            Form::Arithmetic(arithmetic, args) => self.arithmetic(*arithmetic, args, at),
            Form::Compare(comparison, args) => self.compare(&args[0], &args[1], *comparison, at),
            Form::IsNull { value, negated } => {
                let node = self.bind(value)?;
                Node::apply(ArrowType::Boolean, at, operators::null(!negated), vec![node])
            }
            Form::IsTruth { value, truth, negated } => {
                let node = self.boolean(value, "IS TRUE, like IS FALSE,")?;
                let kernel = operators::truth(*truth, *negated);
                Node::apply(ArrowType::Boolean, at, kernel, vec![node])
            }
            Form::Between { args, negated } => {
                self.test(args.as_slice(), operators::between(), *negated, at)
            }
            Form::In { args, negated } => self.test(args, operators::is_in(), *negated, at),
            Form::Like { args, escape, ignores_case, negated } => {
                self.like(args, escape.as_deref(), *ignores_case, *negated)
            }
            Form::Similar { args, negated } => self.similar(args, *negated),
            Form::Cast { value, to, is_lenient } => {
                coerce::cast(self.bind(value)?, to, *is_lenient)
            }
            Form::Case { operand, branches, otherwise } => {
                self.case(operand.as_deref(), branches, otherwise.as_deref(), at)
            }
            Form::AtTimeZone(args) => {
                let (moment, zone) = (self.bind(&args[0])?, self.bind(&args[1])?);
                functions::at_time_zone(at, moment, &zone)
            }
            Form::Call(function, args) => function.call(at, self.bind_all(args)?, self.patterns),
        }
    }

    /// The column of a name: as it is written, or, unless it is quoted, in other case.
    fn column(&self, name: &str, is_quoted: bool, at: Position) -> Result<Node, Flaw> {
        let exact = self.columns.iter().position(|column| column.name == name);
        let found = exact.or_else(|| {
            let mut alike = (0..self.columns.len())
                .filter(|index| self.columns[*index].name.eq_ignore_ascii_case(name));
            alike.next().filter(|_| !is_quoted && alike.next().is_none())
        });
        if let Some(index) = found {
            return Ok(Node {
                data_type: self.columns[index].data_type.clone(),
                at,
                op: Op::Column(index),
            });
        }
        let message = match nearest(name, self.columns.iter().map(|column| column.name.as_str())) {
            Some(near) => format!("`{name}` is not a field; did you mean `{near}`?"),
            None if is_quoted => {
                format!("`{name}` is not a field; text stands in '…'")
            }
            None => format!("`{name}` is not a field"),
        };
        Err(Flaw { at, message })
    }

    fn boolean(&mut self, tree: &Tree, what: &str) -> Result<Node, Flaw> {
        let node = self.bind(tree)?;
        match &node.data_type {
            ArrowType::Boolean | ArrowType::Null => coerce::cast(node, &ArrowType::Boolean, false),
            other => Err(Flaw {
                at: node.at,
                message: format!("{what} takes a boolean, and this is a {}", types::name(other)),
            }),
        }
    }

    /// A number behind a sign.
    fn signed(&mut self, sign: &str, tree: &Tree) -> Result<Node, Flaw> {
        let node = self.bind(tree)?;
        if !is_number(&node.data_type) && !node.is_null() {
            let name = types::name(&node.data_type);
            let message = format!("`{sign}` takes a number, and this is a {name}");
            return Err(Flaw { at: node.at, message });
        }
        coerce::number(node)
    }

    fn joined(
        &self,
        [a, b]: [Result<Node, Flaw>; 2],
        op: fn(Box<[Node; 2]>) -> Op,
        at: Position,
    ) -> Result<Node, Flaw> {
        Node { data_type: ArrowType::Boolean, at, op: op(Box::new([a?, b?])) }.folded()
    }

    fn arithmetic(
        &mut self,
        arithmetic: Arithmetic,
        args: &[Tree; 2],
        at: Position,
    ) -> Result<Node, Flaw> {
        let (a, b) = (self.bind(&args[0])?, self.bind(&args[1])?);
        match (arithmetic, &a.data_type, &b.data_type) {
            (Arithmetic::Add, ArrowType::Interval(_), _) => moved(arithmetic, b, a, at),
            (
                Arithmetic::Add | Arithmetic::Subtract,
                ArrowType::Date32 | ArrowType::Timestamp(..),
                _,
            ) => moved(arithmetic, a, b, at),
            (Arithmetic::Add, _, ArrowType::Date32 | ArrowType::Timestamp(..)) => {
                moved(arithmetic, b, a, at)
            }
            _ => calculate(arithmetic, a, b, at),
        }
    }

    fn compare(
        &mut self,
        left: &Tree,
        right: &Tree,
        comparison: Comparison,
        at: Position,
    ) -> Result<Node, Flaw> {
        let (a, b) = (self.bind(left)?, self.bind(right)?);
        let asks_for_null = !matches!(comparison, Comparison::Distinct | Comparison::NotDistinct);
        if asks_for_null
            && let Some(null) = [&a, &b].into_iter().find(|node| node.data_type == ArrowType::Null)
        {
            return Err(Flaw {
                at: null.at,
                message: "a comparison with NULL is never true; IS NULL asks for it".to_owned(),
            });
        }
        let (_, args) = coerce::unify(vec![a, b])?;
        if args[0].data_type == ArrowType::Null {
            return Err(Flaw { at, message: "NULL is compared with NULL".to_owned() });
        }
        Node::apply(ArrowType::Boolean, at, operators::compare(comparison), args)
    }

    /// A question about a value and others of its type.
    fn test(
        &mut self,
        args: &[Tree],
        kernel: Arc<super::values::Kernel>,
        negated: bool,
        at: Position,
    ) -> Result<Node, Flaw> {
        let (_, args) = coerce::unify(self.bind_all(args)?)?;
        maybe_not(Node::apply(ArrowType::Boolean, at, kernel, args)?, negated)
    }

    fn string(&mut self, tree: &Tree, what: &str) -> Result<Node, Flaw> {
        let node = self.bind(tree)?;
        match &node.data_type {
            ArrowType::Utf8 | ArrowType::Null => coerce::cast(node, &ArrowType::Utf8, false),
            other => Err(Flaw {
                at: node.at,
                message: format!(
                    "{what} takes a string, and this is a {}; CAST it",
                    types::name(other)
                ),
            }),
        }
    }

    fn like(
        &mut self,
        [text, pattern]: &[Tree; 2],
        escape: Option<&Tree>,
        ignore_case: bool,
        negated: bool,
    ) -> Result<Node, Flaw> {
        let node = self.string(text, "LIKE")?;
        let pattern = self.literal(pattern, "pattern of LIKE")?;
        let escape = match escape {
            None => None,
            Some(escape) => {
                let escape = self.literal(escape, "escape character")?;
                let mut chars = escape.1.chars();
                match (chars.next(), chars.next()) {
                    (Some(escape), None) => Some(escape),
                    _ => {
                        return Err(Flaw {
                            at: escape.0,
                            message: "ESCAPE takes one character".to_owned(),
                        });
                    }
                }
            }
        };
        let regex = texts::like(&pattern.1, escape, ignore_case, self.patterns)
            .map_err(|message| Flaw { at: pattern.0, message })?;
        Node::apply(ArrowType::Boolean, node.at, texts::matches(regex, negated), vec![node])
    }

    fn similar(&mut self, [text, pattern]: &[Tree; 2], negated: bool) -> Result<Node, Flaw> {
        let node = self.string(text, "SIMILAR TO")?;
        let (at, pattern) = self.literal(pattern, "pattern of SIMILAR TO")?;
        let regex = self.patterns.compile_whole(&pattern);
        let regex = regex.map_err(|refused| Flaw {
            at,
            message: refused.describe(&format!("`{}`", cut(&pattern))),
        })?;
        Node::apply(ArrowType::Boolean, node.at, texts::matches(regex, negated), vec![node])
    }

    /// A text that is known now, and where it stands.
    fn literal(&mut self, tree: &Tree, what: &str) -> Result<(Position, String), Flaw> {
        let node = self.bind(tree)?;
        let text = node.as_text().map(str::to_owned);
        text.map(|text| (node.at, text)).ok_or_else(|| Flaw {
            at: node.at,
            message: format!("the {what} has to be a literal, such as '…'"),
        })
    }

    fn case(
        &mut self,
        operand: Option<&Tree>,
        branches: &[[Tree; 2]],
        otherwise: Option<&Tree>,
        at: Position,
    ) -> Result<Node, Flaw> {
        let mut tests = Vec::with_capacity(branches.len());
        let mut values = Vec::with_capacity(branches.len() + 1);
        for [condition, result] in branches {
            tests.push(match operand {
                Some(operand) => {
                    self.compare(operand, condition, Comparison::Equal, condition.at)?
                }
                None => self.boolean(condition, "WHEN")?,
            });
            values.push(self.bind(result)?);
        }
        values.push(match otherwise {
            Some(otherwise) => self.bind(otherwise)?,
            None => literal(NullArray::new(1), at),
        });
        let (data_type, mut values) = coerce::unify(values)?;
        let last = values.pop();
        let pairs = tests.into_iter().zip(values).flat_map(|(test, value)| [test, value]);
        Node { data_type, at, op: Op::Case(pairs.chain(last).collect()) }.folded()
    }
}

fn maybe_not(node: Node, negated: bool) -> Result<Node, Flaw> {
    if negated {
        Node::apply(ArrowType::Boolean, node.at, operators::negate_boolean(), vec![node])
    } else {
        Ok(node)
    }
}

/// A date or a timestamp moved by days or an interval, or less another one.
fn moved(arithmetic: Arithmetic, moment: Node, by: Node, at: Position) -> Result<Node, Flaw> {
    match (&moment.data_type, &by.data_type) {
        (ArrowType::Date32, data_type) if is_integer(data_type) => {
            let by = coerce::cast(by, &ArrowType::Int64, false)?;
            Node::apply(ArrowType::Date32, at, operators::move_days(arithmetic), vec![moment, by])
        }
        (ArrowType::Date32, ArrowType::Date32) if arithmetic == Arithmetic::Subtract => {
            Node::apply(ArrowType::Int64, at, operators::days_between(), vec![moment, by])
        }
        (ArrowType::Date32 | ArrowType::Timestamp(..), ArrowType::Interval(_)) => {
            let to = match &moment.data_type {
                ArrowType::Date32 => ArrowType::Timestamp(TimeUnit::Microsecond, None),
                other => other.clone(),
            };
            let moment = coerce::cast(moment, &to, false)?;
            Node::apply(to.clone(), at, operators::move_moment(arithmetic, to), vec![moment, by])
        }
        (ArrowType::Date32 | ArrowType::Timestamp(..), ArrowType::Date32 | ArrowType::Timestamp(..))
            if arithmetic == Arithmetic::Subtract =>
        {
            Err(Flaw {
                at,
                message: "the difference of two timestamps would be an interval; date_diff('second', from, to) counts".to_owned(),
            })
        }
        (a, b) => {
            let message =
                format!("a {} is moved by an INTERVAL, a date also by a number of days; not by a {}", types::name(a), types::name(b));
            Err(Flaw { at: by.at, message })
        }
    }
}

fn calculate(arithmetic: Arithmetic, a: Node, b: Node, at: Position) -> Result<Node, Flaw> {
    for node in [&a, &b] {
        if !is_number(&node.data_type) && !node.is_null() {
            return Err(Flaw {
                at: node.at,
                message: format!(
                    "`{}` takes numbers, and this is a {}; CAST it",
                    arithmetic.sign(),
                    types::name(&node.data_type)
                ),
            });
        }
    }
    let [a, b] = match arithmetic {
        Arithmetic::Divide => [
            coerce::cast(a, &ArrowType::Float64, false)?,
            coerce::cast(b, &ArrowType::Float64, false)?,
        ],
        Arithmetic::DivideWhole => {
            for node in [&a, &b] {
                if is_float(&node.data_type)
                    || types::is_decimal(&node.data_type)
                    || node.data_type == ArrowType::UInt64
                {
                    let message = format!(
                        "`//` takes whole numbers of at most 64 bits with a sign, and this is a {}",
                        types::name(&node.data_type)
                    );
                    return Err(Flaw { at: node.at, message });
                }
            }
            coerce::numbers(a, b)?
        }
        _ => coerce::numbers(a, b)?,
    };
    let result = operators::result_of(arithmetic, &a.data_type, &b.data_type).ok_or_else(|| Flaw {
        at,
        message: "the result has more than 38 digits after the point; CAST to a decimal with fewer, or to float64".to_owned(),
    })?;
    Node::apply(result.clone(), at, operators::arithmetic(arithmetic, result), vec![a, b])
}

/// A number: whole ones are int64, those with a point decimals, those with an exponent float64.
fn number(text: &str, at: Position) -> Result<Node, Flaw> {
    let text = text.replace('_', "");
    if let Ok(whole) = text.parse::<i64>() {
        return Ok(literal(Int64Array::from(vec![whole]), at));
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let unscaled = digits
        .parse::<i128>()
        .ok()
        .filter(|_| text.chars().all(|c| c.is_ascii_digit() || c == '.'));
    let precision = digits.trim_start_matches('0').len().max(scale).max(1);
    match unscaled {
        Some(unscaled) if precision <= usize::from(types::MOST_DIGITS) => {
            let array = Decimal128Array::from(vec![unscaled])
                .with_precision_and_scale(precision as u8, scale as i8);
            array
                .map(|array| literal(array, at))
                .map_err(|error| Flaw { at, message: error.to_string() })
        }
        _ => {
            let float = text.parse::<f64>().ok().filter(|float| float.is_finite());
            float
                .map(|float| literal(Float64Array::from(vec![float]), at))
                .ok_or_else(|| Flaw { at, message: format!("`{text}` is not a number") })
        }
    }
}

fn read_interval(text: &str, at: Position) -> Result<Node, Flaw> {
    let refuse = || Flaw { at, message: refused::INTERVAL.to_owned() };
    let words: Vec<&str> = text.split_whitespace().collect();
    let (pairs, []) = words.as_chunks::<2>() else { return Err(refuse()) };
    let mut sum = IntervalMonthDayNano::new(0, 0, 0);
    for [count, unit] in pairs {
        let count: i64 = count.parse().map_err(|_| refuse())?;
        let small =
            |factor: i64| count.checked_mul(factor).and_then(|count| i32::try_from(count).ok());
        let nanos = |seconds: i64| count.checked_mul(seconds * 1_000_000_000);
        let unit = unit.to_lowercase();
        let added = match unit.strip_suffix('s').unwrap_or(&unit) {
            "year" => small(12)
                .and_then(|months| sum.months.checked_add(months))
                .map(|months| sum.months = months),
            "month" => small(1)
                .and_then(|months| sum.months.checked_add(months))
                .map(|months| sum.months = months),
            "week" => {
                small(7).and_then(|days| sum.days.checked_add(days)).map(|days| sum.days = days)
            }
            "day" => {
                small(1).and_then(|days| sum.days.checked_add(days)).map(|days| sum.days = days)
            }
            "hour" => nanos(3600)
                .and_then(|nanos| sum.nanoseconds.checked_add(nanos))
                .map(|nanos| sum.nanoseconds = nanos),
            "minute" => nanos(60)
                .and_then(|nanos| sum.nanoseconds.checked_add(nanos))
                .map(|nanos| sum.nanoseconds = nanos),
            "second" => nanos(1)
                .and_then(|nanos| sum.nanoseconds.checked_add(nanos))
                .map(|nanos| sum.nanoseconds = nanos),
            _ => None,
        };
        added.ok_or_else(refuse)?;
    }
    if pairs.is_empty() {
        return Err(refuse());
    }
    Ok(literal(IntervalMonthDayNanoArray::from(vec![sum]), at))
}
