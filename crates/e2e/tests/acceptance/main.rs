//! Reloads of real servers under load: 64 busy connections, 50 reloads back to back, and not one request fails. What counts as a failed request
//! stands at `e2e::Load`; each test prints what it counted.

mod bad;
mod hup;
mod kit;
mod ports;
mod proxy;
mod reuse;
mod scale;
mod sockets;
