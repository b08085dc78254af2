//! Descriptors that the lives of a slot leave to their successors (`FDSTORE=1`). The keeper holds them; their names stand in small files
//! beside, since the keeper's own names are short.

use crate::home::FDS;
use model::SlotId;
use std::collections::BTreeMap;
use std::path::Path;

/// So many for each slot.
const MOST: usize = 16;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What the app calls it.
    pub(crate) name: String,
    /// Device and inode.
    thing: Option<(u64, u64)>,
    /// The keeper has it.
    held: bool,
}

/// Those of all slots, by the keeper's names: slot and place.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    slots: BTreeMap<SlotId, BTreeMap<usize, Kept>>,
}

/// The keeper's name of one.
fn handle(slot: SlotId, at: usize) -> String {
    format!("s{}.{at}", slot.0)
}

fn read_handle(handle: &str) -> Option<(SlotId, usize)> {
    let (slot, at) = handle.strip_prefix('s')?.split_once('.')?;
    Some((SlotId(slot.parse().ok()?), at.parse().ok()?))
}

impl Shelf {
    /// Makes room for one; gives the keeper's name for it. `Ok(None)`: it is there already by that name.
    ///
    /// # Errors
    /// There is no room.
    pub(crate) fn put(&mut self, slot: SlotId, name: &str, thing: Option<(u64, u64)>) -> Result<Option<String>, String> {
        let kept = self.slots.entry(slot).or_default();
        if thing.is_some() && kept.values().any(|kept| kept.name == name && kept.thing == thing) {
            return Ok(None);
        }
        let Some(at) = (0..MOST).find(|at| !kept.contains_key(at)) else {
            return Err(format!("{MOST} descriptors are stored already"));
        };
        kept.insert(at, Kept { name: name.to_owned(), thing, held: false });
        let (device, inode) = thing.unwrap_or_default();
        let handle = handle(slot, at);
        // What cannot be written down is forgotten by the next steward, and lives until then.
        let _ = std::fs::write(Path::new(FDS).join(&handle), format!("{name}\n{device} {inode}\n"));
        Ok(Some(handle))
    }

    /// The keeper has it, or not. `false`: nobody wants it any more.
    pub(crate) fn held(&mut self, handle: &str, held: bool) -> bool {
        let Some((slot, at)) = read_handle(handle) else { return false };
        let Some(kept) = self.slots.get_mut(&slot) else { return false };
        match kept.get_mut(&at) {
            Some(kept) if held => {
                kept.held = true;
                true
            }
            Some(_) => {
                kept.remove(&at);
                unlink(handle);
                false
            }
            None => false,
        }
    }

    /// Lets go of those of a slot, all or by name; gives the keeper's names of those that it has.
    pub(crate) fn remove(&mut self, slot: SlotId, name: Option<&str>) -> Vec<String> {
        let Some(kept) = self.slots.get_mut(&slot) else { return Vec::new() };
        let gone: Vec<(usize, Kept)> = kept.extract_if(.., |_, kept| name.is_none_or(|name| kept.name == name)).collect();
        if kept.is_empty() {
            self.slots.remove(&slot);
        }
        gone.iter().for_each(|(at, _)| unlink(&handle(slot, *at)));
        gone.into_iter().filter(|(_, kept)| kept.held).map(|(at, _)| handle(slot, at)).collect()
    }

    /// What the next life of a slot gets: the keeper's names, and the app's.
    pub(crate) fn of(&self, slot: SlotId) -> Vec<(String, String)> {
        let kept = self.slots.get(&slot).into_iter().flatten().filter(|(_, kept)| kept.held);
        kept.map(|(at, kept)| (handle(slot, *at), kept.name.clone())).collect()
    }

    /// The slots of which something is kept.
    pub(crate) fn slots(&self) -> Vec<SlotId> {
        self.slots.keys().copied().collect()
    }

    /// Learns again what an earlier steward knew, from what the keeper holds. Names of others are passed over.
    pub(crate) fn recall<'a>(&mut self, handles: impl IntoIterator<Item = &'a String>) {
        for handle in handles {
            let Some((slot, at)) = read_handle(handle) else { continue };
            let text = std::fs::read_to_string(Path::new(FDS).join(handle)).unwrap_or_default();
            let mut lines = text.lines();
            let name = lines.next().filter(|name| !name.is_empty()).unwrap_or("stored").to_owned();
            let pair = lines.next().and_then(|line| line.split_once(' '));
            let thing = pair.and_then(|(device, inode)| Some((device.parse().ok()?, inode.parse().ok()?)));
            let kept = Kept { name, thing: thing.filter(|thing| *thing != (0, 0)), held: true };
            self.slots.entry(slot).or_default().insert(at, kept);
        }
        // Those that went with another keeper.
        for entry in std::fs::read_dir(FDS).into_iter().flatten().flatten() {
            let known = entry.file_name().to_str().and_then(read_handle);
            if known.is_none_or(|(slot, at)| self.slots.get(&slot).is_none_or(|kept| !kept.contains_key(&at))) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn unlink(handle: &str) {
    let _ = std::fs::remove_file(Path::new(FDS).join(handle));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_named_and_once() {
        let (mut shelf, slot) = (Shelf::default(), SlotId(3));
        assert_eq!(shelf.put(slot, "web", Some((1, 2))), Ok(Some("s3.0".into())));
        assert_eq!(shelf.put(slot, "web", Some((1, 2))), Ok(None));
        assert!(shelf.of(slot).is_empty(), "the keeper has not said so yet");
        assert!(shelf.held("s3.0", true) && !shelf.held("s9.0", true));
        assert_eq!(shelf.put(slot, "other", Some((1, 2))), Ok(Some("s3.1".into())));
        shelf.held("s3.1", false);
        assert_eq!(shelf.of(slot), [("s3.0".to_owned(), "web".to_owned())]);
        for at in 1..MOST {
            assert_eq!(shelf.put(slot, "n", None), Ok(Some(format!("s3.{at}"))));
            shelf.held(&format!("s3.{at}"), true);
        }
        assert!(shelf.put(slot, "n", None).is_err());
        assert_eq!(shelf.remove(slot, Some("n")).len(), MOST - 1);
        assert_eq!(shelf.remove(slot, None), ["s3.0"]);
        assert!(shelf.slots().is_empty());
        shelf.recall(&["s4.0".to_owned(), "i1.out.r".to_owned(), "scribe".to_owned()]);
        assert_eq!(shelf.slots(), [SlotId(4)]);
    }
}
