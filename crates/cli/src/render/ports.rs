//! The table of `abide ports`.

use crate::escape::shown_word;
use api::PortRow;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// Columns; those with a number are left out on a narrow terminal, the lowest first.
const COLUMNS: [(&str, u8); 7] =
    [("PORT", 0), ("PROTOCOL", 2), ("APP", 0), ("KIND", 1), ("STATE", 0), ("PID", 0), ("ADDRESS", 3)];
/// Blanks between columns.
const GAP: u16 = 2;

/// One line a port below a line of headings, each ended by a line feed. `width` is that of the terminal, `None` off a terminal.
pub fn port_table(rows: &[PortRow], width: Option<usize>) -> String {
    let cells: Vec<[String; 7]> = rows.iter().map(cells_of).collect();
    let mut columns: Vec<usize> = (0..COLUMNS.len()).collect();
    for rank in 1..=3 {
        let text = draw(&columns, &cells);
        if width.is_none_or(|width| text.lines().all(|line| line.chars().count() <= width)) {
            return text;
        }
        columns.retain(|at| COLUMNS[*at].1 != rank);
    }
    draw(&columns, &cells)
}

fn draw(columns: &[usize], cells: &[[String; 7]]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|at| COLUMNS[*at].0));
    for row in cells {
        table.add_row(columns.iter().map(|at| row[*at].clone()));
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, GAP));
        if matches!(COLUMNS[columns[at]].0, "PORT" | "PID") {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}

fn cells_of(row: &PortRow) -> [String; 7] {
    let shown = |text: &str| shown_word(text).into_owned();
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    // Without a number, what is wished says more than a dash.
    let port = row
        .port
        .map_or_else(|| if row.protocol == "unix" { "-".to_owned() } else { shown(&row.wanted) }, |port| port.to_string());
    let kind = match &row.name {
        Some(name) => format!("{} {}", row.kind.word(), shown(name)),
        None => row.kind.word().to_owned(),
    };
    [
        port,
        shown(&row.protocol),
        shown(row.slot.as_deref().unwrap_or(&row.app)),
        kind,
        row.state.word().to_owned(),
        or_dash(row.pid.map(|pid| pid.to_string())),
        or_dash(row.address.as_deref().map(shown)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{PortKind, PortState};

    fn row(port: Option<u16>, slot: Option<&str>, state: PortState) -> PortRow {
        PortRow {
            port,
            protocol: "tcp".into(),
            address: None,
            app: "web".into(),
            slot: slot.map(str::to_owned),
            kind: PortKind::Port,
            name: None,
            wanted: "3000-3003".into(),
            state,
            pid: None,
        }
    }

    fn rows() -> Vec<PortRow> {
        let listening = PortRow {
            address: Some("127.0.0.1:3000".into()),
            pid: Some(4711),
            ..row(Some(3000), Some("web-0"), PortState::Listening)
        };
        let socket = PortRow {
            port: None,
            protocol: "unix".into(),
            address: Some("/run/\x1b[31m.sock".into()),
            kind: PortKind::Listen,
            name: Some("api".into()),
            ..row(None, None, PortState::Unused)
        };
        vec![listening, row(None, Some("web-1"), PortState::Waiting), socket]
    }

    #[test]
    fn a_row_each() {
        let want = "     PORT  PROTOCOL  APP    KIND        STATE       PID  ADDRESS
     3000  tcp       web-0  port        listening  4711  127.0.0.1:3000
3000-3003  tcp       web-1  port        waiting       -  -
        -  unix      web    listen api  unused        -  /run/\\x1b[31m.sock
";
        assert_eq!(port_table(&rows(), None), want);
        let narrow = port_table(&rows(), Some(50));
        assert!(!narrow.contains("KIND") && narrow.contains("ADDRESS") || !narrow.contains("ADDRESS"), "{narrow}");
        assert!(port_table(&rows(), Some(20)).lines().all(|line| !line.contains("PROTOCOL")));
    }
}
