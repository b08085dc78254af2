//! Addresses that are asked or told: checked as text, nothing is looked up.
//!
//! What is said of a wrong one never quotes it: addresses of webhooks are secrets.

use core::net::Ipv6Addr;

/// The longest address.
const MAX_LENGTH: usize = 4096;

/// What is wrong with the URL `text`, and what to do about it. `https` says whether that is spoken.
pub(crate) fn wrong(text: &str, https: bool) -> Option<(String, Option<&'static str>)> {
    let say = |message: &str, help| Some((message.to_owned(), help));
    let lower = text.to_ascii_lowercase();
    let rest = if lower.starts_with("http://") {
        &text["http://".len()..]
    } else if lower.starts_with("https://") && https {
        &text["https://".len()..]
    } else if lower.starts_with("https://") {
        let help = "ask the app itself by http:// on 127.0.0.1, or use `exec` with `curl -fsS https://…`";
        return say("probes speak http, not https", Some(help));
    } else if https {
        return say("expected a URL that begins with http:// or https://", None);
    } else {
        return say("expected a URL such as \"http://127.0.0.1:3000/health\"", None);
    };
    if text.len() > MAX_LENGTH {
        return Some((format!("the URL has {} bytes, more than {MAX_LENGTH}", text.len()), None));
    }
    if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic() || r#""<>\^`{|}"#.contains(*c)) {
        return Some((format!("a URL cannot hold {c:?}"), Some("write it percent-encoded, for example %20 for a blank")));
    }
    if rest.contains('#') {
        return say("what stands behind # in a URL is never sent", Some("take it off"));
    }
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    if authority.contains('@') {
        let help = (!https).then_some("use `headers = { Authorization = \"Basic …\" }`");
        return say("a user and a password in a URL are not sent", help);
    }
    let (host, port) = split(authority);
    if !is_host(host) {
        return say("the URL names no host", None);
    }
    port.filter(|port| !is_port(port)).and_then(|_| say("the port of the URL is not a number from 1 to 65535", None))
}

/// Whether `text` is `HOST:PORT`.
pub(crate) fn is_address(text: &str) -> bool {
    let (host, port) = split(text);
    text.len() <= MAX_LENGTH && is_host(host) && port.is_some_and(is_port)
}

/// Whether `text` is a port.
pub(crate) fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The host, and the port where a colon announces one. The colons of `[::1]` do not.
pub(crate) fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.len() <= 253 && host.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for good in [
            "http://127.0.0.1:3000/health",
            "http://localhost",
            "HTTP://a.b-c_d:1?x=1",
            "http://[::1]:80/",
            "http://[::1]",
            "http://h/%20",
        ] {
            assert_eq!(wrong(good, false), None, "{good}");
        }
        assert_eq!(wrong("https://hooks.example.com/x", true), None);
        for (bad, said) in [
            ("https://x", "probes speak http, not https"),
            ("127.0.0.1:3000", "expected a URL such as \"http://127.0.0.1:3000/health\""),
            ("", "expected a URL such as \"http://127.0.0.1:3000/health\""),
            ("http://", "the URL names no host"),
            ("http:///x", "the URL names no host"),
            ("http://:80/x", "the URL names no host"),
            ("http://::1/", "the URL names no host"),
            ("http://[x]/", "the URL names no host"),
            ("http://a:0/", "the port of the URL is not a number from 1 to 65535"),
            ("http://a:/", "the port of the URL is not a number from 1 to 65535"),
            ("http://a:+1/", "the port of the URL is not a number from 1 to 65535"),
            ("http://a:65536", "the port of the URL is not a number from 1 to 65535"),
            ("http://a/ b", "a URL cannot hold ' '"),
            ("http://a/{x}", "a URL cannot hold '{'"),
            ("http://a/\n", "a URL cannot hold '\\n'"),
            ("http://a/é", "a URL cannot hold 'é'"),
            ("http://a/#x", "what stands behind # in a URL is never sent"),
            ("http://u:p@a/", "a user and a password in a URL are not sent"),
        ] {
            assert_eq!(wrong(bad, false).map(|(message, _)| message).as_deref(), Some(said), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        for good in ["127.0.0.1:5432", "db:1", "[::1]:65535"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", ":1", "db", "db:", "db:0", "db:65536", "::1:80", "[::1]", "a b:1", "tcp://db:1", "db:1/x"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
