//! How an app is replaced by a new life of itself: `reload` and what belongs to it.

use crate::fault::Fault;
use crate::layer::{Entry, Layer, set, top};
use crate::order::Written;
use crate::texts::Texts;
use model::{AppSpec, Port, Reload, Renewal};

/// Everything of this kind.
pub(crate) fn settings(renewal: &mut Renewal, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    set(key("reload"), &mut renewal.strategy, |e| t.choice(e, &Reload::ALL.map(|strategy| (strategy.word(), strategy))));
    set(key("reload_signal"), &mut renewal.signal, |e| t.signal(e));
    set(key("drain"), &mut renewal.drain, |e| t.span(e));
    set(key("soak"), &mut renewal.soak, |e| t.span(e));
    set(key("max_parallel"), &mut renewal.max_parallel, |e| t.int(e));
}

/// What only several keys together can get wrong. A range that has no ports for those that live side by side is found by the plan, which
/// knows what runs.
pub(crate) fn bounds(spec: &AppSpec, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let Some(entry) = top(layers, "reload") else { return };
    // A `listen` that cannot be used has been named.
    if !spec.listen.is_empty() || crate::reach::is_misread(spec, layers) {
        return;
    }
    match (spec.renewal.strategy, spec.port) {
        (Reload::Socket, _) => {
            let message = format!("\"socket\" hands listening sockets on, and `{}` has none", spec.name);
            let help = "add `listen = [\"tcp://127.0.0.1:3000\"]`, or choose another strategy";
            t.refuse::<()>(entry, message, Some(help.to_owned()));
        }
        (Reload::Bluegreen, Some(Port::Fixed(port))) => {
            let message = format!(
                "with \"bluegreen\" the old one and the new one of `{}` run side by side, and both want port {port}",
                spec.name
            );
            let help = format!(
                "write `port = \"auto\"`, a range with twice as many ports as instances, or `listen = [\"tcp://127.0.0.1:{port}\"]` instead of `port`"
            );
            t.refuse::<()>(entry, message, Some(help));
        }
        _ => {}
    }
}

/// Keys of a reload that the app's own reload has no use for.
pub(crate) fn idle(apps: &[AppSpec], written: &Written<'_>) -> Vec<Fault> {
    apps.iter().flat_map(|app| of_app(app, written.layers(&app.name))).collect()
}

fn of_app(app: &AppSpec, layers: &[&Layer]) -> Vec<Fault> {
    let key = |name: &'static str| meant(layers, |layer| layer.keys.get(name));
    let how = app.renewal.strategy;
    if app.schedule.is_some() {
        let why = format!("`{}` has a `schedule`: each of its runs is a new life, so it is never reloaded", app.name);
        let entries = ["reload", "reload_signal", "drain", "soak", "max_parallel"].map(key);
        return entries.into_iter().flatten().map(|entry| said(entry, &why, "remove the key")).collect();
    }
    let beside = matches!(how, Reload::Rolling | Reload::Bluegreen | Reload::Socket);
    let by_turns = matches!(how, Reload::Rolling | Reload::Restart);
    let hook = meant(layers, |layer| layer.tables.get("hooks")?.get("on_switch"));
    let why = format!("`{}` is reloaded by \"{how}\", which has no use for it", app.name);
    [
        (key("reload_signal"), how == Reload::Hup, "`hup`"),
        (key("drain"), beside, "`rolling`, `bluegreen` and `socket`, where another serves meanwhile"),
        (key("soak"), how != Reload::Restart || app.instances > 1, "`rolling`, `bluegreen`, `socket` and `hup`"),
        (key("max_parallel"), by_turns, "`rolling` and `restart`"),
        (
            hook,
            how == Reload::Bluegreen && app.listen.is_empty(),
            "`bluegreen` without `listen`, where clients have to be sent to other ports",
        ),
    ]
    .into_iter()
    .filter(|(_, used, _)| !used)
    .filter_map(|(entry, _, whose)| Some(said(entry?, &why, &format!("it belongs to {whose}; set `reload`, or remove the key"))))
    .collect()
}

fn said(entry: &Entry, why: &str, help: &str) -> Fault {
    Fault::new(&entry.place, format!("`{}`: {why}", entry.written)).help(help)
}

/// A key as it is meant for this very app: what stands among defaults is for others, too, and what only a profile reloads in another way is of use
/// without it.
fn meant<'l>(layers: &[&'l Layer], find: impl Fn(&'l Layer) -> Option<&'l Entry>) -> Option<&'l Entry> {
    let (at, entry) = layers.iter().enumerate().rev().find_map(|(at, layer)| Some((at, find(layer)?)))?;
    let says = |layer: &Layer, key: &str| layer.keys.contains_key(key);
    let is_own = says(layers[at], "cmd") || says(layers[at], "reload");
    (is_own && !layers[at + 1..].iter().any(|above| says(above, "reload"))).then_some(entry)
}
