//! From text and numbers to the types of the specification.

use crate::diagnostic::clip;
use crate::fault::{Fault, Place};
use crate::keys::{Suffix, nearest};
use crate::layer::{Entry, Item, Value};
use crate::shape::{Bare, MAX_INSTANCES, one_of};
use crate::texts::{Scalar, Texts};
use model::{Restart, Signal};
use std::time::Duration;

/// The longest duration, as in [`model::parse_span`].
const MAX_MS: i128 = 100 * 366 * 86_400_000;

impl Texts<'_, '_> {
    pub fn boolean(&mut self, entry: &Entry) -> Option<bool> {
        match self.scalar(&entry.item, &entry.written, "true or false")? {
            Scalar::Bool(is) => Some(is),
            Scalar::Text { text, loose: true } if text == "true" || text == "false" => Some(text == "true"),
            other => self.mismatch(&entry.item, &entry.written, "true or false", &other),
        }
    }

    /// An integer from 0 to `most`.
    pub fn count(&mut self, entry: &Entry, most: i128) -> Option<u64> {
        self.between(&entry.item, &entry.written, 0, most).and_then(|number| u64::try_from(number).ok())
    }

    /// An integer within the bounds of its key, which are those of `T` or narrower.
    pub fn int<T: TryFrom<i128>>(&mut self, entry: &Entry) -> Option<T> {
        self.int_of(&entry.item, entry)
    }

    fn int_of<T: TryFrom<i128>>(&mut self, item: &Item, entry: &Entry) -> Option<T> {
        let (least, most) = entry.key.shape.int_bounds().expect("only keys of integers are read so");
        self.between(item, &entry.written, least, most).and_then(|number| T::try_from(number).ok())
    }

    /// A number of at least 1.
    pub fn factor(&mut self, entry: &Entry) -> Option<f64> {
        let scalar = self.scalar(&entry.item, &entry.written, "a number of at least 1")?;
        let number = match &scalar {
            Scalar::Int(number) => Some(*number as f64),
            Scalar::Float(text) | Scalar::Text { text, loose: true } => text.parse().ok(),
            _ => None,
        };
        match number.filter(|number: &f64| number.is_finite() && *number >= 1.0) {
            Some(number) => Some(number),
            None => self.mismatch(&entry.item, &entry.written, "a number of at least 1", &scalar),
        }
    }

    /// A duration, at least the shortest of its key.
    pub fn span(&mut self, entry: &Entry) -> Option<Duration> {
        let (least_ms, bare) = entry.key.shape.span_bounds().expect("only keys of durations are read so");
        let span = match entry.suffix {
            Suffix::Ms => Duration::from_millis(self.count(entry, MAX_MS)?),
            Suffix::Secs => Duration::from_secs(self.count(entry, MAX_MS / 1000)?),
            Suffix::Bare | Suffix::Mb => self.bare_span(entry, bare)?,
        };
        let least = Duration::from_millis(least_ms);
        if span < least {
            let help = format!("it is at least {}", model::format_span(least));
            return self.refuse(entry, format!("{} is too short", model::format_span(span)), Some(help));
        }
        Some(span)
    }

    fn bare_span(&mut self, entry: &Entry, bare: Bare) -> Option<Duration> {
        let wanted = "a duration such as \"500ms\", \"10s\" or \"1h30m\"";
        let flat = bare == Bare::Seconds;
        match self.scalar(&entry.item, &entry.written, wanted)? {
            Scalar::Text { text, .. } => {
                let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                match (digits, &entry.item.place) {
                    // On the command line a bare number is seconds.
                    (true, Place::Flag(_)) => self.span_of(entry, &format!("{text}s")),
                    // So it is with the flat spellings, which come from elsewhere.
                    (true, _) if flat => self.span_of(entry, &format!("{text}s")),
                    (true, _) => self.both_readings(entry, &text),
                    (false, _) => self.span_of(entry, &text),
                }
            }
            Scalar::Int(number) if number >= 0 => {
                // The one key whose bare number is defined: the seeds' own files write `window = 120000`.
                if bare == Bare::Millis && number <= MAX_MS {
                    return Some(Duration::from_millis(number as u64));
                }
                if flat && number <= MAX_MS / 1000 {
                    return Some(Duration::from_secs(number as u64));
                }
                self.both_readings(entry, &number.to_string())
            }
            other => self.mismatch(&entry.item, &entry.written, wanted, &other),
        }
    }

    fn span_of(&mut self, entry: &Entry, text: &str) -> Option<Duration> {
        match model::parse_span(text) {
            Ok(span) => Some(span),
            Err(_) => {
                let message = format!("`{}` is not a duration", clip(text));
                self.refuse(entry, message, Some("write for example \"500ms\", \"10s\", \"2m\" or \"1h30m\"".to_owned()))
            }
        }
    }

    fn both_readings(&mut self, entry: &Entry, number: &str) -> Option<Duration> {
        let number = clip(number);
        let key = entry.written.rsplit('.').next().unwrap_or(&entry.written);
        let help = format!("write `{key} = \"{number}s\"` for seconds or `{key}_ms = {number}` for milliseconds");
        self.refuse(entry, format!("{number} of what? a duration has a unit"), Some(help))
    }

    pub fn size(&mut self, entry: &Entry) -> Option<u64> {
        const MOST: i128 = i64::MAX as i128;
        if entry.suffix == Suffix::Mb {
            return self.count(entry, MOST >> 20).map(|number| number << 20);
        }
        let wanted = "a size such as \"20M\", or a number of bytes";
        match self.scalar(&entry.item, &entry.written, wanted)? {
            Scalar::Int(number) if (0..=MOST).contains(&number) => Some(number as u64),
            Scalar::Text { text, .. } => match model::parse_size(&text) {
                Ok(size) => Some(size),
                Err(_) => {
                    let message = format!("`{}` is not a size", clip(&text));
                    self.refuse(
                        entry,
                        message,
                        Some("write for example \"512K\", \"20M\", \"1.5G\" or a number of bytes".to_owned()),
                    )
                }
            },
            other => self.mismatch(&entry.item, &entry.written, wanted, &other),
        }
    }

    /// One of a few words; `_` may stand for `-`.
    pub fn choice<T: Copy>(&mut self, entry: &Entry, words: &[(&str, T)]) -> Option<T> {
        let known = entry.key.shape.choices();
        debug_assert!(known.iter().eq(words.iter().map(|(word, _)| word)), "{} has {known:?}", entry.key.name);
        self.choice_of(&entry.item, &entry.written, words)
    }

    /// The same for a value inside another.
    pub fn choice_of<T: Copy>(&mut self, item: &Item, label: &str, words: &[(&str, T)]) -> Option<T> {
        let wanted = one_of(words.iter().map(|(word, _)| format!("\"{word}\"")));
        let scalar = self.scalar(item, label, &wanted)?;
        let Scalar::Text { text, .. } = &scalar else { return self.mismatch(item, label, &wanted, &scalar) };
        let plain = |text: &str| text.replace('_', "-");
        if let Some((_, value)) = words.iter().find(|(word, _)| plain(word) == plain(text)) {
            return Some(*value);
        }
        let near = nearest(&text.to_ascii_lowercase(), words.iter(), |(word, _)| word);
        let help = near.map(|(word, _)| format!("did you mean \"{word}\"?"));
        let message = format!("`{label}`: `{}` is not understood; there are {wanted}", clip(text));
        self.faults.push(Fault::new(&item.place, message).maybe_help(help));
        None
    }

    /// `"none"`, or what `read` makes of it.
    pub fn or_none<T>(&mut self, entry: &Entry, read: impl FnOnce(&mut Self, &Entry) -> Option<T>) -> Option<Option<T>> {
        match &entry.item.value {
            Value::Text(text) | Value::Verbatim(text) if text == "none" => Some(None),
            _ => read(self, entry).map(Some),
        }
    }

    /// An integer within bounds, which may be negative.
    pub fn between(&mut self, item: &Item, label: &str, least: i128, most: i128) -> Option<i128> {
        let wanted = format!("an integer from {least} to {most}");
        let scalar = self.scalar(item, label, &wanted)?;
        let number = match &scalar {
            Scalar::Int(number) => Some(*number),
            Scalar::Text { text, loose: true } => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.mismatch(item, label, &wanted, &scalar),
        }
    }

    pub fn restart(&mut self, entry: &Entry) -> Option<Restart> {
        const WORDS: [(&str, Restart); 3] =
            [("always", Restart::Always), ("on-failure", Restart::OnFailure), ("never", Restart::Never)];
        let wanted = "\"always\", \"on-failure\" or \"never\"";
        let scalar = self.scalar(&entry.item, &entry.written, wanted)?;
        let (help, near) = match &scalar {
            Scalar::Text { text, .. } => {
                let word = text.replace('_', "-");
                if let Some((_, policy)) = WORDS.iter().find(|(name, _)| *name == word) {
                    return Some(*policy);
                }
                match word.as_str() {
                    "no" | "none" | "off" | "false" => (None, Some("never")),
                    "yes" | "true" | "unless-stopped" => (None, Some("always")),
                    word => (None, nearest(&word.to_ascii_lowercase(), WORDS.iter(), |(name, _)| name).map(|(name, _)| *name)),
                }
            }
            Scalar::Bool(true) => (None, Some("always")),
            Scalar::Bool(false) => (None, Some("never")),
            _ => (Some(format!("expected {wanted}")), None),
        };
        let help = help.or(near.map(|near| format!("did you mean \"{near}\"?")));
        let found = match &scalar {
            Scalar::Text { text, .. } => format!("`{}`", clip(text)),
            Scalar::Int(number) => number.to_string(),
            Scalar::Float(number) => clip(number),
            Scalar::Bool(is) => is.to_string(),
        };
        self.refuse(entry, format!("{found} is no restart policy; there are {wanted}"), help)
    }

    pub fn signal(&mut self, entry: &Entry) -> Option<Signal> {
        let scalar = self.scalar(&entry.item, &entry.written, "a signal such as \"SIGTERM\"")?;
        let text = match &scalar {
            Scalar::Text { text, .. } => text.clone(),
            Scalar::Int(number) => number.to_string(),
            other => return self.mismatch(&entry.item, &entry.written, "a signal such as \"SIGTERM\"", other),
        };
        match text.parse() {
            Ok(signal) => Some(signal),
            Err(_) => {
                let help = Some("write for example \"SIGTERM\", \"INT\" or 15".to_owned());
                self.refuse(entry, format!("`{}` is not a signal", clip(&text)), help)
            }
        }
    }

    /// A number, or a share of the processors; a share is at least 1.
    pub fn instances(&mut self, entry: &Entry, cpus: u32) -> Option<u32> {
        let wanted = format!("a number from 0 to {MAX_INSTANCES}, \"cpu\", \"cpu-1\" or \"cpu/2\"");
        let scalar = self.scalar(&entry.item, &entry.written, &wanted)?;
        let number = match &scalar {
            Scalar::Int(number) => u32::try_from(*number).ok(),
            Scalar::Text { text, .. } => share(text.trim(), cpus),
            _ => None,
        };
        match number.filter(|number| *number <= MAX_INSTANCES) {
            Some(number) => Some(number),
            None => self.mismatch(&entry.item, &entry.written, &wanted, &scalar),
        }
    }

    /// A list of exit codes; on the command line with commas.
    pub fn codes(&mut self, entry: &Entry) -> Option<Vec<i32>> {
        let items: Vec<Item> = match &entry.item.value {
            Value::List(list) => list.clone(),
            Value::Verbatim(text) => {
                let item = |part: &str| Item { value: Value::Verbatim(part.trim().to_owned()), place: entry.item.place.clone() };
                text.split(',').map(item).collect()
            }
            other => {
                let found = other.kind();
                self.faults.push(
                    Fault::new(&entry.item.place, format!("`{}` is a list of exit codes, found {found}", entry.written))
                        .help("write for example `success_exit_codes = [0, 143]`"),
                );
                return None;
            }
        };
        let mut codes = Vec::new();
        let mut good = true;
        for item in &items {
            match self.int_of(item, entry) {
                Some(code) if !codes.contains(&code) => codes.push(code),
                Some(_) => {}
                None => good = false,
            }
        }
        good.then_some(codes)
    }

    /// A word that selectors can name.
    pub fn namespace(&mut self, entry: &Entry) -> Option<String> {
        let text = self.text(&entry.item, &entry.written, "a name")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.len() <= 64 && text.chars().all(fits) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Some(text);
        }
        let help = Some("up to 64 of A-Z a-z 0-9 . _ - and a letter or digit first".to_owned());
        self.refuse(entry, format!("`{}` cannot be a namespace", clip(&text)), help)
    }
}

fn share(text: &str, cpus: u32) -> Option<u32> {
    let cpus = cpus.clamp(1, MAX_INSTANCES);
    let number = |text: &str| text.trim().parse::<u32>().ok();
    if matches!(text, "cpu" | "max") {
        return Some(cpus);
    }
    if let Some(less) = text.strip_prefix("cpu").and_then(|rest| rest.trim_start().strip_prefix('-')) {
        return number(less).map(|less| cpus.saturating_sub(less).max(1));
    }
    if let Some(by) = text.strip_prefix("cpu").and_then(|rest| rest.trim_start().strip_prefix('/')) {
        return number(by).filter(|by| *by > 0).map(|by| (cpus / by).max(1));
    }
    number(text)
}
