//! What is shown instead of a secret: one rule for `status`, `config show`, plans and history, so that all of it may be pasted anywhere.

use crate::{AppSpec, Check, Hook, Probe, Readiness};

/// What stands for a value that is not shown.
pub const MASK: &str = "•••";

impl AppSpec {
    /// The same without its secrets: values of variables and of headers that probes send, what a URL says of a user, and what of a webhook's
    /// URL may be its key, which is all that comes after the host. Paths of files with secrets stay.
    pub fn masked(&self) -> AppSpec {
        let mut spec = self.clone();
        spec.env.values_mut().for_each(mask);
        if let Some(Readiness::Probe(probe)) = &mut spec.ready {
            mask_probe(probe);
        }
        if let Some(Check::Probe(probe)) = spec.health.as_mut().map(|health| &mut health.check) {
            mask_probe(probe);
        }
        for hook in spec.hooks.values_mut() {
            if let Hook::Webhook { url, .. } = hook {
                *url = host_only(url);
            }
        }
        spec
    }
}

fn mask(value: &mut String) {
    MASK.clone_into(value);
}

fn mask_probe(probe: &mut Probe) {
    if let Probe::Http { url, headers, .. } = probe {
        *url = without_user(url);
        headers.values_mut().for_each(mask);
    }
}

/// Scheme, authority and the rest of a URL; of what has no scheme everything is the rest.
fn parts(url: &str) -> (&str, &str, &str) {
    let Some(at) = url.find("://") else { return ("", "", url) };
    let (scheme, rest) = url.split_at(at + 3);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    (scheme, &rest[..end], &rest[end..])
}

fn without_user(url: &str) -> String {
    let (scheme, authority, rest) = parts(url);
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{MASK}@{host}{rest}"),
        None => url.to_owned(),
    }
}

fn host_only(url: &str) -> String {
    let shown = without_user(url);
    let (scheme, authority, rest) = parts(&shown);
    match (scheme, rest) {
        ("", _) => MASK.to_owned(),
        (_, "" | "/") => shown,
        _ => format!("{scheme}{authority}/{MASK}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AppName, Health, HookPoint};

    #[test]
    fn urls() {
        for (url, user, host) in [
            ("http://h:1/p?q", "http://h:1/p?q", "http://h:1/•••"),
            ("https://u:p@h/p", "https://•••@h/p", "https://•••@h/•••"),
            ("https://a@b@h/", "https://•••@h/", "https://•••@h/"),
            ("https://h?token=1", "https://h?token=1", "https://h/•••"),
            ("https://h/x@y", "https://h/x@y", "https://h/•••"),
            ("https://h", "https://h", "https://h"),
            ("secret", "secret", "•••"),
        ] {
            assert_eq!((without_user(url).as_str(), host_only(url).as_str()), (user, host), "{url}");
        }
    }

    #[test]
    fn no_secret_of_a_specification_is_left() {
        let secret = "hunter2";
        let mut spec = AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into());
        let http = || Probe::Http {
            url: format!("http://me:{secret}@127.0.0.1/health"),
            status: Vec::new(),
            headers: [("Authorization".to_owned(), secret.to_owned())].into(),
            body: None,
        };
        spec.env.insert("KEY".to_owned(), secret.to_owned());
        spec.ready = Some(Readiness::Probe(http()));
        spec.health = Some(Health::new(Check::Probe(http())));
        for (point, url) in [
            (HookPoint::OnCrash, format!("https://u:{secret}@hooks.example/services/{secret}?t={secret}")),
            (HookPoint::OnReady, "https://hooks.example".to_owned()),
        ] {
            spec.hooks.insert(point, Hook::Webhook { url, secret_file: Some("/etc/abide/key".into()) });
        }
        let shown = spec.masked();
        let text = serde_json::to_string(&shown).expect("JSON");
        assert!(!text.contains(secret), "{text}");
        let crash =
            Hook::Webhook { url: "https://•••@hooks.example/•••".into(), secret_file: Some("/etc/abide/key".into()) };
        assert_eq!(shown.hooks[&HookPoint::OnCrash], crash);
        let masked = Probe::Http {
            url: "http://•••@127.0.0.1/health".into(),
            status: Vec::new(),
            headers: [("Authorization".to_owned(), MASK.to_owned())].into(),
            body: None,
        };
        assert_eq!(shown.ready, Some(Readiness::Probe(masked)));
        assert_eq!(shown.env["KEY"], MASK);
    }
}
