//! The table. It is Markdown, so that it can be carried into `docs/performance.md` as it stands.

use crate::stats::{Samples, figures, span, spread};

/// Everything that has been measured so far.
#[derive(Debug, Default)]
pub struct Report {
    times: Vec<[String; 6]>,
    counts: Vec<[String; 3]>,
}

impl Report {
    /// Ratio of the medians.
    pub fn time(&mut self, work: &str, floor: &Samples, ours: &Samples, aim: &str) {
        self.row(work, ours.count(), &spread(floor), &spread(ours), ratio(ours.at(50), floor.at(50)), aim);
    }

    /// Ratio of one percentile.
    pub fn percentile(&mut self, work: &str, percent: usize, floor: &Samples, ours: &Samples, aim: &str) {
        let (low, high) = (floor.at(percent), ours.at(percent));
        self.row(work, ours.count(), &span(low), &span(high), ratio(high, low), aim);
    }

    /// A row with its own words.
    pub fn row(&mut self, work: &str, n: usize, floor: &str, ours: &str, ratio: String, aim: &str) {
        eprintln!("  {work}: floor {floor}, ours {ours}, ratio {ratio}");
        self.times.push([work, &n.to_string(), floor, ours, &ratio, aim].map(str::to_owned));
    }

    /// Something that is counted, not timed.
    pub fn count(&mut self, what: &str, value: &str, aim: &str) {
        eprintln!("  {what}: {value}");
        self.counts.push([what, value, aim].map(str::to_owned));
    }

    /// Both tables.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        if !self.times.is_empty() {
            line(&mut text, &["work", "n", "floor: median (p10 – p90)", "ours: median (p10 – p90)", "ours ÷ floor", "aim"]);
            line(&mut text, &["---", "--:", "---", "---", "--:", "---"]);
            self.times.iter().for_each(|row| line(&mut text, &row.each_ref().map(String::as_str)));
            text.push('\n');
        }
        if !self.counts.is_empty() {
            line(&mut text, &["counted", "value", "aim"]);
            line(&mut text, &["---", "---", "---"]);
            self.counts.iter().for_each(|row| line(&mut text, &row.each_ref().map(String::as_str)));
        }
        text
    }
}

fn line(text: &mut String, cells: &[&str]) {
    text.push_str("| ");
    text.push_str(&cells.join(" | "));
    text.push_str(" |\n");
}

/// `high ÷ low` for people.
pub fn ratio(high: u64, low: u64) -> String {
    if low == 0 { "–".to_owned() } else { figures(high as f64 / low as f64) }
}
