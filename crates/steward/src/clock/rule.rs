//! When a cron expression comes next: the calendar, pure.
//!
//! A rule whose hours and minutes are all named ("at 2:30 and at 14:30") means times of day: each of them comes once a day, whatever the
//! clock of the zone does. One that a zone leaves out comes at the first moment after the gap; one that it has twice comes the first time.
//! A rule with `*` among hours or minutes ("every ten minutes") means real time: it comes whenever the clock shows a time that fits, so an
//! hour that is there twice has it twice, and an hour that is left out has it not at all.

use croner::Cron;
use croner::parser::{CronParser, Year};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use model::Wall;

/// A cron expression in its time zone.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    cron: Cron,
    zone: Zone,
    times_of_day: bool,
}

#[derive(Debug, Clone)]
enum Zone {
    /// Whatever the machine's is when it is asked.
    Machine,
    Named(TimeZone),
}

impl Rule {
    /// Reads an expression of five or six fields, or a nickname, and the name of a zone; `None` is the machine's.
    ///
    /// # Errors
    /// In words: which of them is wrong, and why.
    pub(crate) fn parse(text: &str, zone: Option<&str>) -> Result<Rule, String> {
        let fields = expand(text)?;
        let cron = CronParser::builder()
            .year(Year::Disallowed)
            .build()
            .parse(fields)
            .map_err(|error| format!("`{text}` is no cron expression: {}", error.to_string().trim_end_matches('.')))?;
        let zone = match zone {
            None => Zone::Machine,
            Some(name) => Zone::Named(named(name)?),
        };
        let times_of_day = names_times(fields);
        Ok(Rule { cron, zone, times_of_day })
    }

    /// The first time after this one; `None` where there is none.
    pub(crate) fn next(&self, after: Wall) -> Option<Wall> {
        let after = Timestamp::from_millisecond(after.0).ok()?;
        let zone = match &self.zone {
            Zone::Machine => TimeZone::system(),
            Zone::Named(zone) => zone.clone(),
        };
        let found = if self.times_of_day { self.next_time_of_day(after, &zone)? } else { self.next_moment(after, zone)? };
        Some(Wall(found.as_millisecond()))
    }

    fn next_moment(&self, after: Timestamp, zone: TimeZone) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&Zoned::new(after, zone), false).ok()?;
        Some(found.timestamp())
    }

    /// Times of day are looked for on a calendar without zone; their order is kept when they are put into one, so what is not later than
    /// `after` (the second showing of an hour) is passed over.
    fn next_time_of_day(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let shown: DateTime = zone.to_datetime(after);
        self.cron.iter_after(shown).find_map(|time| {
            let at = moment(time, zone)?;
            (at > after).then_some(at)
        })
    }
}

/// When a zone shows this time first; of a time that it leaves out, the end of the gap.
fn moment(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    use jiff::tz::AmbiguousOffset;
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { before, .. } => {
            // By the offset before the gap, the time lies at or behind its end, by less than the gap is long.
            let beyond = before.to_timestamp(time).ok()?.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
            zone.preceding(beyond).next().map(|change| change.timestamp())
        }
        _ => ambiguous.earlier().ok(),
    }
}

/// The zone of this name, from the machine's data or our own.
fn named(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!("`{name}` is no time zone that is known here; names are like `Europe/Berlin`, `America/New_York` or `UTC`")
    })
}

/// What stands for a nickname, or the text itself if it has as many fields as it should.
fn expand(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if let Some(nickname) = text.strip_prefix('@') {
        return Ok(match nickname.to_ascii_lowercase().as_str() {
            "yearly" | "annually" => "0 0 1 1 *",
            "monthly" => "0 0 1 * *",
            "weekly" => "0 0 * * 0",
            "daily" | "midnight" => "0 0 * * *",
            "hourly" => "0 * * * *",
            _ => {
                return Err(format!(
                    "`{text}` is no cron expression: the nicknames are @hourly, @daily, @weekly, @monthly and @yearly"
                ));
            }
        });
    }
    match text.split_whitespace().count() {
        5 | 6 => Ok(text),
        count => Err(format!(
            "`{text}` is no cron expression: it has {count} fields and should have 5 (minute hour day month weekday), or 6 with seconds in front"
        )),
    }
}

/// Whether hours and minutes are all named.
fn names_times(fields: &str) -> bool {
    let fields: Vec<&str> = fields.split_whitespace().rev().collect();
    // From the right: weekday, month, day, hours, minutes.
    fields.get(3..5).is_some_and(|named| !named.iter().any(|field| field.contains(['*', '?'])))
}
