//! From the layers of one app to its specification: the only place where defaults are applied.

use crate::base::Base;
use crate::braces;
use crate::care;
use crate::command::{self, Parts};
use crate::diagnostic::clip;
use crate::env::{self, Env, Variable};
use crate::envfile;
use crate::fault::{Fault, Faults, Place};
use crate::hooks;
use crate::identity;
use crate::labels;
use crate::layer::{Entry, Item, Layer, Member, Value, is_whole, set, top, top_in};
use crate::logs;
use crate::order;
use crate::paths;
use crate::probe::{self, Ground};
use crate::reach;
use crate::renew;
use crate::template;
use crate::texts::{Texts, malformed};
use crate::usage;
use crate::when;
use model::{AppName, AppSpec};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::rc::Rc;

/// Resolves an app. `layers` from the lowest to the highest; `place` is where it is named. `None` = something is wrong, and
/// `faults` says what.
pub(crate) fn app(name: AppName, place: &Place, layers: &[&Layer], base: &Base<'_>, faults: &mut Faults) -> Option<AppSpec> {
    let env = environment(layers, base, faults);
    let mut texts = Texts { env, faults };
    let mut spec = AppSpec::new(name, Vec::new(), PathBuf::new());
    // First, because the values of variables may hold `{{port}}`.
    reach::settings(&mut spec, layers, base, &mut texts);
    let Texts { env, faults } = &mut texts;
    let variables = env.resolve(faults);
    let cwd = directory(layers, base, &mut texts);
    // Without a directory the rest is still read, for its other faults.
    let ground = Ground { layers, base, cwd: cwd.as_deref().unwrap_or(base.folder) };
    settings(&mut spec, ground, &mut texts);
    let argv = match top(layers, "cmd") {
        Some(cmd) => {
            let sockets = !spec.listen.is_empty();
            let parts = Parts { cmd, args: top(layers, "args"), shell: top(layers, "shell"), cwd: ground.cwd, sockets };
            command::argv(&parts, base, &mut texts)
        }
        // The unknown key has been named, and is most likely the misspelled one.
        None if layers.iter().any(|layer| layer.unsure) => None,
        None => {
            let fault = Fault::new(place, format!("the app `{}` has no `cmd`", spec.name));
            texts.faults.push(fault.help("say what to run: `cmd = \"node server.js\"`"));
            None
        }
    };
    bounds(&spec, layers, &mut texts);
    for (name, value, place) in variables {
        spec.origins.insert(format!("env.{name}"), base.origin(&place));
        spec.env.insert(name, value);
    }
    // From the lowest layer to the highest: the last one to say it is where it comes from.
    for (key, entry) in layers.iter().flat_map(|layer| layer.origins()) {
        if is_whole(&key) {
            spec.origins.retain(|known, _| !known.strip_prefix(&key).is_some_and(|rest| rest.starts_with('.')));
        }
        spec.origins.insert(key, base.origin(&entry.place));
    }
    spec.argv = argv?;
    spec.cwd = cwd?;
    Some(spec)
}

/// Every key that stands for itself.
pub(crate) fn settings(spec: &mut AppSpec, ground: Ground<'_>, t: &mut Texts<'_, '_>) {
    let Ground { layers, base, .. } = ground;
    let key = |name| top(layers, name);
    set(key("namespace"), &mut spec.namespace, |e| t.namespace(e));
    set(key("instances"), &mut spec.instances, |e| t.instances(e, base.around.cpus()));
    set(key("autostart"), &mut spec.autostart, |e| t.boolean(e));
    set(key("restart"), &mut spec.restart, |e| t.restart(e));
    set(key("restart_delay"), &mut spec.restart_delay, |e| t.span(e));
    set(key("max_restarts"), &mut spec.max_restarts, |e| t.or_none(e, |t, e| t.int(e)));
    set(key("stop_signal"), &mut spec.stop_signal, |e| t.signal(e));
    set(key("stop_command"), &mut spec.stop_command, |e| probe::exec(e, ground, t).map(Some));
    set(key("kill_tree"), &mut spec.kill_tree, |e| t.boolean(e));
    set(key("stop_timeout"), &mut spec.stop_timeout, |e| t.span(e));
    set(key("start_delay"), &mut spec.start_delay, |e| t.span(e));
    set(key("success_exit_codes"), &mut spec.success_exit_codes, |e| t.codes(e));
    set(key("no_restart_exit_codes"), &mut spec.no_restart_exit_codes, |e| t.codes(e));
    set(key("stdin"), &mut spec.stdin, |e| t.choice(e, &[("null", false), ("pipe", true)]));
    labels::settings(spec, layers, t);
    logs::settings(&mut spec.log, layers, base, t);
    order::settings(spec, layers, t);
    care::settings(spec, ground, t);
    usage::settings(&mut spec.usage, layers, t);
    identity::settings(&mut spec.identity, layers, base, t);
    when::settings(spec, ground, t);
    hooks::settings(&mut spec.hooks, ground, t);
    renew::settings(&mut spec.renewal, layers, t);
    backoff(spec, layers, t);
}

fn backoff(spec: &mut AppSpec, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let key = |name| top_in(layers, "backoff", name);
    set(key("min"), &mut spec.backoff.min, |e| t.span(e));
    set(key("max"), &mut spec.backoff.max, |e| t.span(e));
    set(key("factor"), &mut spec.backoff.factor, |e| t.factor(e));
    set(key("jitter"), &mut spec.backoff.jitter, |e| t.boolean(e));
    set(key("window"), &mut spec.backoff.window, |e| t.span(e));
    match key("threshold") {
        // `max_restarts` alone decides where no threshold was asked for beside it.
        None if spec.max_restarts.is_some() => spec.backoff.threshold = None,
        None => {}
        entry => set(entry, &mut spec.backoff.threshold, |e| t.int(e).map(|count: u32| (count > 0).then_some(count))),
    }
}

/// What only two keys together can get wrong.
fn bounds(spec: &AppSpec, layers: &[&Layer], texts: &mut Texts<'_, '_>) {
    care::bounds(spec, layers, texts);
    reach::bounds(spec, layers, texts);
    renew::bounds(spec, layers, texts);
    let (min, max) = (spec.backoff.min, spec.backoff.max);
    if min > max
        && let Some(entry) = top_in(layers, "backoff", "min").or(top_in(layers, "backoff", "max"))
    {
        let message =
            format!("the least pause ({}) is longer than the longest ({})", model::format_span(min), model::format_span(max));
        texts.refuse::<()>(entry, message, Some("`backoff.min` can be at most `backoff.max`".to_owned()));
    }
}

fn directory(layers: &[&Layer], base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<PathBuf> {
    let Some(entry) = top(layers, "cwd") else {
        return Some(paths::tidy(base.folder)).filter(|folder| folder.is_absolute()).or_else(|| {
            texts.faults.push(Fault::new(&Place::Whole, "the folder of this file is not known as an absolute path"));
            None
        });
    };
    command::path(&entry.item, entry, base.folder_at(&entry.item.place), base, texts)
}

/// The layers of variables: of each layer its env files, then its table.
fn environment<'a>(layers: &[&Layer], base: &Base<'a>, faults: &mut Faults) -> Env<'a> {
    let mut tables = Env::new(base.around);
    let mut both = Env::new(base.around);
    let files = top(layers, "env_file");
    for layer in layers {
        let table = table(&layer.env, faults);
        let again = table.iter().map(|(name, v)| {
            (name.clone(), Variable { pieces: v.pieces.clone(), label: v.label.clone(), place: v.place.clone() })
        });
        tables.push(again.collect());
        // Lists replace: only the topmost `env_file` counts, and it stands where it is written.
        if let Some(entry) = layer.keys.get("env_file").filter(|entry| files.is_some_and(|top| std::ptr::eq(top, *entry))) {
            // The paths may use variables of the tables; those of the files are not known yet.
            let mut texts = Texts { env: tables, faults };
            env_files(entry, base, &mut texts).into_iter().for_each(|file| both.push(file));
            tables = texts.env;
        }
        both.push(table);
    }
    both
}

fn table(members: &[Member], faults: &mut Faults) -> BTreeMap<String, Variable> {
    let mut table = BTreeMap::new();
    for Member { name, place, item } in members {
        let label = match place {
            Place::Flag(flag) => format!("{flag} {}", clip(name)),
            _ => format!("env.{}", clip(name)),
        };
        if let Some(message) = env::bad_name(name) {
            faults.push(Fault::new(place, message));
            continue;
        }
        let pieces = match &item.value {
            Value::Text(text) => {
                faults.take(template::parse(text).map_err(|wrong| malformed(wrong, &label, &item.place))).map(Rc::from)
            }
            Value::Verbatim(text) => Some(env::literal(text.clone())),
            Value::Int(number) => Some(env::literal(number.to_string())),
            Value::Float(number) | Value::Date(number) => Some(env::literal(number.clone())),
            Value::Bool(is) => Some(env::literal(is.to_string())),
            Value::List(_) | Value::Table(_) => {
                let found = item.value.kind();
                faults.push(Fault::new(&item.place, format!("`{label}`: a variable is a string, found {found}")));
                None
            }
        };
        if let Some(pieces) = pieces {
            table.insert(name.clone(), Variable { label, place: item.place.clone(), pieces });
        }
    }
    table
}

fn env_files(entry: &Entry, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Vec<BTreeMap<String, Variable>> {
    let items: &[Item] = match &entry.item.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(&entry.item),
    };
    items.iter().filter_map(|item| env_file(item, entry, base, texts)).collect()
}

fn env_file(item: &Item, entry: &Entry, base: &Base<'_>, texts: &mut Texts<'_, '_>) -> Option<BTreeMap<String, Variable>> {
    let written = texts.text(item, &entry.written, "a path")?;
    let optional = written.strip_suffix('?');
    let shown = optional.unwrap_or(&written);
    let path = match paths::resolve(shown, base.folder_at(&item.place), base.around.home_dir()) {
        Ok(path) => path,
        Err(wrong) => return command::bad_path(wrong, entry, texts),
    };
    let text = match base.around.read(&path) {
        Ok(text) => text,
        Err(error) if optional.is_some() && error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            let fault =
                Fault::new(&item.place, format!("`{}`: cannot read {}: {error}", entry.written, clip(&path.to_string_lossy())));
            let help = (error.kind() == ErrorKind::NotFound).then(|| format!("write \"{}?\" if it may be missing", clip(shown)));
            texts.faults.push(fault.maybe_help(help));
            return None;
        }
    };
    match envfile::parse(&text) {
        Ok(pairs) => {
            let variable = |pair: &envfile::Pair| Variable {
                label: format!("{} of {}", clip(&pair.name), clip(shown)),
                place: Place::Elsewhere { file: shown.to_owned(), line: pair.line, column: 1 },
                // Data, not configuration: nothing in it is filled in, not even `{{slot}}`.
                pieces: env::literal(braces::protect(&pair.value)),
            };
            Some(pairs.iter().map(|pair| (pair.name.clone(), variable(pair))).collect())
        }
        Err(lines) => {
            for bad in lines {
                let place = Place::Elsewhere { file: shown.to_owned(), line: bad.line, column: bad.column };
                texts.faults.push(
                    Fault::new(&place, bad.message).help("a line is NAME=value, NAME='value', NAME=\"value\" or # a comment"),
                );
            }
            None
        }
    }
}
