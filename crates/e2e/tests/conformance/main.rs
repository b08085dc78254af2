//! The keeper's protocol, sentence by sentence, asked of the real executable. The pages that it is held against are `keeper-protocol.md`
//! (dialect 1), `keeper-extensions.md` and `mechanisms.md` (dialect 2).

mod kit;
