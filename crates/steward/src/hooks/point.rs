//! Which hooks an event is for.

use engine::What;
use model::{AppSpec, Fault, HookPoint};

/// The points of an app that an event is for, in the order in which they are told. `pre_start` is none of them: it comes before.
pub(crate) fn points(what: &What, spec: &AppSpec) -> Vec<HookPoint> {
    let points: &[HookPoint] = match what {
        What::Ready { .. } => &[HookPoint::OnReady],
        What::Running { .. } if !spec.has_readiness() => &[HookPoint::OnReady],
        What::Exited { failed: true, .. } => &[HookPoint::OnCrash, HookPoint::PostStop],
        What::Exited { .. } => &[HookPoint::PostStop],
        What::Errored { .. } => &[HookPoint::OnErrored],
        What::Unhealthy { .. } | What::Faulted { fault: Fault::Watchdog | Fault::Trigger, .. } => &[HookPoint::OnUnhealthy],
        What::Stopped => &[HookPoint::OnStop],
        _ => &[],
    };
    points.iter().copied().filter(|point| spec.hooks.contains_key(point)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, End, Hook, Probe, Readiness, Verdict};

    fn spec(points: &[HookPoint]) -> AppSpec {
        let mut spec = AppSpec::new(AppName::new("web").expect("name"), vec!["x".into()], "/".into());
        spec.hooks = points.iter().map(|point| (*point, Hook::Command { argv: vec!["true".into()] })).collect();
        spec
    }

    #[test]
    fn each_event_has_its_points() {
        let mut all = spec(&HookPoint::ALL);
        let exited = |failed| What::Exited { end: End::Exited(Verdict::Code(1)), asked: false, failed, lived_ms: 5 };
        let running = What::Running { pid: 1 };
        use HookPoint::*;
        for (what, want) in [
            (&running, vec![OnReady]),
            (&What::Ready { after_ms: 1 }, vec![OnReady]),
            (&exited(true), vec![OnCrash, PostStop]),
            (&exited(false), vec![PostStop]),
            (&What::Errored { why: String::new() }, vec![OnErrored]),
            (&What::Unhealthy { why: String::new() }, vec![OnUnhealthy]),
            // A health check that has failed is told by the line above.
            (&What::Faulted { fault: Fault::Watchdog, answer: None }, vec![OnUnhealthy]),
            (&What::Faulted { fault: Fault::Unhealthy(String::new()), answer: None }, vec![]),
            (&What::Stopped, vec![OnStop]),
            (&What::Starting, vec![]),
            (&What::Healthy, vec![]),
        ] {
            assert_eq!(points(what, &all), want, "{what:?}");
        }
        assert_eq!(points(&exited(true), &spec(&[PostStop])), [PostStop]);
        assert_eq!(points(&running, &spec(&[OnStop])), []);
        all.ready = Some(Readiness::Probe(Probe::Tcp { address: "127.0.0.1:1".into() }));
        assert_eq!(points(&running, &all), [], "ready is told when it is");
    }
}
