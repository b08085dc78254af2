//! Reloads and scaling.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// More instances than this are a mistake.
pub const MOST_INSTANCES: u32 = 1000;

/// `POST /api/v1/apps/{app}/scale`. `POST /api/v1/apps/{selector}/reload` takes no body, or a [`crate::RestartRequest`] as a restart does; with `/plan`
/// behind it, it answers with a [`crate::PlanReply`] and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleRequest {
    /// `"4"`, `"+2"` or `"-1"`.
    pub to: ScaleTo,
}

/// How many instances an app is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleTo {
    /// So many.
    Exactly(u32),
    /// So many more, or fewer.
    By(i64),
}

/// It is no number of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadScale;

/// A reload that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadView {
    /// How: `restart`, `hup`, `rolling`, `bluegreen`, `socket`.
    pub strategy: String,
    /// The generation that the app gets by it.
    pub generation: u64,
    /// It is the way back from one that failed.
    pub back: bool,
    /// The way back has failed too: what lives is left as it is.
    #[serde(default)]
    pub given_up: bool,
}

/// The last reload that failed. Kept until one succeeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedReloadView {
    /// The generation that was to be.
    pub generation: u64,
    /// The life that failed, where it was one.
    pub instance: Option<String>,
    /// Why, in words.
    pub why: String,
}

/// A life that is to take the place of the one in its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLife {
    /// Which.
    pub instance: String,
    /// Its process.
    pub pid: Option<u32>,
    /// Its status.
    pub status: model::Status,
    /// More about that in words.
    pub why: Option<String>,
    /// The port that it was given.
    pub port: Option<u16>,
}

impl ScaleTo {
    /// What it comes to for an app that has so many.
    ///
    /// # Errors
    /// It would be fewer than none, or more than [`MOST_INSTANCES`]: the number.
    pub fn of(self, instances: u32) -> Result<u32, i64> {
        let wanted = match self {
            ScaleTo::Exactly(number) => i64::from(number),
            ScaleTo::By(number) => i64::from(instances).saturating_add(number),
        };
        u32::try_from(wanted).ok().filter(|number| *number <= MOST_INSTANCES).ok_or(wanted)
    }
}

impl FromStr for ScaleTo {
    type Err = BadScale;

    fn from_str(text: &str) -> Result<ScaleTo, BadScale> {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadScale);
        }
        match text.starts_with(['+', '-']) {
            true => text.parse().map(ScaleTo::By).map_err(|_| BadScale),
            false => text.parse().map(ScaleTo::Exactly).map_err(|_| BadScale),
        }
    }
}

impl fmt::Display for ScaleTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScaleTo::Exactly(number) => write!(f, "{number}"),
            ScaleTo::By(number) => write!(f, "{number:+}"),
        }
    }
}

impl fmt::Display for BadScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of instances is written 4, or +2 for two more, or -1 for one fewer")
    }
}

impl std::error::Error for BadScale {}

impl Serialize for ScaleTo {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ScaleTo {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<ScaleTo, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many() {
        for (text, of, want) in [
            ("4", 1, Ok(4)),
            ("0", 3, Ok(0)),
            ("+2", 3, Ok(5)),
            ("-1", 3, Ok(2)),
            ("-3", 3, Ok(0)),
            ("-4", 3, Err(-1)),
            ("1000", 3, Ok(1000)),
            ("1001", 3, Err(1001)),
            ("+1000", 1, Err(1001)),
            ("+9223372036854775807", 1, Err(i64::MAX)),
        ] {
            let to: ScaleTo = text.parse().expect(text);
            assert_eq!((to.of(of), to.to_string().as_str()), (want, text));
            let json = serde_json::to_string(&ScaleRequest { to }).expect("JSON");
            assert_eq!(json, format!("{{\"to\":\"{text}\"}}"));
            assert_eq!(serde_json::from_str::<ScaleRequest>(&json).expect("read").to, to);
        }
        for wrong in ["", "+", "-", "--1", "+-1", "1.5", "two", " 1", "1 ", "99999999999", "-99999999999999999999", "0x4"] {
            assert_eq!(wrong.parse::<ScaleTo>(), Err(BadScale), "{wrong}");
        }
    }
}
