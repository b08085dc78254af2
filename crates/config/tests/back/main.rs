//! From specifications back to what a file would say.

#[path = "../support/mod.rs"]
mod support;

mod known;
mod reach;
mod specs;

use config::{Detail, differences, effective, to_toml};
use model::AppSpec;
use proptest::prelude::*;
use support::World;

/// The only app of a file, without its origins.
fn loaded(text: &str) -> AppSpec {
    let mut apps = World::default().load(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).apps;
    assert_eq!(apps.len(), 1, "{text}");
    AppSpec { origins: Default::default(), ..apps.remove(0) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_loads_to_the_same(spec in specs::spec()) {
        for detail in [Detail::Changed, Detail::All] {
            let text = to_toml(std::slice::from_ref(&spec), detail);
            prop_assert_eq!(&loaded(&text), &spec, "{}", text);
        }
    }

    #[test]
    fn equal_is_no_difference_and_only_equal_is_none(one in specs::spec(), other in specs::spec(), which in 0usize..60) {
        prop_assert_eq!(differences(&one, &one), vec![]);
        prop_assert_eq!(differences(&one, &other).is_empty(), one == other);
        // Also where they differ in one field alone.
        let mixed = mix(&one, &other, which);
        let found = differences(&one, &mixed);
        prop_assert_eq!(found.is_empty(), one == mixed, "{:?}", found);
        prop_assert!(found.iter().all(|one| one.from != one.to || one.from.as_ref().is_some_and(|text| text.contains('•'))), "{:?}", found);
    }

    #[test]
    fn every_row_has_its_key_once(spec in specs::spec()) {
        let mut keys: Vec<String> = effective(&spec).into_iter().map(|row| row.key).collect();
        let count = keys.len();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), count);
    }
}

/// `one` with one field of `other`.
fn mix(one: &AppSpec, other: &AppSpec, which: usize) -> AppSpec {
    let (mut mixed, other) = (serde_json::to_value(one).expect("JSON"), serde_json::to_value(other).expect("JSON"));
    let fields: Vec<&String> = other.as_object().expect("an object").keys().collect();
    let field = fields[which % fields.len()];
    // The name of an app is not one of its keys.
    if field != "name" {
        mixed[field] = other[field].clone();
    }
    serde_json::from_value(mixed).expect("a specification")
}
