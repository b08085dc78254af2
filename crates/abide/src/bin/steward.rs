//! `abide-steward`: decides; see the crate `steward`. Its entry does not exist yet; until then this says so and fails.

fn main() -> std::process::ExitCode {
    eprintln!("abide-steward: the crate `steward` has no entry yet");
    std::process::ExitCode::from(70)
}
