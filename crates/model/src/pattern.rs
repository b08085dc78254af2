//! Patterns over names, as people write them for selectors, files and variables.

/// Whether `text` fits `pattern`, in which `*` stands for any number of characters and `?` for exactly one.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                // The last star takes one character more.
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, is) in [
            ("", "", true),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a?c", "abc", true),
            ("a?c", "aäc", true),
            ("*_T*E", "LC_TIME", true),
            ("**", "x", true),
            ("a", "ab", false),
            ("?", "", false),
            ("a*d", "abc", false),
            ("P*T", "PATH", false),
        ] {
            assert_eq!(fits(pattern, text), is, "{pattern} {text}");
        }
        // Many stars over a long text are no reason to think for ever.
        assert!(!fits(&format!("{}b", "a*".repeat(50)), &"a".repeat(5000)));
    }
}
