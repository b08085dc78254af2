//! §2: every error text.

use crate::desk::{define, monotonic, refused, start, talk};

#[test]
fn names_of_services() {
    let mut keeper = talk();
    for command in
        ["service.tags", "service.args", "service.fds", "service.auto_up", "service.start", "service.signal", "service.delete"]
    {
        let (bad, rest) = (format!("{command}\ta b"), format!("{command}\ta b\t1\talways"));
        refused(
            &mut keeper,
            &[(command, "Expected service name"), (&bad, "Invalid service name"), (&rest, "Invalid service name")],
        );
    }
    refused(
        &mut keeper,
        &[
            ("service.start\tnobody", "No such service"),
            ("service.signal\tnobody\tTERM", "No such service"),
            ("service.delete\tnobody", "No such service"),
        ],
    );
}

#[test]
fn service_auto_up() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    refused(
        &mut keeper,
        &[
            ("service.auto_up\ta", "*"),
            ("service.auto_up\ta\tx\talways", "Expected integer"),
            ("service.auto_up\ta\t0\talways", "invalid interval"),
            ("service.auto_up\ta\t-5\talways", "invalid interval"),
            ("service.auto_up\ta\t2147483648\talways", "*"),
            ("service.auto_up\ta\t1\tsometimes", "unable to set auto_up triggers"),
            ("service.auto_up\ta\t1\talways\tSIGNOPE", "unable to set auto_up triggers"),
        ],
    );
    keeper.ask("service.auto_up\ta\t2147483647\tUSR1", "service.auto_up\ta\t2147483647\t*USR1");
}

#[test]
fn service_start() {
    let mut keeper = talk();
    keeper.ask("service.tags\tempty", "service.tags\tempty\t");
    define(&mut keeper, "a", "sleep\t1000");
    let old = format!("service.start\ta\t{}", monotonic() - 100_100);
    refused(
        &mut keeper,
        &[
            ("service.start\tempty", "no args configured for service"),
            ("service.start\ta\t-", "no service.start pending"),
            ("service.start\ta\tx", "*"),
            (&old, "invalid timestamp"),
        ],
    );
    start(&mut keeper, "a");
    refused(
        &mut keeper,
        &[("service.start\ta", "service is not startable"), ("service.start\ta\t-", "no service.start pending")],
    );
}

#[test]
fn service_signal() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    refused(
        &mut keeper,
        &[("service.signal\ta\tTERM", "service is not running"), ("service.signal\ta", "Expected signal argument")],
    );
    start(&mut keeper, "a");
    refused(
        &mut keeper,
        &[
            ("service.signal\ta", "Expected signal argument"),
            ("service.signal\ta\t65536", "Invalid signal number"),
            ("service.signal\ta\t-1", "Invalid signal number"),
            ("service.signal\ta\tSIGNOPE", "**"),
            ("service.signal\ta\tNOPE", "**"),
            ("service.signal\ta\t0\tbogus", "unknown option"),
            // `tree` is a word of dialect 2.
            ("service.signal\ta\t0\ttree", "unknown option"),
            ("service.signal\ta\t4000", "can't kill **"),
            // The service leads no group.
            ("service.signal\ta\t0\tgroup", "can't kill **"),
        ],
    );
    // Nothing of this has reached it.
    keeper.say("service.signal\ta\t0");
    keeper.quiet();
}

#[test]
fn service_delete() {
    let mut keeper = talk();
    define(&mut keeper, "a", "sleep\t1000");
    start(&mut keeper, "a");
    refused(&mut keeper, &[("service.delete\ta", "service is running")]);
}

#[test]
fn service_fds() {
    let mut keeper = talk();
    refused(&mut keeper, &[("service.fds\ta\tnull\tb c", "invalid fd name"), ("service.fds\ta\tx/y", "invalid fd name")]);
}

#[test]
fn fd_pipe() {
    let mut keeper = talk();
    refused(
        &mut keeper,
        &[
            ("fd.pipe", "Expected file descriptor name"),
            ("fd.pipe\tr", "Expected file descriptor name"),
            ("fd.pipe\tr r\tw", "Invalid file descriptor name"),
            ("fd.pipe\tr\tw w", "Invalid file descriptor name"),
            // The system makes pairs of the unix kind only.
            ("fd.pipe\tr\tw\tinet", "failed to create pipe**"),
            ("fd.pipe\tnull\tw", "**"),
            ("fd.pipe\tr\tcontrol.cmd", "**"),
        ],
    );
}

#[test]
fn fd_open() {
    let mut keeper = talk();
    refused(
        &mut keeper,
        &[
            ("fd.open", "Expected file descriptor name"),
            ("fd.open\tx y", "Invalid file descriptor name"),
            ("fd.open\tx", "missing flags argument"),
            ("fd.open\tx\tread", "missing path argument"),
            ("fd.open\tx\tread\t/dev/null\tb", "unexpected argument after path"),
            ("fd.open\tx\tbogus\t/dev/null", "unknown flag**"),
            ("fd.open\tx\tread,lock\t/dev/null", "unknown flag**"),
            ("fd.open\tx\tread\t/no/such/file", "open failed: No such file or directory**"),
            ("fd.open\tx\twrite\t/proc", "open failed: Is a directory**"),
            ("fd.open\tnull\tread\t/dev/null", "**"),
            ("fd.open\tcontrol.event\tread\t/dev/null", "**"),
        ],
    );
}

#[test]
fn fd_socket() {
    let mut keeper = talk();
    refused(
        &mut keeper,
        &[
            ("fd.socket", "Expected file descriptor name"),
            ("fd.socket\ts s", "Invalid file descriptor name"),
            ("fd.socket\ts", "missing flags argument"),
            ("fd.socket\ts\tbogus", "**"),
            ("fd.socket\ts\ttcp,listen=0\t*:0", "invalid listen queue length"),
            ("fd.socket\ts\ttcp,listen=65536\t*:0", "invalid listen queue length"),
            ("fd.socket\ts\ttcp,listen=x\t*:0", "invalid listen queue length"),
            ("fd.socket\ts\tbind", "expected address argument"),
            ("fd.socket\ts\ttcp,listen", "expected address argument"),
            ("fd.socket\ts\ttcp\t*:0\tmore", "unexpected argument after address"),
            ("fd.socket\ts\ttcp\tlocalhost:0", "invalid address**"),
            ("fd.socket\ts\ttcp\t1.2.3:0", "invalid address**"),
            ("fd.socket\ts\ttcp\t127.0.0.1:x", "invalid address**"),
            ("fd.socket\ts\ttcp\t127.0.0.1:65536", "invalid address**"),
            ("fd.socket\ts\tunix,listen\t/no/such/folder/s", "bind: No such file or directory**"),
            ("fd.socket\ts\ttcp\t203.0.113.1:0", "bind: Cannot assign requested address**"),
        ],
    );
}

#[test]
fn fd_take_and_delete() {
    let mut keeper = talk();
    refused(
        &mut keeper,
        &[
            ("fd.take", "Expected file descriptor name"),
            ("fd.take\tx y", "Invalid file descriptor name"),
            ("fd.take\tx", "No ancillary file descriptor received"),
            ("fd.delete", "Expected file descriptor name"),
            ("fd.delete\tx y", "Invalid file descriptor name"),
            ("fd.delete\tx", "No such file descriptor"),
            ("fd.delete\tnull", "File descriptor cannot be altered"),
            ("fd.delete\tcontrol.cmd", "File descriptor cannot be altered"),
            ("fd.delete\tcontrol.event", "File descriptor cannot be altered"),
            ("fd.delete\tcontrol.socket", "File descriptor cannot be altered"),
        ],
    );
}

#[test]
fn the_rest() {
    let mut keeper = talk();
    let exec_args = format!("terminate.exec_args\tsh\t{}", "x".repeat(260));
    refused(
        &mut keeper,
        &[
            ("chdir", "missing path argument"),
            ("chdir\t/\t/", "unexpected argument after path"),
            ("chdir\t/no/such/folder", "chdir failed: No such file or directory**"),
            ("socket.create\tx\tctl", "Invalid options**"),
            ("socket.create\t-\t/no/such/folder/ctl", "Failed to create control socket**"),
            ("conn.event_timeout\t-1\t5", "invalid timeout (must be 0..7FFFFFFF)"),
            ("conn.event_timeout\t5\t2147483648", "invalid timeout (must be 0..7FFFFFFF)"),
            ("conn.event_timeout\t5\t4", "reset timeout is greater than close timeout"),
            ("conn.event_timeout\tx\t4", "Expected integer"),
            ("conn.event_timeout\t1", "*"),
            ("signal.clear\tUSR1\tx", "Expected integer"),
            ("signal.clear", "*"),
            ("log.filter\tbogus", "Invalid loglevel argument"),
            ("log.dest\tbogus", "Unknown logging type"),
            ("terminate\tx", "Expected integer"),
            ("terminate.guard\tx\t5", "expected + or -"),
            ("terminate.guard\t+\t0", "code cannot be 0"),
            ("terminate.guard\t-\t5", "terminate guard was not set"),
            ("terminate.guard\t+\tx", "Expected integer"),
            (&exec_args, "exec arguments exceed buffer size (255)"),
        ],
    );
    keeper.say("conn.event_timeout\t4\t4\nconn.event_timeout\t0\t2147483647\nsocket.delete");
    keeper.quiet();
    keeper.ask("log.dest\tfd\tnobody", "warning\tfd \"nobody\" does not exist");
}
