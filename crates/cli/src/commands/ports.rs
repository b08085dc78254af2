//! `ports`.

use crate::failure::Failure;
use crate::house::House;
use crate::render::port_table;
use crate::screen::Screen;
use api::PortRow;
use api::client::{Request, path};

/// `ports`.
///
/// # Errors
/// [`Failure`].
pub fn ports(house: &House, screen: &Screen) -> Result<(), Failure> {
    let rows: Vec<PortRow> = house.ask(&Request::get(path().segment("ports")))?;
    if screen.json {
        return screen.print_json(&rows);
    }
    if rows.is_empty() {
        screen.say("no app has a port; `port = \"auto\"` in its table, or `abide start CMD --port auto`, gives it one");
        return Ok(());
    }
    screen.print(&port_table(&rows, screen.width()))
}
