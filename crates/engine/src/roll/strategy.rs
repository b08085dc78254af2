//! What is done about a reload: what the app asks for, or what takes its place where that cannot be.

use crate::SlotView;
use model::{AppSpec, HookPoint, Port, Reload, StepAct};

/// How an app is reloaded, for those who are asked first and for those who do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// What is done.
    pub how: Reload,
    /// New lives stand beside old ones.
    pub overlaps: bool,
    /// It is a reload in several moves. Otherwise what runs is stopped and born anew at once.
    pub rolls: bool,
    /// What whoever agrees should know, each a sentence without a stop.
    pub notes: Vec<String>,
    /// Why it cannot be done at all.
    pub refused: Option<String>,
}

impl Strategy {
    /// What is done to a life that runs.
    pub fn act(&self) -> StepAct {
        match self.how {
            Reload::Hup => StepAct::Signal,
            Reload::Rolling | Reload::Bluegreen | Reload::Socket if self.overlaps => StepAct::Replace,
            Reload::Restart | Reload::Rolling | Reload::Bluegreen | Reload::Socket => StepAct::Restart,
        }
    }
}

/// Decides how lives by `before` become such by `after`. `another`: the process itself is another (command, variables, descriptors), which no signal can
/// bring about.
pub fn strategy(before: &AppSpec, after: &AppSpec, another: bool, slots: &[SlotView<'_>]) -> Strategy {
    let running = slots.iter().filter(|view| view.instance.is_some() && !view.ending).count();
    let plain = |rolls, notes| Strategy { how: Reload::Restart, overlaps: false, rolls, notes, refused: None };
    if running == 0 || after.schedule.is_some() || before.schedule.is_some() {
        return plain(false, Vec::new());
    }
    let wanted = after.renewal.strategy;
    let mut notes = Vec::new();
    match wanted {
        Reload::Restart => plain(running > 1, notes),
        Reload::Hup if another => {
            let signal = after.renewal.signal;
            plain(
                running > 1,
                vec![format!("{signal} cannot change the command or the environment of a process: it is restarted")],
            )
        }
        Reload::Hup => Strategy { how: wanted, overlaps: false, rolls: true, notes, refused: None },
        Reload::Rolling | Reload::Bluegreen | Reload::Socket => {
            let overlaps = overlaps(after, wanted);
            let mut refused = None;
            if !overlaps {
                let port = after.port.map(|port| port.to_string()).unwrap_or_default();
                match wanted {
                    Reload::Rolling => {
                        notes.push(format!("port {port} has no room for two lives: the old one stops before the new one starts"));
                    }
                    _ => refused = Some(format!("port {port} has no room for a whole new generation beside the old one")),
                }
            }
            if !after.has_readiness() && after.min_uptime.is_zero() && after.renewal.soak.is_zero() {
                notes.push("it counts as ready as soon as it runs; set `ready`, or `soak`".to_owned());
            }
            if wanted == Reload::Bluegreen && after.listen.is_empty() && after.port.is_some() {
                let has_hook = after.hooks.contains_key(&HookPoint::OnSwitch);
                notes.extend((!has_hook).then(|| "clients must follow the ports: there is no hook `on_switch`".to_owned()));
            }
            Strategy { how: wanted, overlaps, rolls: true, notes, refused }
        }
    }
}

/// Whether two lives of one slot can be there at a time.
pub(super) fn overlaps(spec: &AppSpec, how: Reload) -> bool {
    match spec.port {
        // What it gets by `listen` has room for all, and what it binds by itself is its own matter.
        None => true,
        Some(Port::Fixed(_)) => false,
        Some(port @ (Port::Range(..) | Port::Auto(..))) => port.count() >= spec.instances.saturating_add(beside(spec, how)),
    }
}

/// How many lives stand beside others at the least.
fn beside(spec: &AppSpec, how: Reload) -> u32 {
    match how {
        Reload::Restart | Reload::Hup => 0,
        Reload::Rolling => 1,
        Reload::Bluegreen | Reload::Socket => spec.instances,
    }
}

/// How many ports an app needs while it is reloaded, besides those of its slots.
pub fn ports_beside(spec: &AppSpec, how: Reload) -> u32 {
    if spec.port.is_some() && spec.instances > 0 && overlaps(spec, how) { beside(spec, how) } else { 0 }
}
