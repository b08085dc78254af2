//! `{{app}}` and its kin, filled at each birth.

/// What the names stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    /// `{{app}}`.
    pub(crate) app: &'a str,
    /// `{{slot}}`: the number of the slot, from 0.
    pub(crate) slot: &'a str,
    /// `{{instance}}`: the name of the slot, `web-0`.
    pub(crate) instance: &'a str,
    /// `{{home}}`.
    pub(crate) home: &'a str,
}

/// Fills the names into a text; `{{{{` becomes `{{`, every other brace stays.
pub(crate) fn fill(text: &str, names: &Names<'_>) -> String {
    let table = [
        ("{{app}}", names.app),
        ("{{slot}}", names.slot),
        ("{{instance}}", names.instance),
        ("{{home}}", names.home),
        ("{{{{", "{{"),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match table.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_and_other_braces_stay() {
        let names = Names { app: "web", slot: "2", instance: "web-2", home: "/h" };
        let cases = [
            ("", ""),
            ("plain { } text", "plain { } text"),
            ("{{app}}-{{slot}}", "web-2"),
            ("{{instance}} in {{home}}", "web-2 in /h"),
            ("{{{app}}}", "{web}"),
            ("{{{{app}}", "{{app}}"),
            ("{{{{{{{{", "{{{{"),
            ("{{ app }}", "{{ app }}"),
            ("{{port}} {{nobody}}", "{{port}} {{nobody}}"),
            ("{{", "{{"),
            ("{{app", "{{app"),
            ("é{{slot}}é", "é2é"),
        ];
        for (text, want) in cases {
            assert_eq!(fill(text, &names), want, "{text}");
        }
    }
}
