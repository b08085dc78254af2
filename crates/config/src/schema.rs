//! The JSON Schema of a file, for editors, made from the table of keys.
//!
//! It refuses nothing that [`crate::load`] takes. It takes some of what that refuses: what only several keys together can get wrong, the
//! syntax of commands and expressions, and the shortest of a duration that is written as text.

mod value;

use crate::keys::{KeyDoc, Scope, Unit, known_keys};
use crate::shape::Shape;
use serde_json::{Map, Value, json};
use value::{MAX_MS, VARIABLE, loose_integer, values};

/// The scopes whose tables are described once and named where they stand.
const TABLES: [Scope; 15] = [
    Scope::App,
    Scope::Backoff,
    Scope::Daemon,
    Scope::Group,
    Scope::Dependency,
    Scope::Ready,
    Scope::Health,
    Scope::Limits,
    Scope::Rlimit,
    Scope::Schedule,
    Scope::Watch,
    Scope::Hooks,
    Scope::Webhook,
    Scope::Listen,
    Scope::Top,
];

/// The schema (draft 2020-12) as text, with a line feed at its end.
pub fn schema() -> String {
    format!("{:#}\n", document())
}

fn document() -> Value {
    let mut tables: Map<String, Value> =
        TABLES.into_iter().filter(|scope| *scope != Scope::Top).map(|scope| (name(scope).to_owned(), table(scope))).collect();
    tables.insert("named-app".to_owned(), named_app());
    tables.insert("listed-app".to_owned(), json!({ "allOf": [{ "$ref": "#/$defs/named-app" }], "required": ["name"] }));
    tables.insert("signal".to_owned(), value::signal());
    tables.insert(
        "variable".to_owned(),
        json!({ "type": "string", "pattern": VARIABLE, "description": "a text with ${NAME}, ${NAME:-fallback} or ${NAME:?message}" }),
    );
    let mut document = table(Scope::Top);
    let more = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "abide",
        "description": "Programs that Abide runs and keeps running: abide.toml, abide.yaml, abide.json",
        "$defs": tables,
    });
    merge(&mut document, more);
    document
}

/// What a table is called in the schema.
fn name(scope: Scope) -> &'static str {
    match scope {
        Scope::Top => "",
        Scope::App => "app",
        Scope::Backoff => "backoff",
        Scope::Daemon => "daemon",
        Scope::Group => "group",
        Scope::Dependency => "dependency",
        Scope::Ready => "ready",
        Scope::Health => "healthcheck",
        Scope::Limits => "limits",
        Scope::Rlimit => "limit",
        Scope::Schedule => "schedule",
        Scope::Watch => "watch",
        Scope::Hooks => "hooks",
        Scope::Webhook => "webhook",
        Scope::Listen => "listen",
    }
}

/// Where a table stands in the schema.
fn pointer(scope: Scope) -> String {
    match scope {
        Scope::Top => "#".to_owned(),
        _ => format!("#/$defs/{}", name(scope)),
    }
}

fn table(scope: Scope) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in known_keys().filter(|key| key.scope == scope && !of_one_app(key)) {
        let all = spellings(key);
        if key.default == "required" && scope != Scope::App {
            let ways: Vec<Value> = all.iter().map(|(spelling, _)| json!({ "required": [spelling] })).collect();
            required.push(any_of(ways));
        }
        properties.extend(all);
    }
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    // What an app needs may stand in [defaults] or in a profile; a limit of two parts, a group, a webhook and a socket have nothing below them.
    if !required.is_empty() {
        merge(&mut table, json!({ "allOf": required }));
    }
    table
}

/// Keys that stand in an app, and neither in `[defaults]` nor in a profile.
fn of_one_app(key: &KeyDoc) -> bool {
    key.scope == Scope::App && key.name == "profiles"
}

/// The keys of an app again, each by reference, with its name and what stands nowhere else.
fn named_app() -> Value {
    let mut properties = Map::new();
    for key in known_keys().filter(|key| key.scope == Scope::App) {
        for (spelling, value) in spellings(key) {
            let target = format!("{}/properties/{spelling}", pointer(Scope::App));
            properties.insert(spelling, if of_one_app(key) { value } else { json!({ "$ref": target }) });
        }
    }
    let about = "its name, in the list form; in [apps.NAME] the header has it";
    let own = json!({ "type": "string", "minLength": 1, "title": "name", "description": about });
    properties.insert("name".to_owned(), own);
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// Every spelling of a key with what it can hold: the key itself in full, the others by reference to it.
fn spellings(key: &'static KeyDoc) -> Vec<(String, Value)> {
    let endings: &[&str] = match key.unit() {
        Unit::None => &[],
        Unit::Span => &["_ms", "_secs"],
        Unit::Size => &["_mb"],
    };
    let mut all = vec![(key.name.to_owned(), property(key))];
    all.extend(endings.iter().map(|ending| (format!("{}{ending}", key.name), in_units(key, ending))));
    for alias in key.aliases {
        for ending in std::iter::once(&"").chain(endings) {
            let target = format!("{}/properties/{}{ending}", pointer(key.scope), key.name);
            let about = format!("the same as `{}{ending}`", key.name);
            all.push((format!("{alias}{ending}"), json!({ "$ref": target, "description": about, "$comment": "an alias" })));
        }
    }
    all
}

fn property(key: &'static KeyDoc) -> Value {
    let mut property = json!({ "title": key.name, "description": description(key) });
    if let Ok(default) = serde_json::from_str::<Value>(key.default) {
        merge(&mut property, json!({ "default": default }));
    }
    merge(&mut property, any_of(values(&key.shape)));
    property
}

/// Its line in the table, its type and, where that is no value, its default.
fn description(key: &'static KeyDoc) -> String {
    let is_value = serde_json::from_str::<Value>(key.default).is_ok();
    match key.default {
        "none" => format!("{} ({})", key.doc, key.kind()),
        _ if is_value => format!("{} ({})", key.doc, key.kind()),
        "required" => format!("{} ({}; required)", key.doc, key.kind()),
        words => format!("{} ({}; default: {words})", key.doc, key.kind()),
    }
}

/// A key with its unit behind it.
fn in_units(key: &'static KeyDoc, ending: &str) -> Value {
    let least_ms = key.shape.span_bounds().map_or(0, |(least, _)| least);
    let (least, most, unit) = match ending {
        "_ms" => (least_ms, MAX_MS, "milliseconds"),
        "_secs" => (least_ms.div_ceil(1000), MAX_MS / 1000, "seconds"),
        _ => (key.shape.size_bound().unwrap_or_default().div_ceil(1 << 20), i64::MAX >> 20, "mebibytes"),
    };
    let mut all = vec![loose_integer(i64::try_from(least).unwrap_or(most), most)];
    let fixed = key.shape.alternatives().iter().filter(|one| matches!(one, Shape::Fixed(_)));
    all.extend(fixed.flat_map(values));
    let mut property = json!({ "title": format!("{}{ending}", key.name), "description": format!("`{}` in {unit}", key.name) });
    merge(&mut property, any_of(all));
    property
}

/// Alternatives of different types are one schema, of which a validator says better what is wrong.
fn any_of(values: Vec<Value>) -> Value {
    let mut values = fused(values);
    match values.pop() {
        Some(only) if values.is_empty() && only.get("$ref").is_none() => only,
        Some(last) => {
            values.push(last);
            json!({ "anyOf": values })
        }
        None => json!({}),
    }
}

fn fused(values: Vec<Value>) -> Vec<Value> {
    let types = |value: &Value| -> Option<Vec<String>> {
        match value.get("type")? {
            Value::String(one) => Some(vec![one.clone()]),
            list => list.as_array().map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        }
    };
    let Some(all) = values.iter().map(types).collect::<Option<Vec<_>>>() else { return values };
    let all = all.concat();
    if values.len() < 2 || (1..all.len()).any(|at| all[..at].contains(&all[at])) {
        return values;
    }
    let mut one = json!({});
    values.into_iter().for_each(|value| merge(&mut one, value));
    merge(&mut one, json!({ "type": all }));
    vec![one]
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
