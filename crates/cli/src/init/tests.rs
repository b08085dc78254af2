use super::*;
use std::path::PathBuf;

fn folder(name: &str, files: &[(&str, &str)]) -> Folder {
    let mut folder = Folder { name: name.to_owned(), ..Folder::default() };
    for (file, text) in files {
        folder.entries.insert((*file).to_owned());
        if LOOKED_AT.contains(file) {
            folder.texts.insert((*file).to_owned(), (*text).to_owned());
        }
    }
    folder
}

/// Writes the file down and loads it, as a user would.
fn loaded(found: &Found) -> Vec<model::AppSpec> {
    loaded_in(found, &[])
}

/// The same beside these files.
fn loaded_in(found: &Found, beside: &[(&str, &str)]) -> Vec<model::AppSpec> {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in beside {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let path: PathBuf = dir.path().join("abide.toml");
    let text = file(found);
    std::fs::write(&path, &text).expect("written");
    let project =
        crate::files::load(&path, &config::ProfileChoice::Own, None).unwrap_or_else(|wrong| panic!("{text}\n{wrong:#?}"));
    project.apps
}

/// Name and command of each app, as they are written down and read back.
fn seen(files: &[(&str, &str)]) -> Vec<String> {
    let found = detect(&folder("shop", files));
    let apps = loaded(&found);
    assert_eq!(apps.len(), found.apps.len(), "{found:#?}");
    apps.iter().map(|app| format!("{} = {}", app.name, app.argv.join(" "))).collect()
}

#[test]
fn what_is_found() {
    let package = |text: &'static str| ("package.json", text);
    let none: [&str; 0] = [];
    for (files, want) in [
        (
            &[package(r#"{"name":"@acme/web","scripts":{"start":"node server.js","dev":"vite"}}"#)][..],
            &["web = node server.js"][..],
        ),
        (&[package(r#"{"name":"web","scripts":{"start":"next start"}}"#)], &["web = npm run start"]),
        (&[package(r#"{"scripts":{"start":"node a.js && node b.js"}}"#), ("yarn.lock", "")], &["shop = yarn run start"]),
        (&[package(r#"{"scripts":{"start":"tsx x"}}"#), ("pnpm-lock.yaml", "")], &["shop = pnpm run start"]),
        (&[package(r#"{"main":"lib/my server.js"}"#)], &["shop = node lib/my server.js"]),
        (&[package("{}"), ("index.js", "")], &["shop = node index.js"]),
        (&[package(r#"{"scripts":{"dev":"vite"}}"#)], &none),
        (&[package("{")], &none),
        (&[("Procfile", "web: bundle exec puma\nworker: ./work -q\n")], &["web = bundle exec puma", "worker = ./work -q"]),
        (&[("Procfile", "web: x\nWeb: y\n"), package("{}")], &["web = x", "Web.2 = y"]),
        (&[("Procfile", "# nothing\n"), ("main.py", "print(1)")], &["shop = python3 main.py"]),
        (
            &[
                ("manage.py", "setdefault('DJANGO_SETTINGS_MODULE', 'a.b.settings')"),
                ("requirements.txt", "Django\ngunicorn>=20\n"),
            ],
            &["shop = gunicorn a.b.wsgi"],
        ),
        (&[("manage.py", ""), (".venv", "")], &["shop = .venv/bin/python3 manage.py runserver --noreload 127.0.0.1:8000"]),
        (
            &[("pyproject.toml", "[project]\nname = 'tool'\n[project.scripts]\ntool-d = 'tool:main'\n"), ("uv.lock", "")],
            &["tool-d = uv run tool-d"],
        ),
        (
            &[("pyproject.toml", "[project]\ndependencies = ['fastapi[all]>1']\n"), ("main.py", "app = FastAPI()")],
            &["shop = uvicorn main:app --host 127.0.0.1 --port 8000"],
        ),
        (
            &[
                ("pyproject.toml", "[tool.poetry]\nname = 'p'\n[tool.poetry.dependencies]\ngunicorn = '*'\n"),
                ("app.py", "Flask(__name__)"),
                ("poetry.lock", ""),
            ],
            &["p = poetry run gunicorn app:app"],
        ),
        (&[("pyproject.toml", "[")], &none),
        (&[("requirements.txt", "x")], &none),
        (&[("Cargo.toml", "[package]\nname = 'srv'\n"), ("src/main.rs", "")], &["srv = ./target/release/srv"]),
        (
            &[("Cargo.toml", "[package]\nname = 'l'\n[[bin]]\nname = 'a'\n[[bin]]\nname = 'b'\n")],
            &["a = ./target/release/a", "b = ./target/release/b"],
        ),
        (&[("Cargo.toml", "[package]\nname = 'lib'\n")], &none),
        (
            &[
                ("Cargo.toml", "[package]\nname = 's'\n"),
                ("src/main.rs", ""),
                ("src/bin/tool.rs", ""),
                ("src/bin/two/main.rs", ""),
            ],
            &["s = ./target/release/s", "tool = ./target/release/tool", "two = ./target/release/two"],
        ),
        (
            &[
                ("Cargo.toml", "[package]\nname = 's'\nautobins = false\n[[bin]]\nname = 'x'\npath = 'src/main.rs'\n"),
                ("src/main.rs", ""),
                ("src/bin/tool.rs", ""),
            ],
            &["x = ./target/release/x"],
        ),
        (&[("Cargo.toml", "[workspace]\nmembers = ['a']\n")], &none),
        (
            &[("requirements.txt", "fastapi\n"), ("app/main.py", "from fastapi import *\napi: FastAPI = FastAPI()\n")],
            &["shop = uvicorn app.main:api --host 127.0.0.1 --port 8000"],
        ),
        (&[("go.mod", "module example.com/x/api\n"), ("main.go", "")], &["api = ./api"]),
        (&[("Gemfile", "gem 'puma', '~> 6'\n")], &["shop = bundle exec puma"]),
        (&[("Gemfile", "gem \"rack\"\n"), ("config.ru", "")], &["shop = bundle exec rackup"]),
        (&[("compose.yaml", "")], &none),
        (&[], &none),
    ] {
        let dir = |argv: String| {
            argv.split(' ')
                .map(|word| word.rsplit_once("/./").map_or(word, |(_, tail)| tail).to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let got: Vec<String> = seen(files).into_iter().map(dir).map(|line| shorter(&line)).collect();
        assert_eq!(got, want, "{files:?}");
    }
}

/// Without the temporary folder in front of a program.
fn shorter(line: &str) -> String {
    let (name, cmd) = line.split_once(" = ").expect("both");
    let (program, rest) = cmd.split_once(' ').map_or((cmd, String::new()), |(program, rest)| (program, format!(" {rest}")));
    let parts: Vec<&str> = program.split('/').collect();
    let program = match parts.iter().position(|part| part.starts_with(".tmp")) {
        Some(at) if parts[at + 1].starts_with('.') => parts[at + 1..].join("/"),
        Some(at) => format!("./{}", parts[at + 1..].join("/")),
        None => program.to_owned(),
    };
    format!("{name} = {program}{rest}")
}

#[test]
fn a_procfile_is_for_a_shell_where_it_says_so() {
    let found = detect(&folder(
        "shop",
        &[(
            "Procfile",
            "web: PORT=1 serve -p $PORT ${X:-\"$$\"} {{slot}}\nrelease: rake db:migrate\nnot this\nclock: tick \"a\n",
        )],
    ));
    let apps = loaded(&found);
    assert_eq!(apps[0].argv, ["/bin/sh", "-c", "PORT=1 serve -p $PORT ${X:-\"$$\"} {{{{slot}}"], "{{{{ is filled in as {{");
    assert_eq!(apps[0].env["PORT"], "5000");
    assert!(!apps[1].autostart && apps[0].autostart);
    assert_eq!(apps[2].argv[0], "/bin/sh", "a quote that is never closed is for the shell to complain of");
    assert_eq!(found.notes, ["Procfile, line 3, is not `name: command` and was left out"]);
}

#[test]
fn what_runs_a_procfile_reads_env_files_too() {
    let with = |env: &str| {
        loaded_in(&detect(&folder("shop", &[("Procfile", "web: serve -p $PORT\n"), (".env", env)])), &[(".env", env)])
    };
    assert_eq!(
        with("TOKEN=a\n")[0].env,
        [("PORT", "5000"), ("TOKEN", "a")].map(|(name, value)| (name.into(), value.into())).into()
    );
    assert_eq!(with("export PORT=1\n")[0].env["PORT"], "1", "foreman takes it from there");
    let node = detect(&folder("shop", &[("package.json", r#"{"main":"a.js"}"#), (".env", "A=1\n")]));
    assert!(node.apps[0].env_file.is_none() && node.notes.join("\n").contains(".env is there"), "{:?}", node.notes);
}

#[test]
fn services_of_a_compose_file_are_offered_as_comments() {
    let text = "\
services:
  web:
    build: .
    command: node server.js --name \"a b\"
    depends_on: [db, worker]
    environment:
      SECRET: hunter2
  worker:
    image: shop/worker:2
    entrypoint: [bundle, exec]
    command: [\"sidekiq\", \"-c\", 5, \"${QUEUE:-x}\"]
    depends_on:
      web: {condition: service_healthy}
  db:
    image: postgres:16
volumes:
  data:
";
    let found = detect(&folder("shop", &[("docker-compose.yml", text)]));
    assert!(found.apps.is_empty() && loaded(&found).is_empty(), "what runs in containers stays there");
    let written = file(&found);
    for line in [
        "# from docker-compose.yml, service web",
        "# there it runs in an image that is built first",
        "# [apps.web]",
        "# cmd = \"node server.js --name \\\"a b\\\"\"",
        "# depends_on = [\"worker\"]",
        "# there it runs in the image shop/worker:2",
        "# NOTE: docker-compose.yml does not say which command these run: db (image postgres:16)",
    ] {
        assert!(written.lines().any(|has| has == line), "{line}\n{written}");
    }
    assert_eq!(written.matches("[apps.web]").count(), 1, "an example beside it would be a second one");
    assert!(!written.contains("hunter2"), "a secret is not copied into another file");
    // With the # taken away it is a configuration.
    let mut offered = found.offered.clone();
    offered[1].depends_on.clear();
    let apps = loaded(&Found { apps: offered, ..Found::default() });
    assert_eq!(apps[0].argv[3..], ["a b"]);
    assert_eq!(apps[1].argv[..2], ["/bin/sh", "-c"], "${{…}} is for a shell");
    for (text, offers) in [
        ("", 0),
        ("[", 0),
        ("services:\n", 0),
        ("services: {a: {command: ''}, b: {command: [x, [y]]}, 'c d/e': {command: x}}", 1),
    ] {
        assert_eq!(detect(&folder("shop", &[("compose.yaml", text)])).offered.len(), offers, "{text}");
    }
}

#[test]
fn what_is_left_out_is_said() {
    let notes = |files: &[(&str, &str)]| detect(&folder("x", files)).notes.join("; ");
    for (files, part) in [
        (&[("package.json", r#"{"main":"a.js","scripts":{"dev":"vite"}}"#)][..], "scripts.dev of package.json was left out"),
        (&[("docker-compose.yml", "")], "docker-compose.yml is there"),
        (&[("ecosystem.config.js", "")], "abide import"),
        (&[("go.mod", "module x")], "main.go is not"),
        (&[("Gemfile", "")], "neither puma"),
        (&[("Cargo.toml", "")], "names no program"),
    ] {
        assert!(notes(files).contains(part), "{files:?}: {}", notes(files));
    }
    assert_eq!(detect(&folder("x", &[])), Found::default());
    assert!(file(&Found::default()).contains("# [apps.web]"));
}

#[test]
fn hostile_contents_make_a_good_file() {
    let evil = "\u{7f}\u{1b}[2J\"\\\n]]\u{202e}";
    let long = "x".repeat(300);
    let texts = ["", evil, &long, "{{port}}", "${A", "$$", "'", "all", "42", "../../etc"];
    for text in texts {
        let json = serde_json::json!({ "name": text, "scripts": { "start": text, "build": text } }).to_string();
        let procfile = format!("{text}: {text}\nweb: {text}\n");
        let compose =
            serde_json::json!({ "services": { text: { "image": text, "command": text, "depends_on": [text] } } }).to_string();
        let cargo = format!("[[bin]]\nname = {}\n", serde_json::json!(text).to_string().replace('\u{7f}', ""));
        for (file, contents) in [
            ("package.json", json.as_str()),
            ("Procfile", &procfile),
            ("Cargo.toml", &cargo),
            ("main.py", text),
            ("go.mod", text),
            ("compose.yaml", &compose),
        ] {
            let mut folder = folder(text, &[(file, contents), ("main.go", "")]);
            folder.entries.insert(evil.to_owned());
            let mut found = detect(&folder);
            loaded(&found);
            found.apps = std::mem::take(&mut found.offered);
            found.apps.iter_mut().for_each(|app| app.depends_on.clear());
            loaded(&found);
        }
    }
}
