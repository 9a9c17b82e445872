//! Parses words and signs by the strength of operators, as [Pratt] described it.
//!
//! [Pratt]: https://doi.org/10.1145/512927.512931

use wording::cut;

use super::words::{Kind, Token, tokens};
use super::{Form, Tree, strength};
use crate::{AFTER, Flaw, Position, refused};

/// Most words and signs of an expression: what is longer is a program, and says less than a dataset
/// of its own would.
const MOST_TOKENS: usize = 1_000;
/// Deepest nesting, of parentheses and of operators: each level takes stack.
const MOST_DEPTH: usize = 48;
/// Where a text begins.
const START: Position = Position { line: 1, column: 1 };

/// Words that can't begin an expression. Fields of these names stand in `"…"`.
const NO_BEGINNING: &[&str] =
    &["and", "or", "is", "in", "between", "like", "ilike", "similar", "then", "else"];
/// Units of intervals, without the `s` that they may have.
const UNITS: &[&str] = &["year", "month", "week", "day", "hour", "minute", "second"];

/// Parses an expression.
pub(crate) fn parse(text: &str) -> Result<Tree, Flaw> {
    let tokens = tokens(text)?;
    let Some(first) = tokens.first() else {
        return Err(Flaw { at: START, message: "there is no expression".to_owned() });
    };
    if first.is("select") {
        let message = "a statement is not allowed, only an expression: what would stand after \
                       SELECT, or after WHERE";
        return Err(Flaw { at: first.at, message: message.to_owned() });
    }
    if let Some(token) = tokens.get(MOST_TOKENS) {
        let message = format!("an expression has at most {MOST_TOKENS} words and signs");
        return Err(Flaw { at: token.at, message });
    }
    let mut parser = Parser { tokens: &tokens, next: 0, depth: 0 };
    let tree = parser.expression(strength::ANY)?;
    match parser.peek() {
        None => Ok(tree),
        Some(rest) => Err(Flaw { at: rest.at, message: unread(rest) }),
    }
}

/// Says why a token can't follow a whole expression.
fn unread(token: &Token<'_>) -> String {
    let written = cut(token.written);
    match token.kind {
        Kind::Sign if !matches!(token.written, ")" | "," | "(") => {
            format!("there is no operator `{written}`")
        }
        _ => format!("the expression has ended before `{written}`"),
    }
}

pub(super) struct Parser<'a> {
    pub(super) tokens: &'a [Token<'a>],
    /// The position of the next token.
    pub(super) next: usize,
    /// How many expressions are being parsed, one in another.
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.next)
    }

    pub(super) fn peek_second(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.next + 1)
    }

    pub(super) fn peeks(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|token| token.is(keyword))
    }

    pub(super) fn peeks_sign(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.is_sign(sign))
    }

    fn is_call(&self) -> bool {
        self.peek_second().is_some_and(|token| token.is_sign("("))
    }

    /// Takes a keyword, if it comes next.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let is_next = self.peeks(keyword);
        self.next += usize::from(is_next);
        is_next
    }

    /// Takes some keywords, if they come next in this order.
    pub(super) fn take_all(&mut self, keywords: &[&str]) -> bool {
        let rest = &self.tokens[self.next..];
        let are_next = rest.len() >= keywords.len()
            && rest.iter().zip(keywords).all(|(token, keyword)| token.is(keyword));
        self.next += if are_next { keywords.len() } else { 0 };
        are_next
    }

    pub(super) fn take_sign(&mut self, sign: &str) -> bool {
        let is_next = self.peeks_sign(sign);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn require(&mut self, keyword: &str) -> Result<(), Flaw> {
        let upper = keyword.to_uppercase();
        if self.take(keyword) { Ok(()) } else { Err(self.expected(&format!("`{upper}`"))) }
    }

    pub(super) fn require_sign(&mut self, sign: &str) -> Result<(), Flaw> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    /// That something else has to come next.
    pub(super) fn expected(&self, what: &str) -> Flaw {
        let before = self.next.checked_sub(1).map(|before| &self.tokens[before]);
        let after =
            before.map_or_else(String::new, |before| format!("{AFTER}{}`: ", cut(before.written)));
        let (at, instead) = match self.peek() {
            Some(found) => (found.at, format!(", not `{}`", cut(found.written))),
            None => (self.tokens.last().map_or(START, |last| last.end), String::new()),
        };
        Flaw { at, message: format!("{after}{what} is expected{instead}") }
    }

    fn expected_expression(&self) -> Flaw {
        self.expected("an expression")
    }

    /// Parses an expression as far as its operators are at least as strong.
    pub(super) fn expression(&mut self, least: u8) -> Result<Tree, Flaw> {
        check_depth(self.depth, self.peek().map_or(START, |token| token.at))?;
        self.depth += 1;
        let mut tree = self.operand()?;
        while let Some(strength) = self.strength().filter(|strength| *strength >= least) {
            tree = self.operator(tree, strength)?;
        }
        self.depth -= 1;
        Ok(tree)
    }

    pub(super) fn boxed(&mut self, least: u8) -> Result<Box<Tree>, Flaw> {
        self.expression(least).map(Box::new)
    }

    /// Parses what stands before the first operator, or the operator in front of it.
    fn operand(&mut self) -> Result<Tree, Flaw> {
        let Some(token) = self.peek() else { return Err(self.expected_expression()) };
        let at = token.at;
        let form = match token.kind {
            Kind::Word => return self.word(token),
            Kind::Quoted => return self.name(),
            Kind::Number => {
                self.next += 1;
                Form::Number(token.written.to_owned())
            }
            Kind::Text => {
                self.next += 1;
                Form::Text(token.said())
            }
            Kind::Sign if self.take_sign("(") => {
                let inner = self.expression(strength::ANY)?;
                self.require_sign(")")?;
                return Ok(inner);
            }
            Kind::Sign if self.take_sign("-") => Form::Minus(self.boxed(strength::SIGN)?),
            Kind::Sign if self.take_sign("+") => Form::Plus(self.boxed(strength::SIGN)?),
            Kind::Sign => return Err(self.expected_expression()),
        };
        Ok(Tree { at, form })
    }

    /// Parses an operand that begins with a word without quotes.
    fn word(&mut self, token: &Token<'a>) -> Result<Tree, Flaw> {
        let at = token.at;
        let form = match token.written.to_ascii_lowercase().as_str() {
            "null" => self.constant(Form::Null),
            "true" => self.constant(Form::Boolean(true)),
            "false" => self.constant(Form::Boolean(false)),
            "not" => {
                self.next += 1;
                Form::Not(self.boxed(strength::NOT)?)
            }
            "case" => self.case(at)?,
            "interval" if self.begins_interval() => self.interval(at)?,
            "cast" if self.is_call() => self.cast(false)?,
            "try_cast" if self.is_call() => self.cast(true)?,
            "extract" if self.is_call() => self.extract()?,
            "position" if self.is_call() => return self.position(at),
            "substring" if self.is_call() => return self.substring(at),
            "trim" if self.is_call() => return self.trim(at),
            "select" => return Err(Flaw { at, message: refused::SUBQUERY.to_owned() }),
            "exists" if self.is_call() => {
                return Err(Flaw { at, message: refused::SUBQUERY.to_owned() });
            }
            _ if token.is_any_of(NO_BEGINNING) => return Err(self.expected_expression()),
            _ => match self.typed_text() {
                Some(form) => form,
                None => return self.name(),
            },
        };
        Ok(Tree { at, form })
    }

    fn constant(&mut self, form: Form) -> Form {
        self.next += 1;
        form
    }

    /// Parses `DATE '2024-02-29'` and its like, if one comes next.
    fn typed_text(&mut self) -> Option<Form> {
        let begun = self.next;
        if let Ok(to) = self.data_type()
            && let Some(text) = self.peek().filter(|token| token.kind == Kind::Text)
        {
            self.next += 1;
            let value = Box::new(Tree { at: text.at, form: Form::Text(text.said()) });
            return Some(Form::Cast { value, to, is_lenient: false });
        }
        self.next = begun;
        None
    }

    /// Parses the name of a field, or the call of a function.
    pub(super) fn name(&mut self) -> Result<Tree, Flaw> {
        let first = &self.tokens[self.next];
        let at = first.at;
        let mut name = first.said();
        self.next += 1;
        let mut has_point = false;
        while self.peeks_sign(".")
            && let Some(part) = self.peek_second()
            && matches!(part.kind, Kind::Word | Kind::Quoted)
        {
            name = format!("{name}.{}", part.said());
            self.next += 2;
            has_point = true;
        }
        if self.peeks_sign("(") {
            return self.call(&name, at);
        }
        if has_point {
            let message = format!(
                "`{name}` names a table's column, and there are no tables; write the field, in \
                 \"…\" if its name has a point"
            );
            return Err(Flaw { at, message });
        }
        let is_quoted = first.kind == Kind::Quoted;
        Ok(Tree { at, form: Form::Column { name, is_quoted } })
    }

    /// `CASE [operand] WHEN … THEN … [ELSE …] END`.
    fn case(&mut self, at: Position) -> Result<Form, Flaw> {
        self.next += 1;
        let operand = match self.peeks("when") {
            true => None,
            false => Some(self.boxed(strength::ANY)?),
        };
        let mut branches = Vec::new();
        while self.take("when") {
            let condition = self.expression(strength::ANY)?;
            if !self.take("then") {
                return Err(self.expected_in_case(at, "`THEN`"));
            }
            branches.push([condition, self.expression(strength::ANY)?]);
        }
        if branches.is_empty() {
            return Err(self.expected_in_case(at, "`WHEN`"));
        }
        let otherwise = match self.take("else") {
            true => Some(self.boxed(strength::ANY)?),
            false => None,
        };
        if !self.take("end") {
            let what = if otherwise.is_some() { "`END`" } else { "`WHEN`, `ELSE` or `END`" };
            return Err(self.expected_in_case(at, what));
        }
        Ok(Form::Case { operand, branches, otherwise })
    }

    fn expected_in_case(&self, at: Position, what: &str) -> Flaw {
        if self.peek().is_some() {
            return self.expected(what);
        }
        let message = "this CASE is not complete; it is written CASE WHEN … THEN … ELSE … END";
        Flaw { at, message: message.to_owned() }
    }

    /// Whether the word `interval` is no field's name.
    fn begins_interval(&self) -> bool {
        self.peek_second()
            .is_some_and(|next| matches!(next.kind, Kind::Number | Kind::Text) || next.is_sign("("))
    }

    /// `INTERVAL 3 DAY`, `INTERVAL '3 days'`, `INTERVAL '3' DAY`.
    fn interval(&mut self, at: Position) -> Result<Form, Flaw> {
        self.next += 1;
        let Some(count) = self.peek().filter(|count| count.kind != Kind::Sign) else {
            return Err(Flaw { at, message: refused::INTERVAL.to_owned() });
        };
        self.next += 1;
        let is_unit = |word: &&Token<'_>| {
            let name = word.written.to_ascii_lowercase();
            word.kind == Kind::Word && UNITS.contains(&name.strip_suffix('s').unwrap_or(&name))
        };
        let unit = self.peek().filter(is_unit);
        self.next += usize::from(unit.is_some());
        Ok(Form::Interval(match unit {
            Some(unit) => format!("{} {}", count.said(), unit.written),
            None => count.said(),
        }))
    }
}

/// Refuses what stands in as many expressions as may nest.
pub(crate) fn check_depth(depth: usize, at: Position) -> Result<(), Flaw> {
    if depth < MOST_DEPTH {
        return Ok(());
    }
    let message =
        format!("expressions nest at most {MOST_DEPTH} deep; IN (…) or CASE may say it flatter");
    Err(Flaw { at, message })
}
