//! Checks that a Delta table can hold columns: their names and types.

use std::collections::HashMap;

use arrow_schema::{DataType as ArrowType, TimeUnit};

use crate::types::physical_name;

/// Characters that no name of a column may hold.
const RESERVED: &[char] = &[' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '='];

/// What Delta has no room for: the position of each column that is at fault, what is wrong with it,
/// and what would do.
pub fn check_columns<'a>(
    columns: impl IntoIterator<Item = (&'a str, &'a ArrowType)>,
) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (position, (name, data_type)) in columns.into_iter().enumerate() {
        let mut fault = |message: String| faults.push((position, message));
        if name.contains(RESERVED) {
            fault(format!(
                "`{name}` can't name a Delta column: such names hold no blanks, tabs, or any of ,;{{}}()="
            ));
        }
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            fault(format!(
                "`{name}` is the same as `{other}` to Delta, which does not tell upper from lower case"
            ));
        }
        if delta_type(data_type).is_none() {
            let instead = match data_type {
                ArrowType::UInt8 => "int16 holds the same",
                ArrowType::UInt16 => "int32 holds the same",
                ArrowType::UInt32 => "int64 holds the same",
                ArrowType::UInt64 => "a number as decimal(20,0) holds the same",
                ArrowType::Time32(_) | ArrowType::Time64(_) => "a string keeps it as it is written",
                ArrowType::Timestamp(..) => "timestamp(us) is what it has",
                _ => "another type would do",
            };
            fault(format!("Delta tables have no {}: {instead}", plural_of(data_type)));
        }
    }
    faults
}

/// The name of a type that Delta lacks.
fn plural_of(data_type: &ArrowType) -> String {
    match data_type {
        ArrowType::Time32(_) | ArrowType::Time64(_) => "times of day".to_owned(),
        ArrowType::Timestamp(precision, _) => {
            physical_name(&ArrowType::Timestamp(*precision, None))
        }
        other => physical_name(other),
    }
}

/// The Delta type of what is kept as `data_type`.
pub fn delta_type(data_type: &ArrowType) -> Option<String> {
    Some(match data_type {
        ArrowType::Utf8 => "string".to_owned(),
        ArrowType::Int8 => "byte".to_owned(),
        ArrowType::Int16 => "short".to_owned(),
        ArrowType::Int32 => "integer".to_owned(),
        ArrowType::Int64 => "long".to_owned(),
        ArrowType::Float32 => "float".to_owned(),
        ArrowType::Float64 => "double".to_owned(),
        ArrowType::Boolean => "boolean".to_owned(),
        ArrowType::Date32 => "date".to_owned(),
        ArrowType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        ArrowType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp".to_owned(),
        ArrowType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz".to_owned(),
        _ => return None,
    })
}
