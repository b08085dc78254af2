//! What the processes of an app may use together.

use crate::layer::{Entry, Layer, Value, set, top};
use crate::shape::MOST_PERCENT;
use crate::texts::{Scalar, Texts};
use model::{CgroupUse, OnLimit, Usage};

/// Everything of this kind.
pub(crate) fn settings(usage: &mut Usage, layers: &[&Layer], t: &mut Texts<'_, '_>) {
    let key = |name| top(layers, name);
    set(key("max_memory"), &mut usage.max_memory, |e| t.or_none(e, memory));
    set(key("max_cpu"), &mut usage.max_cpu, |e| t.or_none(e, percent));
    set(key("max_tasks"), &mut usage.max_tasks, |e| t.or_none(e, |t, e| t.int(e)));
    let on_limit = [("restart", OnLimit::Restart), ("kill", OnLimit::Kill), ("none", OnLimit::None)];
    set(key("on_limit"), &mut usage.on_limit, |e| t.choice(e, &on_limit));
    let cgroup = [("auto", CgroupUse::Auto), ("required", CgroupUse::Required), ("off", CgroupUse::Off)];
    set(key("cgroup"), &mut usage.cgroup, |e| t.choice(e, &cgroup));
}

fn memory(t: &mut Texts<'_, '_>, entry: &Entry) -> Option<u64> {
    let bytes = t.size(entry)?;
    // Less is a misunderstanding of the unit.
    if entry.key.shape.size_bound().is_none_or(|least| bytes >= least) {
        return Some(bytes);
    }
    let help = match bytes {
        0 => "write \"none\" for no limit".to_owned(),
        _ if has_unit(&entry.item.value) => "it is at least \"64K\"".to_owned(),
        _ => format!("a bare number is bytes; write \"{bytes}M\" for mebibytes"),
    };
    t.refuse(entry, format!("no program runs in {bytes} bytes"), Some(help))
}

fn has_unit(value: &Value) -> bool {
    matches!(value, Value::Text(text) | Value::Verbatim(text) if text.contains(|c: char| c.is_ascii_alphabetic()))
}

/// A number, with or without `%` behind it.
fn percent(t: &mut Texts<'_, '_>, entry: &Entry) -> Option<f64> {
    let wanted = "a percentage such as 50 (half a core) or 200 (two cores)";
    let scalar = t.scalar(&entry.item, &entry.written, wanted)?;
    let number: Option<f64> = match &scalar {
        Scalar::Int(number) => Some(*number as f64),
        Scalar::Float(text) => text.replace('_', "").parse().ok(),
        Scalar::Text { text, loose } => match text.trim().strip_suffix('%') {
            Some(number) => number.trim_end().parse().ok(),
            None => text.trim().parse().ok().filter(|_| *loose),
        },
        Scalar::Bool(_) => None,
    };
    match number.filter(|number| number.is_finite() && *number > 0.0 && *number <= MOST_PERCENT) {
        Some(number) => Some(number),
        None => t.mismatch(&entry.item, &entry.written, wanted, &scalar),
    }
}
