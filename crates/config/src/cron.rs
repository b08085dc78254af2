//! Cron expressions: whether one can be understood, and if not, which of its fields.

use crate::diagnostic::clip;
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::date;
use jiff::tz::TimeZone;

/// The longest expression.
const MAX_LENGTH: usize = 500;

/// Each field: its name, and what can stand in it.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 (Sunday) to 7, or SUN to SAT"),
];

const NICKNAMES: &str = "@hourly, @daily, @weekly, @monthly or @yearly";

/// Why an expression cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub message: String,
    pub help: String,
}

/// Checks an expression of 5 fields, of 6 with seconds in front, or `@daily` and its kin.
pub(crate) fn check(text: &str) -> Result<(), Wrong> {
    let wrong = |message: String, help: &str| Err(Wrong { message, help: help.to_owned() });
    let text = text.trim();
    if text.len() > MAX_LENGTH {
        return wrong(format!("a cron expression of {} bytes, more than {MAX_LENGTH}", text.len()), "make it shorter");
    }
    if text.starts_with('@') {
        if parse(text).is_ok() {
            return Ok(());
        }
        let help = match text.to_ascii_lowercase().as_str() {
            "@midnight" => "write \"@daily\"".to_owned(),
            "@reboot" => "an app without `schedule` is started at boot; for a job there is `run_at_start`".to_owned(),
            every if every.starts_with("@every") => "write `schedule = { every = \"10m\" }`".to_owned(),
            _ => format!("there are {NICKNAMES}"),
        };
        return wrong(format!("`{}` is not understood", clip(text)), &help);
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if !(5..=6).contains(&fields.len()) {
        let help =
            "write minute, hour, day of the month, month, day of the week, as in \"0 3 * * *\"; seconds may stand in front";
        let help = match model::parse_span(text) {
            Ok(_) => format!("write `schedule = {{ every = \"{}\" }}`", clip(text)),
            Err(_) => help.to_owned(),
        };
        let count = if fields.len() == 1 { "1 field".to_owned() } else { format!("{} fields", fields.len()) };
        return wrong(format!("a cron expression has 5 or 6 fields, this has {count}: `{}`", clip(text)), &help);
    }
    let names = &FIELDS[6 - fields.len()..];
    for (field, (name, range)) in fields.iter().zip(names) {
        let alone: Vec<&str> = FIELDS.iter().map(|(other, _)| if other == name { *field } else { "*" }).collect();
        // A nickname inside an expression would be taken for the whole of it.
        if field.contains('@') || parse(&alone.join(" ")).is_err() {
            let help = format!("there it can be {range}; `*`, `*/5`, `1-5` and `1,15` work in every field");
            return wrong(format!("the {name} `{}` of the cron expression is not understood", clip(field)), &help);
        }
    }
    match parse(text) {
        Err(_) => wrong(format!("`{}` is not understood", clip(text)), "write it as in \"0 3 * * *\""),
        Ok(cron) if never(&cron) => {
            wrong(format!("`{}` never comes: no month has such a day", clip(text)), "correct the day of the month, or the month")
        }
        Ok(_) => Ok(()),
    }
}

fn parse(text: &str) -> Result<Cron, CronError> {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Optional).build().parse(text)
}

/// Whether it has no time at all. Everything that a calendar can do happens within 28 years, but for a century without a leap year.
fn never(cron: &Cron) -> bool {
    date(2000, 1, 1).to_zoned(TimeZone::UTC).is_ok_and(|from| cron.find_next_occurrence(&from, true).is_err())
}
