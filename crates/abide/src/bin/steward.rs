//! `abide-steward`: decides; see the crate `steward`.

fn main() -> std::process::ExitCode {
    steward::main(std::env::args_os().skip(1))
}
