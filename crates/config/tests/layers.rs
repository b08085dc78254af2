//! Layers as a whole: whichever neighbours are taken together first, the same app comes of it.

mod support;

use config::{Options, ProfileChoice, load};
use model::AppSpec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use support::World;

/// What one layer says: keys, also those of tables that merge (`env.A`), with values as a file has them.
type Said = BTreeMap<&'static str, String>;

/// Scalars, a list, a table that is replaced as a whole, and tables that merge by key.
const KEYS: [(&str, [&str; 3]); 14] = [
    ("instances", ["1", "2", "7"]),
    ("restart", ["'always'", "'never'", "'on-failure'"]),
    ("stop_timeout", ["'1s'", "'20s'", "'3m'"]),
    ("max_restarts", ["0", "5", "'none'"]),
    ("args", ["[]", "['a']", "['b', '${A:-c}']"]),
    ("success_exit_codes", ["[0]", "[0, 3]", "[143]"]),
    ("ready", ["{ tcp = '127.0.0.1:1' }", "{ after = '2s' }", "{ notify = true }"]),
    ("env.A", ["'1'", "'2'", "'x y'"]),
    ("env.B", ["'${A:-z}-b'", "'b'", "'${HOME}'"]),
    ("backoff.min", ["'10ms'", "'1s'", "'2s'"]),
    ("backoff.max", ["'5s'", "'6s'", "'1m'"]),
    ("limits.nofile", ["100", "{ soft = 1, hard = 2 }", "'unlimited'"]),
    ("labels", ["{}", "{ a = 'b' }", "{ c = 'd' }"]),
    ("description", ["'one'", "'two'", "'three'"]),
];

fn layer() -> impl Strategy<Value = Said> {
    prop::collection::btree_map(0..KEYS.len(), 0..3usize, 0..KEYS.len())
        .prop_map(|picked| picked.into_iter().map(|(key, value)| (KEYS[key].0, KEYS[key].1[value].to_owned())).collect())
}

/// The second over the first.
fn over(low: &Said, high: &Said) -> Said {
    low.iter().chain(high).map(|(key, value)| (*key, value.clone())).collect()
}

fn lines(said: &Said) -> String {
    said.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// `[defaults]`, `[profiles.p]`, the app, its own profile.
fn resolve(layers: [&Said; 4]) -> AppSpec {
    let [defaults, shared, app, own] = layers.map(lines);
    let text = format!("[defaults]\n{defaults}[profiles.p]\n{shared}[apps.a]\ncmd = 'x'\n{app}[apps.a.profiles.p]\n{own}");
    let options = Options { profile: ProfileChoice::Named("p".to_owned()), ..Options::default() };
    let world = World::default().var("HOME", "/h");
    let loaded = load(Path::new("/srv/shop/abide.toml"), &text, &options, &world);
    let mut app = loaded.unwrap_or_else(|wrong| panic!("{text}\n{wrong}")).apps.remove(0);
    app.origins.clear();
    app
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn neighbours_may_be_taken_together(a in layer(), b in layer(), c in layer(), d in layer()) {
        let nothing = Said::new();
        let whole = resolve([&a, &b, &c, &d]);
        let (ab, bc, cd) = (over(&a, &b), over(&b, &c), over(&c, &d));
        let all = over(&ab, &cd);
        prop_assert_eq!(&over(&a, &over(&b, &cd)), &all);
        for layers in [
            [&ab, &nothing, &c, &d],
            [&nothing, &ab, &c, &d],
            [&a, &bc, &nothing, &d],
            [&a, &nothing, &bc, &d],
            [&a, &b, &cd, &nothing],
            [&a, &b, &nothing, &cd],
            [&ab, &nothing, &nothing, &cd],
            [&all, &nothing, &nothing, &nothing],
            [&nothing, &nothing, &nothing, &all],
        ] {
            prop_assert_eq!(&resolve(layers), &whole);
        }
    }
}
