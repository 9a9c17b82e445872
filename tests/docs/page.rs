//! Turns a page of the documentation into lines and fenced blocks.

use std::path::{Path, PathBuf};

use xtask::checkout;

/// A page.
pub(super) struct Page {
    /// Its path in the checkout.
    pub(super) name: String,
    /// Its lines outside of blocks, with their numbers.
    pub(super) prose: Vec<(usize, String)>,
    pub(super) blocks: Vec<Block>,
}

/// A fenced block.
pub(super) struct Block {
    pub(super) kind: Kind,
    /// Its lines, with their numbers, without the indentation of the fence.
    pub(super) lines: Vec<(usize, String)>,
}

/// What a block is for, by the words behind its fence.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// `console`: commands that are run.
    Run,
    /// `console aws`, `console long`: commands that are not run here.
    Elsewhere(String),
    /// `yaml orders.yaml`: a file that commands below it may use.
    File(String),
    /// Anything else.
    Shown,
}

/// Markers of commands that are not run here.
const MARKERS: [&str; 2] = ["aws", "long"];

impl Page {
    /// Reads a page of the checkout.
    fn read(path: &Path) -> Self {
        let name = checkout::name(path);
        let text = std::fs::read_to_string(path).unwrap();
        let mut page = Self { name, prose: Vec::new(), blocks: Vec::new() };
        let mut lines = (1..).zip(text.lines());
        while let Some((number, line)) = lines.next() {
            let Some((indent, info)) =
                line.split_once("```").filter(|(indent, _)| indent.trim().is_empty())
            else {
                page.prose.push((number, line.to_owned()));
                continue;
            };
            let inside = lines.by_ref().take_while(|(_, line)| line.trim() != "```");
            let inside = inside.map(|(number, line)| {
                (number, line.strip_prefix(indent).unwrap_or(line).to_owned())
            });
            page.blocks
                .push(Block { lines: inside.collect(), kind: Kind::of(info, &page.name, number) });
        }
        page
    }

    /// The folder that its links start from.
    pub(super) fn folder(&self) -> PathBuf {
        checkout::root().join(&self.name).parent().unwrap().to_owned()
    }
}

impl Kind {
    fn of(info: &str, page: &str, line: usize) -> Self {
        match info.split_once(' ') {
            None if info == "console" => Self::Run,
            None => Self::Shown,
            Some(("console", marker)) if MARKERS.contains(&marker) => {
                Self::Elsewhere(marker.to_owned())
            }
            Some(("console", marker)) => {
                panic!("{page}:{line}: `console {marker}` is not known; there are {MARKERS:?}")
            }
            Some((_, file)) => Self::File(file.to_owned()),
        }
    }
}

/// All pages: those at the root that people read first, and those under `docs`.
pub(super) fn all() -> Vec<Page> {
    let places = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"];
    let mut paths: Vec<_> = places.iter().flat_map(|place| checkout::files(place, "md")).collect();
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}
