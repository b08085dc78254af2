//! What a key can hold: of this its words in messages and documentation, its JSON Schema and the bounds that the parser uses are made.

use crate::keys::Scope;

/// The most slots of one app.
pub(crate) const MAX_INSTANCES: u32 = 1000;

/// The highest percentage: ten thousand cores.
pub(crate) const MOST_PERCENT: f64 = 1_000_000.0;

/// What a key can hold. In any of it but [`Shape::Fixed`], [`Shape::Table`] and [`Shape::Map`] themselves, a text with `${…}` may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// true or false.
    Bool,
    /// An integer within these bounds.
    Int {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
    },
    /// A number with or without fraction, of at least so much.
    Number {
        /// The least.
        least: u32,
    },
    /// A percentage above 0: a number, or a text with `%` behind it.
    Percent,
    /// A duration.
    Span {
        /// The shortest, in milliseconds.
        least_ms: u64,
        /// What a number without a unit is.
        bare: Bare,
    },
    /// A size in bytes.
    Size {
        /// The least.
        least: u64,
    },
    /// How many slots: a number, or a share of the processors.
    Instances,
    /// A signal by name or number.
    Signal,
    /// A mask in octal.
    Octal,
    /// A text of this kind.
    Text(Text),
    /// One of a few words; where they have `-`, `_` is understood too, and the other way round.
    Choice(&'static [&'static str]),
    /// This one word and nothing else, not even through a variable: beside something that is no text, or that could be this word.
    Fixed(&'static str),
    /// A list.
    List {
        /// Of what.
        of: &'static Shape,
        /// The least number of them.
        least: usize,
    },
    /// A table whose keys are free.
    Map {
        /// What its keys are.
        names: Names,
        /// What its values are.
        of: &'static Shape,
    },
    /// A table with the keys of this scope.
    Table(Scope),
    /// The apps: a table of them by name, or a list of them with `name`.
    Apps,
    /// Any one of these.
    Either(&'static [Shape]),
}

/// What a number without a unit is, where a duration is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// Refused: both readings are told.
    Refused,
    /// Seconds.
    Seconds,
    /// Milliseconds, if it is an integer and not a text.
    Millis,
}

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Anything.
    Any,
    /// A command, split as a shell splits words.
    Command,
    /// Anything; a number or boolean is taken as it is written.
    Word,
    /// The name of a program.
    Program,
    /// A path.
    Path,
    /// Patterns as in .gitignore.
    Glob,
    /// A URL of http.
    Http,
    /// A URL of http or https.
    Url,
    /// `HOST:PORT`.
    Address,
    /// A range of HTTP statuses.
    Statuses,
    /// A regular expression.
    Regex,
    /// When something runs.
    Cron,
    /// The name of a time zone.
    Zone,
    /// The name of a user or group.
    Account,
    /// The name of an app.
    App,
    /// A word that selectors can name.
    Namespace,
    /// A port, a range of them, or `auto`.
    Port,
    /// The address of a listening socket.
    Listen,
    /// The name of a variable.
    Variable,
}

/// What the keys of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Names of apps and of groups.
    Apps,
    /// Names of variables.
    Variables,
    /// Names of HTTP headers.
    Headers,
    /// Labels.
    Labels,
    /// Names of profiles.
    Profiles,
}

/// Shapes that stand with several keys.
pub(crate) mod common {
    use super::{Bare, Names, Shape, Text};

    pub const ANY: Shape = Shape::Text(Text::Any);
    pub const PATH: Shape = Shape::Text(Text::Path);
    pub const PATHS: Shape = Shape::Either(&[PATH, Shape::List { of: &PATH, least: 1 }]);
    pub const PATH_OR_NONE: Shape = Shape::Either(&[PATH, NONE]);
    pub const NONE: Shape = Shape::Fixed("none");
    /// From 0 to 2^32-1.
    pub const COUNT: Shape = count(0);
    pub const AT_LEAST_ONE: Shape = count(1);
    pub const CODES: Shape = list(&Shape::Int { least: 0, most: 255 });
    pub const SPAN: Shape = span(0);
    pub const SPAN_OR_NONE: Shape = Shape::Either(&[SPAN, NONE]);
    /// The shortest time that is worth a timer of its own is 10 ms.
    pub const TIMER: Shape = span(10);
    pub const TIMER_OR_NONE: Shape = Shape::Either(&[TIMER, NONE]);
    pub const SIZE: Shape = Shape::Size { least: 0 };
    pub const WORDS: Shape = list(&WORD);
    pub const COMMAND_TEXT: Shape = Shape::Text(Text::Command);
    pub const COMMAND_WORDS: Shape = Shape::List { of: &WORD, least: 1 };
    pub const COMMAND: Shape = Shape::Either(&[COMMAND_TEXT, COMMAND_WORDS]);
    pub const WORD: Shape = Shape::Text(Text::Word);
    pub const PROGRAM: Shape = Shape::Text(Text::Program);
    pub const NAME: Shape = Shape::Text(Text::App);
    pub const NAMESPACE: Shape = Shape::Text(Text::Namespace);
    pub const GLOB: Shape = Shape::Text(Text::Glob);
    pub const ZONE: Shape = Shape::Text(Text::Zone);
    pub const URL: Shape = Shape::Text(Text::Url);
    /// How far another app must be.
    pub const CONDITION: Shape = Shape::Choice(&["started", "ready", "completed", "completed_ok"]);
    pub const CRON: Shape = Shape::Text(Text::Cron);
    pub const HTTP: Shape = Shape::Text(Text::Http);
    pub const REGEX: Shape = Shape::Text(Text::Regex);
    pub const TCP: Shape = Shape::Either(&[Shape::Text(Text::Address), Shape::Int { least: 1, most: 65535 }]);
    pub const PROFILES: Shape = Shape::Map { names: Names::Profiles, of: &Shape::Table(crate::keys::Scope::App) };
    pub const HEADERS: Shape = Shape::Map { names: Names::Headers, of: &WORD };
    pub const COMPRESS: Shape = Shape::Choice(&["gzip", "none"]);
    /// One more than the most means "none" to the system.
    pub const ACCOUNT: Shape = Shape::Either(&[Shape::Text(Text::Account), Shape::Int { least: 0, most: u32::MAX as i64 - 1 }]);
    pub const HEALTH_ACTION: Shape = Shape::Choice(&["restart", "replace", "none"]);
    pub const STATUSES: Shape = {
        const ONE: Shape = Shape::Either(ANY_OF);
        const ANY_OF: &[Shape] = &[Shape::Int { least: 100, most: 599 }, Shape::Text(Text::Statuses)];
        Shape::Either(&[ANY_OF[0], ANY_OF[1], Shape::List { of: &ONE, least: 1 }])
    };

    pub const fn count(least: i64) -> Shape {
        Shape::Int { least, most: u32::MAX as i64 }
    }

    pub const fn list(of: &'static Shape) -> Shape {
        Shape::List { of, least: 0 }
    }

    pub const fn span(least_ms: u64) -> Shape {
        Shape::Span { least_ms, bare: Bare::Refused }
    }

    /// As the flat spellings of other managers have it.
    pub const fn seconds(least_ms: u64) -> Shape {
        Shape::Span { least_ms, bare: Bare::Seconds }
    }
}

impl Shape {
    /// What can stand here, one by one.
    pub fn alternatives(&'static self) -> &'static [Shape] {
        match self {
            Shape::Either(all) => all,
            one => std::slice::from_ref(one),
        }
    }

    /// The least and the most, where an integer can stand.
    pub(crate) fn int_bounds(&'static self) -> Option<(i128, i128)> {
        self.alternatives().iter().find_map(|one| match one {
            Shape::Int { least, most } => Some(((*least).into(), (*most).into())),
            Shape::List { of, .. } => of.int_bounds(),
            _ => None,
        })
    }

    /// The shortest in milliseconds, and what a bare number is, where a duration can stand.
    pub(crate) fn span_bounds(&'static self) -> Option<(u64, Bare)> {
        self.alternatives().iter().find_map(|one| match one {
            Shape::Span { least_ms, bare } => Some((*least_ms, *bare)),
            _ => None,
        })
    }

    /// The least, where a size can stand.
    pub(crate) fn size_bound(&'static self) -> Option<u64> {
        self.alternatives().iter().find_map(|one| match one {
            Shape::Size { least } => Some(*least),
            _ => None,
        })
    }

    /// The words, where one of a few can stand.
    pub(crate) fn choices(&'static self) -> &'static [&'static str] {
        let words = |one: &'static Shape| match one {
            Shape::Choice(words) => Some(*words),
            Shape::Map { of, .. } => Some(of.choices()),
            _ => None,
        };
        self.alternatives().iter().find_map(words).unwrap_or_default()
    }

    /// Whether it is a list of everything that stands before it.
    fn is_list_of(&'static self, all: &'static [Shape]) -> bool {
        matches!(self, Shape::List { of, .. } if of.alternatives().len() > 1 && all.starts_with(of.alternatives()))
    }

    /// For people: `duration`, `integer from 1, or "auto"`.
    pub fn words(&'static self) -> String {
        self.said(false)
    }

    fn said(&'static self, many: bool) -> String {
        let s = if many { "s" } else { "" };
        match self {
            Shape::Bool => format!("boolean{s}"),
            Shape::Int { least, most } => match (*least, *most) {
                (one, other) if one == other => one.to_string(),
                (..=0, most) if most >= i32::MAX.into() => format!("integer{s}"),
                (least, most) if most >= i32::MAX.into() => format!("integer{s} from {least}"),
                (least, most) => format!("integer{s} from {least} to {most}"),
            },
            Shape::Number { least } => format!("number{s} of at least {least}"),
            Shape::Percent => format!("percentage{s}"),
            Shape::Span { bare, .. } => match bare {
                Bare::Refused => format!("duration{s}"),
                Bare::Seconds => format!("duration{s} (a bare number is seconds)"),
                Bare::Millis => format!("duration{s} (a bare integer is milliseconds)"),
            },
            Shape::Size { .. } => format!("size{s}"),
            Shape::Instances => format!("integer{s} up to {MAX_INSTANCES}, \"cpu\", \"cpu-1\" or \"cpu/2\""),
            Shape::Signal => format!("signal{s}"),
            Shape::Octal => "octal: \"027\" or 0o27".to_owned(),
            Shape::Text(text) => text.said(many),
            Shape::Choice(words) => one_of(words.iter().map(|word| format!("\"{word}\""))),
            Shape::Fixed(word) => format!("\"{word}\""),
            Shape::List { of, .. } => format!("list{s} of {}", of.said(true)),
            Shape::Map { of: Shape::Table(_), .. } => format!("table{s} of tables"),
            Shape::Apps => "table of tables, or list of tables with `name`".to_owned(),
            Shape::Map { .. } | Shape::Table(_) => format!("table{s}"),
            Shape::Either(all) => {
                one_of(all.iter().map(|one| if one.is_list_of(all) { "list of these".to_owned() } else { one.said(many) }))
            }
        }
    }
}

impl Text {
    fn said(self, many: bool) -> String {
        let (one, more) = match self {
            Text::Any | Text::Command | Text::Program => ("string", "strings"),
            Text::Word => ("string, number or boolean", "strings"),
            Text::Path => ("path", "paths"),
            Text::Glob => ("pattern", "patterns"),
            Text::Http | Text::Url => ("url", "urls"),
            Text::Address => ("\"HOST:PORT\"", "addresses"),
            Text::Statuses => ("\"2xx\" or \"200-299\"", "ranges"),
            Text::Regex => ("regular expression", "regular expressions"),
            Text::Cron => ("cron expression", "cron expressions"),
            Text::Zone => ("name such as \"Europe/Berlin\"", "names"),
            Text::Account | Text::App | Text::Namespace | Text::Variable => ("name", "names"),
            Text::Port => ("\"3000-3003\", \"auto\" or \"auto:5000-5100\"", "ports"),
            Text::Listen => ("\"tcp://…\", \"udp://…\" or \"unix:…\"", "addresses"),
        };
        if many { more } else { one }.to_owned()
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn one_of(words: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = words.collect();
    match all.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => all.concat(),
    }
}
