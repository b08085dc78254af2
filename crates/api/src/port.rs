//! Ports and sockets as clients see them.

use serde::{Deserialize, Serialize};

/// A port that Abide gives to a slot, or a socket of an app's `listen`: a row of `abide ports`, an element of `GET /api/v1/ports`. `null` where there
/// is no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRow {
    /// The port; `null` for a slot that has none now, and for `unix` sockets.
    pub port: Option<u16>,
    /// `tcp`, `udp` or `unix`.
    pub protocol: String,
    /// Where somebody listens, `127.0.0.1:3000` or a path; for a socket of `listen` also while nobody does.
    pub address: Option<String>,
    /// The app.
    pub app: String,
    /// The slot; `null` for a socket that all slots share.
    pub slot: Option<String>,
    /// Whose it is to bind.
    pub kind: PortKind,
    /// The name of a socket of `listen`.
    pub name: Option<String>,
    /// What the app's definition says: `3000`, `3000-3003`, `auto`, `tcp://127.0.0.1:3000`.
    pub wanted: String,
    /// What is with it.
    pub state: PortState,
    /// The process that has it: the life's first process, or whoever else is known to listen there.
    pub pid: Option<u32>,
}

/// Whose a port is to bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortKind {
    /// The app binds it itself (`port`).
    Port,
    /// The keeper has bound it for the app (`listen`).
    Listen,
}

/// What is with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortState {
    /// A life has it, and does not listen there (yet).
    Leased,
    /// It is listened on by whom it belongs to.
    Listening,
    /// A life has it, and somebody else listens there.
    Taken,
    /// A slot waits until it gets one.
    Waiting,
    /// Nothing runs that needs it.
    Unused,
}

impl PortKind {
    /// The word in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            PortKind::Port => "port",
            PortKind::Listen => "listen",
        }
    }
}

impl PortState {
    /// The word in tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            PortState::Leased => "leased",
            PortState::Listening => "listening",
            PortState::Taken => "taken",
            PortState::Waiting => "waiting",
            PortState::Unused => "unused",
        }
    }
}
