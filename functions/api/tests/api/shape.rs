//! Whether a JSON document has the shape that a schema tells, as far as the API's description uses
//! JSON Schema.

use serde_json::Value;

/// What a reference leads to, or what is none.
pub(crate) fn resolve<'d>(value: &'d Value, document: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null)
        }
        None => value,
    }
}

/// Checks a value. A member that the schema does not name is a fault, so that nothing is answered
/// which is not described. The error says where, and what.
pub(crate) fn check(value: &Value, schema: &Value, document: &Value) -> Result<(), String> {
    let schema = resolve(schema, document);
    for (keyword, said) in schema.as_object().ok_or_else(|| format!("{schema} is no schema"))? {
        let holds = match keyword.as_str() {
            "type" => is_of(value, said),
            "enum" => said.as_array().is_some_and(|all| all.contains(value)),
            "minimum" => value.as_f64() >= said.as_f64() || value.is_null(),
            "maximum" => value.as_f64() <= said.as_f64() || value.is_null(),
            "maxProperties" => {
                value.as_object().map_or(0, |all| all.len() as u64) <= said.as_u64().unwrap_or(0)
            }
            "required" => {
                let names = said.as_array().into_iter().flatten().filter_map(Value::as_str);
                names.into_iter().all(|name| value.get(name).is_some())
            }
            "properties" => {
                for (name, member) in value.as_object().into_iter().flatten() {
                    // A part of a whole (`allOf`) names only some members.
                    let Some(shape) = said.get(name) else {
                        match schema.get("required") {
                            Some(_) => return Err(format!("`{name}` is not described")),
                            None => continue,
                        }
                    };
                    check(member, shape, document).map_err(|why| format!("`{name}`: {why}"))?;
                }
                true
            }
            "additionalProperties" if said.is_object() => {
                let members = value.as_object().into_iter().flatten();
                members.into_iter().try_for_each(|(_, member)| check(member, said, document))?;
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                items.into_iter().try_for_each(|item| check(item, said, document))?;
                true
            }
            "allOf" => {
                let all = said.as_array().into_iter().flatten();
                all.into_iter().try_for_each(|part| check(value, part, document))?;
                true
            }
            "oneOf" => {
                let all = said.as_array().into_iter().flatten();
                let fitting = all.filter(|part| check(value, part, document).is_ok());
                fitting.count() == 1
            }
            // What is sent is held against these by the API itself.
            "pattern" | "minLength" | "maxLength" | "additionalProperties" | "default" => true,
            "description" | "example" | "format" | "propertyNames" => true,
            other => return Err(format!("the keyword `{other}` is not known here")),
        };
        if !holds {
            return Err(format!("{value} is not {keyword} {said}"));
        }
    }
    Ok(())
}

fn is_of(value: &Value, kinds: &Value) -> bool {
    let is_of = |kind: &Value| match kind.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => false,
    };
    kinds.as_array().map_or_else(|| is_of(kinds), |kinds| kinds.iter().any(is_of))
}
