//! A compose file: what runs in containers stays there. A service that says its command is offered, as comments.

use super::text::word;
use super::{Draft, Folder, Found, fit};
use config::{Literal, sketch_yaml};

/// So many services are named that say no command.
const NAMED: usize = 10;

/// The services of the file called `name`.
pub(super) fn detect(folder: &Folder, name: &str, found: &mut Found) {
    let text = folder.text(name).map(sketch_yaml);
    let services = text.as_ref().and_then(|file| table(member(file, "services")?)).unwrap_or_default();
    let mut silent = Vec::new();
    for (service, says) in services {
        match command(says) {
            Some(cmd) => found.offered.push(draft(name, service, cmd, says)),
            None => silent.push(described(service, says)),
        }
    }
    let offered: Vec<String> = found.offered.iter().map(|app| app.name.clone()).collect();
    // Who is not offered is not waited for.
    found.offered.iter_mut().for_each(|app| app.depends_on.retain(|other| offered.contains(other) && *other != app.name));
    found.notes.push(format!("{name} is there: what runs in containers stays with them, and was not taken over"));
    if !offered.is_empty() {
        found.notes.push(format!("what says its command is written down as a comment: {}", offered.join(", ")));
    }
    if !silent.is_empty() {
        let more = if silent.len() > NAMED { ", …" } else { "" };
        silent.truncate(NAMED);
        found.notes.push(format!("{name} does not say which command these run: {}{more}", silent.join(", ")));
    }
}

fn draft(file: &str, service: &str, cmd: String, says: &Literal) -> Draft {
    let mut draft = Draft::new(service, &cmd, &format!("{file}, service {}", service.escape_debug()));
    if let Some(image) = text(says, "image") {
        draft.remarks.push(format!("there it runs in the image {image}"));
    } else if member(says, "build").is_some() {
        draft.remarks.push("there it runs in an image that is built first".to_owned());
    }
    draft.remarks.push("its variables, ports and volumes were not taken over".to_owned());
    draft.depends_on = match member(says, "depends_on") {
        Some(Literal::List(names)) => names.iter().filter_map(as_text).map(fit).collect(),
        Some(Literal::Table(names)) => names.iter().map(|(name, _)| fit(name)).collect(),
        _ => Vec::new(),
    };
    draft
}

/// What a service runs, if it says so itself: `entrypoint` and `command`, each split as a shell would split it, or a list of words.
fn command(says: &Literal) -> Option<String> {
    let part = |key: &str| match member(says, key)? {
        Literal::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Literal::List(words) if !words.is_empty() => {
            let words: Option<Vec<String>> = words.iter().map(scalar).collect();
            Some(words?.iter().map(|text| word(text)).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    // Without a command of its own, what is behind an entrypoint is known to the image only.
    let command = part("command")?;
    Some(part("entrypoint").map_or(command.clone(), |entry| format!("{entry} {command}")))
}

fn described(service: &str, says: &Literal) -> String {
    let service = service.escape_debug();
    text(says, "image").map_or(service.to_string(), |image| format!("{service} (image {image})"))
}

fn table(value: &Literal) -> Option<&[(String, Literal)]> {
    if let Literal::Table(members) = value { Some(members) } else { None }
}

fn member<'v>(value: &'v Literal, name: &str) -> Option<&'v Literal> {
    table(value)?.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn text<'v>(value: &'v Literal, name: &str) -> Option<&'v str> {
    as_text(member(value, name)?)
}

fn as_text(value: &Literal) -> Option<&str> {
    if let Literal::Text(text) = value { Some(text) } else { None }
}

fn scalar(value: &Literal) -> Option<String> {
    match value {
        Literal::Text(text) => Some(text.clone()),
        Literal::Int(number) => Some(number.to_string()),
        Literal::Float(number) => Some(number.to_string()),
        Literal::Bool(is) => Some(is.to_string()),
        Literal::List(_) | Literal::Table(_) | Literal::Hidden => None,
    }
}
