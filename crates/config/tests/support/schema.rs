//! The schema as an editor uses it.

use serde_json::Value;
use std::sync::LazyLock;

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(&config::schema()).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is one");
    jsonschema::draft202012::new(&schema).expect("the schema can be used")
});

/// What the schema says against a file, nothing if it is good.
pub fn refusals(file: &Value) -> Vec<String> {
    VALIDATOR.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A file as JSON; dates become strings.
pub fn json(text: &str) -> Value {
    of(toml::Value::Table(text.parse().expect("TOML")))
}

/// A value as JSON.
pub fn of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(is) => is.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(list) => list.into_iter().map(of).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, of(value))).collect()),
    }
}
