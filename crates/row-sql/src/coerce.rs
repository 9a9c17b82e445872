//! Brings arguments to one type, where that loses nothing.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::DataType as ArrowType;

use super::node::Node;
use super::types::{self, common, is_decimal, is_integer};
use super::{Flaw, casts};

/// A node as one of another type, by a cast.
pub(super) fn cast(node: Node, to: &ArrowType, lenient: bool) -> Result<Node, Flaw> {
    if node.data_type == *to {
        return Ok(node);
    }
    if node.is_null() {
        return Ok(Node::constant(rows::all_null(to, 1), node.at));
    }
    let (from, at) = (node.data_type.clone(), node.at);
    if !casts::is_possible(&from, to) {
        return Err(Flaw {
            at,
            message: format!("a {} can't be cast to a {}", types::name(&from), types::name(to)),
        });
    }
    Node::apply(to.clone(), at, casts::kernel(from, to.clone(), lenient), vec![node])
}

/// Nodes as ones of the type that they have in common. Literal text becomes what the others are:
/// `day > '2024-01-31'`.
pub(super) fn unify(nodes: Vec<Node>) -> Result<(ArrowType, Vec<Node>), Flaw> {
    let is_literal = |node: &Node| node.as_text().is_some();
    let has_decimal = nodes.iter().any(|node| is_decimal(&node.data_type));
    let mut to = ArrowType::Null;
    let unify = |to: &mut ArrowType, node: &Node| {
        let own = if has_decimal {
            literal_digits(node).unwrap_or_else(|| node.data_type.clone())
        } else {
            node.data_type.clone()
        };
        match common(to, &own) {
            Some(both) => *to = both,
            None => {
                let (a, b) = (types::name(to), types::name(&own));
                let why = if types::is_number(to) && types::is_number(&own) {
                    "has more than 38 digits"
                } else {
                    "does not exist"
                };
                return Err(Flaw {
                    at: node.at,
                    message: format!(
                        "a type that holds both a {a} and a {b} {why}; CAST one of them"
                    ),
                });
            }
        }
        Ok(())
    };
    nodes.iter().filter(|node| !is_literal(node)).try_for_each(|node| unify(&mut to, node))?;
    if to == ArrowType::Null {
        nodes.iter().try_for_each(|node| unify(&mut to, node))?;
    }
    let nodes = nodes.into_iter().map(|node| cast(node, &to, false)).collect::<Result<_, _>>()?;
    Ok((to, nodes))
}

/// Two numbers as ones of a kind: floats, 64-bit integers, or decimals of their own precisions.
pub(super) fn numbers(a: Node, b: Node) -> Result<[Node; 2], Flaw> {
    let of = |node: &Node| if node.is_null() { ArrowType::Null } else { node.data_type.clone() };
    let (type_a, type_b) = (of(&a), of(&b));
    let either = |test: fn(&ArrowType) -> bool| test(&type_a) || test(&type_b);
    let kind = |node: Node| {
        if either(types::is_float) {
            cast(node, &ArrowType::Float64, false)
        } else if either(is_decimal) || either(|data_type| *data_type == ArrowType::UInt64) {
            decimal(node)
        } else {
            cast(node, &ArrowType::Int64, false)
        }
    };
    Ok([kind(a)?, kind(b)?])
}

/// One number as what is computed with: a float64, an int64, or a decimal.
pub(super) fn number(node: Node) -> Result<Node, Flaw> {
    match &node.data_type {
        ArrowType::UInt64 => decimal(node),
        data_type if is_integer(data_type) => cast(node, &ArrowType::Int64, false),
        data_type if types::is_float(data_type) => cast(node, &ArrowType::Float64, false),
        ArrowType::Null => cast(node, &ArrowType::Int64, false),
        _ => Ok(node),
    }
}

fn decimal(node: Node) -> Result<Node, Flaw> {
    let to = match &node.data_type {
        ArrowType::Null => ArrowType::Decimal128(1, 0),
        own if is_decimal(own) => return Ok(node),
        own => literal_digits(&node).unwrap_or_else(|| {
            ArrowType::Decimal128(types::digits(own).map_or(20, |(whole, _)| whole), 0)
        }),
    };
    cast(node, &to, false)
}

/// The decimal that just holds a literal whole number.
fn literal_digits(node: &Node) -> Option<ArrowType> {
    let array = node.as_constant()?.as_primitive_opt::<Int64Type>()?;
    if array.is_null(0) {
        return None;
    }
    let digits = array.value(0).unsigned_abs().checked_ilog10().map_or(1, |log| log as u8 + 1);
    Some(ArrowType::Decimal128(digits, 0))
}
