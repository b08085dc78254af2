//! Whether the hooks of an app can work at all, asked before its wish is accepted.

use super::{sign, webhook::Place};
use model::{Hook, HookPoint, Hooks};

/// Why a hook cannot work, with the hook's name in front. `program` says why a program cannot be run. Asks the disk: blocking.
pub(crate) fn fault(hooks: &Hooks, program: impl Fn(&[String]) -> Result<(), String>) -> Option<String> {
    let one = |(point, hook): (&HookPoint, &Hook)| {
        let why = match hook {
            Hook::Command { argv } => program(argv),
            Hook::Webhook { url, secret_file } => {
                Place::of(url).and_then(|_| secret_file.as_deref().map_or(Ok(()), |path| sign::secret(path).map(drop)))
            }
        };
        why.err().map(|why| format!("hook {}: {why}", point.word()))
    };
    hooks.iter().find_map(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        let webhook = |url: &str, secret: Option<&str>| Hook::Webhook { url: url.into(), secret_file: secret.map(Into::into) };
        let cases = [
            (Hook::Command { argv: vec!["true".into()] }, None),
            (Hook::Command { argv: vec!["nope".into()] }, Some("hook on_crash: not there")),
            (webhook("https://example.com/x", None), None),
            (webhook("ftp://example.com", None), Some("hook on_crash: a URL with ftp:// cannot be told")),
            (webhook("http://h/x", Some("/nowhere/secret")), Some("hook on_crash: secret_file /nowhere/secret: ENOENT")),
        ];
        for (hook, want) in cases {
            let hooks = Hooks::from([(HookPoint::OnCrash, hook)]);
            let got = fault(&hooks, |argv| if argv[0] == "true" { Ok(()) } else { Err("not there".to_owned()) });
            assert_eq!(got.is_some(), want.is_some(), "{got:?}");
            assert!(got.zip(want).is_none_or(|(got, want)| got.starts_with(want)));
        }
    }
}
