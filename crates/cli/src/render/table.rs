//! The table of `list`: fits the terminal by leaving columns out, least important first, and last by cutting names.

use super::status_style;
use crate::escape::shown_word;
use crate::screen::{BOLD, paint};
use anstyle::Style;
use api::SlotRow;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use model::{format_size, format_span};
use std::time::Duration;

/// The columns in order; the number says which goes first where there is no room (1 first, 0 never).
const COLUMNS: [(&str, u8); 10] = [
    ("ID", 6),
    ("NAME", 0),
    ("STATUS", 0),
    ("PID", 5),
    ("UPTIME", 7),
    ("RESTARTS", 4),
    ("CPU%", 3),
    ("MEM", 3),
    ("PORT", 2),
    ("HEALTH", 1),
];

/// Columns of numbers stand on the right.
const NUMBERS: [&str; 6] = ["ID", "PID", "RESTARTS", "CPU%", "MEM", "PORT"];

/// Names are never cut below this.
const NAME_MIN: usize = 8;
/// Blanks between columns.
const GAP: usize = 2;

/// One line a slot below a line of headings, each ended by a line feed. `width` is that of the terminal, `None` off a terminal.
pub fn slot_table(rows: &[SlotRow], width: Option<usize>, colour: bool) -> String {
    let cells: Vec<[String; 10]> = rows.iter().map(cells_of).collect();
    let mut widths: Vec<usize> = COLUMNS.iter().map(|(name, _)| name.len()).collect();
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    if let Some(limit) = width {
        for rank in 1..=7 {
            if total(&shown, &widths) <= limit {
                break;
            }
            shown.retain(|at| COLUMNS[*at].1 != rank);
        }
        let over = total(&shown, &widths).saturating_sub(limit);
        widths[1] = widths[1].saturating_sub(over).max(NAME_MIN.min(widths[1]));
    }
    draw(&shown, &cells, rows, widths[1], colour)
}

fn total(shown: &[usize], widths: &[usize]) -> usize {
    shown.iter().map(|at| widths[*at]).sum::<usize>() + GAP * shown.len().saturating_sub(1)
}

fn draw(shown: &[usize], cells: &[[String; 10]], rows: &[SlotRow], name_width: usize, colour: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(shown.iter().map(|at| COLUMNS[*at].0));
    for row in cells {
        table.add_row(shown.iter().map(|at| if *at == 1 { cut(&row[1], name_width) } else { row[*at].clone() }));
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP as u16));
        if NUMBERS.contains(&COLUMNS[shown[at]].0) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let plain = table.to_string();
    let lines = plain.lines().map(str::trim_end);
    let mut text = String::with_capacity(plain.len());
    for (at, line) in lines.enumerate() {
        match at.checked_sub(1).and_then(|at| rows.get(at)) {
            Some(row) => text.push_str(&painted(line, row.status.word(), status_style(row.status), colour)),
            None => text.push_str(&paint(colour, BOLD, line)),
        }
        text.push('\n');
    }
    text
}

/// Colours the status: the first place where its word stands alone. A slot's name is no such place, as it ends in a number.
fn painted(line: &str, word: &str, style: Style, colour: bool) -> String {
    let needle = format!(" {word}");
    match line.match_indices(&needle).find(|(at, _)| line[at + needle.len()..].chars().next().is_none_or(char::is_whitespace)) {
        Some((at, _)) if colour => {
            format!("{} {}{}", &line[..at], paint(true, style, word), &line[at + needle.len()..])
        }
        _ => line.to_owned(),
    }
}

fn cells_of(row: &SlotRow) -> [String; 10] {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        row.id.to_string(),
        shown_word(&row.slot).into_owned(),
        row.status.word().to_owned(),
        or_dash(row.pid.map(|pid| pid.to_string())),
        or_dash(row.uptime_ms.map(|ms| format_span(Duration::from_millis(ms)))),
        row.restarts.to_string(),
        or_dash(row.cpu_percent.map(|percent| format!("{percent:.1}"))),
        or_dash(row.memory_bytes.map(format_size)),
        or_dash(row.port.map(|port| port.to_string())),
        or_dash(row.health.as_deref().map(|health| shown_word(health).into_owned())),
    ]
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    // The end of a slot's name tells slots apart.
    let tail: String = text.rsplit_once('-').map_or(String::new(), |(_, index)| format!("-{index}"));
    let room = width.saturating_sub(tail.chars().count() + 1);
    format!("{}…{tail}", text.chars().take(room).collect::<String>())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::Status;

    pub fn row(id: u32, slot: &str, status: Status) -> SlotRow {
        SlotRow {
            app: slot.rsplit_once('-').map_or(slot, |(app, _)| app).to_owned(),
            slot: slot.to_owned(),
            id,
            status,
            pid: None,
            instance: None,
            uptime_ms: None,
            restarts: 0,
            cpu_percent: None,
            memory_bytes: None,
            port: None,
            health: None,
            exit: None,
        }
    }

    fn rows() -> Vec<SlotRow> {
        let alive = SlotRow {
            pid: Some(41_234),
            uptime_ms: Some(245_000),
            restarts: 2,
            cpu_percent: Some(12.34),
            memory_bytes: Some(3 << 19),
            port: Some(3000),
            health: Some("healthy".to_owned()),
            ..row(1, "web-0", Status::Running)
        };
        vec![alive, row(12, "a-very-long-name-of-an-application-1", Status::Errored), row(3, "stopped-0", Status::Stopped)]
    }

    #[test]
    fn off_a_terminal_nothing_is_cut() {
        assert_eq!(
            slot_table(&rows(), None, false),
            "\
ID  NAME                                  STATUS     PID  UPTIME  RESTARTS  CPU%   MEM  PORT  HEALTH
 1  web-0                                 running  41234  4m 5s          2  12.3  1.5M  3000  healthy
12  a-very-long-name-of-an-application-1  errored      -  -              0     -     -     -  -
 3  stopped-0                             stopped      -  -              0     -     -     -  -
"
        );
    }

    #[test]
    fn a_hundred_columns() {
        let text = slot_table(&rows(), Some(100), false);
        assert_eq!(
            text,
            "\
ID  NAME                                  STATUS     PID  UPTIME  RESTARTS  CPU%   MEM  PORT
 1  web-0                                 running  41234  4m 5s          2  12.3  1.5M  3000
12  a-very-long-name-of-an-application-1  errored      -  -              0     -     -     -
 3  stopped-0                             stopped      -  -              0     -     -     -
"
        );
    }

    #[test]
    fn sixty_columns() {
        assert_eq!(
            slot_table(&rows(), Some(60), false),
            "\
ID  NAME                                  STATUS   UPTIME
 1  web-0                                 running  4m 5s
12  a-very-long-name-of-an-application-1  errored  -
 3  stopped-0                             stopped  -
"
        );
    }

    #[test]
    fn very_narrow_cuts_names_but_not_their_numbers() {
        assert_eq!(
            slot_table(&rows(), Some(30), false),
            "\
NAME                   STATUS
web-0                  running
a-very-long-name-o…-1  errored
stopped-0              stopped
"
        );
        for width in 1..200 {
            let text = slot_table(&rows(), Some(width), false);
            assert!(text.lines().all(|line| line.chars().count() <= width.max(17)), "{width}:\n{text}");
        }
    }

    #[test]
    fn only_the_status_is_coloured_also_when_a_name_is_a_status() {
        let text = slot_table(&[row(1, "running-0", Status::Running)], None, true);
        let line = text.lines().nth(1).expect("row");
        assert!(line.starts_with(" 1  running-0  \u{1b}[32mrunning\u{1b}[0m"), "{line:?}");
        assert!(!slot_table(&rows(), None, false).contains('\u{1b}'));
    }

    #[test]
    fn hostile_words_are_escaped() {
        let text = slot_table(&[row(1, "web\u{1b}[2J-0", Status::Running)], None, false);
        assert!(text.contains("web\\x1b[2J-0") && !text.contains('\u{1b}'), "{text:?}");
    }
}
