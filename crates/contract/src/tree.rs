//! Turns a document into a tree of texts: every scalar as it is written, with its place.
//!
//! YAML takes `NO` for false, `007` for 7 and `-999.00` for a number. A contract says what stands
//! in files of text, so
//! here each scalar is the characters that are written; only where a boolean or a count is asked
//! for does a plain `true`
//! or `3` mean one. JSON is read by the same parser.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::Fault;
use super::document::join;

/// Most nodes of a document, those that its aliases repeat included: of
/// [`COLUMNS`](crate::limits::COLUMNS) fields with a
/// few dozen each.
const MOST_NODES: u64 = 1_000_000;
/// Most bytes of all texts together, those that aliases repeat included.
const MOST_TEXT: u64 = 4 * job::limits::CONTRACT_BYTES as u64;
/// Deepest nesting: a contract needs a dozen levels.
const MOST_DEPTH: usize = 64;

/// What is to be done about texts that YAML takes for something else.
const QUOTES: &str = "a text that begins with a sign, such as `#`, `*` or `,`, stands in quotes";

/// A document.
#[derive(Debug)]
pub(super) struct Document<'t> {
    text: &'t str,
    nodes: Vec<Entry<'t>>,
    root: u32,
    /// In JSON, nothing but a string is a text that could also be `null`.
    is_json: bool,
}

/// A node and the bytes that it is written in.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) start: u32,
    end: u32,
    pub(super) value: Value<'t>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Value<'t> {
    /// Nothing is written.
    Nothing,
    Scalar {
        text: Cow<'t, str>,
        style: ScalarStyle,
        /// Whether it is a text whatever it looks like: it stands in quotes or in a block, or is
        /// tagged as one.
        is_text: bool,
    },
    List(Vec<u32>),
    /// Keys and values.
    Object(Vec<(u32, u32)>),
}

/// A fault, and the byte of the document at which it is.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: u32,
    pub(super) path: String,
    pub(super) message: String,
}

impl<'t> Document<'t> {
    /// Reads a document that has at most [`CONTRACT_BYTES`](job::limits::CONTRACT_BYTES). What is
    /// found is told beside it, if it is one at all.
    pub(super) fn parse(text: &'t str) -> Result<(Self, Vec<Found>), Found> {
        let options = granit_parser::options! { emit_comments: false };
        let mut builder = Builder::new(text);
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next.map_err(|error| Found {
                at: error.marker().byte_offset().unwrap_or_default() as u32,
                path: String::new(),
                message: format!("not a YAML or JSON document: {}; {QUOTES}", error.info()),
            })?;
            builder.take(event, span)?;
        }
        let is_json = text.trim_start().starts_with('{')
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let root = builder.root.unwrap_or_else(|| {
            builder.nodes.push(Entry { start: 0, end: 0, value: Value::Nothing });
            builder.nodes.len() as u32 - 1
        });
        Ok((Self { text, nodes: builder.nodes, root, is_json }, builder.found))
    }

    pub(super) fn root(&self) -> u32 {
        self.root
    }

    pub(super) fn node(&self, index: u32) -> &Entry<'t> {
        &self.nodes[index as usize]
    }

    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// The text of a key.
    pub(super) fn key(&self, index: u32) -> &str {
        scalar(&self.nodes, index)
    }

    /// The document in JSON, where each text is as it is written; `None`: JSON has no such words
    /// (`True`, `~`), or it nests
    /// too deep.
    pub(super) fn in_json(&self) -> Option<String> {
        let mut out = String::new();
        self.write_json(self.root, MOST_DEPTH, &mut out)?;
        Some(out)
    }

    fn write_json(&self, index: u32, depth: usize, out: &mut String) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match &self.node(index).value {
            Value::Nothing => return None,
            Value::Scalar { text, is_text, .. } => {
                let word = text.to_lowercase();
                let is_word = ["true", "false", "null", "~"].contains(&word.as_str());
                let is_own = is_word || serde_json::from_str::<f64>(text).is_ok();
                match text.as_ref() {
                    text if *is_text || !is_own => {
                        out.push_str(&serde_json::Value::from(text).to_string())
                    }
                    "null" | "~" => return None,
                    text if is_word && word != text => return None,
                    text => out.push_str(text),
                }
            }
            Value::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    out.push(if position == 0 { '[' } else { ',' });
                    self.write_json(*item, depth, out)?;
                }
                out.push_str(if items.is_empty() { "[]" } else { "]" });
            }
            Value::Object(pairs) => {
                for (position, (key, value)) in pairs.iter().enumerate() {
                    out.push(if position == 0 { '{' } else { ',' });
                    out.push_str(&serde_json::Value::from(self.key(*key)).to_string());
                    out.push(':');
                    self.write_json(*value, depth, out)?;
                }
                out.push_str(if pairs.is_empty() { "{}" } else { "}" });
            }
        }
        Some(())
    }

    /// The byte at which a character of a scalar's text stands, if that can be told exactly; line
    /// and column are from 1, and the column may be the one after the last.
    pub(super) fn place_within(&self, index: u32, line: u64, column: u64) -> Option<u32> {
        let entry = self.node(index);
        let Value::Scalar { text, style, .. } = &entry.value else { return None };
        let source = self.text.get(entry.start as usize..entry.end as usize)?;
        let (start, wanted) = match style {
            ScalarStyle::Plain => (0, source.trim_end()),
            ScalarStyle::SingleQuoted => (1, source.strip_prefix('\'')?.strip_suffix('\'')?),
            ScalarStyle::DoubleQuoted => (1, source.strip_prefix('"')?.strip_suffix('"')?),
            ScalarStyle::Literal => return self.place_in_block(entry, text, line, column),
            ScalarStyle::Folded => return None,
        };
        let is_one_line = line == 1 && !wanted.contains(['\n', '\r']);
        (is_one_line && wanted == text).then_some(())?;
        Some(entry.start + start + byte_of(wanted, column)? as u32)
    }

    /// The same of a text in a block, each line of which stands behind the same indentation.
    fn place_in_block(&self, entry: &Entry<'_>, text: &str, line: u64, column: u64) -> Option<u32> {
        // The parser has it begin with the first character, after the indentation.
        let mut at = self.text.get(..entry.start as usize)?.rfind('\n')? + 1;
        let mut written = self.text.get(at..)?.split_inclusive('\n');
        let mut read = text.split('\n');
        for number in 1.. {
            let (source, wanted) = (written.next()?, read.next()?);
            let bare = source.trim_end_matches(['\n', '\r']);
            let indent = bare.strip_suffix(wanted)?;
            indent.bytes().all(|byte| byte == b' ').then_some(())?;
            if number == line {
                return Some((at + indent.len() + byte_of(wanted, column)?) as u32);
            }
            at += source.len();
        }
        None
    }
}

/// Where in a line a character stands, counted from 1; one more than there are is its end.
fn byte_of(line: &str, column: u64) -> Option<usize> {
    let mut ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
    ends.nth(usize::try_from(column.checked_sub(1)?).ok()?)
}

fn scalar<'n>(nodes: &'n [Entry<'_>], index: u32) -> &'n str {
    match &nodes[index as usize].value {
        Value::Scalar { text, .. } => text,
        _ => "",
    }
}

/// A tree in the making.
struct Builder<'t> {
    text: &'t str,
    nodes: Vec<Entry<'t>>,
    /// Of each node: how many nodes and bytes of text it is, with all that aliases repeat.
    sizes: Vec<Size>,
    open: Vec<Frame>,
    anchors: HashMap<usize, u32>,
    root: Option<u32>,
    /// Nodes that merge keys have brought.
    merged: u64,
    found: Vec<Found>,
}

/// What a node is with all that is in it.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: u64,
    bytes: u64,
}

/// A list or an object that has not ended.
struct Frame {
    start: u32,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<u32>),
    Object {
        pairs: Vec<(u32, u32)>,
        /// A key whose value comes next.
        key: Option<u32>,
        /// What YAML's merge keys (`<<`) name.
        merges: Vec<u32>,
    },
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            text,
            nodes: Vec::new(),
            sizes: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            merged: 0,
            found: Vec::new(),
        }
    }

    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), Found> {
        let start = span.start.byte_offset().unwrap_or_default() as u32;
        let end = span.end.byte_offset().unwrap_or_default() as u32;
        let tag_start =
            span.tag_start().and_then(|mark| mark.byte_offset()).map_or(start, |at| at as u32);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                return Err(self.fault(start, "a second document begins here; a contract is one"));
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_tagged = self.is_text_by_tag(
                    tag.as_deref(),
                    &["int", "float", "bool", "null"],
                    tag_start,
                )?;
                if is_tagged
                    && style == ScalarStyle::Plain
                    && text.is_empty()
                    && tag.as_ref().is_some_and(|tag| tag.original() == "!")
                {
                    return Err(self.fault(
                        tag_start,
                        "a bare `!` is a tag in YAML; write \"!\" for the character",
                    ));
                }
                // The parser says `~` where nothing is written.
                let is_nothing = style == ScalarStyle::Plain
                    && tag.is_none()
                    && text == "~"
                    && span.slice(self.text) != Some("~");
                let is_text = is_tagged || style != ScalarStyle::Plain;
                let value = if is_nothing {
                    Value::Nothing
                } else {
                    Value::Scalar { text, style, is_text }
                };
                let size = Size {
                    nodes: 1,
                    bytes: if let Value::Scalar { text, .. } = &value {
                        text.len() as u64
                    } else {
                        0
                    },
                };
                let index = self.add(Entry { start, end, value }, size)?;
                self.anchors.extend((anchor != 0).then_some((anchor, index)));
                self.place(index)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.is_text_by_tag(tag.as_deref(), &["seq"], tag_start)?;
                self.enter(start, anchor, Inside::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.is_text_by_tag(tag.as_deref(), &["map"], tag_start)?;
                self.enter(
                    start,
                    anchor,
                    Inside::Object { pairs: Vec::new(), key: None, merges: Vec::new() },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(end)?,
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(index) => self.place(*index)?,
                None => {
                    return Err(self.fault(
                        start,
                        "the alias names what it stands in, which would have no end",
                    ));
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Whether a tag makes a node a text. Other tags than the `usual` ones, which change nothing,
    /// are faults.
    fn is_text_by_tag(&self, tag: Option<&Tag>, usual: &[&str], at: u32) -> Result<bool, Found> {
        let Some(tag) = tag else { return Ok(false) };
        match tag.core_suffix() {
            Some("str") => Ok(true),
            Some(suffix) if usual.contains(&suffix) => Ok(false),
            None if tag.original() == "!" => Ok(true),
            _ => Err(self.fault(at, &format!("the tag `{}` has no meaning here", tag.original()))),
        }
    }

    fn enter(&mut self, start: u32, anchor: usize, inside: Inside) -> Result<(), Found> {
        if self.open.len() == MOST_DEPTH {
            return Err(
                self.fault(start, &format!("lists and objects nest at most {MOST_DEPTH} deep"))
            );
        }
        self.open.push(Frame { start, anchor, inside });
        Ok(())
    }

    fn leave(&mut self, end: u32) -> Result<(), Found> {
        let Some(Frame { start, anchor, inside }) = self.open.pop() else { return Ok(()) };
        let mut size = Size { nodes: 1, bytes: 0 };
        let mut count = |sizes: &[Size], index: u32| {
            size.nodes += sizes[index as usize].nodes;
            size.bytes += sizes[index as usize].bytes;
        };
        let value = match inside {
            Inside::List(items) => {
                items.iter().for_each(|item| count(&self.sizes, *item));
                Value::List(items)
            }
            Inside::Object { mut pairs, merges, .. } => {
                self.merge(&mut pairs, &merges, start)?;
                for (key, value) in &pairs {
                    count(&self.sizes, *key);
                    count(&self.sizes, *value);
                }
                Value::Object(pairs)
            }
        };
        let index = self.add(Entry { start, end, value }, size)?;
        self.anchors.extend((anchor != 0).then_some((anchor, index)));
        self.place(index)
    }

    /// Adds a node that is not a part of anything yet.
    fn add(&mut self, entry: Entry<'t>, size: Size) -> Result<u32, Found> {
        if size.nodes > MOST_NODES || self.nodes.len() as u64 >= MOST_NODES {
            return Err(self.fault(
                entry.start,
                &format!(
                    "the document has more than {MOST_NODES} values, with those that aliases repeat"
                ),
            ));
        }
        if size.bytes > MOST_TEXT {
            return Err(
                self.fault(entry.start, &format!("the document's texts have more than {MOST_TEXT} bytes, with those that aliases repeat"))
            );
        }
        self.nodes.push(entry);
        self.sizes.push(size);
        Ok(self.nodes.len() as u32 - 1)
    }

    /// Puts a node where the document is by now.
    fn place(&mut self, index: u32) -> Result<(), Found> {
        match self.open.last_mut().map(|frame| &mut frame.inside) {
            None => self.root = Some(index),
            Some(Inside::List(items)) => items.push(index),
            Some(Inside::Object { pairs, key, merges }) => match key.take() {
                None => *key = Some(index),
                Some(key) if is_merge(&self.nodes[key as usize].value) => merges.push(index),
                Some(key) => pairs.push((key, index)),
            },
        }
        let Some(Inside::Object { key: Some(key), .. }) =
            self.open.last().map(|frame| &frame.inside)
        else {
            return Ok(());
        };
        let entry = &self.nodes[*key as usize];
        match entry.value {
            Value::Scalar { .. } => Ok(()),
            _ => Err(self.fault(entry.start, "a key has to be a text")),
        }
    }

    /// Settles the keys of an object that ends: each stands there once, and what is merged gives
    /// way to what is written.
    fn merge(
        &mut self,
        pairs: &mut Vec<(u32, u32)>,
        merges: &[u32],
        start: u32,
    ) -> Result<(), Found> {
        self.drop_doubled(pairs);
        if merges.is_empty() {
            return Ok(());
        }
        let mut sources = Vec::new();
        for index in merges {
            match &self.nodes[*index as usize].value {
                Value::List(items) => sources.extend_from_slice(items),
                _ => sources.push(*index),
            }
        }
        let mut known: std::collections::HashSet<String> =
            pairs.iter().map(|(key, _)| scalar(&self.nodes, *key).to_owned()).collect();
        for source in sources {
            let Value::Object(others) = &self.nodes[source as usize].value else {
                return Err(
                    self.fault(start, "`<<` merges an object, or a list of them, and this is none")
                );
            };
            self.merged += others.len() as u64;
            if self.merged > MOST_NODES {
                return Err(self.fault(start, &format!("`<<` merges more than {MOST_NODES} keys")));
            }
            pairs.extend(
                others.iter().filter(|(key, _)| known.insert(scalar(&self.nodes, *key).to_owned())),
            );
        }
        Ok(())
    }

    /// Tells of keys that stand there twice. The first one counts.
    fn drop_doubled(&mut self, pairs: &mut Vec<(u32, u32)>) {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_by_key(|position| scalar(&self.nodes, pairs[*position].0));
        let same = |pair: &[usize]| {
            scalar(&self.nodes, pairs[pair[0]].0) == scalar(&self.nodes, pairs[pair[1]].0)
        };
        let mut doubled: Vec<usize> =
            order.windows(2).filter(|pair| same(pair)).map(|pair| pair[1]).collect();
        if doubled.is_empty() {
            return;
        }
        doubled.sort_unstable();
        let above = self.path();
        for position in &doubled {
            let key = pairs[*position].0;
            let path = join(&above, scalar(&self.nodes, key));
            let message = "is listed twice; a key has one value".to_owned();
            self.found.push(Found { at: self.nodes[key as usize].start, path, message });
        }
        let mut position = 0..;
        pairs.retain(|_| {
            position.next().is_some_and(|position| doubled.binary_search(&position).is_err())
        });
    }

    /// Where the document is by now: the path of what comes next.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.open {
            match &frame.inside {
                Inside::List(items) => path = format!("{path}[{}]", items.len()),
                Inside::Object { key: Some(key), .. } => {
                    path = join(&path, scalar(&self.nodes, *key))
                }
                Inside::Object { key: None, .. } => {}
            }
        }
        path
    }

    fn fault(&self, at: u32, message: &str) -> Found {
        Found { at, path: self.path(), message: message.to_owned() }
    }
}

/// YAML 1.1 has merge keys, and many documents do.
fn is_merge(key: &Value<'_>) -> bool {
    matches!(key, Value::Scalar { text, is_text: false, .. } if text == "<<")
}

/// Faults with their lines and columns, in the order in which they were found.
pub(super) fn locate(text: &str, found: Vec<Found>) -> Vec<Fault> {
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by_key(|index| found[*index].at);
    let mut places = vec![(1, 1); found.len()];
    // A byte order mark is no character of the first line.
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    let (mut line, mut column) = (1, 1);
    for index in order {
        let to = text.floor_char_boundary(found[index].at as usize).max(at);
        for (offset, c) in text[at..to].char_indices() {
            let is_break =
                c == '\n' || c == '\r' && text.as_bytes().get(at + offset + 1) != Some(&b'\n');
            (line, column) = if is_break { (line + 1, 1) } else { (line, column + 1) };
        }
        (at, places[index]) = (to, (line, column));
    }
    let faults = found.into_iter().zip(places);
    faults
        .map(|(Found { path, message, .. }, (line, column))| Fault { path, line, column, message })
        .collect()
}
