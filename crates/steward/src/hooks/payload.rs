//! What a hook is told: one JSON object with the fields of `abide events --json`.

use api::EventLine;
use model::HookPoint;
use serde::Serialize;
use std::sync::Arc;

/// The longest reason that becomes a variable of a command.
const REASON: usize = 4 << 10;

/// One event for one hook.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payload {
    /// The hook that is told.
    pub(crate) hook: HookPoint,
    /// The event.
    pub(crate) event: Arc<EventLine>,
    /// Events for this hook that were left out before this one.
    pub(crate) dropped: u64,
}

#[derive(Serialize)]
struct Object<'a> {
    hook: &'static str,
    #[serde(flatten)]
    event: &'a EventLine,
    #[serde(skip_serializing_if = "is_none")]
    dropped: u64,
}

fn is_none(dropped: &u64) -> bool {
    *dropped == 0
}

impl Payload {
    /// The object, with a line feed behind it.
    pub(crate) fn json(&self) -> Vec<u8> {
        let object = Object { hook: self.hook.word(), event: &self.event, dropped: self.dropped };
        let mut text = serde_json::to_vec(&object).expect("strings and numbers can be said in JSON");
        text.push(b'\n');
        text
    }

    /// The variables of a command.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let mut reason: String = self.event.reason.iter().flat_map(|reason| reason.chars()).filter(|c| *c != '\0').collect();
        while reason.len() > REASON {
            reason.pop();
        }
        let pairs =
            [("ABIDE_HOOK", self.hook.word().to_owned()), ("ABIDE_EVENT", self.event.event.clone()), ("ABIDE_REASON", reason)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_event_is_told_as_events_json_does_and_more() {
        let event = EventLine {
            seq: 7,
            time: "2026-11-21T07:08:50.123Z".into(),
            app: Some("web".into()),
            slot: Some("web-0".into()),
            instance: Some("i9".into()),
            event: "exited".into(),
            reason: Some("exit code 3".into()),
            actor: "abide".into(),
            data: json!({ "code": 3 }),
        };
        let mut want = serde_json::to_value(&event).expect("JSON");
        let mut payload = Payload { hook: HookPoint::OnCrash, event: Arc::new(event), dropped: 0 };
        want["hook"] = json!("on_crash");
        let text = payload.json();
        assert_eq!(text.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(serde_json::from_slice::<Value>(&text).expect("JSON"), want);
        payload.dropped = 4;
        assert_eq!(serde_json::from_slice::<Value>(&payload.json()).expect("JSON")["dropped"], json!(4));
        let env: Vec<String> = payload.env().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(env, ["ABIDE_HOOK=on_crash", "ABIDE_EVENT=exited", "ABIDE_REASON=exit code 3"]);
    }
}
