//! The text of a file by line and column.

use crate::diagnostic::{Diagnostic, Severity, escape, push_escaped};
use crate::fault::{Fault, Place};
use std::ops::Range;

/// At most so many characters of a line are quoted, so that a file of one huge line stays readable.
const WINDOW: usize = 120;

/// A file whose places can be quoted.
pub(crate) struct Source<'a> {
    file: String,
    text: &'a str,
    /// Offset of the first byte of each line.
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub fn new(file: &str, text: &'a str) -> Source<'a> {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { file: escape(file), text, starts }
    }

    /// The file as it is shown.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line of an offset, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// What is written there.
    pub fn written(&self, span: Range<usize>) -> &str {
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

    /// The finding with its place filled in.
    pub fn diagnostic(&self, severity: Severity, fault: &Fault) -> Diagnostic {
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
            help: fault.help.as_ref().map(|help| help.lines().map(escape).collect::<Vec<_>>().join("\n")),
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
        let mut rest = line.chars().enumerate().skip(skip);
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
