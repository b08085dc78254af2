//! `manage.py`, `pyproject.toml`, `requirements.txt`, `main.py`, `app.py`.

use super::{Draft, Folder, Found};
use toml::{Table, Value};

/// What serves requests, if anything does; else the script.
pub(super) fn detect(folder: &Folder, found: &mut Found) {
    let project = project(folder, found);
    let needs = |what: &str| {
        folder.text("requirements.txt").is_some_and(|text| text.lines().any(|line| requires(line, what)))
            || project.as_ref().is_some_and(|project| project.needs.iter().any(|line| requires(line, what)))
    };
    let name = project.as_ref().and_then(|project| project.name.clone()).unwrap_or_else(|| folder.name.clone());
    let bin = bin(folder);
    let python = format!("{bin}python3");
    if let Some(manage) = folder.text("manage.py") {
        found.apps.push(match settings(manage) {
            Some(module) if needs("gunicorn") => {
                Draft::new(&name, &format!("{bin}gunicorn {module}.wsgi"), "manage.py and gunicorn")
            }
            _ => Draft::new(&name, &format!("{python} manage.py runserver --noreload 127.0.0.1:8000"), "manage.py")
                .remark("this is the development server of Django; for production use gunicorn or uvicorn"),
        });
        return;
    }
    if let Some(script) = project.as_ref().and_then(|project| project.scripts.first()) {
        found.apps.push(Draft::new(script, &format!("{bin}{}", super::text::word(script)), "pyproject.toml, project.scripts"));
        return;
    }
    for file in ["main.py", "app.py", "app/main.py"] {
        let Some(text) = folder.text(file) else { continue };
        let module = file.trim_end_matches(".py").replace('/', ".");
        let draft = if let (Some(app), true) = (made_by(text, "FastAPI"), needs_any(&needs, &["uvicorn", "fastapi"])) {
            Draft::new(&name, &format!("{bin}uvicorn {module}:{app} --host 127.0.0.1 --port 8000"), file)
        } else if let (Some(app), true) = (made_by(text, "Flask"), needs("gunicorn")) {
            Draft::new(&name, &format!("{bin}gunicorn {module}:{app}"), file)
        } else if file.contains('/') {
            // Whether a module of a package is for running is open.
            continue;
        } else {
            Draft::new(&name, &format!("{python} {file}"), file)
        };
        // What Python prints to a pipe stays in its buffer, else.
        found.apps.push(Draft { env: vec![("PYTHONUNBUFFERED".to_owned(), "1".to_owned())], ..draft });
        return;
    }
    if project.is_some() || folder.has("requirements.txt") {
        found.notes.push(
            "this is a Python project, and no file says what to run: no manage.py, project.scripts, main.py or app.py".to_owned(),
        );
    }
}

/// The variable that gets an application of this class: `app = FastAPI(…)`. Where it is made otherwise, `app` is what everybody calls it.
fn made_by<'t>(text: &'t str, class: &str) -> Option<&'t str> {
    let call = format!("{class}(");
    let line = text.lines().find(|line| line.contains(&call))?;
    let name = line.split_once('=').map_or("", |(name, _)| name.split(':').next().unwrap_or_default().trim_end());
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    Some(if fits { name } else { "app" })
}

fn needs_any(needs: &impl Fn(&str) -> bool, names: &[&str]) -> bool {
    names.iter().any(|name| needs(name))
}

/// Where programs of the project stand: before their names.
fn bin(folder: &Folder) -> &'static str {
    match folder.first(&[".venv", "venv", "uv.lock", "poetry.lock"]) {
        Some(".venv") => ".venv/bin/",
        Some("venv") => "venv/bin/",
        Some("uv.lock") => "uv run ",
        Some("poetry.lock") => "poetry run ",
        _ => "",
    }
}

/// What `pyproject.toml` says.
struct Project {
    name: Option<String>,
    scripts: Vec<String>,
    needs: Vec<String>,
}

fn project(folder: &Folder, found: &mut Found) -> Option<Project> {
    let text = folder.text("pyproject.toml")?;
    let Ok(file) = text.parse::<Table>() else {
        found.notes.push("pyproject.toml is not TOML and was not looked at".to_owned());
        return None;
    };
    let empty = Table::new();
    let table = |table: &Table, key: &str| table.get(key).and_then(Value::as_table).cloned();
    let project = table(&file, "project").or_else(|| table(&table(&file, "tool")?, "poetry")).unwrap_or(empty);
    let list = project.get("dependencies").and_then(Value::as_array).cloned().unwrap_or_default();
    let named = table(&project, "dependencies").unwrap_or_default();
    Some(Project {
        name: project.get("name").and_then(Value::as_str).map(str::to_owned),
        scripts: table(&project, "scripts").unwrap_or_default().into_iter().map(|(name, _)| name).collect(),
        needs: list.iter().filter_map(Value::as_str).map(str::to_owned).chain(named.into_iter().map(|(name, _)| name)).collect(),
    })
}

/// Whether a line such as `gunicorn[gevent] >= 20` asks for this package.
fn requires(line: &str, what: &str) -> bool {
    let name: String = line.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    name.eq_ignore_ascii_case(what)
}

/// The package of `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")`.
fn settings(manage: &str) -> Option<&str> {
    let rest = manage.split_once("DJANGO_SETTINGS_MODULE")?.1;
    let module = rest.split(['"', '\'']).find(|part| part.contains(".settings"))?;
    let package = module.split(".settings").next()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    (!package.is_empty() && package.chars().all(fits)).then_some(package)
}
