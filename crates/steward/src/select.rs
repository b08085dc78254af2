//! Selectors: which apps and slots a word means.

use crate::store::StoredTarget;
use api::{Problem, RestartRequest};
use model::{AppName, InheritEnv, SlotId, SlotRef, Status, fits};
use std::collections::BTreeMap;

/// So many nearest names are offered for an unknown one.
const NEAREST: usize = 3;

/// An app as selectors see it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) app: AppName,
    pub(crate) namespace: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) slots: Vec<(u32, SlotId, Status)>,
}

/// What is meant by selectors that are joined by commas, in the order of definition; an app as a whole wins over its slots.
///
/// # Errors
/// 404 `unknown_app` with the nearest names; 400 for an empty one.
pub(crate) fn resolve(text: &str, known: &[Known]) -> Result<Vec<StoredTarget>, Problem> {
    let mut meant: BTreeMap<usize, Option<Vec<u32>>> = BTreeMap::new();
    for word in text.split(',').map(str::trim) {
        if word.is_empty() {
            return Err(Problem::new(400, "invalid_request", "a selector is empty").hint("name an app, a slot, an id, or `all`"));
        }
        let found = matches(word, known);
        // `all` and a namespace that exists may mean nothing.
        if found.is_empty() && word != "all" {
            return Err(unknown(word, known));
        }
        for (at, slots) in found {
            let entry = meant.entry(at).or_insert_with(|| Some(Vec::new()));
            match (entry.as_mut(), slots) {
                (Some(some), Some(more)) => some.extend(more),
                (_, None) => *entry = None,
                (None, _) => {}
            }
        }
    }
    let target = |(at, slots): (usize, Option<Vec<u32>>)| {
        let slots = slots.map(|mut some| {
            some.sort_unstable();
            some.dedup();
            some
        });
        StoredTarget { app: known[at].app.clone(), slots }
    };
    Ok(meant.into_iter().map(target).collect())
}

/// Whether a slot is meant by any of these.
pub(crate) fn includes(targets: &[StoredTarget], slot: &SlotRef) -> bool {
    let mut about = targets.iter().filter(|target| target.app == slot.app);
    about.any(|target| target.slots.as_ref().is_none_or(|some| some.contains(&slot.index)))
}

type Meant = Vec<(usize, Option<Vec<u32>>)>;

/// In this order: exact app, exact slot, id, prefixed forms, glob.
fn matches(word: &str, known: &[Known]) -> Meant {
    let apps = |means: &dyn Fn(&Known) -> bool| -> Meant {
        known.iter().enumerate().filter(|(_, app)| means(app)).map(|(at, _)| (at, None)).collect()
    };
    let slots = |means: &dyn Fn(&Known, u32, SlotId, Status) -> bool| -> Meant {
        let of = |app: &Known| -> Vec<u32> {
            app.slots.iter().filter(|(index, id, status)| means(app, *index, *id, *status)).map(|(index, ..)| *index).collect()
        };
        known
            .iter()
            .enumerate()
            .map(|(at, app)| (at, of(app)))
            .filter(|(_, of)| !of.is_empty())
            .map(|(at, of)| (at, Some(of)))
            .collect()
    };
    if word == "all" {
        return apps(&|_| true);
    }
    let exact = apps(&|app| app.app.as_str() == word);
    if !exact.is_empty() {
        return exact;
    }
    let slot = slots(&|app, index, _, _| format!("{}-{index}", app.app) == word);
    if !slot.is_empty() {
        return slot;
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return slots(&|_, _, id, _| word.parse() == Ok(id.0));
    }
    if let Some(namespace) = word.strip_prefix("ns:") {
        return apps(&|app| app.namespace == namespace);
    }
    if let Some((key, value)) = word.strip_prefix("label:").and_then(|label| label.split_once('=')) {
        return apps(&|app| app.labels.get(key).is_some_and(|of| of == value));
    }
    if let Some(wanted) = word.strip_prefix("status:") {
        let wanted = match wanted {
            "crashed" => "errored",
            "restarting" => "backoff",
            other => other,
        };
        return slots(&|_, _, _, status| status.word() == wanted);
    }
    if word.contains(['*', '?']) {
        let whole = apps(&|app| fits(word, app.app.as_str()));
        return if whole.is_empty() { slots(&|app, index, _, _| fits(word, &format!("{}-{index}", app.app))) } else { whole };
    }
    Vec::new()
}

/// Whether a selector, which means this app, names it: `all`, a prefix or a glob does not.
pub(crate) fn names_itself(text: &str, app: &AppName) -> bool {
    text.split(',').any(|word| word.trim() == app.as_str())
}

/// The variables of a session that an app gets.
pub(crate) fn inherited(which: &InheritEnv, session: &RestartRequest) -> BTreeMap<String, String> {
    match which {
        InheritEnv::Session => session.session_env.clone(),
        InheritEnv::None => BTreeMap::new(),
        InheritEnv::Named(names) => {
            let means = |name: &str| names.iter().any(|pattern| fits(pattern, name));
            let named = session.nameable_env.iter().filter(|(name, _)| means(name));
            named.map(|(name, value)| (name.clone(), value.clone())).collect()
        }
    }
}

/// Whether a word means this app, or this slot of it, by its name alone. So also what was deleted can still be meant.
pub(crate) fn names(word: &str, app: &str, slot: Option<&str>) -> bool {
    let globs = word.contains(['*', '?']);
    let is = |name: &str| name == word || (globs && fits(word, name));
    word == "all" || is(app) || slot.is_some_and(is)
}

/// Whether more than names is needed to know what a word means: it is a number, or has a prefix.
pub(crate) fn needs_list(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit()) || ["ns:", "label:", "status:"].iter().any(|prefix| word.starts_with(prefix))
}

/// How likely it is that `word` was meant to be `name`. Jaro and Winkler like equal beginnings, and see nothing in a short word whose letters
/// have changed places (`wbe`): there the slips of fingers are counted.
fn likeness(word: &str, name: &str) -> f64 {
    // The number of a slot is no part of the name.
    let word = word.rsplit_once('-').filter(|(_, end)| end.bytes().all(|b| b.is_ascii_digit())).map_or(word, |(app, _)| app);
    let longer = word.chars().count().max(name.chars().count());
    let slips = if longer < 3 { usize::MAX } else { strsim::damerau_levenshtein(word, name) };
    let by_slips = if slips <= (longer / 3).max(1) { 1.0 - slips as f64 / (longer * 2) as f64 } else { 0.0 };
    by_slips.max(strsim::jaro_winkler(word, name))
}

fn unknown(word: &str, known: &[Known]) -> Problem {
    let shown = word.chars().take(80).flat_map(char::escape_debug).collect::<String>();
    let mut near: Vec<(f64, &str)> = known.iter().map(|app| (likeness(&shown, app.app.as_str()), app.app.as_str())).collect();
    near.retain(|(likeness, _)| *likeness > 0.7);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut problem = Problem::new(404, "unknown_app", format!("no app, slot or id matches `{shown}`"))
        .hint("`abide list` shows what there is");
    problem.nearest = near.into_iter().take(NEAREST).map(|(_, name)| name.to_owned()).collect();
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_alone_mean_apps_and_slots() {
        for (word, app, slot, want) in [
            ("web", "web", Some("web-1"), true),
            ("web-1", "web", Some("web-1"), true),
            ("web-1", "web", Some("web-2"), false),
            ("web-1", "web", None, false),
            ("w*", "web", None, true),
            ("*-1", "web", Some("web-1"), true),
            ("all", "web", None, true),
            ("", "web", None, false),
        ] {
            assert_eq!(names(word, app, slot), want, "{word}");
        }
        assert!(needs_list("3") && needs_list("ns:x") && needs_list("status:ready") && !needs_list("web") && needs_list(""));
    }

    #[test]
    fn only_a_name_names() {
        let web = AppName::new("web").expect("name");
        for (text, want) in [("web", true), ("db, web", true), ("all", false), ("w*", false), ("web-0", false), ("ns:web", false)]
        {
            assert_eq!(names_itself(text, &web), want, "{text}");
        }
    }

    fn known() -> Vec<Known> {
        let app = |name: &str, namespace: &str, first: u32, statuses: &[Status]| Known {
            app: AppName::new(name).expect("name"),
            namespace: namespace.into(),
            labels: BTreeMap::from([("tier".to_owned(), namespace.to_owned()), (name.to_owned(), "a=b".to_owned())]),
            slots: (0u32..).zip(statuses).map(|(index, status)| (index, SlotId(first + index), *status)).collect(),
        };
        vec![
            app("web", "front", 0, &[Status::Running, Status::Errored, Status::Running]),
            app("api-1x", "back", 3, &[Status::Running]),
            app("api-two", "back", 4, &[Status::Backoff]),
            app("none", "default", 0, &[]),
        ]
    }

    fn said(text: &str) -> String {
        match resolve(text, &known()) {
            Err(problem) => format!("{} {:?}", problem.status, problem.nearest),
            Ok(targets) => {
                let one = |target: &StoredTarget| match &target.slots {
                    None => target.app.to_string(),
                    Some(some) => some.iter().map(|index| format!("{}-{index}", target.app)).collect::<Vec<_>>().join(" "),
                };
                targets.iter().map(one).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn selectors() {
        let table = [
            ("web", "web"),
            ("web-1", "web-1"),
            ("web-2,web-0", "web-0 web-2"),
            ("web-1,web", "web"),
            ("web,web-1", "web"),
            ("3", "api-1x-0"),
            ("99", "404 []"),
            ("ns:back", "api-1x api-two"),
            ("label:tier=back", "api-1x api-two"),
            ("label:web=a=b,api-two", "web api-two"),
            ("label:tier=none", "404 []"),
            ("label:tier", "404 []"),
            ("status:errored", "web-1"),
            ("status:crashed", "web-1"),
            ("status:restarting", "api-two-0"),
            ("status:nothing", "404 []"),
            ("api-*", "api-1x api-two"),
            ("a??-two", "api-two"),
            ("web-?", "web-0 web-1 web-2"),
            ("*", "web api-1x api-two none"),
            ("all", "web api-1x api-two none"),
            ("api-two, web", "web api-two"),
            ("wep", "404 [\"web\"]"),
            ("wbe", "404 [\"web\"]"),
            ("ewb", "404 [\"web\"]"),
            ("we", "404 [\"web\"]"),
            ("wbe-1", "404 [\"web\"]"),
            ("web-7", "404 [\"web\"]"),
            ("apit-wo", "404 [\"api-two\", \"api-1x\"]"),
            ("w", "404 [\"web\"]"),
            ("x", "404 []"),
            ("xyz", "404 []"),
            ("web,wep", "404 [\"web\"]"),
            ("", "400 []"),
            ("web,", "400 []"),
            ("\u{1b}[31m", "404 []"),
        ];
        for (text, want) in table {
            assert_eq!(said(text), want, "{text}");
        }
        assert!(resolve("all", &[]).expect("nothing is all").is_empty());
    }
}
