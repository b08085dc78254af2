//! How an app is reached, and how it is replaced.

use super::literal::{Literal, int, list, or_none, plain, span, word};
use super::rows::Rows;
use crate::reach::{INSTANCE_VAR, default_name};
use model::{AppSpec, BACKLOG, Listen, ListenAddress, Port, Renewal, Sticky};

pub(super) fn reach(spec: &AppSpec, base: &AppSpec, rows: &mut Rows<'_>) {
    let port = |port: Option<Port>| or_none(port, port_of);
    rows.key(&["port"], port(spec.port), port(base.port));
    let sticky = spec.sticky.is_some();
    rows.key(&["listen"], list(&spec.listen, |one| socket(one, sticky)), Literal::List(Vec::new()));
    let spread = |sticky: Option<Sticky>| {
        or_none(sticky, |sticky| match sticky {
            Sticky::SourceIp => word("source-ip"),
        })
    };
    rows.key(&["sticky"], spread(spec.sticky), spread(base.sticky));
    rows.key(&["instance_var"], word(spec.instance_var.as_deref().unwrap_or(INSTANCE_VAR)), word(INSTANCE_VAR));
}

fn port_of(port: Port) -> Literal {
    match port {
        Port::Fixed(port) => int(port),
        Port::Range(..) | Port::Auto(..) => word(&port.to_string()),
    }
}

/// The address alone where nothing else was said of it.
fn socket(socket: &Listen, sticky: bool) -> Literal {
    let Listen { address, name, backlog, reuse_port, mode } = socket;
    let at = plain(&address.to_string());
    let implied = sticky && !matches!(address, ListenAddress::Unix(_));
    let more = [
        ("name", (*name != default_name(address)).then(|| plain(name))),
        ("backlog", (*backlog != BACKLOG).then(|| int(*backlog))),
        ("reuse_port", (*reuse_port != implied).then_some(Literal::Bool(*reuse_port))),
        ("mode", mode.map(|mode| word(&format!("{mode:03o}")))),
    ];
    let more: Vec<(String, Literal)> = more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
    if more.is_empty() {
        return at;
    }
    Literal::Table(std::iter::once(("address".to_owned(), at)).chain(more).collect())
}

pub(super) fn renewal(renewal: &Renewal, base: &Renewal, rows: &mut Rows<'_>) {
    let Renewal { strategy, signal, drain, soak, max_parallel } = renewal;
    rows.key(&["reload"], word(strategy.word()), word(base.strategy.word()));
    rows.key(&["reload_signal"], word(&signal.to_string()), word(&base.signal.to_string()));
    rows.key(&["drain"], span(*drain), span(base.drain));
    rows.key(&["soak"], span(*soak), span(base.soak));
    rows.key(&["max_parallel"], int(*max_parallel), int(base.max_parallel));
}
