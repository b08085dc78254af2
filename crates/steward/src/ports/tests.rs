use super::*;
use model::{AppName, AppSpec, Listen, ListenAddress, Port, SlotRef};
use std::collections::{BTreeMap, BTreeSet};
use sys::holder::Holder;
use sys::port::Tried;

fn app(name: &str) -> AppName {
    AppName::new(name).expect("a name")
}

fn slot(name: &str, index: u32) -> SlotRef {
    SlotRef::new(&app(name), index)
}

fn spec(name: &str, port: Option<Port>, instances: u32) -> AppSpec {
    let mut spec = AppSpec::new(app(name), vec!["x".into()], "/".into());
    (spec.port, spec.instances) = (port, instances);
    spec
}

fn listens(name: &str, address: &str) -> AppSpec {
    let mut spec = spec(name, None, 1);
    let address = ListenAddress::Tcp(address.parse().expect("an address"));
    spec.listen.push(Listen { address, name: "web".into(), backlog: 1, reuse_port: false, mode: None });
    spec
}

/// What the machine says of ports: `Free` unless listed.
#[derive(Default)]
struct Machine {
    held: BTreeMap<u16, &'static str>,
    denied: BTreeSet<u16>,
    tries: usize,
}

impl Machine {
    fn holding(ports: &[(u16, &'static str)]) -> Machine {
        Machine { held: ports.iter().copied().collect(), ..Machine::default() }
    }
}

impl Look for Machine {
    fn try_bind(&mut self, port: u16) -> Tried {
        self.tries += 1;
        match (self.held.contains_key(&port), self.denied.contains(&port)) {
            (true, _) => Tried::Taken,
            (_, true) => Tried::Denied,
            _ => Tried::Free,
        }
    }

    fn stranger(&mut self, app: &AppName, port: u16) -> Option<String> {
        let name = self.held.get(&port).copied().filter(|name| *name != app.as_str())?;
        Some(held_by(Some(&Holder { pid: 12, name: name.to_owned() })))
    }
}

fn chosen(wish: Port, index: u32, before: Option<u16>, claims: &Claims, machine: &mut Machine) -> Result<u16, String> {
    let named = machine.held.clone();
    let words = |port| held_by(named.get(&port).map(|name| Holder { pid: 12, name: (*name).to_owned() }).as_ref());
    choose(wish, &slot("web", index), before, claims, |port| machine.try_bind(port)).map_err(|refused| refused.words(words))
}

#[test]
fn a_fixed_port_is_that_one_or_none() {
    let mut claims = Claims::default();
    let wish = Port::Fixed(3000);
    assert_eq!(chosen(wish, 0, Some(1), &claims, &mut Machine::default()), Ok(3000));
    let mut held = Machine::holding(&[(3000, "nginx")]);
    assert_eq!(chosen(wish, 0, None, &claims, &mut held), Err("port 3000 is held by nginx (pid 12)".into()));
    // A privilege that we lack, the app may have.
    let mut denied = Machine { denied: [80].into(), ..Machine::default() };
    assert_eq!(chosen(Port::Fixed(80), 0, None, &claims, &mut denied), Ok(80));
    claims.lease(3000, slot("api", 1), true);
    assert_eq!(chosen(wish, 0, None, &claims, &mut Machine::default()), Err("port 3000 is leased to api-1".into()));
}

#[test]
fn a_range_gives_each_slot_its_own_if_that_is_free() {
    let (wish, mut claims) = (Port::Range(3000, 3003), Claims::default());
    claims.keep(&spec("web", Some(wish), 3));
    let mut machine = Machine::default();
    for (index, want) in [(0, 3000), (3, 3003), (4, 3000), (u32::MAX, 3000)] {
        assert_eq!(chosen(wish, index, Some(3002), &claims, &mut machine), Ok(want), "{index}");
    }
    // The slot's own life still has its port: a reload bears another beside it.
    claims.lease(3001, slot("web", 1), false);
    assert_eq!(chosen(wish, 1, Some(3001), &claims, &mut machine), Ok(3000));
    // What others ask for by name is theirs, and what is held is held.
    claims.keep(&spec("api", Some(Port::Fixed(3000)), 1));
    claims.keep(&listens("db", "127.0.0.1:3002"));
    let mut held = Machine::holding(&[(3003, "nginx")]);
    let why =
        "no port of 3000-3003 is free: 3001 is leased to web-1, 3000 is kept for api, 3002 is kept for db, and so on (1 more)";
    assert_eq!(chosen(wish, 1, None, &claims, &mut held), Err(why.into()));
    let other = Port::Range(3000, 3003);
    claims.keep(&spec("twin", Some(other), 1));
    assert_eq!(chosen(wish, 1, None, &claims, &mut machine), Ok(3003), "ranges may overlap");
}

#[test]
fn auto_keeps_its_port_if_it_can() {
    let (wish, mut claims) = (Port::Auto(5000, 5009), Claims::default());
    let mut machine = Machine::holding(&[(5000, "nginx")]);
    assert_eq!(chosen(wish, 7, None, &claims, &mut machine), Ok(5001));
    assert_eq!(chosen(wish, 7, Some(5004), &claims, &mut machine), Ok(5004));
    assert_eq!(chosen(wish, 7, Some(6000), &claims, &mut machine), Ok(5001), "another definition gave it that");
    claims.lease(5004, slot("web", 7), false);
    claims.lease(5001, slot("api", 0), false);
    claims.keep(&spec("range", Some(Port::Range(5002, 5005)), 2));
    machine.denied = [5006].into();
    assert_eq!(chosen(wish, 7, Some(5004), &claims, &mut machine), Ok(5007));
    claims.keep(&spec("whole", Some(Port::Range(5000, 5009)), 1));
    let why = chosen(wish, 7, None, &claims, &mut machine).expect_err("all kept");
    assert!(why.starts_with("no port of 5000-5009 is free: 5000 is kept for whole, 5001 is leased to api-0,"), "{why}");
}

/// Asks for what these apps will get; those named in `start` are to be started, the others run.
fn asked(all: &[AppSpec], start: &[&str], leases: &[(u16, &str, bool)], machine: &mut Machine) -> Result<(), String> {
    let mut claims = Claims::default();
    all.iter().for_each(|spec| claims.keep(spec));
    leases.iter().for_each(|(port, name, leaves)| claims.lease(*port, slot(name, 0), *leaves));
    let begins = all.iter().filter(|spec| start.contains(&spec.name.as_str()));
    let demands: Vec<Demand<'_>> =
        begins.filter_map(|spec| Some(Demand { app: &spec.name, port: spec.port?, slots: spec.instances, beside: 0 })).collect();
    beforehand(&demands, &claims, machine).map_err(|problem| format!("{} {}", problem.code, problem.detail))
}

#[test]
fn a_fixed_port_that_is_not_to_be_had_is_named_beforehand() {
    let web = |port| spec("web", Some(port), 1);
    let one = web(Port::Fixed(3000));
    let go = |all: &[AppSpec], leases: &[(u16, &str, bool)], held: &[(u16, &'static str)]| {
        asked(all, &["web"], leases, &mut Machine::holding(held)).err().unwrap_or_default()
    };
    let alone = std::slice::from_ref(&one);
    assert_eq!(go(alone, &[], &[]), "");
    assert_eq!(go(alone, &[], &[(3000, "nginx")]), "port_taken web: port 3000 is held by nginx (pid 12)");
    assert_eq!(go(alone, &[], &[(3000, "web")]), "", "its own life, of before it had a lease");
    assert_eq!(go(alone, &[(3000, "web", false)], &[(3000, "web")]), "", "its own life");
    assert_eq!(go(alone, &[(3000, "api", false)], &[]), "port_taken web: port 3000 is leased to api-0");
    assert_eq!(go(alone, &[(3000, "api", true)], &[(3000, "api")]), "", "it will be free");
    let twin = spec("api", Some(Port::Fixed(3000)), 1);
    assert_eq!(go(&[one.clone(), twin.clone()], &[], &[]), "port_taken web: port 3000 is the port of api too");
    let both = asked(&[one.clone(), twin], &["web", "api"], &[], &mut Machine::default()).expect_err("one port");
    assert_eq!(both.lines().count(), 2, "{both}");
    assert_eq!(go(&[one.clone(), listens("db", "[::1]:3000")], &[], &[]), "port_taken web: port 3000 is in `listen` of db too");
    assert_eq!(go(&[one, spec("off", Some(Port::Fixed(3000)), 0)], &[], &[]), "", "no slot, no port");
    let many = go(&[spec("web", Some(Port::Fixed(3000)), 3)], &[], &[]);
    assert!(
        many.starts_with("too_few_ports web: 3 instances and one port, 3000: give it a range (port = \"3000-3002\")"),
        "{many}"
    );
    assert!(!go(&[spec("web", Some(Port::Fixed(65535)), 3)], &[], &[]).contains("range"), "there is none");
    assert_eq!(go(&[spec("web", Some(Port::Fixed(3000)), 0)], &[], &[(3000, "nginx")]), "");
}

#[test]
fn too_few_ports_are_counted_beforehand() {
    let range = |name: &str, first, last, slots| spec(name, Some(Port::Range(first, last)), slots);
    let go = |all: &[AppSpec], held: &[(u16, &'static str)]| {
        asked(all, &["web"], &[], &mut Machine::holding(held)).err().unwrap_or_default()
    };
    let web = range("web", 3000, 3003, 3);
    assert_eq!(go(std::slice::from_ref(&web), &[(3001, "nginx")]), "", "one is left over");
    let two = go(std::slice::from_ref(&web), &[(3001, "nginx"), (3003, "squid")]);
    assert_eq!(
        two,
        "too_few_ports web: 3 instances, and of 3000-3003 only 2 are free: 3001 is held by nginx (pid 12), 3003 is held by squid (pid 12)"
    );
    assert_eq!(go(&[range("web", 3000, 3003, 5)], &[]), "too_few_ports web: 5 instances, and 3000-3003 has 4 ports");
    // Overlapping ranges: what is enough for each may be too little for both.
    assert_eq!(go(&[web.clone(), range("api", 3002, 3004, 2)], &[]), "");
    assert_eq!(
        go(&[web.clone(), range("api", 3002, 3004, 3)], &[]),
        "too_few_ports api: its range 3002-3004 overlaps with ports of other apps, and is 1 port short"
    );
    let inner = [range("web", 3000, 3003, 2), range("api", 3001, 3002, 2)];
    assert_eq!(go(&inner, &[]), "", "the narrow one gets the middle");
    assert_ne!(go(&[inner[0].clone(), inner[1].clone(), spec("db", Some(Port::Fixed(3000)), 1)], &[]), "");
    // `auto` looks only as far as it must.
    let mut machine = Machine::holding(&[(20_000, "nginx")]);
    let auto = spec("web", Some(Port::Auto(20_000, 29_999)), 2);
    assert_eq!(asked(&[auto], &["web"], &[], &mut machine), Ok(()));
    assert_eq!(machine.tries, 3);
    let narrow = spec("web", Some(Port::Auto(5000, 5000)), 1);
    assert_eq!(
        go(&[narrow], &[(5000, "nginx")]),
        "too_few_ports web: no port of 5000-5000 is free: 5000 is held by nginx (pid 12)"
    );
}

#[test]
fn a_reload_needs_ports_beside_those_that_its_slots_have() {
    let (app, mut claims) = (AppName::new("web").expect("name"), Claims::default());
    let web = spec("web", Some(Port::Range(3000, 3003)), 3);
    claims.keep(&web);
    (0..3).for_each(|index| claims.lease(3000 + index, slot("web", u32::from(index)), false));
    let go = |beside, held: &[(u16, &'static str)]| {
        let demand = Demand { app: &app, port: Port::Range(3000, 3003), slots: 3, beside };
        beforehand(&[demand], &claims, &mut Machine::holding(held)).err().map(|problem| problem.detail).unwrap_or_default()
    };
    assert_eq!(go(1, &[]), "");
    assert_eq!(go(0, &[(3003, "nginx")]), "", "nobody stands beside them");
    assert_eq!(
        go(1, &[(3003, "nginx")]),
        "web: 3 instances and 1 more beside them for the reload, and of 3000-3003 only 3 are free: 3003 is held by nginx (pid 12)"
    );
}
