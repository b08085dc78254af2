//! The fake kernel: processes, signals, FIFOs, sockets, locks and files, as far as keeper, scribe and steward can tell the difference.
//!
//! Every call is one moment: whoever calls may be killed before and after it, never within.

mod app;
mod disk;
mod fifo;
mod handle;
mod plan;
mod process;
mod socket;
mod state;
mod voice;

pub use app::App;
pub use disk::{Disk, Log, Piece};
pub use fifo::{Fifo, Flow, Read};
pub use handle::{Handle, HandleId, What, Why};
pub use plan::Plan;
pub use process::{Body, Ending, INIT, Proc, RoleKind};
pub use socket::{Message, Socket};
pub use state::{Kernel, Node, Weather};
pub use voice::Voice;
