//! Samples and what is said of them.

/// Nanoseconds, in the order in which they were measured.
#[derive(Debug, Default, Clone)]
pub struct Samples(Vec<u64>);

impl Samples {
    pub fn push(&mut self, ns: u64) {
        self.0.push(ns);
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The value below which `percent` of the samples lie (nearest rank); 0 when there is none.
    pub fn at(&self, percent: usize) -> u64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1));
        sorted.get(rank - 1).copied().unwrap_or(0)
    }
}

/// A span for people, with three figures.
pub fn span(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000_000 => (ns as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    format!("{} {unit}", figures(value))
}

/// A ratio or other number for people, with three figures.
pub fn figures(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `median (p10–p90)`.
pub fn spread(samples: &Samples) -> String {
    format!("{} ({} – {})", span(samples.at(50)), span(samples.at(10)), span(samples.at(90)))
}
