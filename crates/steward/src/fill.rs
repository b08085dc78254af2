//! `{{app}}` and its kin, filled at each birth, and what they make of the paths of log files.

use model::{LogSpec, SlotRef, Stream};
use std::path::Path;

/// What the names stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// `{{app}}`.
    pub(crate) app: &'a str,
    /// `{{slot}}`: the number of the slot, from 0.
    pub(crate) slot: &'a str,
    /// `{{instance}}`: the name of the slot, `web-0`.
    pub(crate) instance: &'a str,
    /// `{{port}}`, of what has one.
    pub(crate) port: Option<&'a str>,
    /// `{{home}}`.
    pub(crate) home: &'a str,
}

/// The log files of a slot, standard output first, as the scribe is told: relative to the home or absolute. `None` = the stream goes nowhere.
pub(crate) fn log_files(log: &LogSpec, slot: &SlotRef, home: &str) -> [Option<String>; 2] {
    let (number, name) = (slot.index.to_string(), slot.to_string());
    let names = Names { app: slot.app.as_str(), slot: &number, instance: &name, port: None, home };
    Stream::BOTH.map(|stream| log.file(slot, stream, |path| fill(path, &names)))
}

/// The log file that takes both streams of a slot in addition, as the scribe is told. Its own files may be the same: it is named as they are.
pub(crate) fn combined(log: &LogSpec, slot: &SlotRef, home: &str) -> Option<String> {
    let (number, name) = (slot.index.to_string(), slot.to_string());
    let names = Names { app: slot.app.as_str(), slot: &number, instance: &name, port: None, home };
    let also = fill(log.also.as_deref()?, &names);
    let own = log_files(log, slot, home).into_iter().flatten();
    let same = own.into_iter().find(|own| Path::new(home).join(own) == Path::new(&also));
    Some(same.unwrap_or(also))
}

/// The log files of a slot, to be read: where a stream has no file of its own, the one for both tells everything.
pub(crate) fn readable(log: &LogSpec, slot: &SlotRef, home: &str) -> [Option<String>; 2] {
    let own = log_files(log, slot, home);
    match combined(log, slot, home).map(Some) {
        Some(both) if own.contains(&both) => [both.clone(), both],
        _ => own,
    }
}

/// Fills the names into a text; `{{{{` becomes `{{`, every other brace stays.
pub(crate) fn fill(text: &str, names: &Names<'_>) -> String {
    let table = [
        ("{{app}}", Some(names.app)),
        ("{{slot}}", Some(names.slot)),
        ("{{instance}}", Some(names.instance)),
        ("{{port}}", names.port),
        ("{{home}}", Some(names.home)),
        ("{{{{", Some("{{")),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match table.iter().find_map(|(name, value)| Some((name, (*value)?)).filter(|(name, _)| rest.starts_with(**name))) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LogTarget;

    #[test]
    fn log_files_of_a_slot() {
        let slot = SlotRef { app: "web".parse().expect("name"), index: 2 };
        let mut log = LogSpec::default();
        let some = |path: &str| Some(path.to_owned());
        assert_eq!(log_files(&log, &slot, "/h"), [some("logs/web-2.out.log"), some("logs/web-2.err.log")]);
        (log.out, log.err) = (LogTarget::File("{{home}}/{{app}}/{{slot}}.{{instance}}".to_owned()), LogTarget::Nowhere);
        assert_eq!(log_files(&log, &slot, "/h"), [some("/h/web/2.web-2"), None]);
        assert_eq!((combined(&log, &slot, "/h"), readable(&log, &slot, "/h")), (None, [some("/h/web/2.web-2"), None]));
        // One file for both, and one stream that has no other.
        log.also = Some("/l/{{slot}}".to_owned());
        assert_eq!(log_files(&log, &slot, "/h"), [some("/h/web/2.web-2"), some("/l/2")]);
        assert_eq!((combined(&log, &slot, "/h"), readable(&log, &slot, "/h")), (some("/l/2"), [some("/l/2"), some("/l/2")]));
        log.err = LogTarget::Home;
        assert_eq!(readable(&log, &slot, "/h"), [some("/h/web/2.web-2"), some("logs/web-2.err.log")]);
        log.also = Some("{{home}}/logs/{{instance}}.err.log".to_owned());
        assert_eq!(combined(&log, &slot, "/h"), some("logs/web-2.err.log"), "one file has one name");
    }

    #[test]
    fn names_are_filled_and_other_braces_stay() {
        let names = Names { app: "web", slot: "2", instance: "web-2", port: Some("3002"), home: "/h" };
        let cases = [
            ("", ""),
            ("plain { } text", "plain { } text"),
            ("{{app}}-{{slot}}", "web-2"),
            ("{{instance}} in {{home}}", "web-2 in /h"),
            ("{{{app}}}", "{web}"),
            ("{{{{app}}", "{{app}}"),
            ("{{{{{{{{", "{{{{"),
            ("{{ app }}", "{{ app }}"),
            ("{{port}} {{nobody}} {{{{port}}", "3002 {{nobody}} {{port}}"),
            ("{{", "{{"),
            ("{{app", "{{app"),
            ("é{{slot}}é", "é2é"),
        ];
        for (text, want) in cases {
            assert_eq!(fill(text, &names), want, "{text}");
        }
        assert_eq!(fill("{{port}}", &Names { port: None, ..names }), "{{port}}", "nothing is said where there is none");
    }
}
