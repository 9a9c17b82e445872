//! Turns the template into the one that is deployed: the same text, but for where code and
//! definition lie.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::{Result, functions};

/// What names the definition of the state machine.
const DEFINITION: &str = "DefinitionUri: ";

/// Writes the template of a checkout, and the definition that it names, into a folder with the
/// zips.
pub(super) fn write(checkout: &Path, folder: &Path, architecture: &str) -> Result<PathBuf> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let source = checkout.join("template.yaml");
    let text = fs::read_to_string(&source).map_err(|error| failed(&source, error))?;
    let (text, definition) = of_packages(&text, architecture)
        .map_err(|error| format!("{}: {error}", source.display()))?;
    let (from, name) = (checkout.join(&definition), file_name(&definition));
    fs::copy(&from, folder.join(name)).map_err(|error| failed(&from, error))?;
    let path = folder.join("template.yaml");
    fs::write(&path, text).map_err(|error| failed(&path, error))?;
    Ok(path)
}

/// The template with a zip for each function, the definition beside it, and no choice of processors
/// but the one for which the zips are; and where the definition was.
fn of_packages(text: &str, architecture: &str) -> Result<(String, String)> {
    let mut changed = String::with_capacity(text.len() + 400);
    let (mut resource, mut zips, mut definition) = ("", Vec::new(), None);
    for line in text.split_inclusive('\n') {
        let words = line.trim();
        if let Some(name) = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#'])) {
            resource = name.trim_end().trim_end_matches(':');
        }
        match words {
            // The checkout as the code of every function: what `sam build` builds from.
            "CodeUri: ." => continue,
            "Default: arm64" if resource == "Architecture" => {
                changed += &format!("    Default: {architecture}\n");
                continue;
            }
            "AllowedValues: [arm64, x86_64]" if resource == "Architecture" => {
                changed +=
                    &format!("    AllowedValues: [{architecture}] # What the packages are for.\n");
                continue;
            }
            _ => {}
        }
        if let Some(path) = words.strip_prefix(DEFINITION) {
            changed += &line.replace(path, file_name(path));
            definition = Some(path.to_owned());
            continue;
        }
        changed += line;
        let function = functions::NAMES.iter().find(|name| is_resource_of(resource, name));
        if let Some(name) = function.filter(|_| line == "    Properties:\n") {
            changed += &format!("      CodeUri: {name}.zip\n");
            zips.push(*name);
        }
    }
    let narrowed = changed.contains(&format!("AllowedValues: [{architecture}] #"));
    match definition {
        Some(definition) if narrowed && zips == functions::NAMES => Ok((changed, definition)),
        _ => Err(
            "it is not laid out as `cargo xtask package` expects: a function for each package in \
                  their order, one DefinitionUri, and the parameter Architecture"
                .to_owned(),
        ),
    }
}

/// Whether a resource is that of a function: `TransformFunction` of `transform`.
fn is_resource_of(resource: &str, function: &str) -> bool {
    resource.strip_suffix("Function").is_some_and(|name| name.eq_ignore_ascii_case(function))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use xtask::checkout;

    #[test]
    fn each_function_gets_its_zip_and_nothing_else_changes() {
        let text = fs::read_to_string(checkout::root().join("template.yaml")).unwrap();
        let (packed, definition) = of_packages(&text, "x86_64").unwrap();
        assert_eq!(definition, "statemachine/landing.asl.json");
        let lines = |of: &str, not_in: &str| {
            of.lines()
                .filter(|line| !not_in.lines().any(|other| other == *line))
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(
            lines(&text, &packed),
            "Default: arm64\nAllowedValues: [arm64, x86_64]\nCodeUri: .\nDefinitionUri: statemachine/landing.asl.json"
        );
        let zips = functions::NAMES.map(|name| format!("CodeUri: {name}.zip"));
        assert_eq!(
            lines(&packed, &text),
            format!(
                "Default: x86_64\nAllowedValues: [x86_64] # What the packages are for.\nDefinitionUri: landing.asl.json\n{}",
                zips.join("\n")
            )
        );
    }

    #[test]
    fn a_template_of_another_layout_is_refused() {
        assert!(of_packages("Resources:\n  ApiFunction:\n    Properties:\n", "arm64").is_err());
    }
}
