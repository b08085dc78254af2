//! Reloads: how lives of one generation give way to those of another.
//!
//! A reload is planned, not scripted: [`next`] looks at where each slot stands and says the one next move, and is asked again after every happening.
//! Where a slot stands is read from its lives alone (their generation, whether they are ready, beside whom they were born, whether they were taken
//! out), so a steward that comes after one that died in the middle goes on by asking the same question. The store remembers only that there is a
//! reload, how it is done, and what the app was before ([`model::Rolling`]).
//!
//! *Who decides first:* a wish of a user (`stop`, `delete`, another definition) is above a reload, which then goes on with what is still wished.
//! *What never happens:* an old life is stopped before the new one is ready, but for [`Reload::Restart`] and a [`Reload::Rolling`] that cannot overlap; a
//! new life is kept that never became ready; two lives are in one slot where none of them says `beside` or `retired`.

mod act;
mod lost;
mod see;
mod strategy;
mod told;

pub(crate) use see::Place;
pub use strategy::{Strategy, ports_beside, strategy};

use crate::timer::Alarm;
use model::{Reload, Tick};

/// What the brain remembers of a reload besides what is in the lives. A new steward begins without it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roll {
    /// Its armed deadline: the end of a soak, or of a pause.
    pub alarm: Option<Alarm>,
    /// Nothing is born for it before this: the machine was short of something.
    pub not_before: Option<Tick>,
    /// How far the question is whether the new generation may take over.
    pub switch: Switch,
}

/// Whether a new generation on ports of its own may take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Switch {
    /// Not asked yet.
    #[default]
    Unasked,
    /// Asked.
    Asked,
    /// It may.
    Agreed,
}

/// Where a slot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// A life of another generation fills it, and no other comes.
    Old,
    /// Nothing fills it, and nothing comes.
    Empty,
    /// A new life is on its way.
    Coming {
        /// Beside the one that fills the slot.
        beside: bool,
        /// When it has proven itself, if it stays as it is; `None`: it is not ready.
        proven: Option<Tick>,
    },
    /// A new life fills it; the one before is not gone yet.
    Leaving,
    /// A new life fills it, alone.
    Done,
}

/// Everything that a move depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub how: Reload,
    /// So many slots at a time.
    pub parallel: usize,
    /// Two lives can be in one slot at a time.
    pub overlaps: bool,
    /// For so many more lives there is a port.
    pub room: u32,
    /// Nothing may be begun now; until then, if that is known.
    pub held: Option<Option<Tick>>,
    /// Somebody is to be asked before the switch.
    pub asks: Option<Switch>,
    /// The slots that are to have a life, in order.
    pub slots: Vec<(u32, Stand)>,
}

/// The next move of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// Stop the life of this slot; another follows.
    Stop(u32),
    /// Bear a life in this empty slot.
    Bear(u32),
    /// Bear a life beside the one in this slot.
    Beside(u32),
    /// Send the life of this slot the signal.
    Tell(u32),
    /// The new life of this slot takes the place of the old one.
    TakeOver(u32),
    /// Ask whether the new generation may take over.
    Ask,
    /// From now on there is no way back; all new lives take over.
    Switch,
    /// The reload is over.
    Finish,
    /// Nothing, until something happens or this time has come.
    Wait(Option<Tick>),
}

/// The planner.
pub(crate) fn next(seen: &Seen, now: Tick) -> Move {
    let waits = || {
        let times = seen.slots.iter().filter_map(|(_, stand)| match stand {
            Stand::Coming { proven, .. } => *proven,
            _ => None,
        });
        Move::Wait(times.chain(seen.held.flatten()).filter(|at| *at > now).min())
    };
    let is_proven = |stand: &Stand| matches!(stand, Stand::Coming { proven: Some(at), .. } if *at <= now);
    let first =
        |is: &dyn Fn(&Stand) -> bool| seen.slots.iter().find(|(_, stand)| is(stand)).map(|(index, stand)| (*index, *stand));
    let unbegun = first(&|stand| matches!(stand, Stand::Old | Stand::Empty));
    // Where there is no port left, a life that leaves, or one that is not ready yet, gives one back in time.
    let may_begin = seen.held.is_none() && (!seen.overlaps || seen.room > 0);
    match seen.how {
        Reload::Hup => match unbegun {
            Some((index, Stand::Old)) => Move::Tell(index),
            Some((index, _)) if seen.held.is_none() => Move::Bear(index),
            None if seen.slots.iter().all(|(_, stand)| is_proven(stand) || !matches!(stand, Stand::Coming { .. })) => {
                Move::Finish
            }
            _ => waits(),
        },
        Reload::Restart | Reload::Rolling => {
            if let Some((index, _)) = first(&|stand| matches!(stand, Stand::Coming { beside: true, .. }) && is_proven(stand)) {
                return Move::TakeOver(index);
            }
            let at_it = |stand: &Stand| match stand {
                Stand::Coming { .. } => !is_proven(stand),
                Stand::Leaving => true,
                Stand::Old | Stand::Empty | Stand::Done => false,
            };
            let busy = seen.slots.iter().filter(|(_, stand)| at_it(stand)).count();
            match unbegun {
                Some((index, stand)) if busy < seen.parallel && may_begin => match stand {
                    Stand::Empty => Move::Bear(index),
                    _ if seen.overlaps => Move::Beside(index),
                    _ => Move::Stop(index),
                },
                None if !seen.slots.iter().any(|(_, stand)| at_it(stand) && *stand != Stand::Leaving) => Move::Finish,
                _ => waits(),
            }
        }
        Reload::Bluegreen | Reload::Socket => match unbegun {
            Some((index, _)) if may_begin => Move::Beside(index),
            Some(_) => waits(),
            None if seen.slots.iter().any(|(_, stand)| matches!(stand, Stand::Coming { .. }) && !is_proven(stand)) => waits(),
            None => match seen.asks {
                Some(Switch::Unasked) => Move::Ask,
                Some(Switch::Asked) => Move::Wait(None),
                Some(Switch::Agreed) | None => Move::Switch,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(how: Reload, slots: &str) -> Seen {
        let stand = |word: &str| match word {
            "old" => Stand::Old,
            "empty" => Stand::Empty,
            "leaving" => Stand::Leaving,
            "done" => Stand::Done,
            "beside" => Stand::Coming { beside: true, proven: None },
            "beside@5" => Stand::Coming { beside: true, proven: Some(Tick(5)) },
            "beside@50" => Stand::Coming { beside: true, proven: Some(Tick(50)) },
            "alone" => Stand::Coming { beside: false, proven: None },
            "alone@5" => Stand::Coming { beside: false, proven: Some(Tick(5)) },
            _ => panic!("{word}"),
        };
        let slots = slots.split_whitespace().map(stand).enumerate().map(|(at, stand)| (at as u32, stand)).collect();
        Seen { how, parallel: 1, overlaps: true, room: 9, held: None, asks: None, slots }
    }

    #[test]
    fn one_move_after_the_other() {
        use Move::{Bear, Beside, Finish, Switch, TakeOver, Tell, Wait};
        use Reload::{Bluegreen, Hup, Restart, Rolling, Socket};
        let cases = [
            (Rolling, "old old", Beside(0)),
            (Rolling, "beside old", Wait(None)),
            (Rolling, "beside@50 old", Wait(Some(Tick(50)))),
            (Rolling, "beside@5 old", TakeOver(0)),
            (Rolling, "leaving old", Wait(None)),
            (Rolling, "done old", Beside(1)),
            (Rolling, "done empty", Bear(1)),
            (Rolling, "alone old", Wait(None)),
            (Rolling, "alone@5 old", Beside(1)),
            (Rolling, "done leaving", Finish),
            (Rolling, "", Finish),
            (Restart, "done alone", Wait(None)),
            (Restart, "done done", Finish),
            (Hup, "old old", Tell(0)),
            (Hup, "alone old", Tell(1)),
            (Hup, "alone alone@5", Wait(None)),
            (Hup, "alone@5 done", Finish),
            (Bluegreen, "old old", Beside(0)),
            (Bluegreen, "beside old", Beside(1)),
            (Bluegreen, "beside@5 empty", Beside(1)),
            (Bluegreen, "beside@5 beside", Wait(None)),
            (Bluegreen, "beside@5 beside@50", Wait(Some(Tick(50)))),
            (Bluegreen, "beside@5 beside@5", Switch),
            (Socket, "beside@5 done", Switch),
        ];
        for (how, slots, want) in cases {
            assert_eq!(next(&seen(how, slots), Tick(10)), want, "{how} {slots}");
        }
    }

    #[test]
    fn several_at_a_time_alone_held_back_and_asked() {
        let of = |how, slots| seen(how, slots);
        assert_eq!(next(&Seen { parallel: 2, ..of(Reload::Rolling, "beside old old") }, Tick(10)), Move::Beside(1));
        for (how, slots) in
            [(Reload::Rolling, "beside old"), (Reload::Rolling, "empty leaving"), (Reload::Bluegreen, "beside old")]
        {
            assert_eq!(next(&Seen { room: 0, parallel: 2, ..of(how, slots) }, Tick(10)), Move::Wait(None), "{how} {slots}");
        }
        assert_eq!(next(&Seen { room: 0, overlaps: false, ..of(Reload::Rolling, "done old") }, Tick(10)), Move::Stop(1));
        assert_eq!(next(&Seen { overlaps: false, ..of(Reload::Rolling, "done old") }, Tick(10)), Move::Stop(1));
        let held = Some(Some(Tick(30)));
        assert_eq!(next(&Seen { held, ..of(Reload::Rolling, "old") }, Tick(10)), Move::Wait(Some(Tick(30))));
        assert_eq!(next(&Seen { held: Some(None), ..of(Reload::Socket, "old") }, Tick(10)), Move::Wait(None));
        for (switch, want) in [(Switch::Unasked, Move::Ask), (Switch::Asked, Move::Wait(None)), (Switch::Agreed, Move::Switch)] {
            assert_eq!(next(&Seen { asks: Some(switch), ..of(Reload::Bluegreen, "beside@5") }, Tick(10)), want);
        }
    }
}
