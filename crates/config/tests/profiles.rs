//! Profiles, labels, and what an app takes from the session.

mod support;

use config::{Options, ProfileChoice, load};
use model::{AppSpec, InheritEnv, Origin};
use std::path::Path;
use support::World;

const SHOP: &str = r#"
[defaults]
restart = "never"
profile = "${STAGE:-dev}"
env = { LEVEL = "defaults", KEEP = "1" }

[profiles.dev.env]
LEVEL = "dev"

[profiles.prod]
instances = 3
restart = "always"
env = { LEVEL = "prod", HOST = "prod.example" }

[apps.web]
cmd = "web"
instances = 2

[apps.web.profiles.prod]
instances = 4
env = { HOST = "web.${HOST}" }

[apps.job]
cmd = "job"
profile = "none"
"#;

fn apps(world: &World, profile: ProfileChoice) -> Vec<AppSpec> {
    let options = Options { profile, ..Options::default() };
    load(Path::new("/srv/shop/abide.toml"), SHOP, &options, world).unwrap_or_else(|wrong| panic!("{wrong}")).apps
}

/// Profile, instances and level of an app.
type Wanted = (Option<&'static str>, u32, &'static str);

#[test]
fn the_layers_in_their_order() {
    let prod = || ProfileChoice::Named("prod".to_owned());
    let plain = World::default();
    let rows: Vec<(Vec<AppSpec>, [Wanted; 2])> = vec![
        (apps(&plain, ProfileChoice::Own), [(Some("dev"), 2, "dev"), (None, 1, "defaults")]),
        (apps(&World::default().var("STAGE", "prod"), ProfileChoice::Own), [(Some("prod"), 4, "prod"), (None, 1, "defaults")]),
        (apps(&plain, prod()), [(Some("prod"), 4, "prod"), (Some("prod"), 3, "prod")]),
        (apps(&plain, ProfileChoice::Nothing), [(None, 2, "defaults"), (None, 1, "defaults")]),
    ];
    for (at, (apps, wanted)) in rows.iter().enumerate() {
        for (app, (profile, instances, level)) in apps.iter().zip(wanted) {
            let found = (app.profile.as_deref(), app.instances, app.env["LEVEL"].as_str());
            assert_eq!(found, (*profile, *instances, *level), "row {at}, {}", app.name);
            assert_eq!(app.env["KEEP"], "1");
        }
    }
    // A value of the app's own profile reads the layer below it.
    let web = &rows[2].0[0];
    assert_eq!(web.env["HOST"], "web.prod.example");
    let at = |line: &str| Origin::Profile { at: format!("abide.toml:{line}") };
    assert_eq!(
        [&web.origins["instances"], &web.origins["restart"], &web.origins["env.LEVEL"]],
        [&at("20"), &at("12"), &at("13")]
    );
}

#[test]
fn what_the_file_knows() {
    let loaded = World::default().load(SHOP).expect("good");
    assert_eq!(loaded.profiles, ["dev", "prod"]);
    let only_of_an_app = "[apps.a]\ncmd = 'x'\n[apps.a.profiles.night]\nautostart = false\n[apps.b]\ncmd = 'x'\n";
    let options = Options { profile: ProfileChoice::Named("night".into()), ..Options::default() };
    let loaded = load(Path::new("/f/abide.toml"), only_of_an_app, &options, &World::default()).expect("good");
    let found: Vec<_> = loaded.apps.iter().map(|app| (app.profile.as_deref(), app.autostart)).collect();
    assert_eq!(found, [(Some("night"), false), (None, true)]);
}

#[test]
fn labels_and_words_for_people() {
    let app = World::default().lines("description = 'the shop'\nlabels = { tier = 'web', 'example.com/team' = 'a b' }\n");
    assert_eq!(app.description.as_deref(), Some("the shop"));
    assert_eq!(
        app.labels.into_iter().collect::<Vec<_>>(),
        [("example.com/team".to_owned(), "a b".to_owned()), ("tier".to_owned(), "web".to_owned())]
    );
}

#[test]
fn what_is_taken_from_the_session() {
    for (written, wanted) in [
        ("'session'", InheritEnv::Session),
        ("'none'", InheritEnv::None),
        ("[]", InheritEnv::Named(Vec::new())),
        ("['PATH', 'LC_*', '*']", InheritEnv::Named(vec!["PATH".into(), "LC_*".into(), "*".into()])),
    ] {
        assert_eq!(World::default().lines(&format!("inherit_env = {written}\n")).inherit_env, wanted, "{written}");
    }
}

#[test]
fn refused() {
    let world = World::default();
    let files = [
        "profiles = 3\n[apps.a]\ncmd = 'x'\n",
        "[profiles]\nprod = 'x'\nnone = {}\n'a b' = {}\n[apps.a]\ncmd = 'x'\n",
        "[profiles.prod]\ncomand = 'x'\nstop_timeout = 5\nprofile = 'dev'\nprofiles = {}\n[apps.a]\ncmd = 'x'\n",
        "[profiles.prod]\n[apps.a]\ncmd = 'x'\nprofile = 'pord'\n",
        "[apps.a]\ncmd = 'x'\nprofile = 'prod'\n",
        "[apps.a]\ncmd = 'x'\nprofile = '${STAGE}'\n",
        "[apps.a]\ncmd = 'x'\nprofiles = 1\n[apps.b]\ncmd = 'x'\nprofiles = { p = { instances = -1 }, q = 1 }\n",
        "[defaults]\nprofiles = { p = {} }\n[apps.a]\ncmd = 'x'\n",
        "[profiles.p]\ninstances = '${X}'\n[apps.a]\ncmd = 'x'\nprofile = 'p'\n",
        "[apps.a]\ncmd = 'x'\nlabels = ['a']\ndescription = \"a\\nb\"\n[apps.b]\ncmd = 'x'\nlabels = { '-x' = 'y', z = 3 }\n",
        "[apps.a]\ncmd = 'x'\ninherit_env = 'all'\n[apps.b]\ncmd = 'x'\ninherit_env = ['A=B', '', 3]\n",
    ];
    let mut said: Vec<String> = files.iter().map(|text| format!("{text}----\n{}", world.wrong(text))).collect();
    for wanted in ["prdo", "x"] {
        let options = Options { profile: ProfileChoice::Named(wanted.into()), ..Options::default() };
        let text = "[profiles.prod]\n[apps.a]\ncmd = 'x'\n";
        let wrong = load(Path::new("/f/abide.toml"), text, &options, &world).expect_err("unknown");
        said.push(format!("--profile {wanted}\n{text}----\n{wrong}"));
    }
    insta::assert_snapshot!(said.join("\n========\n\n"));
}
