//! Answers of the manager as text for people. Pure: rows and a width in, text out.

mod app;
mod line;
mod plan;
mod ports;
mod spec;
mod table;
mod time;
mod values;

pub use app::app_text;
pub use line::{LogPainter, RawLines, event_text};
pub use plan::{history_text, plan_text};
pub use ports::port_table;
pub use table::slot_table;
pub use time::local_time;
pub use values::{environment_text, is_changed, settings_text, values_text};

use crate::screen::{DIM, GREEN, RED, YELLOW};
use anstyle::Style;
use api::ExitView;
use model::Status;

/// The colour of a status.
pub fn status_style(status: Status) -> Style {
    match status {
        Status::Running | Status::Ready => GREEN,
        Status::Starting | Status::Reloading | Status::Stopping | Status::Backoff | Status::Waiting => YELLOW,
        Status::Unhealthy | Status::Errored | Status::Foreign => RED,
        Status::Stopped | Status::Completed => DIM,
    }
}

/// How a life ended, in words.
pub fn exit_text(exit: &ExitView) -> String {
    use crate::escape::shown;
    match exit {
        // What was in the way is told in words.
        ExitView { failed: Some(stage), errno: Some(why), .. } if stage == "port" => format!("never ran: {}", shown(why)),
        ExitView { failed: Some(stage), errno, .. } => {
            format!("never ran: {} failed ({})", shown(stage), shown(errno.as_deref().unwrap_or("unknown error")))
        }
        ExitView { signal: Some(signal), core, .. } => {
            format!("{}{}", shown(signal), if *core == Some(true) { " (core dumped)" } else { "" })
        }
        ExitView { code: Some(code), .. } => format!("exit code {code}"),
        _ => "ended unseen".to_owned(),
    }
}
