//! What it is told.

use std::time::Duration;

/// The words, understood.
#[derive(Debug)]
pub struct Words {
    pub version: String,
    pub delay: Duration,
    pub slow: Duration,
    pub never_ready: bool,
    pub dies: Option<Duration>,
    pub bind: Option<String>,
}

impl Words {
    /// From arguments, and the files that they name.
    ///
    /// # Errors
    /// The word that means nothing, or the file that cannot be read.
    pub fn read(args: impl Iterator<Item = String>) -> Result<Words, String> {
        let zero = Duration::ZERO;
        let mut words = Words { version: "1".to_owned(), delay: zero, slow: zero, never_ready: false, dies: None, bind: None };
        for arg in args {
            match arg.strip_prefix("release:") {
                Some(file) => {
                    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
                    text.split_whitespace().try_for_each(|word| words.take(word))?;
                }
                None => words.take(&arg)?,
            }
        }
        Ok(words)
    }

    fn take(&mut self, word: &str) -> Result<(), String> {
        let ms = |text: &str| text.parse().map(Duration::from_millis).map_err(|_| format!("`{word}` needs milliseconds"));
        match word.split_once(':').unwrap_or((word, "")) {
            ("version", version) => self.version = version.to_owned(),
            ("delay", text) => self.delay = ms(text)?,
            ("slow", text) => self.slow = ms(text)?,
            ("never-ready", "") => self.never_ready = true,
            ("dies", text) => self.dies = Some(ms(text)?),
            ("bind", address) => self.bind = Some(address.to_owned()),
            _ => return Err(format!("`{word}` means nothing")),
        }
        Ok(())
    }
}
