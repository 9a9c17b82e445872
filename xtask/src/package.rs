//! Runs `cargo xtask package`: writes what `sam deploy` uploads, a zip for each function and a
//! template that names them, where `sam build` would put it.

mod elf;
mod template;

use std::fs;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;
use xtask::{Python, Result, checkout, functions};
use zip::CompressionMethod;

/// Version of the C library in Lambda's runtime `provided.al2023`: Amazon Linux 2023 keeps it.
const GLIBC: (u32, u32) = (2, 34);
/// Most bytes of a function's code that Lambda takes, zipped.
const MAX_ZIPPED: u64 = 50 << 20;
/// Most bytes of a function's code that Lambda takes, unpacked.
const MAX_UNPACKED: u64 = 250 << 20;
/// Where `sam build` puts what it built, and where `sam deploy` looks first.
const BUILD: &str = ".aws-sam/build";

/// The processors that Lambda offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// Graviton.
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// As `template.yaml` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// `e_machine` of its ELF files.
    fn elf_machine(self) -> u16 {
        match self {
            Self::Arm64 => 183,
            Self::X86_64 => 62,
        }
    }
}

/// Builds stripped release binaries that ask for no newer C library than Lambda has, zips them, and
/// writes the template that deploys these zips.
pub(crate) fn package(architecture: Architecture) -> Result<()> {
    let target = architecture.target();
    require_std(target)?;
    build(target)?;
    let folder = checkout::root().join(BUILD);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    // What an earlier build left would be taken for a part of this one.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed)?;
    }
    fs::create_dir_all(&folder).map_err(failed)?;
    for name in functions::NAMES {
        let binary = checkout::target()?.join(target).join("release").join(name);
        check_binary(&binary, architecture)?;
        let zip = folder.join(format!("{name}.zip"));
        functions::pack(&binary, &zip, CompressionMethod::Deflated)?;
        let bytes = check_size(&zip, MAX_ZIPPED, "zipped")?;
        println!("{:>10}  {}", format!("{:.1} MB", bytes as f64 / 1e6), zip.display());
    }
    let template = template::write(checkout::root(), &folder, architecture.name())?;
    println!("{:>10}  {}", "", template.display());
    println!(
        "for {} and glibc {}.{} or newer; next: `sam deploy`",
        architecture.name(),
        GLIBC.0,
        GLIBC.1
    );
    Ok(())
}

/// Builds with zig's compiler and linker, from a Python package: they know the C library of every
/// version and processor, whatever this machine has.
fn build(target: &str) -> Result<()> {
    let tools = Python::of_packaging()?;
    let mut cargo = tools.tool("cargo-zigbuild")?;
    cargo.current_dir(checkout::root()).args(["zigbuild", "--locked", "--release"]);
    cargo.arg("--target").arg(format!("{target}.{}.{}", GLIBC.0, GLIBC.1));
    for name in functions::NAMES {
        cargo.args(["--package", name]);
    }
    checkout::run(&mut cargo, "building the functions")
}

/// Refuses what Lambda could not start, and says why.
fn check_binary(binary: &Path, architecture: Architecture) -> Result<()> {
    check_size(binary, MAX_UNPACKED, "unpacked")?;
    let bytes = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let refused = |reason: String| format!("{} {reason}", binary.display());
    let found = elf::read(&bytes).map_err(|error| refused(format!("is no ELF file: {error}")))?;
    if found.machine != architecture.elf_machine() {
        let name = architecture.name();
        return Err(refused(format!("is for ELF machine {}, not for {name}", found.machine)));
    }
    match found.newest_glibc {
        Some(newest) if newest.version > GLIBC => Err(refused(format!(
            "needs glibc {}.{} ({}), and provided.al2023 has {}.{}: it was not built for the target \
             {}.{}.{}, with which cargo-zigbuild and cargo-lambda pin it",
            newest.version.0,
            newest.version.1,
            newest.example,
            GLIBC.0,
            GLIBC.1,
            architecture.target(),
            GLIBC.0,
            GLIBC.1,
        ))),
        _ => Ok(()),
    }
}

/// The size of a file, when Lambda takes it.
fn check_size(file: &Path, limit: u64, state: &str) -> Result<u64> {
    let bytes = fs::metadata(file).map_err(|error| format!("{}: {error}", file.display()))?.len();
    match bytes <= limit {
        true => Ok(bytes),
        false => Err(format!(
            "{} has {bytes} bytes, and Lambda takes {limit} of a function's code {state}",
            file.display()
        )),
    }
}

/// Says what to do where the standard library of the target is not installed: cargo's own error is
/// a page long.
fn require_std(target: &str) -> Result<()> {
    let answer =
        Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let answer = answer.map_err(|error| format!("rustc: {error}"))?;
    let folder = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let is_there = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    match is_there {
        true => Ok(()),
        false => Err(format!(
            "the Rust standard library for {target} is not installed: `rustup target add {target}` \
             (compiler and linker for it come from zig)"
        )),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_for_another_processor_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), elf::tests::header(183)).unwrap();
        assert_eq!(check_binary(file.path(), Architecture::Arm64), Ok(()));
        let error = check_binary(file.path(), Architecture::X86_64).unwrap_err();
        assert!(error.ends_with("is for ELF machine 183, not for x86_64"), "{error}");
        fs::write(file.path(), "#!/bin/sh").unwrap();
        let error = check_binary(file.path(), Architecture::Arm64).unwrap_err();
        assert!(error.contains("is no ELF file"), "{error}");
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
    fn a_binary_that_wants_a_newer_libc_is_refused_and_told_how_to_pin_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), elf::tests::this_with_glibc(b"99")).unwrap();
        let error = check_binary(file.path(), Architecture::X86_64).unwrap_err();
        let named =
            ["needs glibc 2.99", "provided.al2023 has 2.34", "x86_64-unknown-linux-gnu.2.34"];
        assert!(named.iter().all(|text| error.contains(text)), "{error}");
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_ZIPPED).unwrap();
        assert_eq!(check_size(file.path(), MAX_ZIPPED, "zipped"), Ok(MAX_ZIPPED));
        file.as_file().set_len(MAX_ZIPPED + 1).unwrap();
        let error = check_size(file.path(), MAX_ZIPPED, "zipped").unwrap_err();
        assert!(error.ends_with("Lambda takes 52428800 of a function's code zipped"), "{error}");
    }

    #[test]
    fn a_missing_standard_library_is_named() {
        let error = require_std("riscv64gc-unknown-linux-gnu").unwrap_err();
        assert!(error.contains("`rustup target add riscv64gc-unknown-linux-gnu`"), "{error}");
    }
}
