//! `{{slot}}` and its kin: values that only the birth of an instance knows. They stay in `argv` and `env`; this module
//! finds them, and protects text that only looks like them.
//!
//! The rule of filling (done elsewhere): from left to right, `{{{{` becomes `{{`, one of the five names becomes its value,
//! everything else stays.

/// The five names.
pub(crate) const NAMES: [&str; 5] = ["{{app}}", "{{slot}}", "{{instance}}", "{{port}}", "{{home}}"];

/// A text in the eyes of filling.
enum Token<'a> {
    Escape,
    Name(&'static str),
    Text(&'a str),
}

fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(tail) = rest.strip_prefix("{{{{") {
            rest = tail;
            return Some(Token::Escape);
        }
        if let Some((name, tail)) = NAMES.iter().find_map(|name| Some((*name, rest.strip_prefix(name)?))) {
            rest = tail;
            return Some(Token::Name(name));
        }
        let next = rest.char_indices().skip(1).find(|(_, c)| *c == '{').map_or(rest.len(), |(at, _)| at);
        let (head, tail) = rest.split_at(next);
        rest = tail;
        Some(Token::Text(head))
    })
}

/// The same text such that filling gives it back unchanged.
pub(crate) fn protect(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for token in tokens(text) {
        match token {
            Token::Escape => out.push_str("{{{{{{{{"),
            Token::Name(name) => {
                out.push_str("{{");
                out.push_str(name);
            }
            Token::Text(text) => out.push_str(text),
        }
    }
    out
}

/// The text for a key that is used as it is: escapes are taken off, a name is refused (and returned).
pub(crate) fn plain(text: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    for token in tokens(text) {
        match token {
            Token::Escape => out.push_str("{{"),
            Token::Name(name) => return Err(name),
            Token::Text(text) => out.push_str(text),
        }
    }
    Ok(out)
}

/// The text as one birth might fill it, for checks of its form.
pub(crate) fn sample(text: &str) -> String {
    let fill = |token: Token<'_>| match token {
        Token::Escape => "{{".to_owned(),
        Token::Name("{{slot}}" | "{{port}}") => "1".to_owned(),
        Token::Name("{{home}}") => "/home".to_owned(),
        Token::Name(_) => "app-1".to_owned(),
        Token::Text(text) => text.to_owned(),
    };
    tokens(text).map(fill).collect()
}

/// Whether a name stands in the text.
pub(crate) fn names(text: &str, wanted: &str) -> bool {
    tokens(text).any(|token| matches!(token, Token::Name(name) if name == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn table() {
        assert!(names("a{{port}}", "{{port}}"));
        assert!(!names("{{{{port}}", "{{port}}"), "escaped");
        assert!(names("{{{{{{port}}", "{{port}}"), "an escape, then the name");
        assert_eq!(protect("{{user}} {{slot}}"), "{{user}} {{{{slot}}");
        assert_eq!(plain("{{user}} {{{{slot}}"), Ok("{{user}} {{slot}}".to_owned()));
        assert_eq!(plain("x{{slot}}"), Err("{{slot}}"));
        assert_eq!(sample("http://{{instance}}:300{{slot}}{{{{x"), "http://app-1:3001{{x");
    }

    proptest! {
        #[test]
        fn protected_text_comes_back(text in "([{}a]|\\{\\{slot\\}\\}|\\{\\{home\\}\\}){0,12}|.{0,20}") {
            prop_assert_eq!(plain(&protect(&text)), Ok(text));
        }
    }
}
