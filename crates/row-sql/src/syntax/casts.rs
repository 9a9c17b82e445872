//! The types that casts name.

use arrow_schema::{DataType as ArrowType, TimeUnit};

use super::parser::Parser;
use super::words::Kind;
use crate::{Flaw, Position, types};

impl Parser<'_> {
    /// Parses the name of a type.
    pub(super) fn data_type(&mut self) -> Result<ArrowType, Flaw> {
        let word = self.peek().filter(|token| token.kind == Kind::Word);
        let word = word.ok_or_else(|| self.expected("a type"))?;
        self.next += 1;
        let name = word.written.to_lowercase();
        let at = word.at;
        let data_type = match name.as_str() {
            "decimal" | "numeric" | "dec" => return self.decimal(at),
            "double" => {
                self.take("precision");
                ArrowType::Float64
            }
            "timestamp" if self.take_all(&["with", "time", "zone"]) => {
                types::zoned(TimeUnit::Microsecond)
            }
            name => {
                if matches!(name, "time" | "timestamp") {
                    self.take_all(&["without", "time", "zone"]);
                }
                types::named(name).ok_or_else(|| Flaw { at, message: types::no_type(name) })?
            }
        };
        if self.peeks_sign("(") {
            let message = format!("`{name}` is written without `(…)`");
            return Err(Flaw { at, message });
        }
        Ok(data_type)
    }

    /// The digits of a decimal, whose name was taken.
    fn decimal(&mut self, at: Position) -> Result<ArrowType, Flaw> {
        let refused = || Flaw {
            at,
            message: "a decimal is written decimal(P,S), with P digits from 1 to 38 and S of them \
                      from 0 to P after the point"
                .to_owned(),
        };
        if !self.take_sign("(") {
            return Err(refused());
        }
        let precision = self.digits().ok_or_else(refused)?;
        let scale = match self.take_sign(",") {
            true => self.digits().ok_or_else(refused)?,
            false => 0,
        };
        let is_right = (1..=types::MOST_DIGITS).contains(&precision) && scale <= precision;
        if !self.take_sign(")") || !is_right {
            return Err(refused());
        }
        Ok(ArrowType::Decimal128(precision, scale as i8))
    }

    fn digits(&mut self) -> Option<u8> {
        let number = self.peek().filter(|token| token.kind == Kind::Number)?;
        self.next += 1;
        number.written.parse().ok()
    }
}
