//! Calls of functions, and what SQL writes in words of its own.

use super::parser::Parser;
use super::words::{Kind, Token};
use super::{Form, Tree, strength};
use crate::functions::{self, Function};
use crate::{Flaw, Position, refused};

impl Parser<'_> {
    /// Parses the arguments of a function, whose name was taken.
    pub(super) fn call(&mut self, name: &str, at: Position) -> Result<Tree, Flaw> {
        let name = name.to_lowercase();
        let function =
            functions::find(&name).ok_or_else(|| Flaw { at, message: refused::function(&name) })?;
        self.require_sign("(")?;
        if self.take_sign(")") {
            return self.called(function, at, Vec::new());
        }
        self.arguments(function, at, Vec::new())
    }

    /// Parses the arguments behind those that were parsed.
    pub(super) fn arguments(
        &mut self,
        function: &'static Function,
        at: Position,
        mut args: Vec<Tree>,
    ) -> Result<Tree, Flaw> {
        let refuse = |message: &str| Err(Flaw { at, message: message.to_owned() });
        while args.is_empty() || self.take_sign(",") {
            let is_named =
                self.peek_second().is_some_and(|sign| sign.is_sign(":=") || sign.is_sign("=>"));
            if is_named || self.peeks_sign("*") {
                let name = function.names[0];
                return refuse(&format!(
                    "`{name}` takes its arguments in order, without names or stars"
                ));
            }
            if self.peeks("distinct") {
                return refuse(refused::SORT);
            }
            args.push(self.expression(strength::ANY)?);
        }
        if self.peek().is_some_and(|next| next.is_any_of(&["order", "ignore", "respect"])) {
            return refuse(refused::SORT);
        }
        self.require_sign(")")?;
        self.called(function, at, args)
    }

    /// The call of a function, unless something of many rows follows.
    pub(super) fn called(
        &self,
        function: &'static Function,
        at: Position,
        args: Vec<Tree>,
    ) -> Result<Tree, Flaw> {
        let refuse = |message: &str| Err(Flaw { at, message: message.to_owned() });
        match self.peek() {
            Some(next) if next.is("over") => refuse(refused::WINDOW),
            Some(next) if next.is_any_of(&["filter", "within", "ignore", "respect"]) => {
                refuse(refused::SORT)
            }
            _ => Ok(Tree { at, form: Form::Call(function, args) }),
        }
    }

    /// `CAST(x AS type)`.
    pub(super) fn cast(&mut self, is_lenient: bool) -> Result<Form, Flaw> {
        self.next += 2;
        let value = self.boxed(strength::ANY)?;
        self.require("as")?;
        let to = self.data_type()?;
        self.require_sign(")")?;
        Ok(Form::Cast { value, to, is_lenient })
    }

    /// `EXTRACT(part FROM x)`.
    pub(super) fn extract(&mut self) -> Result<Form, Flaw> {
        self.next += 2;
        let part = self.peek().filter(|token| matches!(token.kind, Kind::Word | Kind::Text));
        let part = part.ok_or_else(|| self.expected("a part, such as `year`,"))?;
        self.next += 1;
        self.require("from")?;
        let value = self.expression(strength::ANY)?;
        self.require_sign(")")?;
        let part = Tree { at: part.at, form: Form::Text(part.said().to_lowercase()) };
        Ok(Form::Call(known("date_part"), vec![part, value]))
    }

    /// `POSITION(wanted IN text)`, or `position(text, wanted)`.
    pub(super) fn position(&mut self, at: Position) -> Result<Tree, Flaw> {
        self.next += 2;
        let first = self.expression(strength::LIKE + 1)?;
        let function = known("position");
        if !self.take("in") {
            return self.arguments(function, at, vec![first]);
        }
        let text = self.expression(strength::ANY)?;
        self.require_sign(")")?;
        Ok(Tree { at, form: Form::Call(function, vec![text, first]) })
    }

    /// `SUBSTRING(text FROM start FOR length)`, or `substring(text, start, length)`.
    pub(super) fn substring(&mut self, at: Position) -> Result<Tree, Flaw> {
        self.next += 2;
        let text = self.expression(strength::ANY)?;
        let function = known("substring");
        if !self.peeks("from") && !self.peeks("for") {
            return self.arguments(function, at, vec![text]);
        }
        let mut args = vec![text];
        args.push(match self.take("from") {
            true => self.expression(strength::ANY)?,
            false => Tree { at, form: Form::Number("1".to_owned()) },
        });
        if self.take("for") {
            args.push(self.expression(strength::ANY)?);
        }
        self.require_sign(")")?;
        Ok(Tree { at, form: Form::Call(function, args) })
    }

    /// `TRIM(LEADING characters FROM text)`, where the side and the characters may be missing, or
    /// `trim(text, characters)`.
    pub(super) fn trim(&mut self, at: Position) -> Result<Tree, Flaw> {
        self.next += 2;
        let sides = [("both", "trim"), ("leading", "ltrim"), ("trailing", "rtrim")];
        let side = sides.iter().find(|(side, _)| {
            // A field may have such a name.
            let is_field = |next: &Token<'_>| next.kind == Kind::Sign && next.written != "(";
            self.peeks(side) && !self.peek_second().is_some_and(is_field)
        });
        self.next += usize::from(side.is_some());
        let function = known(side.map_or("trim", |(_, name)| name));
        if self.take("from") {
            let text = self.expression(strength::ANY)?;
            self.require_sign(")")?;
            return Ok(Tree { at, form: Form::Call(function, vec![text]) });
        }
        let first = self.expression(strength::ANY)?;
        if !self.take("from") {
            return self.arguments(function, at, vec![first]);
        }
        let text = self.expression(strength::ANY)?;
        self.require_sign(")")?;
        Ok(Tree { at, form: Form::Call(function, vec![text, first]) })
    }
}

/// A function that SQL writes in words of its own.
fn known(name: &str) -> &'static Function {
    functions::find(name).expect("a function of ours")
}
