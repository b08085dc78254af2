//! Files that include others.

mod support;

use config::Loaded;
use model::Origin;
use std::path::{Path, PathBuf};
use support::World;

fn load(world: &World, text: &str) -> Loaded {
    world.load(text).unwrap_or_else(|wrong| panic!("{text}\n{wrong}"))
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.apps.iter().map(|app| app.name.as_str()).collect()
}

#[test]
fn files_and_patterns_in_every_format() {
    let world = World::default()
        .file("/srv/shop/more.yaml", "apps: {more: {cmd: x}}")
        .file("/srv/shop/conf.d/b.toml", "[apps.b]\ncmd = 'x'")
        .file("/srv/shop/conf.d/a.toml", "include = '../last.json'\n[apps.a]\ncmd = './run'\n")
        .file("/srv/shop/conf.d/.hidden.toml", "nonsense")
        .file("/srv/shop/conf.d/README", "nonsense")
        .file("/srv/last.json", "nonsense")
        .file("/srv/shop/last.json", "{\"apps\": {\"last\": {\"cmd\": \"x\", \"cwd\": \"sub\"}}}");
    let loaded = load(&world, "include = ['more.yaml', 'conf.d/*.toml']\n[apps.main]\ncmd = 'x'\n");
    assert_eq!(names(&loaded), ["main", "more", "a", "last", "b"]);
    let paths = ["abide.toml", "more.yaml", "conf.d/a.toml", "conf.d/../last.json", "conf.d/b.toml"];
    assert_eq!(loaded.files, paths.map(|path| PathBuf::from("/srv/shop").join(path)));
    assert_eq!(loaded.project.name, "shop");
    assert!(loaded.warnings.is_empty());
    let [_, more, a, last, _] = loaded.apps.as_slice() else { panic!("five") };
    assert_eq!(more.cwd, Path::new("/srv/shop"));
    assert_eq!(
        (a.cwd.as_path(), a.argv[0].as_str()),
        (Path::new("/srv/shop/conf.d"), "/srv/shop/conf.d/./run".replace("/./", "/").as_str())
    );
    assert_eq!(last.cwd, Path::new("/srv/shop/conf.d/../sub"));
    assert_eq!(a.origins["cmd"], Origin::App { at: "conf.d/a.toml:3".to_owned() });
    assert_eq!(last.origins["cwd"], Origin::App { at: "last.json:1".to_owned() });
}

#[test]
fn patterns_in_folders_variables_and_home() {
    let world = World::default()
        .var("WHERE", "services")
        .file("/srv/shop/services/one/abide.toml", "name = 'one'\n[apps.one]\ncmd = 'x'")
        .file("/srv/shop/services/two/abide.toml", "name = 'two'\n[apps.two]\ncmd = 'x'")
        .file("/home/u/x/mine.toml", "[apps.mine]\ncmd = 'x'")
        .file("/srv/shop/other.toml", "[apps.other]\ncmd = 'x'")
        .file("/srv/shop/abide.toml", "the file itself is not meant");
    let loaded = load(&world, "name = 'all'\ninclude = ['${WHERE}/*/abide.toml', '~/x/*.toml', '*.toml']");
    assert_eq!(names(&loaded), ["one", "two", "mine", "other"]);
    assert_eq!(loaded.project.name, "all", "the name of the file that was named");
    let loaded = load(&world, "include = ['nothing/*.toml', 'services/*/nothing.toml', 'other.toml', '*.toml']");
    assert_eq!(names(&loaded), ["other"], "a file that is found twice is read once");
    let said: Vec<&str> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(said, ["`include`: there is no file `nothing/*.toml`", "`include`: there is no file `services/*/nothing.toml`"]);
    assert_eq!((loaded.warnings[1].line, loaded.warnings[1].column), (1, 30));
}

/// What a file says by default holds for the files that it includes too, below what these say; not for those beside or above.
#[test]
fn defaults_reach_down() {
    let world = World::default()
        .file("/srv/shop/a/a.toml", "include = ['b/b.yaml']\n[defaults]\nrestart = 'never'\nout_file = 'a.log'\nenv_file = 'a.env'\nenv.Y = 'a'\n[apps.a]\ncmd = 'x'\n")
        .file("/srv/shop/a/b/b.yaml", "defaults:\n  env: {Z: 'b'}\n  cwd: here\napps:\n  b: {cmd: x}\n")
        .file("/srv/shop/c.toml", "[apps.c]\ncmd = 'x'")
        .file("/srv/shop/a/a.env", "F=1");
    let text = "include = ['a/a.toml', 'c.toml']\n[defaults]\nrestart = 'always'\nmax_restarts = 7\nerr_file = 'e.log'\nenv = { X = 'm', Y = 'm' }\n[apps.m]\ncmd = 'x'\n";
    let loaded = load(&world, text);
    let [m, a, b, c] = loaded.apps.as_slice() else { panic!("four") };
    let env = |app: &model::AppSpec| app.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    assert_eq!([m, a, b, c].map(env), ["X=m Y=m", "F=1 X=m Y=a", "F=1 X=m Y=a Z=b", "X=m Y=m"]);
    use model::Restart::{Always, Never};
    assert_eq!([m, a, b, c].map(|app| app.restart), [Always, Never, Never, Always]);
    assert!(loaded.apps.iter().all(|app| app.max_restarts == Some(7)));
    // Paths are taken from the folder of the file that states them.
    let file = |path: &str| model::LogTarget::File(path.to_owned());
    assert_eq!((&b.log.out, &b.log.err), (&file("/srv/shop/a/a.log"), &file("/srv/shop/e.log")));
    assert_eq!(
        [m, a, b, c].map(|app| app.cwd.to_str().unwrap_or_default()),
        ["/srv/shop", "/srv/shop/a", "/srv/shop/a/b/here", "/srv/shop"]
    );
    assert_eq!(b.origins["restart"], Origin::Defaults { at: "a/a.toml:3".to_owned() });
    assert_eq!(b.origins["max_restarts"], Origin::Defaults { at: "abide.toml:4".to_owned() });
}

#[test]
fn groups_settings_and_dependencies_go_over_all_files() {
    let world = World::default()
        .file("/srv/shop/a.toml", "[apps.a]\ncmd = 'x'\ndepends_on = ['m']\n[groups.two]\napps = ['a']\n[daemon]\nlog_max_size = '1M'\nlog_max_files = 3\n")
        .file("/srv/shop/b.toml", "[apps.b]\ncmd = 'x'\non_exit = 'stop-group'\n");
    let loaded = load(
        &world,
        "include = ['a.toml']\n[apps.m]\ncmd = 'x'\n[groups.one]\napps = ['m']\n[daemon]\nlog_max_size_mb = 1\nlog_total_max = 5\n",
    );
    let groups: Vec<_> =
        loaded.apps.iter().map(|app| app.group.as_ref().map(|group| group.name.clone()).unwrap_or_default()).collect();
    assert_eq!(groups, ["one", "two"]);
    assert_eq!(
        (loaded.daemon.log_max_size, loaded.daemon.log_max_files, loaded.daemon.log_total_max),
        (Some(1 << 20), Some(3), Some(5))
    );
    let loaded = load(&world, "include = ['b.toml']\n[apps.m]\ncmd = 'x'\n");
    assert!(loaded.apps.iter().all(|app| app.group.as_ref().is_some_and(|group| group.name == "shop")), "one group of all files");
}

fn report(world: &World, files: &[&str]) -> String {
    let one = |text: &&str| format!("{}\n----\n{}", text.trim_end(), world.wrong(text));
    files.iter().map(one).collect::<Vec<_>>().join("\n========\n\n")
}

#[test]
fn wrong_includes() {
    let app = |name: &str| format!("[apps.{name}]\ncmd = 'x'\n");
    let world = World::default()
        .file("/srv/shop/good.toml", &app("good"))
        .file("/srv/shop/web.toml", &format!("\n{}", app("web")))
        .file("/srv/shop/sub/case.toml", &app("WEB"))
        .file("/srv/shop/sub/bad.toml", "[apps.x]\ncmd = 'x'\ncwd = '~bob/x'\nrestrat = 1\n")
        .file("/srv/shop/sub/bad.yaml", "apps: {x: {cmd: x,, }}\n")
        .file("/srv/shop/circle.toml", "include = ['sub/back.toml']\n")
        .file("/srv/shop/sub/back.toml", "include = ['../*ircle.toml']\n")
        .file("/srv/shop/self.toml", "include = ['self.toml']\n")
        .file("/srv/shop/main.toml", "include = ['abide.toml']\n")
        .file("/srv/shop/also.toml", "include = ['good.toml']\n")
        .file("/srv/shop/group.toml", &format!("{}[groups.g]\napps = ['y']\n[daemon]\nlog_max_age_secs = 5\n", app("y")))
        .file("/srv/shop/eco.config.js", "module.exports = {}")
        .file("/srv/shop/version.toml", "version = 3\nname = 5\ndefaults = { restart = 'alway' }\n")
        .file("/srv/shop/large.toml", &"#".repeat((1 << 20) + 1));
    insta::assert_snapshot!(report(
        &world,
        &[
            "include = ['missing.toml', 'good.toml', 'sub/']\n",
            "include = 5\n",
            "include = ['', 3, ['x']]\n",
            "include = ['conf.d/**/*.toml', '~bob/x.toml', '${GONE}.toml']\n",
            "include = 'web.toml'\n[apps.web]\ncmd = 'x'\n",
            "include = ['web.toml', 'sub/case.toml']\n",
            "include = ['sub/bad.toml', 'sub/bad.yaml']\n[apps.m]\nnonsense = 1\n",
            "include = 'circle.toml'\n",
            "include = 'self.toml'\n",
            "include = 'main.toml'\n",
            "include = ['good.toml', 'also.toml']\n",
            "include = 'group.toml'\n[apps.m]\ncmd = 'x'\n[groups.g]\napps = ['m']\n[daemon]\nlog_max_age = '6s'\n",
            "include = 'eco.config.js'\n",
            "include = 'version.toml'\n",
            "include = 'large.toml'\n",
        ]
    ));
}

#[test]
fn chains_and_crowds_are_bounded() {
    let mut world = World::default();
    for n in 0..20 {
        world = world.file(&format!("/srv/shop/chain{n}.toml"), &format!("include = 'chain{}.toml'", n + 1));
        world = world.file(
            &format!("/srv/shop/short{n}.toml"),
            &if n < 7 { format!("include = 'short{}.toml'", n + 1) } else { String::new() },
        );
    }
    let said = world.wrong("include = 'chain0.toml'");
    assert!(said.contains("chain8.toml would be the file number 10 in a row\n  --> chain7.toml:1:11"), "{said}");
    assert_eq!(load(&world, "include = 'short0.toml'").files.len(), 9);
    for n in 0..400 {
        world = world.file(&format!("/srv/shop/many/{n}.toml"), "");
        world = world.file(&format!("/srv/shop/large/{n}.toml"), &"#".repeat(1 << 20));
    }
    let said = world.wrong("include = 'many/*.toml'");
    assert!(said.contains("would be more than 256 files"), "{said}");
    let said = world.wrong("include = 'large/?.toml'");
    assert!(said.contains("more than 8 MiB together"), "{said}");
    assert!(said.len() < 5000);
}

/// Profiles reach down as defaults do; any of them lies over all defaults.
#[test]
fn profiles_reach_down() {
    let world = World::default().file(
        "/srv/shop/a.yaml",
        "defaults: {env: {D: inner}}\nprofiles:\n  prod: {env: {B: inner}}\napps:\n  a: {cmd: x, profile: prod, profiles: {prod: {env: {C: own}}}}\n  b: {cmd: x}\n",
    );
    let text = "include = 'a.yaml'\n[profiles.prod]\nrestart = 'never'\nenv = { A = 'outer', B = 'outer', C = 'outer', D = 'outer' }\n[profiles.dev]\n";
    let loaded = load(&world, text);
    let env = |app: &model::AppSpec| app.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    assert_eq!(env(&loaded.apps[0]), "A=outer B=inner C=own D=outer");
    assert_eq!((loaded.apps[0].profile.as_deref(), loaded.apps[0].restart), (Some("prod"), model::Restart::Never));
    assert_eq!((env(&loaded.apps[1]).as_str(), &loaded.apps[1].profile), ("D=inner", &None));
    assert_eq!(loaded.profiles, ["dev", "prod"]);
    assert_eq!(loaded.apps[0].origins["env.A"], Origin::Profile { at: "abide.toml:4".to_owned() });
    assert_eq!(loaded.apps[0].origins["env.B"], Origin::Profile { at: "a.yaml:3".to_owned() });
}
