//! Dialect 2: descriptors, the pen, and signals by pid.

use crate::desk::{body, denied, dump, set, speak_two, start_two, talk_two};
use e2e::{Proc, Start};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn a_lock_is_busy_for_others() {
    let mut keeper = talk_two();
    set(&mut keeper, "fd.open\tone\tread,write,create,lock\tlock");
    let why = denied(&mut keeper, "fd.open\ttwo\tread,write,lock\tlock");
    keeper.check(why.starts_with("busy"), &why);
    set(&mut keeper, "fd.delete\tone");
    set(&mut keeper, "fd.open\ttwo\tread,write,lock\tlock");
}

#[test]
fn what_is_handed_off_is_closed_with_the_start() {
    let mut keeper = talk_two();
    set(&mut keeper, "fd.open\tw\twrite,create,handoff\tfile");
    let inode = std::fs::metadata(keeper.file("file")).expect("it was made").ino();
    let lines = dump(&mut keeper);
    let shown = lines.iter().any(|l| e2e::fits("fd.state\tw\tfile\t*handoff*\t*", body(l)).is_some());
    keeper.check(shown, &format!("the flag is shown: {lines:?}"));
    let holds = |pid: u32| {
        let open = e2e::open_files(pid).into_iter();
        open.filter_map(|(_, target)| std::fs::metadata(target).ok()).any(|m| m.ino() == inode)
    };
    keeper.check(holds(keeper.pid()), "the keeper holds it");
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    set(&mut keeper, "service.fds\ta\tnull\tw\tnull");
    let pid = start_two(&mut keeper, "a").pid;
    keeper.barrier();
    keeper.check(!holds(keeper.pid()), "the keeper has let it go");
    keeper.check(holds(pid), "the service has it");
}

#[test]
fn a_place_can_be_said() {
    let mut keeper = talk_two();
    set(&mut keeper, "service.fds\ta\tnull\tnull\tnull\t100=null");
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let pid = start_two(&mut keeper, "a").pid;
    // While it starts, its loader has files of its own.
    let numbers = || e2e::open_files(pid).into_iter().map(|(n, _)| n).eq([0, 1, 2, 100]);
    e2e::wait_until(e2e::PATIENCE, "it has the four that were said", || numbers().then_some(()));
}

#[test]
fn inherited_descriptors_have_the_names_that_were_said() {
    let through = ["sh", "-c", "exec \"$@\" 3</etc/passwd 4</dev/null", "sh"];
    let mut keeper = Start::new(["-i", "--fds", "web,back"]).through(through).start().greeted();
    speak_two(&mut keeper);
    let inherited = keeper.answers("fd.inherit").join("\n");
    keeper.check(inherited.contains("web") && inherited.contains("back"), &inherited);
    let listed = keeper.answers("fd.list\tweb").join("\n");
    keeper.check(listed.contains("web") && !listed.contains("back"), &listed);
    set(&mut keeper, "service.args\ta\tgrep\t-q\troot");
    set(&mut keeper, "service.fds\ta\tweb\tnull\tstderr");
    start_two(&mut keeper, "a");
    keeper.wait_for("#<int>\tservice.state\ta\tdown\t<ts>\t<pid>\texit\t0\t**");
}

#[test]
fn socket_activation_is_taken() {
    let script = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:back exec \"$@\" 3</etc/passwd 4</dev/null";
    let mut keeper = Start::new(["-i"]).through(["sh", "-c", script, "sh"]).start().greeted();
    speak_two(&mut keeper);
    let inherited = keeper.answers("fd.inherit").join("\n");
    keeper.check(inherited.contains("web") && inherited.contains("back"), &inherited);
}

#[test]
fn a_descriptor_is_given_to_the_controller() {
    let mut keeper = talk_two();
    keeper.write("gift", "the gift");
    set(&mut keeper, "fd.open\tgift\tread\tgift");
    let mut client = keeper.deaf("ctl");
    client.say("dialect\t2\nfd.give\tgift");
    let mut fds = Vec::new();
    let mut text = String::new();
    while fds.is_empty() {
        let (more, some) = client.receive_with();
        keeper.check(!more.is_empty(), &format!("closed after {text:?}"));
        text.push_str(&more);
        keeper.check(!text.contains("\terror\t"), &text);
        fds.extend(some);
    }
    let mut file = std::fs::File::from(fds.remove(0));
    let mut got = String::new();
    file.seek(SeekFrom::Start(0)).expect("a file");
    file.read_to_string(&mut got).expect("it can be read");
    assert_eq!(got, "the gift");
    denied(&mut keeper, "fd.give\tnobody");
}

#[test]
fn only_the_pen_changes_anything() {
    let mut keeper = talk_two();
    let mut client = keeper.client("ctl");
    speak_two(&mut client);
    set(&mut keeper, "pen.take\t5");
    set(&mut client, "pen.take\t6");
    for change in ["service.tags\ta\tx", "fd.open\tx\tread\t/dev/null", "chdir\t/", "terminate\t5", "signal.clear\tUSR1\t1"] {
        let why = denied(&mut keeper, change);
        keeper.check(why.starts_with("pen 6") || why.starts_with("pen\t6"), &format!("{change:?}: {why}"));
    }
    let why = denied(&mut keeper, "pen.take\t4");
    keeper.check(why.starts_with("pen 6"), &why);
    // Looking is free.
    let lines = dump(&mut keeper);
    keeper.check(!lines.is_empty(), "a dump");
    set(&mut client, "service.tags\ta\tx");
    keeper.wait_for("#<int>\tservice.tags\ta\tx");
}

#[test]
fn a_process_is_signalled_by_pid_and_ident_only() {
    let mut keeper = talk_two();
    // In the keeper's folder, so that it is found and ended if this test fails.
    let mut child = std::process::Command::new("sleep").arg("1000").current_dir(keeper.root()).spawn().expect("sleep is there");
    let process = Proc::find(child.id()).expect("it runs");
    denied(&mut keeper, &format!("service.signal\tgone\tKILL\tpid\t{}\t{}", process.pid, process.start + 1));
    assert!(process.alive());
    set(&mut keeper, &format!("service.signal\tgone\tKILL\tpid\t{}\t{}", process.pid, process.start));
    let status = child.wait().expect("our own child");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}

#[test]
fn an_upgrade_to_what_is_no_keeper_is_refused() {
    let mut keeper = talk_two();
    set(&mut keeper, "service.args\ta\tsleep\t1000");
    let pid = start_two(&mut keeper, "a").pid;
    for path in ["/no/such/program", "/bin/false", "/bin/true", "/etc/passwd"] {
        keeper.say(&format!("upgrade\t{path}"));
        let found = keeper.wait_for("#<int>\terror\t**");
        keeper.check(found[1].starts_with("upgrade"), &format!("{path}: {found:?}"));
        keeper.barrier();
    }
    let lines = dump(&mut keeper);
    let state = format!("service.state\ta\tup\t<ts>\t{pid}\t**");
    keeper.check(lines.iter().any(|l| e2e::fits(&state, body(l)).is_some()), "nothing has changed");
}

#[test]
fn a_socket_file_has_the_mode_that_was_said_and_a_leftover_is_replaced() {
    let mut keeper = talk_two();
    set(&mut keeper, "fd.socket\ts\tlisten,mode=626\tsock");
    let mode = |keeper: &e2e::Keeper| std::fs::metadata(keeper.file("sock")).expect("it was made").permissions().mode() & 0o7777;
    assert_eq!(mode(&keeper), 0o626);
    let listed = keeper.answers("fd.list\ts").join("\n");
    keeper.check(listed.contains("unix,stream,bind,listen=32,mode=626"), &listed);
    let why = denied(&mut keeper, "fd.socket\tt\tlisten\tsock");
    keeper.check(why.starts_with("bind: Address already in use"), &why);
    set(&mut keeper, "fd.delete\ts");
    set(&mut keeper, "fd.socket\tt\tlisten,mode=600\tsock");
    assert_eq!(mode(&keeper), 0o600);
    keeper.write("plain", "precious");
    let why = denied(&mut keeper, "fd.socket\tu\tlisten\tplain");
    keeper.check(why.starts_with("bind: Address already in use"), &why);
    assert_eq!(keeper.read("plain"), "precious");
}

#[test]
fn a_port_is_shared_by_those_who_say_so_and_spread_by_client() {
    let mut keeper = talk_two();
    let at = format!("127.0.0.1:{}", e2e::free_port());
    for (name, count) in [("a", 1), ("b", 2)] {
        set(&mut keeper, &format!("fd.socket\t{name}\ttcp,listen,reuse_port,sticky={count}\t{at}"));
    }
    let why = denied(&mut keeper, &format!("fd.socket\tc\ttcp,listen\t{at}"));
    keeper.check(why.starts_with("bind: Address already in use"), &why);
    set(&mut keeper, "fd.sticky\ta\t1");
    let listed = keeper.answers("fd.list\ta\tb").join("\n");
    keeper.check(listed.contains("reuse_port,sticky=1") && listed.contains("reuse_port,sticky=2"), &listed);
    denied(&mut keeper, "fd.sticky\tnobody\t1");
    set(&mut keeper, &format!("fd.socket\tu\tudp,bind\t{at}"));
    let why = denied(&mut keeper, &format!("fd.socket\tv\tudp,bind\t{at}"));
    keeper.check(why.starts_with("bind: Address already in use"), &why);
}
