//! `package.json`.

use super::{Draft, Folder, Found};
use serde_json::Value;

const FILE: &str = "package.json";

/// What `npm start` would do, or else the main file. A development server is none to keep running.
pub(super) fn detect(folder: &Folder, found: &mut Found) {
    let Some(text) = folder.text(FILE) else { return };
    let Ok(package) = serde_json::from_str::<Value>(text) else {
        found.notes.push(format!("{FILE} is not JSON and was not looked at"));
        return;
    };
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let name = text(&package["name"]).unwrap_or_else(|| folder.name.clone());
    let scripts = &package["scripts"];
    let runner = runner(folder);
    if let Some(start) = text(&scripts["start"]) {
        let plain = start.strip_prefix("node ").is_some_and(|rest| !super::text::needs_shell(rest));
        let from = format!("{FILE}, scripts.start");
        found.apps.push(match plain {
            // Without a package manager in between, signals reach the program itself.
            true => Draft::new(&name, &start, &from),
            false => Draft::new(&name, &format!("{runner} run start"), &from).remark(format!("which runs: {start}")),
        });
    } else if let Some(main) =
        text(&package["main"]).or_else(|| folder.first(&["server.js", "index.js", "app.js"]).map(str::to_owned))
    {
        found.apps.push(Draft::new(&name, &format!("node {}", super::text::word(&main)), &format!("{FILE}, its main file")));
    } else {
        found.notes.push(format!("{FILE} has neither scripts.start nor main, so it does not say what to run"));
    }
    if let Some(dev) = ["dev", "develop", "serve"].into_iter().find(|name| text(&scripts[*name]).is_some()) {
        found.notes.push(format!("scripts.{dev} of {FILE} was left out: it is for development"));
    }
    if text(&scripts["build"]).is_some()
        && let Some(app) = found.apps.last_mut()
    {
        app.remarks.push(format!("build it first: {runner} run build"));
    }
}

fn runner(folder: &Folder) -> &'static str {
    match folder.first(&["pnpm-lock.yaml", "yarn.lock", "bun.lockb", "bun.lock"]) {
        Some("pnpm-lock.yaml") => "pnpm",
        Some("yarn.lock") => "yarn",
        Some(_) => "bun",
        None => "npm",
    }
}
