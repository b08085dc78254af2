//! Keys about the logs of an app.
//!
//! `out_file`, `err_file` and `merge_logs` together say where two streams go. Within one table they may not contradict each other; between
//! tables the higher one wins, so that an app may have its own `err_file` although `[defaults]` has `merge_logs`. `log_file` takes both
//! streams in addition, so it is none of these files.

use crate::base::Base;
use crate::braces;
use crate::command::bad_path;
use crate::diagnostic::clip;
use crate::layer::{Entry, Layer, Value, set, top};
use crate::paths;
use crate::texts::Texts;
use model::{LogFormat, LogOverflow, LogSpec, LogTarget, Stream};
use std::path::Path;
use std::time::Duration;

/// The longest path of a log file. Systems take 4095 bytes, and names are still to be filled in.
const MAX_PATH: usize = 3500;

/// Files are not rotated more often than this.
const LEAST_EVERY: Duration = Duration::from_secs(1);

/// What ends a path that no file can have.
const FOLDER_ENDS: [&str; 3] = ["/", "/.", "/.."];

/// Everything about the logs of an app.
pub(crate) fn settings(log: &mut LogSpec, layers: &[&Layer], base: &Base<'_>, t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    let policy = &mut log.policy;
    set(key("log_max_size"), &mut policy.max_size, |e| t.size(e));
    set(key("log_max_files"), &mut policy.max_files, |e| t.int(e));
    set(key("log_max_age"), &mut policy.max_age, |e| age(e, t));
    set(key("log_rotate_every"), &mut policy.rotate_every, |e| every(e, t));
    set(key("log_compress"), &mut policy.compress, |e| compress(e, t));
    set(key("log_format"), &mut log.format, |e| {
        t.choice(e, &[("raw", LogFormat::Raw), ("text", LogFormat::Text), ("json", LogFormat::Json)])
    });
    set(key("log_overflow"), &mut log.overflow, |e| t.choice(e, &[("block", LogOverflow::Block), ("drop", LogOverflow::Drop)]));
    set(key("log_total_max"), &mut log.total_max, |e| t.size(e));
    targets(log, layers, base, t);
}

/// A duration; `"none"` or nought = never.
pub(crate) fn age(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Option<Duration>> {
    match &entry.item.value {
        Value::Text(text) | Value::Verbatim(text) if text == "none" => Some(None),
        _ => t.span(entry).map(|span| Some(span).filter(|span| !span.is_zero())),
    }
}

fn every(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Option<Duration>> {
    match age(entry, t)? {
        Some(span) if span < LEAST_EVERY => t.refuse(entry, "a file cannot be rotated more often than once a second", None),
        span => Some(span),
    }
}

pub(crate) fn compress(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<bool> {
    t.choice(entry, &[("gzip", true), ("none", false)])
}

/// Where the two streams go.
fn targets(log: &mut LogSpec, layers: &[&Layer], base: &Base<'_>, t: &mut Texts<'_, '_>) {
    // The topmost entry of a key, and how high it stands.
    let highest = |name| layers.iter().enumerate().rev().find_map(|(at, layer)| Some((at, layer.keys.get(name)?)));
    let (both, out, err, merge) = (highest("log_file"), highest("out_file"), highest("err_file"), highest("merge_logs"));
    let merged = merge.and_then(|(at, entry)| Some((at, entry, t.boolean(entry)?)));
    if let (Some((at, _, true)), Some((high, entry))) = (merged, err)
        && at == high
    {
        let message = "standard error goes to where standard output goes, because of `merge_logs`";
        t.refuse::<()>(entry, message, Some("remove `err_file`, or `merge_logs`".to_owned()));
    }
    set(out.map(|(_, entry)| entry), &mut log.out, |e| target(e, base, t));
    let own = err.map(|(at, _)| at);
    log.merge = merged.is_some_and(|(at, _, on)| on && own.is_none_or(|own| own <= at));
    if !log.merge {
        set(err.map(|(_, entry)| entry), &mut log.err, |e| target(e, base, t));
    }
    // One file under two names of keys is one file with both streams in it.
    if !log.merge && matches!(log.out, LogTarget::File(_)) && log.out == log.err {
        (log.merge, log.err) = (true, LogTarget::Home);
    }
    if let Some((_, entry)) = both
        && let Some(LogTarget::File(path)) = target(entry, base, t)
    {
        let taken = Stream::BOTH.into_iter().find(|stream| own_file(log, *stream).as_ref() == Some(&path));
        match taken {
            Some(_) if log.merge => {
                let help = "remove it, or `merge_logs`, or name another file".to_owned();
                t.refuse::<()>(entry, "both streams go to this file already, because they are merged", Some(help));
            }
            Some(stream) => {
                let message =
                    format!("standard {} goes to this file already", if stream == Stream::Out { "output" } else { "error" });
                let help = "name another file, which takes both streams in addition, or write `merge_logs = true` instead";
                t.refuse::<()>(entry, message, Some(help.to_owned()));
            }
            None => log.also = Some(path),
        }
    }
}

/// The file of a stream alone, as a path that is filled at birth.
fn own_file(log: &LogSpec, stream: Stream) -> Option<String> {
    let ending = if log.merge { String::new() } else { format!(".{stream}") };
    match log.target(stream) {
        LogTarget::Home => Some(format!("{{{{home}}}}/logs/{{{{instance}}}}{ending}.log")),
        LogTarget::Nowhere => None,
        LogTarget::File(path) => Some(path.clone()),
    }
}

/// A path in the form that is filled at birth, or `"none"`.
fn target(entry: &Entry, base: &Base<'_>, t: &mut Texts<'_, '_>) -> Option<LogTarget> {
    if !matches!(entry.item.value, Value::Text(_) | Value::Verbatim(_)) {
        let found = entry.item.value.kind();
        t.refuse::<()>(entry, format!("expected a path or \"none\", found {found}"), None);
        return None;
    }
    let text = t.word(&entry.item, &entry.written)?;
    match text.as_str() {
        "none" => return Some(LogTarget::Nowhere),
        "" => return t.refuse(entry, "a path is missing", Some("write \"none\" to discard the stream".to_owned())),
        _ => {}
    }
    if braces::names(&text, "{{port}}") {
        let help = "the port can be another one each time; write `{{instance}}` or `{{slot}}`".to_owned();
        return t.refuse(entry, "the path of a log file cannot hold `{{port}}`", Some(help));
    }
    if text.contains(|c: char| c.is_control()) {
        return t.refuse(entry, "the path of a log file has no control characters", None);
    }
    if matches!(text.as_str(), "." | ".." | "~" | "{{home}}") || FOLDER_ENDS.iter().any(|end| text.ends_with(end)) {
        let help = format!("name a file in it, for example \"{}/app.log\"", clip(text.trim_end_matches('/')));
        return t.refuse(entry, format!("`{}` is a folder", clip(&text)), Some(help));
    }
    let path = if text.starts_with("{{home}}/") {
        paths::tidy(Path::new(&text))
    } else {
        let protected = |path: &Path| path.to_str().map(braces::protect);
        let Some(folder) = protected(base.folder_at(&entry.item.place)) else {
            return t.refuse(entry, "the folder that the path is taken from is not UTF-8", None);
        };
        let home = base.around.home_dir().as_deref().and_then(protected);
        match paths::resolve(&text, Path::new(&folder), home.map(Into::into)) {
            Ok(path) if path.is_absolute() => path,
            Ok(_) => return t.refuse(entry, "the path is not absolute, and there is no folder to take it from", None),
            Err(wrong) => return bad_path(wrong, entry, t),
        }
    };
    let path = path.to_string_lossy().into_owned();
    if path.len() > MAX_PATH {
        return t.refuse(entry, format!("the path has {} bytes, more than {MAX_PATH}", path.len()), None);
    }
    Some(LogTarget::File(path))
}
