//! The index beside a log file: fixed-size records that give raw bytes a time and a life.

use crate::{InstanceId, Tick, Wall};

/// Bytes of one record.
pub const INDEX_RECORD_BYTES: usize = 32;

/// What a record says besides place and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexFlags {
    /// The bytes just before `offset` are a line that was cut by us (64 KiB without a line feed, or the last line of a stream).
    pub partial: bool,
    /// The line feed just before `offset` was written by us, not by the app.
    pub our_newline: bool,
    /// What follows came from standard error; told in files that both streams write.
    pub err: bool,
}

/// "From `offset` on, the bytes were written by `instance` and read at this time." Little endian on disk: offset u64,
/// wall milliseconds i64, monotonic nanoseconds u64, then instance (low 56 bits) and flags (high 8 bits) as u64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexRecord {
    /// Where in the log file.
    pub offset: u64,
    /// Time for people.
    pub wall: Wall,
    /// Time for ordering within one boot.
    pub tick: Tick,
    /// Whose bytes.
    pub instance: InstanceId,
    /// See [`IndexFlags`].
    pub flags: IndexFlags,
}

impl IndexRecord {
    /// The bytes on disk.
    pub fn encode(&self) -> [u8; INDEX_RECORD_BYTES] {
        let mut out = [0; INDEX_RECORD_BYTES];
        let flags = u64::from(self.flags.partial) | u64::from(self.flags.our_newline) << 1 | u64::from(self.flags.err) << 2;
        out[0..8].copy_from_slice(&self.offset.to_le_bytes());
        out[8..16].copy_from_slice(&self.wall.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.tick.0.to_le_bytes());
        out[24..32].copy_from_slice(&(self.instance.0 & (u64::MAX >> 8) | flags << 56).to_le_bytes());
        out
    }

    /// Reads a record; `None` when there are fewer than 32 bytes (a torn tail is skipped, never an error).
    pub fn decode(bytes: &[u8]) -> Option<IndexRecord> {
        let word = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let last = word(24)?;
        let flags = last >> 56;
        Some(IndexRecord {
            offset: word(0)?,
            wall: Wall(word(8)? as i64),
            tick: Tick(word(16)?),
            instance: InstanceId(last & (u64::MAX >> 8)),
            flags: IndexFlags { partial: flags & 1 != 0, our_newline: flags & 2 != 0, err: flags & 4 != 0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back() {
        let record = IndexRecord {
            offset: 7,
            wall: Wall(-5),
            tick: Tick(u64::MAX),
            instance: InstanceId(91),
            flags: IndexFlags { partial: true, our_newline: true, err: true },
        };
        assert_eq!(IndexRecord::decode(&record.encode()), Some(record));
        assert_eq!(IndexRecord::decode(&record.encode()[..31]), None);
    }
}
