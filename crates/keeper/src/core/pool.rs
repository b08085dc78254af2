//! Named things in fixed places: found by name, walked in the order of names, and used again without giving memory back.

use wire::Name;

/// What a [`Pool`] holds.
pub(super) trait Item {
    /// Its name.
    fn name(&self) -> &Name;
    /// As new, under this name; keeps its memory.
    fn renew(&mut self, name: Name);
    /// Gives back memory that it need not keep.
    fn shrink(&mut self);
}

/// Items by place (a small number that stays while the item lives) and by name.
pub(super) struct Pool<T> {
    items: Vec<T>,
    /// Places in the order of names.
    order: Vec<u32>,
    free: Vec<u32>,
    fixed: bool,
    blank: fn(Option<usize>) -> T,
}

/// A place fits into a [`super::effect::LifeId`].
const MOST: u32 = 1 << 20;

impl<T: Item> Pool<T> {
    /// A pool that grows as it must, or, with count and bytes of an item, one that never does.
    pub(super) fn new(fixed: Option<(u32, usize)>, blank: fn(Option<usize>) -> T) -> Pool<T> {
        let count = fixed.map_or(0, |(count, _)| count);
        let items = (0..count).map(|_| blank(fixed.map(|(_, bytes)| bytes))).collect();
        let order = Vec::with_capacity(count as usize);
        Pool { items, order, free: (0..count).rev().collect(), fixed: fixed.is_some(), blank }
    }

    fn position(&self, name: &Name) -> Result<usize, usize> {
        self.order.binary_search_by(|at| self.items[*at as usize].name().cmp(name))
    }

    /// The place of a name.
    pub(super) fn find(&self, name: &Name) -> Option<u32> {
        self.position(name).ok().map(|position| self.order[position])
    }

    /// A new item under a name that is not there; `None` when the pool is exhausted.
    pub(super) fn insert(&mut self, name: Name) -> Option<u32> {
        let position = self.position(&name).err()?;
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.fixed || self.items.len() >= MOST as usize => return None,
            None => {
                self.items.push((self.blank)(None));
                self.items.len() as u32 - 1
            }
        };
        self.items[at as usize].renew(name);
        self.order.insert(position, at);
        Some(at)
    }

    /// A new item at this place, as an earlier keeper had it. `None` when the place or the name is taken, or the pool has no such place.
    pub(super) fn restore(&mut self, name: Name, at: u32) -> Option<&mut T> {
        let position = self.position(&name).err()?;
        while !self.fixed && self.items.len() <= at as usize && at < MOST {
            self.free.push(self.items.len() as u32);
            self.items.push((self.blank)(None));
        }
        self.free.remove(self.free.iter().position(|free| *free == at)?);
        self.items[at as usize].renew(name);
        self.order.insert(position, at);
        self.items.get_mut(at as usize)
    }

    pub(super) fn remove(&mut self, at: u32) {
        if let Ok(position) = self.position(&self[at].name().clone()) {
            self.order.remove(position);
            self.free.push(at);
            if !self.fixed {
                self[at].shrink();
            }
        }
    }

    /// Whether so many more can be.
    pub(super) fn has_room(&self, count: usize) -> bool {
        !self.fixed || self.free.len() >= count
    }

    /// Whether an item stands at this place.
    pub(super) fn has(&self, at: u32) -> bool {
        self.items.get(at as usize).is_some_and(|item| self.find(item.name()) == Some(at))
    }

    /// The place of the first name behind this one, or of the first of all.
    pub(super) fn after(&self, name: Option<&Name>) -> Option<u32> {
        let position = match name.map(|name| self.position(name)) {
            None => 0,
            Some(Ok(position)) => position + 1,
            Some(Err(position)) => position,
        };
        self.order.get(position).copied()
    }

    /// All places, in the order of names.
    pub(super) fn places(&self) -> &[u32] {
        &self.order
    }

    /// All items, in the order of names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.order.iter().map(|at| &self[*at])
    }
}

impl<T> std::ops::Index<u32> for Pool<T> {
    type Output = T;

    fn index(&self, at: u32) -> &T {
        &self.items[at as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Pool<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.items[at as usize]
    }
}
