//! Settles names and types: turns what the parser read into expressions that can be evaluated.

use std::sync::Arc;

use arrow_array::{
    BooleanArray, Decimal128Array, Float64Array, Int64Array, IntervalMonthDayNanoArray, NullArray,
    StringArray,
};
use arrow_buffer::IntervalMonthDayNano;
use arrow_schema::{DataType as ArrowType, TimeUnit};
use sqlparser::ast::{
    BinaryOperator as Sign, CaseWhen, CastKind, CeilFloorKind, DataType as SqlType, Expr,
    Function as SqlFunction, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, InTarget,
    Interval, ObjectNamePart, Spanned, TrimWhereField, UnaryOperator, Value, ValueWithSpan,
};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};
use wording::cut;
use wording::nearest;

use super::comparisons::Comparison;
use super::functions::{self, literal};
use super::node::{Node, Op};
use super::operators::{self, Arithmetic};
use super::types::{self, is_float, is_integer, is_number};
use super::{Column, Flaw, Position, coerce, refused, texts};
use crate::patterns::Patterns;

/// Deepest nesting of operators, such as sums of sums: each level takes stack.
const MOST_DEPTH: usize = 48;

/// Binds an expression to columns.
pub(super) struct Binder<'a> {
    columns: &'a [Column],
    patterns: &'a Patterns,
    /// Words and signs of the expression, in order.
    words: &'a [TokenWithSpan],
    depth: usize,
}

impl<'a> Binder<'a> {
    pub(super) fn new(
        columns: &'a [Column],
        patterns: &'a Patterns,
        words: &'a [TokenWithSpan],
    ) -> Self {
        Self { columns, patterns, words, depth: 0 }
    }

    /// The type that a cast of what stands at `at` names, or what is wrong with it there: the
    /// parser keeps no place of it.
    fn target(&self, data_type: &SqlType, at: Position) -> Result<ArrowType, Flaw> {
        types::read(data_type).map_err(|message| {
            let written = data_type.to_string();
            let name = written
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default();
            let is_name = |word: &TokenWithSpan| word.token.to_string().eq_ignore_ascii_case(name);
            let is_cast = |token: &Token| {
                *token == Token::DoubleColon || token.to_string().eq_ignore_ascii_case("as")
            };
            let pairs = self.words.iter().zip(self.words.iter().skip(1));
            let found = pairs.filter(|(before, _)| Position::from(before.span.start) >= at);
            let found = found
                .filter(|(before, word)| is_cast(&before.token) && is_name(word))
                .map(|(_, word)| word.span.start.into())
                .next();
            Flaw { at: found.unwrap_or(at), message }
        })
    }

    pub(super) fn bind(&mut self, expr: &Expr) -> Result<Node, Flaw> {
        if self.depth == MOST_DEPTH {
            return Err(Flaw {
                at: position(expr),
                message: format!(
                    "operators nest at most {MOST_DEPTH} deep; IN (…) or CASE may say it flatter"
                ),
            });
        }
        self.depth += 1;
        let node = self.bind_any(expr);
        self.depth -= 1;
        node
    }

    fn bind_any(&mut self, expr: &Expr) -> Result<Node, Flaw> {
        let at = position(expr);
        match expr {
            Expr::Nested(inner) => self.bind(inner),
            Expr::Identifier(name) => self.column(name),
            Expr::Value(value) => constant(value, at),
            Expr::TypedString(typed) => {
                let to = types::read(&typed.data_type).map_err(|message| Flaw { at, message })?;
                coerce::cast(constant(&typed.value, at)?, &to, false)
            }
            Expr::UnaryOp { op, expr } => self.unary(op, expr),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right, at),
            Expr::IsNull(inner) => self.test(inner, operators::null(true)),
            Expr::IsNotNull(inner) => self.test(inner, operators::null(false)),
            Expr::IsTrue(inner) => self.truth(inner, true, false),
            Expr::IsNotTrue(inner) => self.truth(inner, true, true),
            Expr::IsFalse(inner) => self.truth(inner, false, false),
            Expr::IsNotFalse(inner) => self.truth(inner, false, true),
            Expr::IsDistinctFrom(a, b) => self.compare(a, b, Comparison::Distinct, at),
            Expr::IsNotDistinctFrom(a, b) => self.compare(a, b, Comparison::NotDistinct, at),
            Expr::Between { expr, negated, low, high } => {
                let args = vec![self.bind(expr)?, self.bind(low)?, self.bind(high)?];
                let (_, args) = coerce::unify(args)?;
                maybe_not(
                    Node::apply(ArrowType::Boolean, at, operators::between(), args)?,
                    *negated,
                )
            }
            Expr::In { expr, target: InTarget::List(list), negated, .. } => {
                let args = std::iter::once(expr.as_ref())
                    .chain(list)
                    .map(|item| self.bind(item))
                    .collect::<Result<Vec<_>, _>>()?;
                let (_, args) = coerce::unify(args)?;
                maybe_not(Node::apply(ArrowType::Boolean, at, operators::is_in(), args)?, *negated)
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), false, *negated)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_deref(), true, *negated)
            }
            Expr::SimilarTo { negated, expr, pattern, escape_char: None } => {
                self.similar(expr, pattern, *negated)
            }
            Expr::Cast { kind, expr, data_type, format: None } => {
                let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                let to = self.target(data_type, at)?;
                coerce::cast(self.bind(expr)?, &to, lenient)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), at)
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                let (moment, zone) = (self.bind(timestamp)?, self.bind(time_zone)?);
                functions::at_time_zone(at, moment, &zone)
            }
            Expr::Function(function) => self.function(function, at),
            other => self.spelled(other, at),
        }
    }

    /// Functions that have a grammar of their own, and what there is not.
    fn spelled(&mut self, expr: &Expr, at: Position) -> Result<Node, Flaw> {
        match expr {
            Expr::Extract { field, expr, .. } => {
                let part = literal(StringArray::from(vec![field.to_string().to_lowercase()]), at);
                let arg = self.bind(expr)?;
                call("date_part", at, vec![part, arg])
            }
            Expr::Ceil { expr, field } => self.call_rounding("ceil", expr, field, at),
            Expr::Floor { expr, field } => self.call_rounding("floor", expr, field, at),
            Expr::Position { expr, r#in } => {
                let args = vec![self.bind(r#in)?, self.bind(expr)?];
                call("position", at, args)
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let mut args = vec![self.bind(expr)?];
                args.push(match substring_from {
                    Some(from) => self.bind(from)?,
                    None => literal(Int64Array::from(vec![1]), at),
                });
                if let Some(length) = substring_for {
                    args.push(self.bind(length)?);
                }
                call("substring", at, args)
            }
            Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "trim",
                };
                let mut args = vec![self.bind(expr)?];
                for characters in
                    trim_what.iter().map(AsRef::as_ref).chain(trim_characters.iter().flatten())
                {
                    args.push(self.bind(characters)?);
                }
                call(name, at, args)
            }
            Expr::Interval(interval) => read_interval(interval, at),
            Expr::Subquery(query)
            | Expr::Exists { subquery: query, .. }
            | Expr::In { target: InTarget::Subquery(query), .. } => {
                let at = placed(query.span().start).unwrap_or(at);
                Err(Flaw { at, message: refused::SUBQUERY.to_owned() })
            }
            Expr::In { .. } => Err(Flaw { at, message: refused::SUBQUERY.to_owned() }),
            Expr::CompoundIdentifier(parts) => {
                let name =
                    parts.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
                Err(Flaw {
                    at,
                    message: format!(
                        "`{name}` names a table's column, and there are no tables; write the field, in \"…\" if its name has a point"
                    ),
                })
            }
            _ => Err(Flaw { at, message: "this is not supported in a row expression".to_owned() }),
        }
    }

    /// The column of a name: as it is written, or, unless it is quoted, in other case.
    fn column(&self, name: &Ident) -> Result<Node, Flaw> {
        let at = Position::from(name.span.start);
        let exact = self.columns.iter().position(|column| column.name == name.value);
        let found = exact.or_else(|| {
            let mut alike = (0..self.columns.len())
                .filter(|index| self.columns[*index].name.eq_ignore_ascii_case(&name.value));
            alike.next().filter(|_| name.quote_style.is_none() && alike.next().is_none())
        });
        if let Some(index) = found {
            return Ok(Node {
                data_type: self.columns[index].data_type.clone(),
                at,
                op: Op::Column(index),
            });
        }
        let message =
            match nearest(&name.value, self.columns.iter().map(|column| column.name.as_str())) {
                Some(near) => format!("`{}` is not a field; did you mean `{near}`?", name.value),
                None if name.quote_style == Some('"') => {
                    format!("`{}` is not a field; text stands in '…'", name.value)
                }
                None => format!("`{}` is not a field", name.value),
            };
        Err(Flaw { at, message })
    }

    fn boolean(&mut self, expr: &Expr, what: &str) -> Result<Node, Flaw> {
        let node = self.bind(expr)?;
        match &node.data_type {
            ArrowType::Boolean | ArrowType::Null => coerce::cast(node, &ArrowType::Boolean, false),
            other => Err(Flaw {
                at: node.at,
                message: format!("{what} takes a boolean, and this is a {}", types::name(other)),
            }),
        }
    }

    fn unary(&mut self, op: &UnaryOperator, inner: &Expr) -> Result<Node, Flaw> {
        if *op == UnaryOperator::Not {
            return maybe_not(self.boolean(inner, "NOT")?, true);
        }
        let node = self.bind(inner)?;
        let at = node.at;
        if !matches!(op, UnaryOperator::Minus | UnaryOperator::Plus) {
            return Err(Flaw { at, message: format!("there is no operator `{op}`") });
        }
        if !is_number(&node.data_type) && !node.is_null() {
            return Err(Flaw {
                at,
                message: format!(
                    "`{op}` takes a number, and this is a {}",
                    types::name(&node.data_type)
                ),
            });
        }
        let node = coerce::number(node)?;
        if *op == UnaryOperator::Plus {
            return Ok(node);
        }
        Node::apply(node.data_type.clone(), at, operators::negate(), vec![node])
    }

    fn binary(&mut self, left: &Expr, op: &Sign, right: &Expr, at: Position) -> Result<Node, Flaw> {
        let comparison = match op {
            Sign::Eq => Some(Comparison::Equal),
            Sign::NotEq => Some(Comparison::NotEqual),
            Sign::Lt => Some(Comparison::Less),
            Sign::LtEq => Some(Comparison::LessOrEqual),
            Sign::Gt => Some(Comparison::Greater),
            Sign::GtEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        if let Some(comparison) = comparison {
            return self.compare(left, right, comparison, at);
        }
        let arithmetic = match op {
            Sign::And | Sign::Or => {
                let name = if *op == Sign::And { "AND" } else { "OR" };
                let args = Box::new([self.boolean(left, name)?, self.boolean(right, name)?]);
                let op = if *op == Sign::And { Op::And(args) } else { Op::Or(args) };
                return Node { data_type: ArrowType::Boolean, at, op }.folded();
            }
            Sign::StringConcat => {
                let args = vec![self.bind(left)?, self.bind(right)?];
                return functions::append(at, args);
            }
            Sign::Plus => Arithmetic::Add,
            Sign::Minus => Arithmetic::Subtract,
            Sign::Multiply => Arithmetic::Multiply,
            Sign::Divide => Arithmetic::Divide,
            Sign::DuckIntegerDivide => Arithmetic::DivideWhole,
            Sign::Modulo => Arithmetic::Remainder,
            other => return Err(Flaw { at, message: format!("there is no operator `{other}`") }),
        };
        let (a, b) = (self.bind(left)?, self.bind(right)?);
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
            _ => calculate(arithmetic, op, a, b, at),
        }
    }

    fn compare(
        &mut self,
        left: &Expr,
        right: &Expr,
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

    /// A question that each value answers with yes or no.
    fn test(&mut self, inner: &Expr, kernel: Arc<super::values::Kernel>) -> Result<Node, Flaw> {
        let node = self.bind(inner)?;
        Node::apply(ArrowType::Boolean, node.at, kernel, vec![node])
    }

    fn truth(&mut self, inner: &Expr, value: bool, negated: bool) -> Result<Node, Flaw> {
        let node = self.boolean(inner, "IS TRUE, like IS FALSE,")?;
        Node::apply(ArrowType::Boolean, node.at, operators::truth(value, negated), vec![node])
    }

    fn string(&mut self, expr: &Expr, what: &str) -> Result<Node, Flaw> {
        let node = self.bind(expr)?;
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
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        ignore_case: bool,
        negated: bool,
    ) -> Result<Node, Flaw> {
        let node = self.string(expr, "LIKE")?;
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

    fn similar(&mut self, expr: &Expr, pattern: &Expr, negated: bool) -> Result<Node, Flaw> {
        let node = self.string(expr, "SIMILAR TO")?;
        let (at, pattern) = self.literal(pattern, "pattern of SIMILAR TO")?;
        let regex = self.patterns.compile_whole(&pattern);
        let regex = regex.map_err(|refused| Flaw {
            at,
            message: refused.describe(&format!("`{}`", cut(&pattern))),
        })?;
        Node::apply(ArrowType::Boolean, node.at, texts::matches(regex, negated), vec![node])
    }

    /// A text that is known now, and where it stands.
    fn literal(&mut self, expr: &Expr, what: &str) -> Result<(Position, String), Flaw> {
        let node = self.bind(expr)?;
        let text = node.as_text().map(str::to_owned);
        text.map(|text| (node.at, text)).ok_or_else(|| Flaw {
            at: node.at,
            message: format!("the {what} has to be a literal, such as '…'"),
        })
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        at: Position,
    ) -> Result<Node, Flaw> {
        let mut tests = Vec::with_capacity(conditions.len());
        let mut values = Vec::with_capacity(conditions.len() + 1);
        for CaseWhen { condition, result } in conditions {
            tests.push(match operand {
                Some(operand) => {
                    self.compare(operand, condition, Comparison::Equal, position(condition))?
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

    fn call_rounding(
        &mut self,
        name: &str,
        expr: &Expr,
        field: &CeilFloorKind,
        at: Position,
    ) -> Result<Node, Flaw> {
        if !matches!(field, CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime))
        {
            return Err(Flaw {
                at,
                message: format!(
                    "`{name}` takes one number; date_trunc truncates dates, and round takes digits"
                ),
            });
        }
        let arg = self.bind(expr)?;
        call(name, at, vec![arg])
    }

    fn function(&mut self, function: &SqlFunction, at: Position) -> Result<Node, Flaw> {
        let name = match function.name.0.as_slice() {
            [ObjectNamePart::Identifier(name)] => name.value.to_lowercase(),
            _ => function.name.to_string(),
        };
        let refuse = |message: &str| Err(Flaw { at, message: message.to_owned() });
        let Some(known) = functions::find(&name) else { return refuse(&refused::function(&name)) };
        if function.over.is_some() {
            return refuse(refused::WINDOW);
        }
        if function.filter.is_some()
            || function.null_treatment.is_some()
            || !function.within_group.is_empty()
        {
            return refuse(refused::SORT);
        }
        let list = match &function.args {
            FunctionArguments::None => &[][..],
            FunctionArguments::Subquery(_) => return refuse(refused::SUBQUERY),
            FunctionArguments::List(list)
                if list.duplicate_treatment.is_some() || !list.clauses.is_empty() =>
            {
                return refuse(refused::SORT);
            }
            FunctionArguments::List(list) => &list.args,
        };
        let mut args = Vec::with_capacity(list.len());
        for arg in list {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg else {
                return refuse(&format!(
                    "`{name}` takes its arguments in order, without names or stars"
                ));
            };
            args.push(self.bind(arg)?);
        }
        known.call(at, args, self.patterns)
    }
}

/// Where an expression begins. The parser keeps no place of some; then it is that of the first
/// thing in it.
fn position(expr: &Expr) -> Position {
    let mut expr = expr;
    loop {
        expr = match expr {
            Expr::BinaryOp { left: first, .. }
            | Expr::IsDistinctFrom(first, _)
            | Expr::IsNotDistinctFrom(first, _) => first,
            Expr::Nested(first)
            | Expr::IsNull(first)
            | Expr::IsNotNull(first)
            | Expr::IsTrue(first)
            | Expr::IsNotTrue(first)
            | Expr::IsFalse(first)
            | Expr::IsNotFalse(first) => first,
            Expr::UnaryOp { expr: first, .. }
            | Expr::Cast { expr: first, .. }
            | Expr::Between { expr: first, .. }
            | Expr::In { expr: first, .. }
            | Expr::Like { expr: first, .. }
            | Expr::ILike { expr: first, .. }
            | Expr::SimilarTo { expr: first, .. }
            | Expr::Extract { expr: first, .. }
            | Expr::Ceil { expr: first, .. }
            | Expr::Floor { expr: first, .. }
            | Expr::Substring { expr: first, .. }
            | Expr::Trim { expr: first, .. } => first,
            Expr::Position { r#in: first, .. } | Expr::AtTimeZone { timestamp: first, .. } => first,
            Expr::Interval(interval) => &interval.value,
            Expr::Case { case_token, .. } => return case_token.0.span.start.into(),
            Expr::Function(function) => return function.name.span().start.into(),
            Expr::TypedString(typed) => return typed.value.span.start.into(),
            Expr::Identifier(name) => return name.span.start.into(),
            Expr::CompoundIdentifier(names) => {
                return names
                    .first()
                    .map_or(Position { line: 1, column: 1 }, |name| name.span.start.into());
            }
            Expr::Value(value) => return value.span.start.into(),
            other => return placed(other.span().start).unwrap_or(Position { line: 1, column: 1 }),
        }
    }
}

/// A place, if the parser kept it.
fn placed(location: Location) -> Option<Position> {
    (location.line > 0).then(|| location.into())
}

/// A call of a function that SQL writes in words of its own: none of them takes a pattern.
fn call(name: &str, at: Position, args: Vec<Node>) -> Result<Node, Flaw> {
    functions::find(name).ok_or_else(|| Flaw { at, message: refused::function(name) })?.call(
        at,
        args,
        &Patterns::default(),
    )
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

fn calculate(
    arithmetic: Arithmetic,
    op: &Sign,
    a: Node,
    b: Node,
    at: Position,
) -> Result<Node, Flaw> {
    for node in [&a, &b] {
        if !is_number(&node.data_type) && !node.is_null() {
            return Err(Flaw {
                at: node.at,
                message: format!(
                    "`{op}` takes numbers, and this is a {}; CAST it",
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

fn constant(value: &ValueWithSpan, at: Position) -> Result<Node, Flaw> {
    match &value.value {
        Value::Null => Ok(literal(NullArray::new(1), at)),
        Value::Boolean(value) => Ok(literal(BooleanArray::from(vec![*value]), at)),
        Value::SingleQuotedString(text) => Ok(literal(StringArray::from(vec![text.as_str()]), at)),
        Value::Number(text, _) => number(text, at),
        other => Err(Flaw {
            at,
            message: format!(
                "`{other}` is not a literal here; allowed: numbers, '…', TRUE, FALSE, NULL"
            ),
        }),
    }
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

fn read_interval(interval: &Interval, at: Position) -> Result<Node, Flaw> {
    let refuse = || {
        Flaw {
        at,
        message: "an interval is written INTERVAL 3 DAY or INTERVAL '3 days', in years, months, weeks, days, hours, minutes or seconds"
            .to_owned(),
    }
    };
    let text = match interval.value.as_ref() {
        Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text) | Value::Number(text, _),
            ..
        }) => text.clone(),
        _ => return Err(refuse()),
    };
    let text = match &interval.leading_field {
        Some(field) => format!("{text} {field}"),
        None => text,
    };
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
