//! How an app is replaced by a new life of itself: `reload` and what belongs to it.

use crate::layer::{Layer, set, top};
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
