//! `abide-scribe`: moves log bytes; see the crate `scribe`.

fn main() -> std::process::ExitCode {
    scribe::main(std::env::args_os().skip(1))
}
