//! Turns JSON objects into the columns of a Parquet file with groups, lists and maps, and back.
//!
//! Every leaf of the schema is a column. Beside its values it keeps two levels for each row: how
//! much of its path is there, and at which list or map a repetition begins (Melnik et al., "Dremel:
//! Interactive Analysis of Web-Scale Datasets", 2010, §4).

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{Type, TypePtr};
use serde_json::{Map, Value};

/// Rows of a row group.
const GROUP_ROWS: usize = if cfg!(test) { 3 } else { 128 * 1024 };

/// A column of a row group.
struct Leaf {
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

/// The values of a column that are there.
enum Values {
    Truths(Vec<bool>),
    Small(Vec<i32>),
    Large(Vec<i64>),
    Texts(Vec<ByteArray>),
}

/// Where a value stands among the levels of its path.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    definition: i16,
    repetition: i16,
    /// Lists and maps around it.
    depth: i16,
}

/// Writes objects as a Parquet file. `schema` is written as Parquet writes messages; what an object
/// has beside it is left out.
///
/// # Errors
///
/// A value does not have the type of its column. The error does not quote it.
pub(crate) fn write(schema: &str, rows: &[Map<String, Value>]) -> Result<Bytes> {
    let schema = Arc::new(parse_message_type(schema)?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, schema.clone(), Arc::new(properties))?;
    for rows in rows.chunks(GROUP_ROWS) {
        let mut leaves = Vec::new();
        schema.get_fields().iter().try_for_each(|field| add_leaves(field, &mut leaves))?;
        for row in rows {
            put_fields(&schema, row, Levels::default(), &mut leaves, 0)?;
        }
        let mut group = file.next_row_group()?;
        for leaf in leaves {
            let mut column = group.next_column()?.ok_or_else(none)?;
            let (defined, repeated) = (Some(&leaf.definitions[..]), Some(&leaf.repetitions[..]));
            match leaf.values {
                Values::Truths(values) => {
                    column.typed::<BoolType>().write_batch(&values, defined, repeated)?
                }
                Values::Small(values) => {
                    column.typed::<Int32Type>().write_batch(&values, defined, repeated)?
                }
                Values::Large(values) => {
                    column.typed::<Int64Type>().write_batch(&values, defined, repeated)?
                }
                Values::Texts(values) => {
                    column.typed::<ByteArrayType>().write_batch(&values, defined, repeated)?
                }
            };
            column.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(bytes.into())
}

/// Reads the rows of a Parquet file as objects, one on each line, nulls included. `wanted` gets the
/// path of each group at the top and of each field in it, and says whether it is read.
pub(crate) fn read(bytes: Bytes, wanted: impl Fn(&[&str]) -> bool) -> Result<Vec<u8>> {
    let file = SerializedFileReader::new(bytes)?;
    let schema = file.metadata().file_metadata().schema();
    let mut fields = Vec::new();
    for field in schema.get_fields().iter().filter(|field| wanted(&[field.name()])) {
        let is_wanted = |inner: &&TypePtr| wanted(&[field.name(), inner.name()]);
        fields.push(match field.is_group() {
            true => part(field, field.get_fields().iter().filter(is_wanted).cloned().collect())?,
            false => field.clone(),
        });
    }
    let mut lines = Vec::new();
    if fields.is_empty() {
        return Ok(lines);
    }
    let schema = Type::group_type_builder(schema.name()).with_fields(fields).build()?;
    for row in file.get_row_iter(Some(schema))? {
        let row = row?.to_json_value();
        serde_json::to_writer(&mut lines, &row).map_err(|_| none())?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// A group with some of its fields.
fn part(group: &TypePtr, fields: Vec<TypePtr>) -> Result<TypePtr> {
    let new = Type::group_type_builder(group.name())
        .with_repetition(group.get_basic_info().repetition())
        .with_fields(fields);
    Ok(Arc::new(new.build()?))
}

/// Adds the columns of a field, empty.
fn add_leaves(field: &Type, leaves: &mut Vec<Leaf>) -> Result<()> {
    if field.is_group() {
        return field.get_fields().iter().try_for_each(|field| add_leaves(field, leaves));
    }
    let values = match field.get_physical_type() {
        Physical::BOOLEAN => Values::Truths(Vec::new()),
        Physical::INT32 => Values::Small(Vec::new()),
        Physical::INT64 => Values::Large(Vec::new()),
        Physical::BYTE_ARRAY => Values::Texts(Vec::new()),
        _ => return Err(none()),
    };
    leaves.push(Leaf { values, definitions: Vec::new(), repetitions: Vec::new() });
    Ok(())
}

/// Adds the fields of an object to their columns, which begin at `leaf`. Answers where they end.
fn put_fields(
    group: &Type,
    object: &Map<String, Value>,
    levels: Levels,
    leaves: &mut [Leaf],
    mut leaf: usize,
) -> Result<usize> {
    for field in group.get_fields() {
        let value = object.get(field.name()).unwrap_or(&Value::Null);
        leaf = put(field, value, levels, leaves, leaf)?;
    }
    Ok(leaf)
}

/// Adds a value to its columns, which begin at `leaf`. Answers where they end.
fn put(
    field: &Type,
    value: &Value,
    levels: Levels,
    leaves: &mut [Leaf],
    leaf: usize,
) -> Result<usize> {
    let here = Levels { definition: levels.definition + i16::from(field.is_optional()), ..levels };
    match value {
        Value::Null if field.is_optional() => return Ok(put_nothing(field, levels, leaves, leaf)),
        _ if field.is_primitive() => leaves[leaf].put(value, here)?,
        Value::Object(object) => {
            let [entries] = field.get_fields() else {
                return put_fields(field, object, here, leaves, leaf);
            };
            if field.get_basic_info().converted_type() != ConvertedType::MAP {
                return put_fields(field, object, here, leaves, leaf);
            }
            let [key, of] = entries.get_fields() else { return Err(none()) };
            if object.is_empty() {
                return Ok(put_nothing(field, here, leaves, leaf));
            }
            let mut end = leaf;
            for (at, (name, value)) in object.iter().enumerate() {
                let levels = here.repeated(at);
                let after = put(key, &Value::String(name.clone()), levels, leaves, leaf)?;
                end = put(of, value, levels, leaves, after)?;
            }
            return Ok(end);
        }
        Value::Array(items) => {
            let [list] = field.get_fields() else { return Err(none()) };
            let [element] = list.get_fields() else { return Err(none()) };
            if items.is_empty() {
                return Ok(put_nothing(field, here, leaves, leaf));
            }
            let mut end = leaf;
            for (at, item) in items.iter().enumerate() {
                end = put(element, item, here.repeated(at), leaves, leaf)?;
            }
            return Ok(end);
        }
        _ => return Err(none()),
    }
    Ok(leaf + 1)
}

/// Adds to the columns of a field that nothing is there.
fn put_nothing(field: &Type, levels: Levels, leaves: &mut [Leaf], leaf: usize) -> usize {
    if field.is_group() {
        let fields = field.get_fields().iter();
        return fields.fold(leaf, |leaf, field| put_nothing(field, levels, leaves, leaf));
    }
    leaves[leaf].note(levels);
    leaf + 1
}

impl Levels {
    /// Those of an entry of a list or a map here. Entries after the first repeat it.
    fn repeated(self, at: usize) -> Self {
        Self {
            definition: self.definition + 1,
            repetition: if at == 0 { self.repetition } else { self.depth + 1 },
            depth: self.depth + 1,
        }
    }
}

impl Leaf {
    fn note(&mut self, levels: Levels) {
        self.definitions.push(levels.definition);
        self.repetitions.push(levels.repetition);
    }

    fn put(&mut self, value: &Value, levels: Levels) -> Result<()> {
        match &mut self.values {
            Values::Truths(values) => values.push(value.as_bool().ok_or_else(none)?),
            Values::Small(values) => {
                let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
                values.push(number.ok_or_else(none)?);
            }
            Values::Large(values) => values.push(value.as_i64().ok_or_else(none)?),
            Values::Texts(values) => values.push(value.as_str().ok_or_else(none)?.into()),
        }
        self.note(levels);
        Ok(())
    }
}

fn none() -> ParquetError {
    ParquetError::General("a value is none of its type".to_owned())
}

#[cfg(test)]
mod tests;
