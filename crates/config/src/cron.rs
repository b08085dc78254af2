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
        let help = match text.to_ascii_lowercase().as_str() {
            "@hourly" | "@daily" | "@midnight" | "@weekly" | "@monthly" | "@yearly" | "@annually" => return Ok(()),
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
        Ok(_) if never(&fields) => {
            wrong(format!("`{}` never comes: no month has such a day", clip(text)), "correct the day of the month, or the month")
        }
        Ok(_) => Ok(()),
    }
}

fn parse(text: &str) -> Result<Cron, CronError> {
    CronParser::builder().seconds(Seconds::Optional).year(Year::Optional).build().parse(text)
}

/// Whether it has no time at all: none in forty years, in which a calendar does everything that it can. `fields` are five or six.
fn never(fields: &[&str]) -> bool {
    let seconds = if fields.len() == 5 { "0 " } else { "" };
    let bounded = parse(&format!("{seconds}{} 2000-2039", fields.join(" ")));
    let from = date(2000, 1, 1).to_zoned(TimeZone::UTC);
    matches!((bounded, from), (Ok(cron), Ok(from)) if cron.find_next_occurrence(&from, true).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good() {
        for text in [
            "* * * * *",
            "*/5 0-6 1,15 JAN-MAR mon",
            "30 0 3 * * *",
            "0 0 L * *",
            "0 0 15W * *",
            "0 0 * * FRI#2",
            "0 0 * * 7",
            "0 0 29 2 *",
            "0 0 29 2 MON#5",
            "0 0 31 * *",
            "@hourly",
            "@ANNUALLY",
            "@midnight",
            " 0  3\t* * * ",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_field_is_named() {
        for (text, said) in [
            ("60 * * * *", "the minute `60` of the cron expression is not understood"),
            ("60 0 * * * *", "the second `60` of the cron expression is not understood"),
            ("0 24 * * *", "the hour `24` of the cron expression is not understood"),
            ("0 0 32 * *", "the day of the month `32` of the cron expression is not understood"),
            ("0 0 0 * *", "the day of the month `0` of the cron expression is not understood"),
            ("0 0 * FOO *", "the month `FOO` of the cron expression is not understood"),
            ("0 0 * * 8", "the day of the week `8` of the cron expression is not understood"),
            ("0 0 * * @daily", "the day of the week `@daily` of the cron expression is not understood"),
            ("*/0 * * * *", "the minute `*/0` of the cron expression is not understood"),
            ("5-1 * * * *", "the minute `5-1` of the cron expression is not understood"),
            ("0 3 * *", "a cron expression has 5 or 6 fields, this has 4 fields: `0 3 * *`"),
            ("0 0 3 * * * 2026", "a cron expression has 5 or 6 fields, this has 7 fields: `0 0 3 * * * 2026`"),
            ("10m", "a cron expression has 5 or 6 fields, this has 1 field: `10m`"),
            ("@reboot", "`@reboot` is not understood"),
            ("@daily x", "`@daily x` is not understood"),
            ("0 0 30 2 *", "`0 0 30 2 *` never comes: no month has such a day"),
            ("0 0 31 4,6 *", "`0 0 31 4,6 *` never comes: no month has such a day"),
        ] {
            assert_eq!(check(text).map_err(|wrong| wrong.message), Err(said.to_owned()), "{text}");
        }
        assert_eq!(check("1h 30m").expect_err("bad").help, "write `schedule = { every = \"1h 30m\" }`");
    }

    proptest! {
        #[test]
        fn it_answers(text in "([@*/,#LW?+0-9A-F -]|MON|JAN){0,40}|.{0,40}") {
            let _ = check(&text);
        }
    }
}
