//! `cargo xtask package`: the functions as they are deployed.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use clap::ValueEnum;
use xtask::{Result, checkout, functions};
use zip::CompressionMethod;

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

/// Builds stripped release binaries and zips them to `target/package/<architecture>/<function>.zip`.
pub(crate) fn package(architecture: Architecture) -> Result<()> {
    let target = architecture.target();
    require_std(target)?;
    let mut cargo = checkout::cargo();
    cargo.args(["build", "--release", "--target", target]);
    for name in functions::NAMES {
        cargo.args(["--package", name]);
    }
    let hint =
        "a linker for it is needed too: set CARGO_TARGET_<TARGET>_LINKER, or use `sam build`, which brings one (cargo-lambda and zig)";
    checkout::run(&mut cargo, "building the functions")
        .map_err(|error| format!("{error}; when {target} is not this machine's own, {hint}"))?;

    let folder = checkout::target()?.join("package").join(architecture.name());
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for name in functions::NAMES {
        let binary = checkout::target()?.join(target).join("release").join(name);
        match elf_machine(&binary)? {
            machine if machine == architecture.elf_machine() => {}
            machine => return Err(format!("{} is for ELF machine {machine}, not for {}", binary.display(), architecture.name())),
        }
        let zip = folder.join(format!("{name}.zip"));
        functions::pack(&binary, &zip, CompressionMethod::Deflated)?;
        let bytes = std::fs::metadata(&zip).map_err(|error| format!("{}: {error}", zip.display()))?.len();
        println!("{:>10}  {}", format!("{:.1} MB", bytes as f64 / 1e6), zip.display());
    }
    Ok(())
}

/// Says what to do where the standard library of the target is not installed: cargo's own error is a page long.
fn require_std(target: &str) -> Result<()> {
    let answer = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    let answer = answer.map_err(|error| format!("rustc: {error}"))?;
    let folder = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    let is_there = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    match is_there {
        true => Ok(()),
        false => Err(format!("the Rust standard library for {target} is not installed: `rustup target add {target}`")),
    }
}

/// The processor that a binary is for, from its ELF header.
fn elf_machine(binary: &Path) -> Result<u16> {
    let mut header = [0; 20];
    File::open(binary).and_then(|mut file| file.read_exact(&mut header)).map_err(|error| format!("{}: {error}", binary.display()))?;
    match &header[..4] {
        b"\x7fELF" => Ok(u16::from_le_bytes([header[18], header[19]])),
        _ => Err(format!("{} is no ELF file", binary.display())),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_read_from_the_header() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut header = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0";
        std::fs::write(file.path(), header).unwrap();
        assert_eq!(elf_machine(file.path()), Ok(Architecture::Arm64.elf_machine()));
        header[0] = b'M';
        std::fs::write(file.path(), header).unwrap();
        assert!(elf_machine(file.path()).unwrap_err().ends_with("is no ELF file"));
    }

    #[test]
    fn a_missing_standard_library_is_named() {
        let error = require_std("riscv64gc-unknown-linux-gnu").unwrap_err();
        assert!(error.ends_with("`rustup target add riscv64gc-unknown-linux-gnu`"), "{error}");
    }
}
