//! `abide-keeper`, also called `daemonproxy`: the parent of everything; see the crate `keeper`.

fn main() -> std::process::ExitCode {
    let build = keeper::Build { timestamp: env!("ABIDE_BUILT"), head: env!("ABIDE_GIT_HEAD") };
    keeper::main(std::env::args_os(), &build)
}
