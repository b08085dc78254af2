//! How it is known that an app is ready and well: `ready`, `healthcheck`, `watchdog`.
//!
//! `ready` of an app replaces that of `[defaults]`. `healthcheck` merges by key, but for what is asked: the highest layer that asks
//! anything, or says `"none"`, decides alone.

use crate::fault::{Fault, Place};
use crate::layer::{Entries, Entry, Layer, Value, set, top, top_in, whole};
use crate::probe::{self, Ground, OF_HTTP};
use crate::texts::{Scalar, Texts};
use model::{AppSpec, Check, Health, HealthAction, Probe, Readiness};
use std::time::Duration;

/// What `ready` can ask for.
const WAYS: [&str; 8] = ["http", "tcp", "exec", "log", "notify", "fd", "node_ipc", "after"];

/// What `healthcheck` can ask for.
const QUESTIONS: [&str; 4] = ["http", "tcp", "exec", "log_silence"];

/// Everything of this kind.
pub(crate) fn settings(spec: &mut AppSpec, ground: Ground<'_>, t: &mut Texts<'_, '_>) {
    let key = |name| top(ground.layers, name);
    spec.ready = ready(ground, t);
    set(key("start_timeout"), &mut spec.start_timeout, |e| t.span(e));
    set(key("min_uptime"), &mut spec.min_uptime, |e| t.span(e));
    spec.health = health(ground, t);
    set(key("watchdog"), &mut spec.watchdog, |e| t.or_none(e, |t, e| t.span(e)));
}

/// What only several keys together can get wrong.
pub(crate) fn bounds(spec: &AppSpec, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let silent = !spec.log.kept().contains(&true);
    let help = || Some("keep one of the streams: `out_file` and `err_file` are both \"none\"".to_owned());
    if let (Some(Readiness::Log { .. }), true, Some((entry, _))) = (&spec.ready, silent, whole(layers, "ready")) {
        t.refuse::<()>(entry, "nothing that the app prints is read", help());
    }
    if let (Some(Check::LogSilence(_)), true, Some(entry)) =
        (spec.health.as_ref().map(|health| &health.check), silent, top_in(layers, "healthcheck", "log_silence"))
    {
        t.refuse::<()>(entry, "nothing that the app prints is read", help());
    }
    // A `ready` that cannot be used has been named.
    let has_ready = spec.ready.is_some() || whole(layers, "ready").is_none_or(|(entry, _)| is_none(entry));
    if let (Some(_), Some(entry)) = (spec.watchdog, top(layers, "watchdog"))
        && spec.ready != Some(Readiness::Notify)
        && has_ready
    {
        let help = "add `ready = { notify = true }`, for an app that speaks sd_notify, or use `healthcheck`".to_owned();
        t.refuse::<()>(entry, "nobody listens for WATCHDOG=1", Some(help));
    }
    unasked(layers, t);
}

/// Says where an app's own `healthcheck` says how, and nothing says what. In `[defaults]` that is good.
fn unasked(layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let own = |place: &Place| !matches!(place, Place::File { part, .. } if part.is_shared());
    let tables = || layers.iter().filter_map(|layer| layer.tables.get("healthcheck"));
    let asked =
        layers.iter().any(|layer| says_none(layer)) || tables().any(|keys| QUESTIONS.iter().any(|key| keys.contains_key(key)));
    // A key that was not understood has been named, and is most likely the question, misspelled.
    let unsure = layers.iter().any(|layer| layer.misread.contains("healthcheck"));
    let first = tables().flat_map(|keys| keys.values()).find(|entry| own(&entry.place) && !unsure);
    if let (Some(entry), false) = (first, asked) {
        let fault = Fault::new(&entry.place, format!("`{}`: the health check has nothing to ask", entry.written));
        t.faults.push(fault.help(match entry.place {
            Place::Flag(_) => "add one of `--health-http`, `--health-tcp` or `--health-cmd`",
            _ => "add one of `http`, `tcp`, `exec` or `log_silence` to `healthcheck`",
        }));
    }
}

/// A health check that is a table is taken apart; only `"none"` stays among the keys.
fn says_none(layer: &Layer) -> bool {
    layer.keys.contains_key("healthcheck")
}

fn is_none(entry: &Entry) -> bool {
    matches!(&entry.item.value, Value::Text(text) if text == "none")
}

fn ready(ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Readiness> {
    let (entry, keys) = whole(ground.layers, "ready")?;
    let Some(keys) = keys else {
        if is_none(entry) {
            return None;
        }
        let help = "write for example `ready = { tcp = \"127.0.0.1:5432\" }`".to_owned();
        return t.refuse(entry, format!("expected a table, found {}", entry.item.value.kind()), Some(help));
    };
    let mut ways = Vec::new();
    for way in WAYS {
        let Some(inner) = keys.get(way) else { continue };
        match way {
            "notify" | "node_ipc" if t.boolean(inner)? => ways.push((way, inner)),
            "notify" | "node_ipc" => {}
            _ => ways.push((way, inner)),
        }
    }
    beside_http(keys, t);
    match ways.as_slice() {
        [(way, inner)] => way_of(way, inner, keys, ground, t),
        // A key that was not understood has been named, and is most likely the way, misspelled.
        [] if ground.layers.iter().any(|layer| layer.misread.contains("ready")) => None,
        [] => {
            let message = "it does not say how";
            t.refuse(entry, message, Some(format!("use one of {}", list(&WAYS))))
        }
        [(first, _), .., (_, last)] => {
            let message = format!("`ready` has `{first}` already, and there can be one way to be ready only");
            t.faults.push(Fault::new(&last.place, message).help("keep one of them"));
            None
        }
    }
}

fn way_of(way: &str, entry: &Entry, keys: &Entries, ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Readiness> {
    Some(match way {
        "http" => Readiness::Probe(probe::http(entry, |key| keys.get(key), t)?),
        "tcp" => Readiness::Probe(probe::tcp(entry, t)?),
        "exec" => Readiness::Probe(Probe::Exec { argv: probe::exec(entry, ground, t)? }),
        "log" => Readiness::Log { pattern: probe::pattern(entry, t)? },
        "notify" => Readiness::Notify,
        "node_ipc" => Readiness::NodeIpc,
        "fd" => Readiness::Fd { number: descriptor(entry, t)? },
        _ => Readiness::After(t.span(entry)?),
    })
}

/// A number, or `None` for "auto".
fn descriptor(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Option<u32>> {
    let wanted = "an integer from 3, or \"auto\"";
    let scalar = t.scalar(&entry.item, &entry.written, wanted)?;
    let number = match &scalar {
        Scalar::Text { text, .. } if text == "auto" => return Some(None),
        Scalar::Text { text, loose: true } => text.trim().parse().ok(),
        Scalar::Int(number) => Some(*number),
        _ => None,
    };
    let (least, most) = entry.key.shape.int_bounds().expect("a descriptor is an integer");
    match number {
        Some(0..=2) => {
            t.refuse(entry, "0, 1 and 2 are standard input, output and error", Some("use 3 or more, or \"auto\"".to_owned()))
        }
        Some(number) if (least..=most).contains(&number) => Some(u32::try_from(number).ok()),
        Some(number) if number > most => t.refuse(entry, format!("a descriptor is at most {most}"), None),
        _ => t.mismatch(&entry.item, &entry.written, wanted, &scalar),
    }
}

/// Says where keys of `http` stand without it.
fn beside_http(keys: &Entries, t: &mut Texts<'_, '_>) {
    for key in OF_HTTP {
        if let (Some(entry), false) = (keys.get(key), keys.contains_key("http")) {
            let fault = Fault::new(&entry.place, format!("`{}` says more about `http`, which is not here", entry.written));
            t.faults.push(fault.help("add `http`, or remove it"));
        }
    }
}

fn health(ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Health> {
    let layers = ground.layers;
    let key = |name: &str| top_in(layers, "healthcheck", name);
    // Read in any case, so that they cannot be nonsense.
    let mut health = Health::new(Check::LogSilence(Duration::ZERO));
    set(key("interval"), &mut health.interval, |e| t.span(e));
    set(key("timeout"), &mut health.timeout, |e| t.span(e));
    set(key("failures"), &mut health.failures, |e| t.int(e));
    set(key("successes"), &mut health.successes, |e| t.int(e));
    set(key("start_period"), &mut health.start_period, |e| t.span(e));
    let actions = [("restart", HealthAction::Restart), ("replace", HealthAction::Replace), ("none", HealthAction::None)];
    set(key("action"), &mut health.action, |e| t.choice(e, &actions));

    let empty = Entries::new();
    let asked = layers.iter().enumerate().rev().find_map(|(at, layer)| {
        let keys = layer.tables.get("healthcheck").unwrap_or(&empty);
        let asked: Vec<&'static str> = QUESTIONS.into_iter().filter(|key| keys.contains_key(key)).collect();
        (says_none(layer) || !asked.is_empty()).then_some((at, keys, asked))
    });
    if asked.as_ref().is_none_or(|(_, _, asked)| asked.first() != Some(&"http")) {
        probe::answer(key, t);
    }
    let (at, keys, asked) = asked?;
    let question = *asked.first()?;
    let entry = keys.get(question)?;
    if let Some(other) = asked.get(1).and_then(|key| keys.get(key)) {
        let message = format!("`{}` asks already, and a health check has one question only", entry.written);
        t.faults.push(Fault::new(&other.place, message).help("keep one of them"));
        return None;
    }
    if question != "http" {
        layers[at..].iter().filter_map(|layer| layer.tables.get("healthcheck")).for_each(|keys| beside_http(keys, t));
    }
    health.check = match question {
        "http" => Check::Probe(probe::http(entry, key, t)?),
        "tcp" => Check::Probe(probe::tcp(entry, t)?),
        "exec" => Check::Probe(Probe::Exec { argv: probe::exec(entry, ground, t)? }),
        _ => Check::LogSilence(t.span(entry)?),
    };
    Some(health)
}

fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
