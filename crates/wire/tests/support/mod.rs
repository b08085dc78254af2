//! How long the properties are tried.

use proptest::prelude::ProptestConfig;

/// So many cases, or as many as `KEEPER_FUZZ_STEPS` says.
pub fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("KEEPER_FUZZ_STEPS").ok().map(|text| text.parse().expect("KEEPER_FUZZ_STEPS is a number"));
    // What fails is printed in its smallest form; no file is left behind.
    ProptestConfig { cases: asked.unwrap_or(usual), failure_persistence: None, ..ProptestConfig::default() }
}
