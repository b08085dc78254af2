//! What a child takes with it from fork to exec. The keeper's own plan is only shown while the effect is performed.

use keeper::core::Source;
use model::InstanceId;

/// As much of a plan as makes a difference here.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// `ABIDE_INSTANCE` in its environment.
    tag: Option<InstanceId>,
    /// Whether it leads a session.
    pub session: bool,
    /// Which number becomes what.
    pub places: Vec<(u32, Source)>,
    /// Whether one of them does not exist, so that it aborts.
    pub aborts: bool,
    /// The number that is the life lock.
    pub lock: Option<u32>,
    /// Our end of its control connection.
    pub control: Option<keeper::core::ConnId>,
}

impl Plan {
    /// A copy of what the core shows.
    pub fn of(plan: &keeper::core::Plan<'_>) -> Plan {
        let tag = plan.env.into_iter().flat_map(wire::fields).find_map(|pair| pair.strip_prefix(b"ABIDE_INSTANCE="));
        Plan {
            argv: wire::fields(plan.argv).map(|arg| String::from_utf8_lossy(arg).into_owned()).collect(),
            tag: tag.and_then(|tag| std::str::from_utf8(tag).ok()?.parse().ok()),
            session: plan.session,
            places: plan.places.to_vec(),
            aborts: plan.places.iter().any(|(_, source)| *source == Source::Missing),
            lock: plan.lock,
            control: plan.control.map(|control| control.conn),
        }
    }

    /// To which life it says that it belongs.
    pub fn tag(&self) -> Option<InstanceId> {
        self.tag
    }
}
