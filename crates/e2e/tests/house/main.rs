//! The house test: the workspace is built as `ARCHITECTURE.md` says, checked from the real manifests and sources.

mod arrows;
mod lexer;
mod rules;
mod sources;
