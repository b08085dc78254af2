//! Files in `.env` syntax, read strictly: what cannot be understood is an error with its place, never skipped.
//! Values are data: nothing in them is expanded.

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadLine {
    pub line: usize,
    pub column: usize,
    pub message: &'static str,
}

/// One variable and the line on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub name: String,
    pub value: String,
    pub line: usize,
}

/// Reads `NAME=value`, `export NAME=value`, `NAME='as it is'`, `NAME="with \n escapes"`, quoted values over several lines,
/// empty lines, `# comments` on a line of their own or after a space.
pub(crate) fn parse(text: &str) -> Result<Vec<Pair>, Vec<BadLine>> {
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1, column: 1 };
    let mut pairs = Vec::new();
    let mut bad = Vec::new();
    while !reader.rest.is_empty() {
        match reader.entry() {
            Ok(Some(pair)) => pairs.push(pair),
            Ok(None) => {}
            Err(wrong) => {
                bad.push(wrong);
                reader.skip_line();
                if bad.len() >= 100 {
                    break;
                }
            }
        }
    }
    if bad.is_empty() { Ok(pairs) } else { Err(bad) }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn wrong(&self, message: &'static str) -> BadLine {
        BadLine { line: self.line, column: self.column, message }
    }

    fn skip_while(&mut self, test: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| test(*c)) {
            taken.push(c);
            self.next();
        }
        taken
    }

    fn skip_line(&mut self) {
        self.skip_while(|c| c != '\n');
        self.next();
    }

    fn blanks(&mut self) {
        self.skip_while(|c| matches!(c, ' ' | '\t' | '\r'));
    }

    /// One line, or several for a quoted value.
    fn entry(&mut self) -> Result<Option<Pair>, BadLine> {
        self.blanks();
        if matches!(self.peek(), None | Some('\n' | '#')) {
            self.skip_line();
            return Ok(None);
        }
        let line = self.line;
        if let Some(tail) = self.rest.strip_prefix("export").filter(|t| t.starts_with([' ', '\t'])) {
            self.rest = tail;
            self.column += "export".len();
            self.blanks();
        }
        let name = self.skip_while(|c| !matches!(c, '=' | '\n' | '\r' | ' ' | '\t' | '#' | '\'' | '"' | '\0'));
        if name.is_empty() {
            return Err(self.wrong("expected NAME=value"));
        }
        self.blanks();
        if self.peek() != Some('=') {
            return Err(self.wrong("expected `=` after the name"));
        }
        self.next();
        self.skip_while(|c| matches!(c, ' ' | '\t'));
        let value = match self.peek() {
            Some('\'') => self.quoted('\'')?,
            Some('"') => self.quoted('"')?,
            _ => self.bare(),
        };
        if let Some(at) = value.find('\0') {
            let lines = value[..at].matches('\n').count();
            return Err(BadLine { line: line + lines, column: 1, message: "a value cannot hold the character NUL" });
        }
        self.skip_line();
        Ok(Some(Pair { name, value, line }))
    }

    /// To the end of the line, or to a `#` after a blank.
    fn bare(&mut self) -> String {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let comment = line.char_indices().find(|(at, c)| *c == '#' && (*at == 0 || line[..*at].ends_with([' ', '\t'])));
        line[..comment.map_or(line.len(), |(at, _)| at)].trim().to_owned()
    }

    fn quoted(&mut self, quote: char) -> Result<String, BadLine> {
        let unclosed = self.wrong("this quote is never closed");
        self.next();
        let mut value = String::new();
        loop {
            let Some(c) = self.next() else { return Err(unclosed) };
            if c == quote {
                break;
            }
            if c != '\\' || quote == '\'' {
                value.push(c);
                continue;
            }
            match self.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('\n') => {}
                Some(c @ ('"' | '\\' | '$' | '`' | '\'')) => value.push(c),
                Some(other) => value.extend(['\\', other]),
                None => return Err(unclosed),
            }
        }
        self.blanks();
        if matches!(self.peek(), None | Some('\n' | '#')) {
            Ok(value)
        } else {
            Err(self.wrong("nothing can follow the closing quote"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_lines() {
        let text = "\u{feff}A=1\r\n# c\n\nexport B = two words # c\nC='a # $X \\n'\nD=\"x\\ny\\\"z\\$\" # c\nE=\nF=a#b\nG=\"l1\nl2\"\nH=#c\nI=x=y";
        let pairs: Vec<_> = parse(text).expect("good").into_iter().map(|p| (p.name, p.value, p.line)).collect();
        let want = [
            ("A", "1", 1),
            ("B", "two words", 4),
            ("C", "a # $X \\n", 5),
            ("D", "x\ny\"z$", 6),
            ("E", "", 7),
            ("F", "a#b", 8),
            ("G", "l1\nl2", 9),
            ("H", "", 11),
            ("I", "x=y", 12),
        ];
        assert_eq!(pairs, want.map(|(n, v, l)| (n.to_owned(), v.to_owned(), l)));
    }

    #[test]
    fn bad_lines() {
        let at = |text: &str| parse(text).expect_err(text).into_iter().map(|b| (b.line, b.column)).collect::<Vec<_>>();
        assert_eq!(at("A=1\nnonsense\n=x\nB=2"), [(2, 9), (3, 1)]);
        assert_eq!(at("A='x\ny"), [(1, 3)]);
        assert_eq!(at("A=\"x\" y"), [(1, 7)]);
        assert_eq!(at("A=\"\0\""), [(1, 1)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([A-C=#'\"\\\\ \n\r\0]){0,40}|\\PC{0,60}") {
            let _ = parse(&text);
        }
    }
}
