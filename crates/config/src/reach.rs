//! How an app is reached: `port`, `listen`, `sticky`, and `instance_var`, which tells instances apart.

use crate::address::{self, WANTED, Written};
use crate::base::Base;
use crate::diagnostic::clip;
use crate::fault::{Fault, Faults, Place};
use crate::identity;
use crate::keys::Scope;
use crate::layer::{self, Entries, Entry, Item, Layer, Value, set, top, whole};
use crate::order;
use crate::paths;
use crate::texts::{Scalar, Texts};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use model::{AUTO_PORTS, AppName, AppSpec, BACKLOG, Listen, ListenAddress, Port, Readiness, Sticky};
use std::collections::HashMap;

/// The most sockets of one app: their descriptors begin at 3, and from 100 on there are others.
const MAX_SOCKETS: usize = 64;

/// The longest path of a Unix socket in bytes (`sun_path` of `sockaddr_un`, with the NUL at its end).
const MAX_PATH: usize = 107;

/// The variable that has the number of an instance where nothing is said.
pub(crate) const INSTANCE_VAR: &str = "INSTANCE_ID";

/// Variables that say something else.
const TAKEN: [&str; 6] = ["PORT", "READY_FD", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "NODE_CHANNEL_FD"];

/// Everything of this kind.
pub(crate) fn settings(spec: &mut AppSpec, layers: &[&Layer], base: &Base<'_>, t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    set(key("port"), &mut spec.port, |e| t.or_none(e, port));
    set(key("sticky"), &mut spec.sticky, |e| t.choice(e, &[("source-ip", Some(Sticky::SourceIp)), ("none", None)]));
    set(key("instance_var"), &mut spec.instance_var, |e| instance_var(e, t));
    let sticky = spec.sticky;
    set(key("listen"), &mut spec.listen, |e| listen(e, sticky, base, t));
    // A port that cannot be used has been named, and a key that was not understood may be the one.
    let unsure = is_misread(spec, layers) || layers.iter().any(|layer| layer.unsure);
    let tcp = spec.listen.iter().any(|one| matches!(one.address, ListenAddress::Tcp(_)));
    t.env.portless = (spec.port.is_none() && !tcp && !unsure).then(|| spec.name.to_string());
}

/// Whether `port` or `listen` says something that was not understood.
pub(crate) fn is_misread(spec: &AppSpec, layers: &[&Layer]) -> bool {
    let nothing = |entry: &Entry| match &entry.item.value {
        Value::Text(text) | Value::Verbatim(text) => text == "none",
        Value::List(items) => items.is_empty(),
        _ => false,
    };
    let written = |key| top(layers, key).is_some_and(|entry| !nothing(entry));
    written("port") && spec.port.is_none() || written("listen") && spec.listen.is_empty()
}

fn port(t: &mut Texts<'_, '_>, entry: &Entry) -> Option<Port> {
    let wanted = "a port such as 3000, \"3000-3003\", \"auto\" or \"auto:5000-5100\"";
    let scalar = t.scalar(&entry.item, &entry.written, wanted)?;
    let text = match &scalar {
        Scalar::Int(number) => number.to_string(),
        Scalar::Text { text, .. } => text.trim().to_owned(),
        other => return t.mismatch(&entry.item, &entry.written, wanted, other),
    };
    let (is_auto, span) = match text.strip_prefix("auto") {
        Some("") => return Some(Port::Auto(AUTO_PORTS.0, AUTO_PORTS.1)),
        Some(rest) => (true, rest.strip_prefix(':').filter(|span| span.contains('-')).unwrap_or_default()),
        None => (false, text.as_str()),
    };
    let (first, last) = span.split_once('-').unwrap_or((span, span));
    let is_nought = |text: &str| !text.is_empty() && text.bytes().all(|b| b == b'0');
    if is_nought(first) || is_nought(last) {
        return t.refuse(entry, "0 is no port", Some(format!("for a port that Abide chooses write {}", say(entry, "auto"))));
    }
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| crate::url::is_port(text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => {
            let turned = format!("{}{last}-{first}", if is_auto { "auto:" } else { "" });
            t.refuse(
                entry,
                format!("the range {first}-{last} ends before it begins"),
                Some(format!("write {}", say(entry, &turned))),
            )
        }
        (Some(first), Some(last)) if is_auto => Some(Port::Auto(first, last)),
        (Some(first), Some(last)) if span.contains('-') => Some(Port::Range(first, last)),
        (Some(only), Some(_)) => Some(Port::Fixed(only)),
        _ => t.mismatch(&entry.item, &entry.written, wanted, &scalar),
    }
}

/// How a value of `port` is written there.
fn say(entry: &Entry, value: &str) -> String {
    match entry.place {
        Place::Flag(flag) => format!("`{flag} {value}`"),
        _ => format!("`port = \"{value}\"`"),
    }
}

fn instance_var(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<Option<String>> {
    let text = t.text(&entry.item, &entry.written, "the name of a variable")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.chars().all(fits) || text.starts_with(|c: char| c.is_ascii_digit()) {
        let help = "it is made of A-Z a-z 0-9 _ and does not begin with a digit".to_owned();
        return t.refuse(entry, format!("`{}` cannot be the name of a variable", clip(&text)), Some(help));
    }
    if TAKEN.contains(&text.as_str()) || ["ABIDE_", "LISTEN_"].iter().any(|front| text.starts_with(front)) {
        return t.refuse(entry, format!("Abide says something else in `{text}`"), Some("choose another name".to_owned()));
    }
    Some(Some(text).filter(|text| text != INSTANCE_VAR))
}

fn listen(entry: &Entry, sticky: Option<Sticky>, base: &Base<'_>, t: &mut Texts<'_, '_>) -> Option<Vec<Listen>> {
    let items: &[Item] = match &entry.item.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(&entry.item),
    };
    if items.len() > MAX_SOCKETS {
        return t.refuse(entry, format!("{} sockets, more than {MAX_SOCKETS}", items.len()), None);
    }
    let mut all: Vec<Listen> = Vec::new();
    let mut good = true;
    for item in items {
        let Some(socket) = socket(&Entry { item: item.clone(), ..entry.clone() }, sticky, base, t) else {
            good = false;
            continue;
        };
        let own = |one: &Listen| one.name == default_name(&one.address);
        let clash = all.iter().find_map(|other| {
            if let Some(how) = clash(other, &socket) {
                return Some((how, "an app listens on an address once; remove one of them"));
            }
            // What nobody has named may have the same name: systemd does likewise.
            let same = other.name == socket.name && !(own(other) && own(&socket));
            same.then(|| (format!("two sockets are called \"{}\"", socket.name), "give one of them another `name`"))
        });
        if let Some((message, help)) = clash {
            t.faults.push(Fault::new(&item.place, format!("`{}`: {message}", entry.written)).help(help));
            good = false;
        }
        all.push(socket);
    }
    good.then_some(all)
}

/// One of them: its address, or a table. `entry` holds it as its item.
fn socket(entry: &Entry, sticky: Option<Sticky>, base: &Base<'_>, t: &mut Texts<'_, '_>) -> Option<Listen> {
    match &entry.item.value {
        Value::Table(members) => {
            let keys = layer::entries(Scope::Listen, &format!("{}.", entry.written), members.clone(), t.faults);
            if let Some(inner) = keys.get("address") {
                let address = address_of(inner, base, t);
                return detailed(address, &keys, sticky, base, t);
            }
            // A key that was not understood has been named, and is most likely this one, misspelled.
            if keys.len() == members.len() {
                let help = "add `address = \"tcp://127.0.0.1:3000\"`".to_owned();
                t.refuse::<()>(entry, "it does not say where", Some(help));
            }
            None
        }
        Value::Text(_) | Value::Verbatim(_) => {
            let address = address_of(entry, base, t);
            detailed(address, &Entries::new(), sticky, base, t)
        }
        Value::Int(port) if (1..=65535).contains(port) => {
            t.refuse(entry, format!("expected {WANTED}, found an integer"), Some(format!("write \"tcp://127.0.0.1:{port}\"")))
        }
        other => t.refuse(entry, format!("expected {WANTED}, or a table, found {}", other.kind()), None),
    }
}

fn address_of(entry: &Entry, base: &Base<'_>, t: &mut Texts<'_, '_>) -> Option<ListenAddress> {
    let text = t.text(&entry.item, &entry.written, WANTED)?;
    let path = match address::read(&text) {
        Ok(Written::Net(address)) => return Some(address),
        Ok(Written::Unix(path)) => paths::resolve(path, base.folder_at(&entry.item.place), base.around.home_dir()),
        Err((message, help)) => return t.refuse(entry, message, help),
    };
    match path {
        Ok(path) if path.as_os_str().len() > MAX_PATH => {
            let message = format!("the path {} has {} bytes", clip(&path.to_string_lossy()), path.as_os_str().len());
            t.refuse(
                entry,
                message,
                Some(format!("that of a socket can have {MAX_PATH}; put it elsewhere, for example below /run")),
            )
        }
        Ok(path) => Some(ListenAddress::Unix(path)),
        Err(wrong) => crate::command::bad_path(wrong, entry, t),
    }
}

/// The keys beside the address.
fn detailed(
    address: Option<ListenAddress>,
    keys: &Entries,
    sticky: Option<Sticky>,
    base: &Base<'_>,
    t: &mut Texts<'_, '_>,
) -> Option<Listen> {
    let key = |name| keys.get(name);
    let name = key("name").map_or(Some(None), |e| name(e, t).map(Some));
    let backlog = key("backlog").map_or(Some(BACKLOG), |e| t.int(e));
    let reuse = key("reuse_port").map_or(Some(None), |e| t.boolean(e).map(Some));
    let mode = key("mode").map_or(Some(None), |e| identity::octal(e, ("mode", "660"), base, t).map(Some));
    let (address, name, backlog, reuse, mode) = (address?, name?, backlog?, reuse?, mode?);
    let mut fits = true;
    let mut refuse = |key: &str, wrong: bool, message: &str| {
        if let (Some(entry), true) = (keys.get(key), wrong) {
            t.refuse::<()>(entry, message, Some("remove it".to_owned()));
            fits = false;
        }
    };
    let is_unix = matches!(address, ListenAddress::Unix(_));
    refuse("mode", !is_unix, "only a Unix socket has a file, and its mode");
    refuse("reuse_port", is_unix && reuse == Some(true), "a Unix socket is one for all instances");
    refuse("reuse_port", !is_unix && sticky.is_some() && reuse == Some(false), "`sticky` needs a socket for each instance");
    refuse("backlog", matches!(address, ListenAddress::Udp(_)), "with udp nothing waits to be accepted");
    let name = name.unwrap_or_else(|| default_name(&address));
    fits.then(|| Listen { name, backlog, reuse_port: reuse.unwrap_or(sticky.is_some() && !is_unix), mode, address })
}

/// What can stand in `LISTEN_FDNAMES`, by the rules of sd_listen_fds_with_names(3).
fn name(entry: &Entry, t: &mut Texts<'_, '_>) -> Option<String> {
    let text = t.text(&entry.item, &entry.written, "a name")?;
    if text.len() <= 255 && text.chars().all(in_name) {
        return Some(text);
    }
    t.refuse(
        entry,
        format!("`{}` cannot be the name of a socket", clip(&text)),
        Some("up to 255 characters of ASCII, no `:`".to_owned()),
    )
}

fn in_name(c: char) -> bool {
    (c == ' ' || c.is_ascii_graphic()) && c != ':'
}

/// What a socket is called that nobody has named: the number of its port, or the stem of its file.
pub(crate) fn default_name(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(at) | ListenAddress::Udp(at) => at.port().to_string(),
        ListenAddress::Unix(path) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            stem.chars().map(|c| if in_name(c) { c } else { '_' }).collect()
        }
    }
}

/// Why both cannot be bound, if so.
fn clash(one: &Listen, other: &Listen) -> Option<String> {
    use ListenAddress::{Tcp, Udp};
    if one.address == other.address {
        return Some(format!("`{}` is there already", one.address));
    }
    let ((Tcp(a), Tcp(b)) | (Udp(a), Udp(b))) = (&one.address, &other.address) else { return None };
    let includes = a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified());
    // The kernel lets these stand beside each other.
    let beside = one.reuse_port && other.reuse_port;
    (includes && !beside)
        .then(|| format!("`{}` and `{}` are on one port, and one of them is every address", one.address, other.address))
}

/// What only several keys together can get wrong.
pub(crate) fn bounds(spec: &AppSpec, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    if let (Some(port), Some(entry)) = (spec.port, top(layers, "port")) {
        room(port, spec, entry, t);
    }
    if let (Some(_), Some(entry)) = (spec.sticky, top(layers, "sticky")) {
        spread(spec, layers, entry, t);
    }
    let last = 2 + spec.listen.len();
    if let (Some(Readiness::Fd { number: Some(number) }), Some((_, Some(keys)))) = (&spec.ready, whole(layers, "ready"))
        && let Some(entry) = keys.get("fd").filter(|_| last > 2 && usize::try_from(*number).is_ok_and(|number| number <= last))
    {
        let help = format!("use {} or more, or \"auto\"", last + 1);
        t.refuse::<()>(entry, format!("descriptor {number} is a socket of `listen`"), Some(help));
    }
}

/// Whether there is a port for each instance, and none that `listen` has.
fn room(port: Port, spec: &AppSpec, entry: &Entry, t: &mut Texts<'_, '_>) {
    let (first, last) = port.span();
    let taken = spec.listen.iter().find_map(|one| match one.address {
        ListenAddress::Tcp(at) if port.allows(at.port()) && !matches!(port, Port::Auto(..)) => Some(at.port()),
        _ => None,
    });
    if let Some(taken) = taken {
        let help = "remove `port`, or use another: without it PORT is that of the first TCP address of `listen`".to_owned();
        t.refuse::<()>(entry, format!("`listen` has the port {taken}, so that the app cannot bind it"), Some(help));
    }
    let ports = port.count();
    if spec.instances <= ports {
        return;
    }
    let message = match port {
        Port::Fixed(port) => format!("{} instances cannot all have port {port}", spec.instances),
        Port::Range(..) | Port::Auto(..) => format!("{first}-{last} are {ports} ports, for {} instances", spec.instances),
    };
    let end = u32::from(first) + spec.instances - 1;
    let range = (end <= 65535).then(|| match port {
        Port::Auto(..) => say(entry, &format!("auto:{first}-{end}")),
        Port::Fixed(_) | Port::Range(..) => say(entry, &format!("{first}-{end}")),
    });
    let ways = crate::shape::one_of(range.into_iter().chain([say(entry, "auto")]));
    let shared = format!("`listen = [\"tcp://127.0.0.1:{first}\"]` instead of `port`, for a socket that they share");
    let help = match &entry.place {
        // There is no flag for sockets.
        Place::Flag(_) => format!("write {ways}"),
        _ => format!("write {ways}; or {shared}"),
    };
    t.refuse::<()>(entry, message, Some(help));
}

/// Whether `sticky` has anything to spread.
fn spread(spec: &AppSpec, layers: &[&Layer], entry: &Entry, t: &mut Texts<'_, '_>) {
    if spec.listen.is_empty() {
        if !is_misread(spec, layers) {
            let help = "add `listen = [\"tcp://*:3000\"]`, or remove it".to_owned();
            t.refuse::<()>(entry, format!("`{}` has no `listen` whose connections could be spread", spec.name), Some(help));
        }
        return;
    }
    if let Some(path) = spec.listen.iter().find(|one| matches!(one.address, ListenAddress::Unix(_))) {
        let message = format!("who connects to `{}` has no address", path.address);
        t.refuse::<()>(entry, message, Some("listen on tcp or udp, or remove it".to_owned()));
    }
    // A share of the processors can be 1 on one machine and 8 on the next.
    let share =
        |entry: &Entry| matches!(&entry.item.value, Value::Text(text) | Value::Verbatim(text) if text.parse::<u32>().is_err());
    if spec.instances == 1 && !top(layers, "instances").is_some_and(share) {
        let help = "set `instances` to more than 1, or remove it".to_owned();
        t.refuse::<()>(entry, format!("`{}` has one instance, which gets all connections anyway", spec.name), Some(help));
    }
}

/// Refuses that two apps listen on one address.
pub(crate) fn between(apps: &[AppSpec], written: &order::Written<'_>, faults: &mut Faults) {
    type Known<'s> = (&'s AppName, &'s Listen);
    let mut known: HashMap<ListenAddress, Known<'_>> = HashMap::new();
    // Those of one port, by the address that includes them all.
    let mut ports: HashMap<ListenAddress, Vec<Known<'_>>> = HashMap::new();
    for (app, socket) in apps.iter().flat_map(|app| app.listen.iter().map(move |socket| (app, socket))) {
        let address = &socket.address;
        let clashes = |(other, one): &Known<'_>| **other != app.name && clash(one, socket).is_some();
        let all = all_of(address);
        let near = [Some(address), all.as_ref()].into_iter().flatten().find_map(|at| known.get(at).copied().filter(clashes));
        let inside = || ports.get(address)?.iter().copied().find(clashes);
        if let (Some((other, one)), Some(entry)) = (near.or_else(inside), written.entry(&app.name, "listen")) {
            let what = match one.address == *address {
                true => format!("`{address}`"),
                false => format!("`{}` and `{address}`, which are on one port,", one.address),
            };
            let message = format!("`{}`: {what} cannot belong to `{other}` and to `{}`", entry.written, app.name);
            let fault = Fault::new(&entry.item.place, message).needle(address.to_string());
            faults.push(fault.help("give one of the apps another address"));
        }
        known.entry(address.clone()).or_insert((&app.name, socket));
        if let Some(all) = all {
            ports.entry(all).or_default().push((&app.name, socket));
        }
    }
}

/// The address of the same kind and port that includes this one.
fn all_of(address: &ListenAddress) -> Option<ListenAddress> {
    let wide = |at: &SocketAddr| {
        let ip = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        SocketAddr::new(ip, at.port())
    };
    match address {
        ListenAddress::Tcp(at) => Some(ListenAddress::Tcp(wide(at))),
        ListenAddress::Udp(at) => Some(ListenAddress::Udp(wide(at))),
        ListenAddress::Unix(_) => None,
    }
}
