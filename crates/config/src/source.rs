//! The text of a file by line and column.

use crate::diagnostic::{Diagnostic, Severity, escape, push_escaped};
use crate::dialect;
use crate::fault::{Fault, Place};
use crate::load::Format;
use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// At most so many characters of a line are quoted, so that a file of one huge line stays readable.
const WINDOW: usize = 120;

/// The files of one load: the one that was named, and those that it includes.
#[derive(Default)]
pub(crate) struct Sources<'a> {
    list: Vec<Source<'a>>,
}

impl<'a> Sources<'a> {
    /// Takes one in; its number is what [`Place::File`] says.
    pub fn add(&mut self, source: Source<'a>) -> usize {
        self.list.push(source);
        self.list.len() - 1
    }

    /// `abide.toml:9`, the place of an offset.
    pub fn line(&self, file: usize, offset: usize) -> String {
        self.list.get(file).map_or_else(String::new, |source| format!("{}:{}", source.file, source.line(offset)))
    }

    /// The same of a place in a file.
    pub fn at(&self, place: &Place) -> String {
        match place {
            Place::File { file, span, .. } => self.line(*file, span.start),
            Place::Elsewhere { .. } | Place::Flag(_) | Place::Whole => String::new(),
        }
    }

    /// What relative paths in it are taken from.
    pub fn folder(&self, file: usize) -> Option<&Path> {
        self.list.get(file).map(|source| source.folder.as_path())
    }

    /// What is written there.
    pub fn written(&self, file: usize, span: Range<usize>) -> &str {
        self.list.get(file).map_or("", |source| source.written(span))
    }

    /// The finding with its place filled in. What is said of no place is said of the file that was named.
    pub fn diagnostic(&self, severity: Severity, fault: &Fault) -> Diagnostic {
        let file = match &fault.place {
            Place::File { file, .. } => *file,
            Place::Flag(_) | Place::Elsewhere { .. } | Place::Whole => 0,
        };
        match self.list.get(file) {
            Some(source) => source.diagnostic(severity, fault),
            None => Source::new("", "").diagnostic(severity, fault),
        }
    }
}

/// A file whose places can be quoted.
pub(crate) struct Source<'a> {
    file: String,
    text: Cow<'a, str>,
    folder: PathBuf,
    format: Format,
    /// Offset of the first byte of each line.
    starts: Vec<usize>,
    /// What is never quoted.
    secrets: Vec<Range<usize>>,
}

impl<'a> Source<'a> {
    pub fn new(file: &str, text: impl Into<Cow<'a, str>>) -> Source<'a> {
        let text = text.into();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { file: escape(file), text, folder: PathBuf::new(), format: Format::Toml, starts, secrets: Vec::new() }
    }

    /// The same, with stars for what stands at these places.
    pub fn hiding(self, secrets: Vec<Range<usize>>) -> Source<'a> {
        Source { secrets, ..self }
    }

    /// The same, in this folder and format.
    pub fn of(self, folder: &Path, format: Format) -> Source<'a> {
        Source { folder: folder.to_owned(), format, ..self }
    }

    /// The line of an offset, counted from 1.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// What is written there.
    fn written(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }

    /// The span of `needle` inside `span` where it can be found there as written, else `span` itself.
    fn narrow(&self, span: Range<usize>, needle: Option<&str>) -> Range<usize> {
        let written = self.written(span.clone());
        match needle.filter(|n| !n.is_empty()).and_then(|n| Some((written.find(n)?, n.len()))) {
            Some((at, length)) => span.start + at..span.start + at + length,
            None => span,
        }
    }

    fn diagnostic(&self, severity: Severity, fault: &Fault) -> Diagnostic {
        let mut found = Diagnostic {
            severity,
            message: escape(&fault.message),
            file: self.file.clone(),
            line: 0,
            column: 0,
            length: 0,
            source: String::new(),
            mark_at: 0,
            mark_length: 0,
            label: escape(&fault.label),
            help: fault
                .help
                .as_ref()
                .map(|help| dialect::advice(help, self.format).lines().map(escape).collect::<Vec<_>>().join("\n")),
        };
        match &fault.place {
            Place::File { span, .. } => self.locate(&mut found, self.narrow(span.clone(), fault.needle.as_deref())),
            Place::Elsewhere { file, line, column } => {
                found.file = escape(file);
                found.line = *line;
                found.column = *column;
            }
            Place::Whole | Place::Flag(_) => {}
        }
        found
    }

    fn locate(&self, found: &mut Diagnostic, span: Range<usize>) {
        let start = self.char_at_or_before(span.start);
        let end = self.char_at_or_before(span.end.max(start));
        found.line = self.line(start);
        let from = self.starts[found.line - 1];
        let to = self.starts.get(found.line).map_or(self.text.len(), |next| next - 1);
        let line = self.text[from..to.max(from)].trim_end_matches('\r');
        let within = |offset: usize| (offset - from).min(line.len());
        let before = line[..self.char_at_or_before(from + within(start)) - from].chars().count();
        let marked = line.get(within(start)..within(end)).map_or(0, |part| part.chars().count());
        found.column = before + 1;
        found.length = marked.max(1);

        // Far to the right, the window begins a little before the mark.
        let skip = if before + marked.min(WINDOW / 2) > WINDOW { before.saturating_sub(WINDOW / 4) } else { 0 };
        let mut shown = if skip > 0 { String::from("…") } else { String::new() };
        let mut width = shown.chars().count();
        // Quotes stay, so that what is hidden can be seen to be there.
        let hidden = |at: usize, c| !matches!(c, '"' | '\'') && self.secrets.iter().any(|span| span.contains(&(from + at)));
        let plain = |(at, c)| if hidden(at, c) { '*' } else { c };
        let mut rest = line.char_indices().map(plain).enumerate().skip(skip);
        found.mark_at = width;
        for (at, c) in rest.by_ref().take(WINDOW) {
            if at == before {
                found.mark_at = width;
            }
            let added = push_escaped(&mut shown, c);
            width += added;
            if (before..before + marked).contains(&at) {
                found.mark_length += added;
            }
        }
        if before >= skip + line.chars().skip(skip).take(WINDOW).count() {
            found.mark_at = width;
        }
        if rest.next().is_some() {
            shown.push('…');
        }
        found.mark_length = found.mark_length.max(1);
        found.source = shown;
        if found.source.trim().is_empty() {
            found.source.clear();
        }
    }

    /// Spans come from a parser and may end anywhere, also behind the text.
    fn char_at_or_before(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}
