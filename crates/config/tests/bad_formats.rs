//! YAML and JSON that are refused, and the exact words. Each snapshot holds the files and what is said of them.

mod support;

use support::World;

fn report(name: &str, files: &[&str]) -> String {
    let world = World::default();
    let one = |text: &&str| format!("{}\n----\n{}", text.trim_end(), world.wrong_as(name, text));
    files.iter().map(one).collect::<Vec<_>>().join("\n========\n\n")
}

#[test]
fn yaml_syntax() {
    insta::assert_snapshot!(report(
        "abide.yaml",
        &[
            "apps:\n\tweb:\n",
            "apps:\n  web:\n    cmd: echo: hi\n",
            "apps:\n  web:\n   cmd: x\n    args: [a]\n",
            "apps:\n  web:\n    cmd: 'x\n",
            "apps:\n  web:\n    args: [a, b\n  db:\n    cmd: y\n",
            "apps:\n  web:\n    watch: *.js\n",
            "apps:\n  web:\n    cmd: @x\n",
            "apps:\n  web:\n    cmd: `x`\n",
            "apps:\n  web:\n    cmd: %x\n",
            "apps:\n  web:\n    log_file: {{slot}}.log\n",
            "apps:\n  web\n    cmd: x\n",
            "%YAML 1.1\n---\napps: {}\n",
            "apps:\n  web: {cmd: \"\\q\"}\n",
        ]
    ));
}

#[test]
fn yaml_shape() {
    insta::assert_snapshot!(report(
        "abide.yaml",
        &[
            "apps:\n  web:\n    cmd: x\n    cmd: y\n    env: {A: 1, 'A': 2}\n",
            "apps:\n  web:\n    cmd: x\n    env:\n    args: ~\n    cwd: null\n",
            "apps:\n  web:\n    cmd: x\n    args:\n      - a\n      -\n      - null\n",
            "apps: {}\n---\napps: {}\n",
            "apps:\n  web:\n    cmd: !!binary aGk=\n    args: [!x a]\n",
            "- cmd: x\n",
            "just text\n",
            "apps:\n  ? [a, b]\n  : cmd: x\n",
            "apps:\n  ? {a: b}\n  : cmd: x\n",
            "apps:\n  : cmd: x\n",
            "a: &a\n  b: *a\n",
            "x: &k y\n*k : z\n",
            "apps:\n  web: &w {cmd: x}\n  api: {<<: 5, cmd: y}\n  db: {<<: [*w, z]}\n  c: {<<: *w, <<: *w}\n",
            "version: 99999999999999999999\n",
            "apps: ~\n",
        ]
    ));
}

#[test]
fn yaml_values() {
    insta::assert_snapshot!(report(
        "abide.yaml",
        &[
            "apps:\n  web:\n    cmd: x\n    umask: 27\n    stop_timeout: 10\n    restart: no\n",
            "apps:\n  web:\n    cmd: x\n    autostart: yes\n    instances: 1_000\n    stop_timeout: 12:30:45\n",
            "apps:\n  web:\n    cmd: x\n    env: [A=1]\n    restart: false\n    depends_on: {db: redy}\n",
            "apps:\n  web: &w\n    cmd: x\n    restrat: always\n  api:\n    <<: *w\n    instances: -1\n",
            "defaults:\n  backoff: {min: 5s,\n    max: 1s}\napps: {web: {cmd: x}}\n",
            "apps:\n  web:\n    cmd: |\n      echo a\n      echo b > c\n",
            "apps:\n  web:\n    cmd: \"echo ${NOPE}\"\n    args:\n      - a\n      - ${GONE}\n",
            "apps:\n  - cmd: x\n    args: [a]\n  - name: b\n    cmd: ''\n",
            "appz:\n  web: {cmd: x}\nversion: 1.0\n",
            "apps:\n  12: {cmd: x}\n  true: {cmd: x}\n  'a b': {cmd: x}\n  true: {cmd: x}\n",
        ]
    ));
}

#[test]
fn json() {
    insta::assert_snapshot!(report(
        "abide.json",
        &[
            "",
            "[]",
            "{\"apps\": {\"web\": {\"cmd\": \"x\" \"args\": []}}}",
            "{'apps': {}}",
            "{apps: {}}",
            "{\"apps\": {\"web\": {\"cmd\": node}}}",
            "{\"apps\": {\"web\": {\n  \"cmd\": \"x\",\n  \"cmd\": \"y\"}}}",
            "{\"apps\": {\"web\": {\"cmd\": null, \"args\": [null]}}}",
            "{\"version\": 99999999999999999999}",
            "{\"apps\": {\"web\": {\"cmd\": \"x\", \"instances\": 1.5, \"stop_timeout\": 10, \"restrat\": 1}}}",
            "{\"apps\": {}} {}",
            "{\"apps\": {\"web\": {\"cmd\": \"x\",",
            "{\"apps\": {\"web\": {\"cmd\": \"\\ud800\"}}}",
            "{\"apps\": {\"web\": {\"umask\": 0x1F}}}",
            "{\"apps\": {\"web\": {\"max_cpu\": NaN}}}",
            "{\"apps\": {\"web\": {\"umask\": 027, \"nice\": -05}}}",
            "{\"apps\": {\"web\": {\"cmd\": \"two\nlines\"}}}",
            "{\"apps\": 5, \"defaults\": [1]}",
        ]
    ));
}
