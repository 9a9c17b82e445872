//! Checks how pages are made: links that lead somewhere, prose that is wrapped, a first page that
//! is short.

use std::collections::BTreeSet;

use xtask::checkout;

use super::page::{self, Page};

/// Most characters of a line of prose.
const COLUMNS: usize = 100;
/// Most lines of the first page, and of the map.
const FIRST_PAGE_LINES: usize = 120;

/// Where the links of a page lead, with their lines.
fn links(page: &Page) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in &page.prose {
        let targets = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(target, _)| target);
        let defined = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
            .map(|(_, target)| target);
        links.extend(targets.chain(defined).map(|target| (*number, target.to_owned())));
    }
    links
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut faults = Vec::new();
    for page in page::all() {
        for (line, link) in links(&page) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, wanted) = link
                .split_once('#')
                .map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let target = match path {
                "" => checkout::root().join(&page.name),
                path => page.folder().join(path),
            };
            let is_there = target.exists();
            let is_named = wanted.is_none_or(|wanted| {
                let text = std::fs::read_to_string(&target).unwrap_or_default();
                text.lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|heading| anchor(heading) == wanted)
            });
            if !is_there || !is_named {
                faults.push(format!("{}:{line}: {link}", page.name));
            }
        }
    }
    assert!(faults.is_empty(), "links that lead nowhere:\n{}", faults.join("\n"));
}

#[test]
fn the_index_names_every_page() {
    let pages = page::all();
    let index = pages.iter().find(|page| page.name == "docs/README.md").unwrap();
    let named: BTreeSet<_> =
        links(index).into_iter().map(|(_, link)| format!("docs/{link}")).collect();
    let pages = pages
        .iter()
        .map(|page| &page.name)
        .filter(|name| name.starts_with("docs/") && *name != "docs/README.md");
    let lost: Vec<_> = pages.filter(|name| !named.contains(*name)).collect();
    assert!(lost.is_empty(), "docs/README.md does not name {lost:?}");
}

#[test]
fn prose_is_wrapped_and_the_first_page_is_short() {
    let root = checkout::root();
    for name in ["README.md", "ARCHITECTURE.md"] {
        let lines = std::fs::read_to_string(root.join(name)).unwrap().lines().count();
        assert!(
            lines <= FIRST_PAGE_LINES,
            "{name} has {lines} lines, and {FIRST_PAGE_LINES} are allowed"
        );
    }
    let mut long = Vec::new();
    for page in page::all() {
        let prose =
            page.prose.iter().filter(|(_, line)| !line.starts_with('|') && !line.starts_with('['));
        let too_long = prose.filter(|(_, line)| line.chars().count() > COLUMNS);
        long.extend(too_long.map(|(number, _)| format!("{}:{number}", page.name)));
    }
    assert!(long.is_empty(), "lines of prose with more than {COLUMNS} characters: {long:?}");
}
