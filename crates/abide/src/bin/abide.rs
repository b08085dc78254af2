//! `abide`: the command that people type.

fn main() -> std::process::ExitCode {
    cli::main()
}
