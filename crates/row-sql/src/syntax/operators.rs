//! Operators between and behind their operands.

use super::parser::Parser;
use super::words::{Kind, Token};
use super::{Form, Tree, strength};
use crate::Flaw;
use crate::comparisons::Comparison;
use crate::operators::Arithmetic;

impl Parser<'_> {
    /// How strong the operator is that comes next; `None`: none does.
    pub(super) fn strength(&self) -> Option<u8> {
        let token = self.peek()?;
        if token.kind == Kind::Sign {
            return Some(match token.written {
                "=" | "==" | "<>" | "!=" | "<" | "<=" | ">" | ">=" => strength::COMPARE,
                "||" => strength::APPEND,
                "+" | "-" => strength::ADD,
                "*" | "/" | "//" | "%" => strength::MULTIPLY,
                "::" => strength::CAST,
                _ => return None,
            });
        }
        if token.kind != Kind::Word {
            return None;
        }
        let follows =
            |keywords: &[&str]| self.peek_second().is_some_and(|second| second.is_any_of(keywords));
        Some(match token.written.to_ascii_lowercase().as_str() {
            "or" => strength::OR,
            "and" => strength::AND,
            "is" | "isnull" | "notnull" => strength::IS,
            "not" if follows(&["null"]) => strength::IS,
            "in" | "between" | "like" | "ilike" | "similar" => strength::LIKE,
            "not" if follows(&["in", "between", "like", "ilike", "similar"]) => strength::LIKE,
            "at" if follows(&["time"]) => strength::AT_TIME_ZONE,
            _ => return None,
        })
    }

    /// Parses the operator that comes next, of such a strength, and what follows it.
    pub(super) fn operator(&mut self, left: Tree, strength: u8) -> Result<Tree, Flaw> {
        let token = &self.tokens[self.next];
        let at = left.at;
        let form = match strength {
            strength::OR | strength::AND | strength::APPEND => {
                self.next += 1;
                let args = Box::new([left, self.expression(strength + 1)?]);
                match strength {
                    strength::OR => Form::Or(args),
                    strength::AND => Form::And(args),
                    _ => Form::Append(args),
                }
            }
            strength::COMPARE => self.comparison(left, token)?,
            strength::ADD | strength::MULTIPLY => {
                self.next += 1;
                let arithmetic = match token.written {
                    "+" => Arithmetic::Add,
                    "-" => Arithmetic::Subtract,
                    "*" => Arithmetic::Multiply,
                    "/" => Arithmetic::Divide,
                    "//" => Arithmetic::DivideWhole,
                    _ => Arithmetic::Remainder,
                };
                Form::Arithmetic(arithmetic, Box::new([left, self.expression(strength + 1)?]))
            }
            strength::CAST => {
                self.next += 1;
                Form::Cast { value: Box::new(left), to: self.data_type()?, is_lenient: false }
            }
            strength::AT_TIME_ZONE => {
                self.next += 1;
                self.require("time")?;
                self.require("zone")?;
                Form::AtTimeZone(Box::new([left, self.expression(strength + 1)?]))
            }
            strength::IS => self.question(left)?,
            _ => self.choice(left)?,
        };
        Ok(Tree { at, form })
    }

    fn comparison(&mut self, left: Tree, token: &Token<'_>) -> Result<Form, Flaw> {
        self.next += 1;
        let comparison = match token.written {
            "=" | "==" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => Comparison::NotEqual,
        };
        let right = self.expression(strength::COMPARE + 1)?;
        match self.peek().filter(|_| self.strength() == Some(strength::COMPARE)) {
            None => Ok(Form::Compare(comparison, Box::new([left, right]))),
            Some(next) => Err(Flaw {
                at: next.at,
                message: "comparisons do not chain: join two with AND, or write parentheses"
                    .to_owned(),
            }),
        }
    }

    /// `IS …`, `ISNULL`, `NOTNULL` and `NOT NULL`.
    fn question(&mut self, left: Tree) -> Result<Form, Flaw> {
        let value = Box::new(left);
        if self.take("isnull") {
            return Ok(Form::IsNull { value, negated: false });
        }
        if self.take("notnull") || self.take_all(&["not", "null"]) {
            return Ok(Form::IsNull { value, negated: true });
        }
        self.require("is")?;
        let negated = self.take("not");
        if self.take("null") {
            return Ok(Form::IsNull { value, negated });
        }
        for (keyword, truth) in [("true", true), ("false", false)] {
            if self.take(keyword) {
                return Ok(Form::IsTruth { value, truth, negated });
            }
        }
        if !self.take("distinct") {
            return Err(self.expected("`NULL`, `TRUE`, `FALSE` or `DISTINCT FROM`"));
        }
        self.require("from")?;
        let comparison = if negated { Comparison::NotDistinct } else { Comparison::Distinct };
        let args = Box::new([*value, self.expression(strength::IS + 1)?]);
        Ok(Form::Compare(comparison, args))
    }

    /// `[NOT] IN`, `BETWEEN`, `LIKE`, `ILIKE` and `SIMILAR TO`.
    fn choice(&mut self, left: Tree) -> Result<Form, Flaw> {
        let negated = self.take("not");
        if self.take("in") {
            return self.list(left, negated);
        }
        if self.take("between") {
            let low = self.expression(strength::LIKE + 1)?;
            self.require("and")?;
            let high = self.expression(strength::LIKE + 1)?;
            return Ok(Form::Between { args: Box::new([left, low, high]), negated });
        }
        if self.take("similar") {
            self.require("to")?;
            let args = Box::new([left, self.expression(strength::LIKE + 1)?]);
            return Ok(Form::Similar { args, negated });
        }
        let ignores_case = self.take("ilike");
        if !ignores_case {
            self.require("like")?;
        }
        let args = Box::new([left, self.expression(strength::LIKE + 1)?]);
        let escape = match self.take("escape") {
            true => Some(self.boxed(strength::LIKE + 1)?),
            false => None,
        };
        Ok(Form::Like { args, escape, ignores_case, negated })
    }

    fn list(&mut self, left: Tree, negated: bool) -> Result<Form, Flaw> {
        self.require_sign("(")?;
        let mut args = vec![left];
        loop {
            args.push(self.expression(strength::ANY)?);
            if !self.take_sign(",") {
                break;
            }
        }
        self.require_sign(")")?;
        Ok(Form::In { args, negated })
    }
}
