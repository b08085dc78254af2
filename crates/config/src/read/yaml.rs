//! YAML, from the events of its parser.
//!
//! The tree is built on a stack of what is open, so that depth costs no stack of ours. An alias is a copy of what its anchor stands on, with
//! the places of that; copies are counted, so that a few lines cannot become a billion. `<<` brings the keys of other tables that the table
//! does not have itself.

use super::core_schema::{self, TooLarge};
use super::{Lines, MAX_DEPTH, place};
use crate::diagnostic::clip;
use crate::fault::{Fault, Faults, Place};
use crate::layer::{Item, Member, Value};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// What all aliases of a file may copy together, in bytes of text; everything that is copied counts for [`LEAST_COST`] at least.
const MAX_COPIED: usize = 4 << 20;
const LEAST_COST: usize = 64;

/// Reads the text.
pub(super) fn document(text: &str, file: usize, faults: &mut Faults) -> Vec<Member> {
    members(text, file, faults, false)
}

/// Reads the text; with `lenient`, what is good of it also where something else is not.
pub(super) fn members(text: &str, file: usize, faults: &mut Faults, lenient: bool) -> Vec<Member> {
    let options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder {
        text,
        file,
        lines: Lines::of(text),
        faults,
        broken: false,
        lenient,
        open: Vec::new(),
        anchors: HashMap::new(),
        copied: 0,
        documents: 0,
        root: None,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let done = match next {
            Ok((event, span)) => builder.take(&event, &span),
            Err(error) => builder.not_valid(&error),
        };
        if done.is_err() || builder.faults.is_full() {
            break;
        }
    }
    builder.finish()
}

/// Nothing behind this place can be understood.
struct Lost;

/// A finished value, and what a copy of it costs.
#[derive(Clone)]
struct Node {
    item: Item,
    cost: usize,
    /// How many lists and tables stand in each other in it.
    height: usize,
}

/// A list or table that is being read.
struct Open {
    start: usize,
    /// Where the last thing in it ends. Where a block ends by itself is the place of whatever comes next.
    end: usize,
    anchor: usize,
    cost: usize,
    height: usize,
    what: What,
}

enum What {
    List(Vec<Item>),
    Table { members: Vec<Member>, seen: HashMap<String, usize>, key: Option<Key>, merges: Vec<Item>, merged: Option<usize> },
}

struct Key {
    name: String,
    span: Range<usize>,
    /// `<<` without quotes.
    is_merge: bool,
}

struct Builder<'t, 'f> {
    text: &'t str,
    file: usize,
    lines: Lines,
    faults: &'f mut Faults,
    /// Whether something was found that makes the rest a guess.
    broken: bool,
    lenient: bool,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copied: usize,
    documents: usize,
    root: Option<Item>,
}

impl Builder<'_, '_> {
    fn refuse(&mut self, fault: Fault) {
        self.broken = true;
        self.faults.push(fault);
    }

    /// Says what is wrong where reading on would make no sense.
    fn lose(&mut self, fault: Fault) -> Result<(), Lost> {
        self.refuse(fault);
        Err(Lost)
    }

    fn place(&self, span: Range<usize>) -> Place {
        place(self.file, span)
    }

    fn take(&mut self, event: &Event<'_>, span: &Span) -> Result<(), Lost> {
        let range = span.byte_range().unwrap_or(0..0);
        if let Some(tag) = event.tag() {
            let at = span.tag_span().and_then(|tag| tag.byte_range()).unwrap_or(range.clone());
            let fault = Fault::new(&self.place(at), format!("the tag `{}` is not understood", clip(&tag.original())));
            self.refuse(
                fault.help(
                    "take it out; a text that begins with `!` stands in quotes, and so does a number that is meant as a text",
                ),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let fault = Fault::new(&self.place(range), "a second document begins here");
                    return self.lose(fault.help("a file is one document: take the `---` out, or make two files of it"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => self.scalar(text, *style == ScalarStyle::Plain, *anchor, range),
            Event::SequenceStart(_, anchor, _) => self.begin(range, *anchor, What::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let what = What::Table { members: Vec::new(), seen: HashMap::new(), key: None, merges: Vec::new(), merged: None };
                self.begin(range, *anchor, what)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&range),
            Event::Alias(id) => self.alias(*id, range),
            _ => Ok(()),
        }
    }

    /// Whether what comes next is a key.
    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { what: What::Table { key: None, .. }, .. }))
    }

    fn scalar(&mut self, text: &str, plain: bool, anchor: usize, range: Range<usize>) -> Result<(), Lost> {
        if self.wants_key() {
            if plain && (range.is_empty() || text == "~") {
                return self.lose(Fault::new(&self.place(range), "a key is missing before the `:`"));
            }
            return self.key(text.to_owned(), plain && text == "<<", range);
        }
        let at = self.place(range.clone());
        let value = if plain { core_schema::value(text) } else { Ok(Some(Value::Text(text.to_owned()))) };
        match value {
            Ok(Some(value)) => {
                let cost = text.len().max(LEAST_COST);
                self.node(Node { item: Item { value, place: at }, cost, height: 0 }, anchor, range)
            }
            Ok(None) => {
                self.nothing(range);
                Ok(())
            }
            Err(TooLarge) => {
                self.refuse(Fault::new(&at, super::TOO_LARGE).help("in quotes it is a text"));
                self.drop_value(&range);
                Ok(())
            }
        }
    }

    /// `key:` with nothing behind it, or `null`.
    fn nothing(&mut self, range: Range<usize>) {
        let key = match self.open.last_mut().map(|open| &mut open.what) {
            Some(What::Table { key, .. }) => key.take(),
            Some(What::List(_)) => {
                let fault = Fault::new(&self.place(range), "there is nothing behind this `-`");
                return self.refuse(fault.help("give it a value, or take it out; an empty text is \"\""));
            }
            // An empty file, which is a table of nothing in every format.
            None if range.is_empty() => return,
            None => None,
        };
        let (name, at) = match key {
            Some(key) if range.is_empty() => (key.name, key.span),
            Some(key) => (key.name, range),
            None => ("null".to_owned(), range),
        };
        self.refuse(super::no_value(&name, &self.place(at)));
    }

    /// Forgets the key whose value was refused.
    fn drop_value(&mut self, range: &Range<usize>) {
        if let Some(Open { what: What::Table { key, .. }, end, .. }) = self.open.last_mut() {
            *key = None;
            *end = range.end;
        }
    }

    fn key(&mut self, name: String, is_merge: bool, span: Range<usize>) -> Result<(), Lost> {
        let again = match self.open.last_mut() {
            Some(Open { what: What::Table { seen, key, merged, .. }, .. }) => {
                let first = if is_merge { *merged } else { seen.get(&name).copied() };
                match is_merge {
                    true => *merged = Some(span.start),
                    false => drop(seen.entry(name.clone()).or_insert(span.start)),
                }
                *key = Some(Key { name: name.clone(), span: span.clone(), is_merge });
                first
            }
            _ => None,
        };
        if let Some(first) = again {
            let fault = super::twice(&name, self.lines.number(first), &self.place(span));
            self.refuse(if is_merge { fault.help("write one: `<<: [*a, *b]`") } else { fault });
        }
        Ok(())
    }

    fn begin(&mut self, range: Range<usize>, anchor: usize, what: What) -> Result<(), Lost> {
        if self.wants_key() {
            let kind = if matches!(what, What::List(_)) { "a list" } else { "a table" };
            let fault = Fault::new(&self.place(range), format!("a key is a text, found {kind}"));
            return self.lose(fault.help("a text that begins with `{` or `[` stands in quotes: \"{{slot}}.log\""));
        }
        if self.open.len() >= MAX_DEPTH {
            return self.lose(super::too_deep(&self.place(range)));
        }
        self.open.push(Open { start: range.start, end: range.end, anchor, cost: LEAST_COST, height: 0, what });
        Ok(())
    }

    fn end(&mut self, range: &Range<usize>) -> Result<(), Lost> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // A closing bracket is part of it.
        let end = if range.is_empty() { open.end } else { range.end };
        let value = match open.what {
            What::List(items) => Value::List(items),
            What::Table { mut members, merges, .. } => {
                let mut have: HashSet<String> = members.iter().map(|member| member.name.clone()).collect();
                let bring = |tables: Item| match tables.value {
                    Value::Table(members) => members,
                    _ => Vec::new(),
                };
                let brought = merges.into_iter().flat_map(bring).filter(|member| have.insert(member.name.clone()));
                members.extend(brought.collect::<Vec<_>>());
                Value::Table(members)
            }
        };
        let item = Item { value, place: self.place(open.start..end) };
        self.node(Node { item, cost: open.cost, height: open.height + 1 }, open.anchor, open.start..end)
    }

    fn alias(&mut self, id: usize, range: Range<usize>) -> Result<(), Lost> {
        let at = self.place(range.clone());
        if self.wants_key() {
            return self.lose(Fault::new(&at, "a key is a text, found an alias").help("write the key itself"));
        }
        let Some(node) = self.anchors.get(&id).cloned() else {
            return self.lose(Fault::new(&at, "this alias stands for something that it is a part of"));
        };
        self.copied += node.cost;
        if self.copied > MAX_COPIED {
            let fault = Fault::new(&at, format!("the aliases of this file copy more than {} MiB", MAX_COPIED >> 20));
            return self.lose(fault.help("what many apps have in common can stand in `defaults`"));
        }
        if self.open.len() + node.height > MAX_DEPTH {
            return self.lose(super::too_deep(&at));
        }
        self.node(node, 0, range)
    }

    /// Puts a value where it belongs.
    fn node(&mut self, node: Node, anchor: usize, range: Range<usize>) -> Result<(), Lost> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Node { item, cost, height } = node;
        let mut merge = None;
        match self.open.last_mut() {
            None => self.root = Some(item),
            Some(open) => {
                open.end = range.end;
                open.cost += cost;
                open.height = open.height.max(height);
                match &mut open.what {
                    What::List(items) => items.push(item),
                    What::Table { members, key, .. } => match key.take() {
                        Some(key) if key.is_merge => merge = Some(item),
                        Some(key) => {
                            open.cost += key.name.len();
                            members.push(Member { name: key.name, place: place(self.file, key.span), item });
                        }
                        None => {}
                    },
                }
            }
        }
        if let Some(item) = merge {
            self.merge(item, range);
        }
        Ok(())
    }

    /// The value of `<<`.
    fn merge(&mut self, item: Item, range: Range<usize>) {
        let all: Vec<Item> = match item.value {
            Value::List(items) => items,
            _ => vec![item],
        };
        if let Some(wrong) = all.iter().find(|item| !matches!(item.value, Value::Table(_))) {
            let fault = Fault::new(&self.place(range), format!("`<<` brings the keys of a table, found {}", wrong.value.kind()));
            return self.refuse(fault.help("write `<<: *name` or `<<: [*one, *other]`, where `&name` stands before a table"));
        }
        if let Some(Open { what: What::Table { merges, .. }, .. }) = self.open.last_mut() {
            merges.extend(all);
        }
    }

    fn finish(mut self) -> Vec<Member> {
        let members = match self.root.take() {
            None => Vec::new(),
            Some(Item { value: Value::Table(members), .. }) => members,
            Some(other) => {
                let found = other.value.kind();
                let fault = Fault::new(&other.place, format!("a configuration is a table, found {found}"));
                self.refuse(fault.help("write for example `apps:` and below it, indented, `web:` and `cmd: node server.js`"));
                Vec::new()
            }
        };
        if self.broken && !self.lenient { Vec::new() } else { members }
    }

    fn not_valid(&mut self, error: &ScanError) -> Result<(), Lost> {
        let at = error.marker().byte_offset().unwrap_or(0).min(self.text.len());
        let end = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(at, |c| at + c.len_utf8());
        let line = self.text.get(..at).and_then(|front| front.rfind('\n')).map_or(0, |newline| newline + 1);
        let line = self.text.get(line..).unwrap_or_default().lines().next().unwrap_or_default();
        let fault = match error.kind() {
            ErrorKind::RecursionLimitExceeded => super::too_deep(&self.place(at..end)),
            kind => Fault::new(&self.place(at..end), format!("not valid YAML: {}", said(kind))).maybe_help(help(kind, line)),
        };
        self.lose(fault)
    }
}

/// The parser's words, or clearer ones.
fn said(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::UnknownAnchor => "there is no such anchor above this alias".to_owned(),
        ErrorKind::UnexpectedCharacter { character } => format!("a text without quotes cannot begin with {character}"),
        kind => kind.to_string(),
    }
}

/// What to do about it, where the usual reason is known.
fn help(kind: &ErrorKind, line: &str) -> Option<String> {
    let text = match kind {
        ErrorKind::UnknownAnchor => {
            "a text that begins with `*` stands in quotes; an alias repeats what stands behind its `&anchor`"
        }
        ErrorKind::MissingAnchorOrAliasName => "a text that begins with `*` or `&` stands in quotes",
        ErrorKind::TabInIndentation | ErrorKind::TabInBlockIndentation | ErrorKind::TabNotAllowed => "indent with spaces",
        ErrorKind::DirectiveDisallowed => "take the line out; the file is read as YAML 1.2",
        ErrorKind::MappingValueNotAllowed => "a text with `: ` in it stands in quotes; keys of one table are indented alike",
        ErrorKind::InvalidColonPlacement => "a text with `: ` in it stands in quotes; or a bracket above is not closed",
        ErrorKind::InvalidQuotedScalarIndent => "a quote above is not closed, or the text goes on in a line that is not indented",
        ErrorKind::UnknownQuotedScalarEscape => {
            "in double quotes a backslash itself is `\\\\`; in single quotes it stays as it is"
        }
        ErrorKind::UnexpectedCharacter { .. } => "a text that begins with this character stands in quotes",
        _ if line.contains("{{") => "a text that begins with `{` stands in quotes: \"{{slot}}.log\"",
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation | ErrorKind::SimpleKeyExpected => {
            "keys of one table are indented alike, each with a `:` behind it"
        }
        _ => return None,
    };
    Some(text.to_owned())
}
