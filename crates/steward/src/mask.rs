//! A specification without its secrets: what `status` shows may be pasted anywhere.

use serde_json::Value;

/// What stands for a value that is not shown.
const MASK: &str = "•••";

/// Masks values of variables, of headers that probes send, what a URL says of a user, and what of a webhook's URL may be its key: all that
/// comes after the host. Paths of files with secrets stay.
pub(crate) fn masked(mut spec: Value) -> Value {
    mask_values(spec.get_mut("env"));
    for probe in ["/ready/probe/http", "/health/check/probe/http"] {
        if let Some(http) = spec.pointer_mut(probe) {
            mask_values(http.get_mut("headers"));
            edit(http.get_mut("url"), without_user);
        }
    }
    if let Some(Value::Object(hooks)) = spec.get_mut("hooks") {
        for hook in hooks.values_mut() {
            edit(hook.pointer_mut("/webhook/url"), host_only);
        }
    }
    spec
}

fn mask_values(map: Option<&mut Value>) {
    if let Some(Value::Object(map)) = map {
        map.values_mut().for_each(|value| *value = Value::String(MASK.to_owned()));
    }
}

fn edit(value: Option<&mut Value>, how: impl Fn(&str) -> String) {
    if let Some(Value::String(text)) = value {
        *text = how(text);
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
    use serde_json::json;

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
        let mut spec = model::AppSpec::new(model::AppName::new("web").expect("name"), vec!["x".into()], "/".into());
        let http = || model::Probe::Http {
            url: format!("http://me:{secret}@127.0.0.1/health"),
            status: Vec::new(),
            headers: [("Authorization".to_owned(), secret.to_owned())].into(),
            body: None,
        };
        spec.env.insert("KEY".to_owned(), secret.to_owned());
        spec.ready = Some(model::Readiness::Probe(http()));
        spec.health = Some(model::Health::new(model::Check::Probe(http())));
        for (point, url) in [
            (model::HookPoint::OnCrash, format!("https://u:{secret}@hooks.example/services/{secret}?t={secret}")),
            (model::HookPoint::OnReady, "https://hooks.example".to_owned()),
        ] {
            spec.hooks.insert(point, model::Hook::Webhook { url, secret_file: Some("/etc/abide/key".into()) });
        }
        let spec = masked(serde_json::to_value(&spec).expect("JSON"));
        let text = spec.to_string();
        assert!(!text.contains(secret), "{text}");
        assert_eq!(
            spec["hooks"]["on_crash"]["webhook"],
            json!({"url": "https://•••@hooks.example/•••", "secret_file": "/etc/abide/key"})
        );
        assert_eq!(spec["health"]["check"]["probe"]["http"]["headers"], json!({"Authorization": MASK}));
        assert_eq!(spec["ready"]["probe"]["http"]["url"], "http://•••@127.0.0.1/health");
    }
}
