//! Keys of an app: how it is reached, and how it is replaced by a new one of itself.

use super::{KeyDoc, Scope, key};
use crate::shape::Shape::*;
use crate::shape::common::*;
use crate::shape::{Shape, Text};

pub(super) const KEYS: &[KeyDoc] = {
    use Scope::{App, Listen};
    const SOCKET: &[Shape] = &[Text(Text::Listen), Table(Listen)];
    const SOCKETS: Shape = Either(&[SOCKET[0], SOCKET[1], list(&Either(SOCKET))]);
    &[
        key(
            App,
            "port",
            &[],
            Either(&[Int { least: 1, most: 65535 }, Text(Text::Port), NONE]),
            "\"none\"",
            "the port that it binds itself, as PORT and `{{port}}`: one, or one of a range for each instance; \"auto\" takes what is free",
        ),
        key(
            App,
            "listen",
            &[],
            SOCKETS,
            "[]",
            "sockets that are bound for it before it starts, and that it gets from descriptor 3 on (LISTEN_FDS)",
        ),
        key(
            App,
            "sticky",
            &[],
            Choice(&["source-ip", "none"]),
            "\"none\"",
            "with `listen` and several instances: one client always reaches the same one, by its address",
        ),
        key(
            App,
            "instance_var",
            &[],
            Text(Text::Variable),
            "\"INSTANCE_ID\"",
            "the variable with the number of the instance, from 0; NODE_APP_INSTANCE has it too",
        ),
        key(
            App,
            "reload",
            &[],
            Choice(&["restart", "hup", "rolling", "bluegreen", "socket"]),
            "\"restart\"",
            "how `abide reload` replaces what runs",
        ),
        key(
            App,
            "reload_signal",
            &[],
            Signal,
            "\"SIGHUP\"",
            "with `reload = \"hup\"`: says that it shall read its configuration anew",
        ),
        key(App, "drain", &[], SPAN, "\"0s\"", "on a reload: time between taking the old one out and stopping it"),
        key(App, "soak", &[], SPAN, "\"0s\"", "on a reload: the new one must stay ready so long before the old one goes"),
        key(App, "max_parallel", &[], AT_LEAST_ONE, "1", "on a reload by `rolling` or `restart`: so many instances at a time"),
        key(
            Listen,
            "address",
            &[],
            Text(Text::Listen),
            "required",
            "where: `tcp://` or `udp://` with an IP address, `*` or localhost, and a port; or `unix:` with a path",
        ),
        key(Listen, "name", &[], ANY, "the port, or the file's stem", "what it is called in LISTEN_FDNAMES"),
        key(
            Listen,
            "backlog",
            &[],
            Int { least: 1, most: i32::MAX as i64 },
            "4096",
            "so many connections wait to be accepted; the system may allow fewer",
        ),
        key(
            Listen,
            "reuse_port",
            &[],
            Bool,
            "false",
            "each instance has a socket of its own on this address, and the kernel spreads connections; true with `sticky`",
        ),
        key(Listen, "mode", &[], Octal, "\"600\"", "who may connect to a Unix socket, as the mode of its file"),
    ]
};
