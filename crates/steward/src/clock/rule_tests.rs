use super::Rule;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};
use model::Wall;
use proptest::prelude::*;

fn wall(text: &str) -> Wall {
    Wall(text.parse::<Timestamp>().expect("a time").as_millisecond())
}

fn shown(at: Wall, zone: &str) -> String {
    let zone = TimeZone::get(zone).expect("a zone");
    let zoned = Zoned::new(Timestamp::from_millisecond(at.0).expect("in range"), zone);
    zoned.strftime("%Y-%m-%d %H:%M:%S%:z").to_string()
}

/// The times of a rule after a moment, as the zone shows them.
#[track_caller]
fn check(rule: &str, zone: &str, after: &str, want: &[&str]) {
    let parsed = Rule::parse(rule, Some(zone)).expect("a rule");
    let mut at = wall(after);
    let mut got = Vec::new();
    for _ in want {
        at = parsed.next(at).expect("there is a next time");
        got.push(shown(at, zone));
    }
    assert_eq!(got, want, "{rule} in {zone} after {after}");
}

#[test]
fn plain_rules() {
    let table: &[(&str, &[&str])] = &[
        ("* * * * *", &["2026-11-21 20:05:00+00:00", "2026-11-21 20:06:00+00:00"]),
        ("* * * * * *", &["2026-11-21 20:04:31+00:00", "2026-11-21 20:04:32+00:00"]),
        ("*/20 * * * * *", &["2026-11-21 20:04:40+00:00", "2026-11-21 20:05:00+00:00"]),
        ("@hourly", &["2026-11-21 21:00:00+00:00"]),
        ("@daily", &["2026-11-22 00:00:00+00:00"]),
        ("@midnight", &["2026-11-22 00:00:00+00:00"]),
        ("@weekly", &["2026-11-22 00:00:00+00:00", "2026-11-29 00:00:00+00:00"]),
        ("@monthly", &["2026-12-01 00:00:00+00:00"]),
        ("@yearly", &["2027-01-01 00:00:00+00:00"]),
        ("0 9 * * MON-FRI", &["2026-11-23 09:00:00+00:00", "2026-11-24 09:00:00+00:00"]),
        // Day of month or day of week, as cron has it.
        ("0 0 24 * SUN", &["2026-11-22 00:00:00+00:00", "2026-11-24 00:00:00+00:00", "2026-11-29 00:00:00+00:00"]),
        ("0 0 L * *", &["2026-11-30 00:00:00+00:00", "2026-12-31 00:00:00+00:00"]),
        ("0 0 * * FRI#2", &["2026-12-11 00:00:00+00:00"]),
        ("0 0 29 2 *", &["2028-02-29 00:00:00+00:00", "2032-02-29 00:00:00+00:00"]),
    ];
    for (rule, want) in table {
        check(rule, "UTC", "2026-11-21T20:04:30.5Z", want);
    }
}

#[test]
fn row_39_berlin_in_spring_leaves_an_hour_out() {
    let before = "2026-03-28T12:00:00Z";
    check("30 2 * * *", "Europe/Berlin", before, &["2026-03-29 03:00:00+02:00", "2026-03-30 02:30:00+02:00"]);
    // Croner alone would leave the 29th out: it takes lists for "every".
    check(
        "30 2,14 * * *",
        "Europe/Berlin",
        before,
        &["2026-03-28 14:30:00+01:00", "2026-03-29 03:00:00+02:00", "2026-03-29 14:30:00+02:00"],
    );
    // Several times of one gap come to one moment, and that is one run.
    check(
        "0,30 2,3 * * *",
        "Europe/Berlin",
        "2026-03-29T00:30:00Z",
        &["2026-03-29 03:00:00+02:00", "2026-03-29 03:30:00+02:00", "2026-03-30 02:00:00+02:00"],
    );
    check(
        "0 0 2 * * *",
        "Europe/Berlin",
        "2026-03-29T00:59:59.999Z",
        &["2026-03-29 03:00:00+02:00", "2026-03-30 02:00:00+02:00"],
    );
    check("59 1 * * *", "Europe/Berlin", before, &["2026-03-29 01:59:00+01:00", "2026-03-30 01:59:00+02:00"]);
    check("0 3 * * *", "Europe/Berlin", before, &["2026-03-29 03:00:00+02:00", "2026-03-30 03:00:00+02:00"]);
    // By real time: a quarter of an hour after 1:45 it is 3:00.
    check(
        "*/15 * * * *",
        "Europe/Berlin",
        "2026-03-29T00:30:00Z",
        &["2026-03-29 01:45:00+01:00", "2026-03-29 03:00:00+02:00", "2026-03-29 03:15:00+02:00"],
    );
    check("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29 01:30:00+01:00", "2026-03-29 03:30:00+02:00"]);
    check("*/20 2 * * *", "Europe/Berlin", before, &["2026-03-30 02:00:00+02:00"]);
}

#[test]
fn row_39_berlin_in_autumn_has_an_hour_twice() {
    let before = "2026-10-24T12:00:00Z";
    check("30 2 * * *", "Europe/Berlin", before, &["2026-10-25 02:30:00+02:00", "2026-10-26 02:30:00+01:00"]);
    check(
        "0,30 2 * * *",
        "Europe/Berlin",
        before,
        &["2026-10-25 02:00:00+02:00", "2026-10-25 02:30:00+02:00", "2026-10-26 02:00:00+01:00"],
    );
    // From within the second showing.
    check("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", &["2026-10-26 02:30:00+01:00"]);
    check("0 3 * * *", "Europe/Berlin", before, &["2026-10-25 03:00:00+01:00"]);
    check(
        "30 * * * *",
        "Europe/Berlin",
        "2026-10-25T00:00:00Z",
        &["2026-10-25 02:30:00+02:00", "2026-10-25 02:30:00+01:00", "2026-10-25 03:30:00+01:00"],
    );
    check(
        "@hourly",
        "Europe/Berlin",
        "2026-10-24T23:30:00Z",
        &["2026-10-25 02:00:00+02:00", "2026-10-25 02:00:00+01:00", "2026-10-25 03:00:00+01:00"],
    );
}

#[test]
fn row_39_other_zones() {
    check("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", &["2026-03-08 03:00:00-04:00", "2026-03-09 02:30:00-04:00"]);
    check("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", &["2026-11-01 01:30:00-04:00", "2026-11-02 01:30:00-05:00"]);
    // Half an hour is left out, and half an hour comes twice.
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        &["2026-10-04 02:30:00+11:00", "2026-10-05 02:15:00+11:00"],
    );
    check(
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        &["2026-04-05 01:45:00+11:00", "2026-04-06 01:45:00+10:30"],
    );
    // Midnight is left out.
    check("@daily", "America/Asuncion", "2023-09-30T12:00:00Z", &["2023-10-01 01:00:00-03:00", "2023-10-02 00:00:00-03:00"]);
    // A whole day is left out.
    check(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        &["2011-12-29 12:00:00-10:00", "2011-12-31 00:00:00+14:00", "2011-12-31 12:00:00+14:00"],
    );
    check("30 2 * * *", "UTC", "2026-03-29T00:00:00Z", &["2026-03-29 02:30:00+00:00"]);
    // Rules of a zone go on for ever.
    check("30 2 * * *", "Europe/Berlin", "2999-03-30T12:00:00Z", &["2999-03-31 03:00:00+02:00", "2999-04-01 02:30:00+02:00"]);
}

#[test]
fn what_never_comes_is_told_soon() {
    let begun = std::time::Instant::now();
    for rule in ["0 0 30 2 *", "0 0 31 11 *", "* * 30 2 *"] {
        assert_eq!(
            Rule::parse(rule, Some("Europe/Berlin")).expect("well formed").next(wall("2026-11-21T00:00:00Z")),
            None,
            "{rule}"
        );
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    let far = Rule::parse("@daily", Some("UTC")).expect("a rule");
    assert_eq!(far.next(Wall(i64::MAX)), None);
    assert_eq!(far.next(Wall(i64::MIN)), None);
    assert_eq!(far.next(wall("6000-12-31T12:00:00Z")), None);
}

#[test]
fn what_is_wrong_is_said() {
    for (rule, zone, want) in [
        ("", None, "`` is no cron expression"),
        ("60 * * * *", None, "`60 * * * *` is no cron expression: "),
        ("* * * *", None, "it has 4 fields and should have 5 ("),
        ("* * * * * * *", None, "it has 7 fields"),
        ("@sometimes", None, "`@sometimes` is no cron expression"),
        ("0 0 * * *", Some("Europe/Berlln"), "`Europe/Berlln` is no time zone"),
        ("0 0 * * *", Some("../../etc/passwd"), "is no time zone"),
    ] {
        let error = Rule::parse(rule, zone).expect_err(rule);
        assert!(error.contains(want), "{error}");
    }
    assert!(Rule::parse("0 0 * * *", None).expect("the machine has a zone").next(Wall(0)).is_some());
}

const ZONES: &[&str] = &["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "America/Asuncion", "Asia/Kathmandu"];

/// The slow way: every minute is looked at.
fn naive(minutes: &[u32], hours: &[u32], wild: bool, after: Timestamp, zone: &TimeZone) -> Timestamp {
    let minute = |at: Timestamp| at.checked_add(1.minute()).expect("in range");
    let begin = Timestamp::from_second(after.as_second().div_euclid(60) * 60).expect("in range");
    if wild {
        let mut at = minute(begin);
        loop {
            let time = zone.to_datetime(at);
            if hours.contains(&(time.hour() as u32)) && minutes.contains(&(time.minute() as u32)) {
                return at;
            }
            at = minute(at);
        }
    }
    let mut found = Vec::new();
    let first = zone.to_datetime(begin).date().checked_sub(2.days()).expect("in range");
    for day in 0..6 {
        let date = first.checked_add(i64::from(day).days()).expect("in range");
        for (h, m) in hours.iter().flat_map(|h| minutes.iter().map(move |m| (*h, *m))) {
            let mut time = date.at(h as i8, m as i8, 0, 0);
            while matches!(zone.to_ambiguous_timestamp(time).offset(), AmbiguousOffset::Gap { .. }) {
                time = time.checked_add(1.minute()).expect("in range");
            }
            found.push(zone.to_ambiguous_timestamp(time).earlier().expect("no gap"));
        }
    }
    found.into_iter().filter(|at| *at > after).min().expect("one within the days looked at")
}

fn some(highest: u32) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::btree_set(0..=highest, 1..4).prop_map(|set| set.into_iter().collect())
}

fn listed(values: &[u32]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn agrees_with_the_slow_way(
        zone in 0..ZONES.len(),
        // Around the changes of 2026, of either half of the year, to the second.
        day in prop_oneof![60..120i64, 270..320i64],
        second in 0..86_400i64,
        minutes in some(59),
        hours in prop_oneof![some(23), some(3)],
        wild_hours: bool,
        wild_minutes: bool,
    ) {
        let name = ZONES[zone];
        let zone = TimeZone::get(name).expect("a zone");
        let after = wall("2026-01-01T00:00:00Z").0 + (day * 86_400 + second) * 1000;
        let text = |wild: bool, values: &[u32]| if wild { "*".to_owned() } else { listed(values) };
        let rule = format!("{} {} * * *", text(wild_minutes, &minutes), text(wild_hours, &hours));
        let parsed = Rule::parse(&rule, Some(name)).expect("a rule");
        let got = parsed.next(Wall(after)).expect("there is one");
        prop_assert!(got > Wall(after));
        let minutes = if wild_minutes { (0..60).collect() } else { minutes };
        let hours = if wild_hours { (0..24).collect() } else { hours };
        let at = Timestamp::from_millisecond(after).expect("in range");
        let want = naive(&minutes, &hours, wild_hours || wild_minutes, at, &zone);
        prop_assert_eq!(shown(got, name), shown(Wall(want.as_millisecond()), name), "{} after {}", rule, shown(Wall(after), name));
        // From anywhere between, it is the same.
        let between = Wall(after + (got.0 - after) / 2);
        prop_assert_eq!(parsed.next(between).expect("there is one"), got);
    }
}
