//! A look into YAML files of other programs, for what makes a first configuration of them.

use crate::Literal;
use crate::layer::{Item, Value};
use crate::read;

/// What a YAML text says, as far as it can be understood. Nothing in it is filled in, and what cannot be understood is left out.
pub fn sketch_yaml(text: &str) -> Literal {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Literal::Table(read::sketch(text).into_iter().map(|member| (member.name, literal(member.item))).collect())
}

fn literal(item: Item) -> Literal {
    match item.value {
        Value::Text(text) | Value::Verbatim(text) | Value::Date(text) => Literal::Text(text),
        Value::Int(number) => Literal::Int(number),
        Value::Float(number) => number.parse().map_or(Literal::Text(number), Literal::Float),
        Value::Bool(is) => Literal::Bool(is),
        Value::List(items) => Literal::List(items.into_iter().map(literal).collect()),
        Value::Table(members) => Literal::Table(members.into_iter().map(|member| (member.name, literal(member.item))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_understood() {
        let text = |text: &str| Literal::Text(text.to_owned());
        let table = |members: &[(&str, Literal)]| {
            Literal::Table(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        let seen = sketch_yaml("volumes:\n  data:\nservices:\n  web:\n    command: [a, 1]\n    init: true\n    image: ${X}\n");
        let web = table(&[
            ("command", Literal::List(vec![text("a"), Literal::Int(1)])),
            ("init", Literal::Bool(true)),
            ("image", text("${X}")),
        ]);
        assert_eq!(seen, table(&[("volumes", table(&[])), ("services", table(&[("web", web)]))]));
        for broken in ["", "[", "a: &a [*a]", "- x", "\u{0}", "a: b: c"] {
            assert!(matches!(sketch_yaml(broken), Literal::Table(_)), "{broken}");
        }
    }
}
