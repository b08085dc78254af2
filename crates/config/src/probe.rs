//! Questions to a running app: `http`, `tcp`, `exec`, as they stand in `ready` and in `healthcheck`.
//!
//! What is asked may hold `{{slot}}` and its kin, which are filled at birth; it is checked with a stand-in for them.

use crate::base::Base;
use crate::braces;
use crate::command::{self, Parts};
use crate::diagnostic::clip;
use crate::fault::Fault;
use crate::layer::{Entry, Item, Layer, Value, top};
use crate::texts::{Scalar, Texts};
use crate::url;
use model::Probe;
use regex_lite::RegexBuilder;
use std::collections::BTreeMap;
use std::path::Path;

/// How large a regular expression may become, in bytes.
const MAX_PATTERN: usize = 256 * 1024;

/// What a command of an app is read with.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'l> {
    pub layers: &'l [&'l Layer],
    pub base: &'l Base<'l>,
    /// The app's working directory.
    pub cwd: &'l Path,
}

/// The keys that say more about `http`.
pub(crate) const OF_HTTP: [&str; 3] = ["status", "headers", "body"];

/// `http`, with the keys beside it.
pub(crate) fn http<'l>(url: &Entry, beside: impl Fn(&str) -> Option<&'l Entry>, t: &mut Texts<'_, '_>) -> Option<Probe> {
    let (status, headers, body) = answer(beside, t);
    let text = address_text(url, "a URL", t)?;
    if let Some((message, help)) = url::wrong(&braces::sample(&text), false) {
        return t.refuse(url, message, help.map(str::to_owned));
    }
    Some(Probe::Http { url: text, status: status?, headers: headers?, body: body? })
}

/// What is sent beside the URL and what a good answer is: `status`, `headers`, `body`, each `None` where it is wrong.
type Answer = (Option<Vec<(u16, u16)>>, Option<BTreeMap<String, String>>, Option<Option<String>>);

/// The keys beside `http`. They are read also where no `http` is, so that they cannot be nonsense.
pub(crate) fn answer<'l>(beside: impl Fn(&str) -> Option<&'l Entry>, t: &mut Texts<'_, '_>) -> Answer {
    let status = beside("status").map_or(Some(Vec::new()), |e| statuses(e, t));
    let headers = beside("headers").map_or(Some(BTreeMap::new()), |e| headers(e, t));
    let body = beside("body").map_or(Some(None), |e| pattern(e, t).map(Some));
    (status, headers, body)
}

/// `tcp`: `HOST:PORT`, or a port of this machine.
pub(crate) fn tcp(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Probe> {
    let wanted = "\"HOST:PORT\", or a port of 127.0.0.1";
    let text = address_text(entry, wanted, t)?;
    let sample = braces::sample(&text);
    let address = if url::is_port(&sample) { format!("127.0.0.1:{text}") } else { text };
    if !url::is_address(&braces::sample(&address)) {
        let help = "write for example \"127.0.0.1:5432\" or \"[::1]:5432\"".to_owned();
        return t.refuse(entry, format!("expected {wanted}, found `{}`", clip(&address)), Some(help));
    }
    Some(Probe::Tcp { address })
}

/// `exec`: by the rules of `cmd`, and through the shell that the app has.
pub(crate) fn exec(entry: &Entry, ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Vec<String>> {
    let parts = Parts { cmd: entry, args: None, shell: top(ground.layers, "shell"), cwd: ground.cwd, sockets: false };
    command::argv(&parts, ground.base, t)
}

/// A regular expression.
pub(crate) fn pattern(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<String> {
    let text = t.text(&entry.item, &entry.written, "a regular expression")?;
    match RegexBuilder::new(&text).size_limit(MAX_PATTERN).build() {
        Ok(_) => Some(text),
        Err(wrong) => t.refuse(entry, format!("not a regular expression: {wrong}"), None),
    }
}

/// Text in the form that is filled at birth; a port may be a number.
fn address_text(entry: &Entry, wanted: &str, t: &mut Texts<'_, '_>) -> Option<String> {
    match &entry.item.value {
        Value::Text(_) | Value::Verbatim(_) | Value::Int(_) => t.word(&entry.item, &entry.written),
        other => t.refuse(entry, format!("expected {wanted}, found {}", other.kind()), None),
    }
}

fn statuses(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Vec<(u16, u16)>> {
    match &entry.item.value {
        Value::List(items) if items.is_empty() => {
            t.refuse(entry, "no status is good then", Some("leave it out for 200 to 399".to_owned()))
        }
        Value::List(items) => {
            let all: Vec<_> = items.iter().map(|item| status(item, &entry.written, t)).collect();
            all.into_iter().collect()
        }
        _ => status(&entry.item, &entry.written, t).map(|range| vec![range]),
    }
}

fn status(item: &Item, label: &str, t: &mut Texts<'_, '_>) -> Option<(u16, u16)> {
    let wanted = "a status such as 200, \"2xx\" or \"200-299\"";
    let scalar = t.scalar(item, label, wanted)?;
    let range = match &scalar {
        Scalar::Int(number) => u16::try_from(*number).ok().map(|number| (number, number)),
        Scalar::Text { text, .. } => status_range(text.trim()),
        _ => None,
    };
    match range.filter(|(from, to)| 100 <= *from && from <= to && *to <= 599) {
        Some(range) => Some(range),
        None => t.mismatch(item, label, wanted, &scalar),
    }
}

fn status_range(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}

/// Names and values to send. A value is never part of a message: it may be a secret.
fn headers(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<BTreeMap<String, String>> {
    let Value::Table(members) = &entry.item.value else {
        let message = format!("expected a table, found {}", entry.item.value.kind());
        return t.refuse(entry, message, Some("write for example `headers = { Host = \"example.com\" }`".to_owned()));
    };
    let mut all = BTreeMap::new();
    let mut good = true;
    for member in members {
        let label = format!("{}.{}", entry.written, clip(&member.name));
        let mut bad = |message: &str| t.faults.push(Fault::new(&member.place, format!("`{label}`: {message}")));
        if !is_header_name(&member.name) {
            bad("this cannot be the name of a header");
        } else if matches!(member.name.to_ascii_lowercase().as_str(), "content-length" | "transfer-encoding" | "connection") {
            bad("this header is set by the prober itself");
        } else if !matches!(member.item.value, Value::Text(_) | Value::Int(_)) {
            bad("the value of a header is a string");
        } else if let Some(value) = t.word(&member.item, &label) {
            match braces::plain(&value) {
                Ok(value) if value.chars().all(|c| c == '\t' || !c.is_control()) => {
                    all.insert(member.name.clone(), value);
                    continue;
                }
                Ok(_) => t.faults.push(Fault::new(&member.place, format!("`{label}`: a header cannot hold control characters"))),
                Err(name) => t.faults.push(Fault::new(&member.place, format!("`{label}` cannot hold `{name}`"))),
            }
        }
        good = false;
    }
    good.then_some(all)
}

fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= 256 && name.bytes().all(token)
}
