//! Checks the paths that people give: they must be of this machine.

use std::path::Path;

/// What stands for standard input.
pub(crate) const STDIN: &str = "-";

/// The scheme of a URL, which is not a path.
fn scheme(path: &Path) -> Option<&str> {
    let (scheme, _) = path.to_str()?.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then_some(scheme)
}

/// Refuses a URL where a lake's directory should be.
pub(crate) fn check_lake(lake: &Path) -> Result<(), String> {
    let Some(scheme) = scheme(lake) else { return Ok(()) };
    let instead = match scheme {
        "file" => "give the path alone",
        "s3" => {
            "give one, and copy it with `aws s3 sync`; the functions of template.yaml land in S3 by themselves"
        }
        _ => "give one",
    };
    Err(format!("{}: a lake is a directory of this machine: {instead}", lake.display()))
}

/// Refuses a URL where a file should be.
pub(crate) fn check_file(file: &Path) -> Result<(), String> {
    let Some(scheme) = scheme(file) else { return Ok(()) };
    let instead = match scheme {
        "file" => "give the path alone",
        "s3" => "copy it with `aws s3 cp`",
        _ => "download it",
    };
    Err(format!("{}: only files of this machine are read: {instead}", file.display()))
}

/// Whether a path is that of standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_no_path() {
        for url in [
            "s3://bucket/lake",
            "S3A://b/l",
            "file:///tmp/lake",
            "https://example.org/a.csv",
            "gs://b",
            "a+b-c.d://x",
        ] {
            assert!(
                check_lake(Path::new(url)).is_err() && check_file(Path::new(url)).is_err(),
                "{url}"
            );
        }
        for path in
            ["lake", "./s3:/bucket", "/tmp/a:b", "C:\\lake", "://x", "1s://x", "a/b://c", "-"]
        {
            assert_eq!(
                (check_lake(Path::new(path)), check_file(Path::new(path))),
                (Ok(()), Ok(())),
                "{path}"
            );
        }
    }
}
