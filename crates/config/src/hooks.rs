//! What is told to the outside when something happens to an app.

use crate::command;
use crate::diagnostic::clip;
use crate::keys::Scope;
use crate::layer::{self, Entry, Value, top_in};
use crate::probe::{self, Ground};
use crate::texts::Texts;
use crate::url;
use model::{Hook, HookPoint, Hooks};

/// Everything in `hooks`.
pub(crate) fn settings(hooks: &mut Hooks, ground: Ground<'_>, t: &mut Texts<'_, '_>) {
    for point in HookPoint::ALL {
        if let Some(entry) = top_in(ground.layers, "hooks", point.word())
            && let Some(hook) = hook(entry, ground, t)
        {
            hooks.insert(point, hook);
        }
    }
}

fn hook(entry: &Entry, ground: Ground<'_>, t: &mut Texts<'_, '_>) -> Option<Hook> {
    match &entry.item.value {
        Value::Table(members) => {
            let keys = layer::entries(Scope::Webhook, &format!("{}.", entry.written), members.clone(), t.faults);
            let secret =
                keys.get("secret_file").map(|e| command::path(&e.item, e, ground.base.folder_at(&e.item.place), ground.base, t));
            let Some(address) = keys.get("webhook") else {
                let help = "write `{ webhook = \"https://…\" }`, or a command".to_owned();
                return t.refuse(entry, "it does not say where to", Some(help));
            };
            let url = t.text(&address.item, &address.written, "a URL")?;
            if let Some((message, help)) = url::wrong(&url, true) {
                return t.refuse(address, message, help.map(str::to_owned));
            }
            // A secret that cannot be used is an error, not a message without a signature.
            let secret_file = match secret {
                None => None,
                Some(path) => Some(path?),
            };
            Some(Hook::Webhook { url, secret_file })
        }
        Value::Text(text) if ["http://", "https://"].iter().any(|front| text.starts_with(front)) => {
            let help = format!("write `{} = {{ webhook = \"…\" }}`", clip(entry.written.rsplit('.').next().unwrap_or_default()));
            t.refuse(entry, "this is a URL, and a string here is a command", Some(help))
        }
        _ => Some(Hook::Command { argv: probe::exec(entry, ground, t)? }),
    }
}
