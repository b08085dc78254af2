//! `abide-keeper`: the parent of everything; see the crate `keeper`.

fn main() -> std::process::ExitCode {
    keeper::main(std::env::args_os())
}
