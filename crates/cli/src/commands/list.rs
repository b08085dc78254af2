//! `list` and `status`.

use crate::failure::Failure;
use crate::house::House;
use crate::render::{app_text, slot_table};
use crate::screen::Screen;
use api::client::{Request, path};
use api::{AppDetail, SlotRow};
use jiff::tz::TimeZone;

/// What to do where nothing is defined.
const EMPTY: &str = "no apps yet; `abide start CMD` runs a program, `abide up` what an abide.toml describes";

/// `list`.
///
/// # Errors
/// [`Failure`].
pub fn list(house: &House, screen: &Screen) -> Result<(), Failure> {
    if house.is_stopped()? {
        if screen.json {
            return screen.print_json(&Vec::<SlotRow>::new());
        }
        screen.say(&if house.home.was_used() {
            format!(
                "the manager in {} is stopped; `abide daemon start` starts it and the apps that ran",
                house.home.path.display()
            )
        } else {
            EMPTY.to_owned()
        });
        return Ok(());
    }
    let rows: Vec<SlotRow> = house.ask(&Request::get(path().segment("apps")))?;
    show_rows(screen, &rows)
}

/// Prints slots as a table or as JSON.
///
/// # Errors
/// Standard output cannot be written.
pub fn show_rows(screen: &Screen, rows: &[SlotRow]) -> Result<(), Failure> {
    if screen.json {
        screen.print_json(&rows)
    } else if rows.is_empty() {
        screen.say(EMPTY);
        Ok(())
    } else {
        screen.print(&slot_table(rows, screen.width(), screen.out_colour))
    }
}

/// The slots of these apps.
///
/// # Errors
/// [`Failure`].
pub fn rows_of(house: &House, selector: &str) -> Result<Vec<SlotRow>, Failure> {
    house.ask(&Request::get(path().segment("apps").query("select", selector)))
}

/// `status`.
///
/// # Errors
/// [`Failure`].
pub fn status(house: &House, screen: &Screen, app: &str) -> Result<(), Failure> {
    let app = super::join_selectors(&[app.to_owned()])?;
    let mut detail: AppDetail = house.ask(&Request::get(path().segment("apps").segment(&app)))?;
    if screen.json {
        return screen.print_json(&detail);
    }
    narrow(&mut detail, &app);
    screen.print(&app_text(&detail, sys::clock::wall_ms(), &TimeZone::system(), screen.out_colour))
}

/// Leaves of an app what is about the slot that was asked for, by its name or id; all of it, if the app was.
fn narrow(detail: &mut AppDetail, asked: &str) {
    let is_asked = |row: &SlotRow| row.slot == asked || row.id.to_string() == asked;
    let Some(slot) = detail.slots.iter().map(|slot| &slot.row).find(|row| is_asked(row)).map(|row| row.slot.clone()) else {
        return;
    };
    detail.slots.retain(|one| one.row.slot == slot);
    detail.last_events.retain(|event| event.slot.as_ref().is_none_or(|of| *of == slot));
}
