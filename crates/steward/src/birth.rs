//! What a birth needs: the complete environment, the lines for the keeper, and the FIFOs.

use crate::fill::{Names, fill};
use crate::identity::Owner;
use engine::Bear;
use model::{AppSpec, Definition, ListenAddress, SlotRef};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use sys::stream::make_fifo;
use wire::{Birth, Channels, Handles, Request};

/// What a shell that knows nothing better searches.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Program and variables of a life, with every name filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

/// For whom a definition is filled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct For<'a> {
    pub(crate) slot: &'a SlotRef,
    /// The port of its life.
    pub(crate) port: Option<u16>,
    pub(crate) home: &'a str,
}

/// The port that a life is told: the one that it was given, else the first TCP port of its sockets.
pub(crate) fn port_told(spec: &AppSpec, leased: Option<u16>) -> Option<u16> {
    let tcp = |address: &ListenAddress| matches!(address, ListenAddress::Tcp(_)).then(|| address.port()).flatten();
    leased.or_else(|| spec.listen.iter().find_map(|listen| tcp(&listen.address)))
}

/// Fills a definition for one slot. [`filled_with`] its own command.
pub(crate) fn filled(definition: &Definition, whose: For<'_>) -> Filled {
    filled_with(definition, &definition.spec.argv, whose)
}

/// Fills a command of an app for one slot. The app's own variables win over the captured session and over `PORT`, the manager's others over all.
pub(crate) fn filled_with(definition: &Definition, argv: &[String], whose: For<'_>) -> Filled {
    let For { slot, port, home } = whose;
    let spec = &definition.spec;
    let (number, name) = (slot.index.to_string(), slot.to_string());
    let port = port_told(spec, port).map(|port| port.to_string());
    let names = Names { app: slot.app.as_str(), slot: &number, instance: &name, port: port.as_deref(), home };
    let mut env = definition.session_env.clone();
    env.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    env.extend(port.iter().map(|port| ("PORT".to_owned(), port.clone())));
    env.extend(spec.env.iter().map(|(key, value)| (key.clone(), fill(value, &names))));
    env.entry("ABIDE_HOME".to_owned()).or_insert_with(|| home.to_owned());
    env.insert(instance_var(spec).to_owned(), number.clone());
    env.insert("NODE_APP_INSTANCE".to_owned(), number.clone());
    env.insert("ABIDE_APP".to_owned(), slot.app.as_str().to_owned());
    env.insert("ABIDE_SLOT".to_owned(), name.clone());
    Filled { argv: argv.iter().map(|arg| fill(arg, &names)).collect(), env }
}

/// The variable that tells the number of the slot.
pub(crate) fn instance_var(spec: &AppSpec) -> &str {
    spec.instance_var.as_deref().unwrap_or("INSTANCE_ID")
}

/// What was made for one life, and the variables that tell it.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) channels: Channels,
    pub(crate) env: BTreeMap<String, String>,
}

/// The lines that bear a life.
///
/// # Errors
/// A command or variable that no line can hold.
pub(crate) fn lines(
    bear: &Bear,
    owner: Option<&Owner>,
    mut more: Vec<Request>,
    own: Own,
    home: &str,
    boot: &str,
) -> Result<Vec<Request>, wire::TooLong> {
    let life = &bear.life;
    let service = life.instance.to_string();
    let Filled { argv, mut env } = filled(&bear.definition, For { slot: &life.slot, port: life.port, home });
    env.insert("ABIDE_INSTANCE".to_owned(), service.clone());
    let spec = &bear.definition.spec;
    if let Some(owner) = owner {
        owner.dress(&mut env, &spec.env);
    }
    more.extend(crate::identity::lines(&service, &spec.identity, owner));
    env.extend(own.env);
    wire::birth(&Birth {
        tags: tags(life, boot),
        argv,
        env: env.into_iter().map(|(key, value)| format!("{key}={value}")).collect(),
        cwd: spec.cwd.to_string_lossy().into_owned(),
        umask: spec.identity.umask.unwrap_or(bear.definition.umask),
        more,
        no_new_privs: owner.is_some_and(Owner::is_bound),
        kept: life.log.kept(),
        channels: own.channels,
        service,
    })
}

/// What a new steward needs to recognise a life whose record was lost.
pub(crate) fn tags(life: &model::LifeRecord, boot: &str) -> Vec<String> {
    vec![
        format!("app={}", life.slot.app),
        format!("slot={}", life.slot.index),
        format!("generation={}", life.generation),
        format!("digest={:016x}", life.digest),
        format!("boot={boot}"),
    ]
}

/// The slot that tags name.
pub(crate) fn slot_in(tags: &[String]) -> Option<SlotRef> {
    let value = |key: &str| tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='));
    Some(SlotRef { app: value("app")?.parse().ok()?, index: value("slot")?.parse().ok()? })
}

/// Makes the FIFOs of the streams that are kept, and of the channels, 0600, and its user's own where that is another: else the child could
/// not open its `/dev/stdout` again. What an earlier try has left is replaced.
pub(crate) fn make_fifos(handles: &Handles, kept: [bool; 2], channels: &Channels, owner: Option<&Owner>) -> io::Result<()> {
    let streams = handles.fifos.iter().zip(kept);
    let more = [(&handles.stdin_path, channels.stdin), (&handles.ready_path, channels.ready.is_some())];
    for (path, _) in streams.chain(more).filter(|(_, wanted)| *wanted) {
        let make = || make_fifo(Path::new(path));
        match make() {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                std::fs::remove_file(path)?;
                make()?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                crate::home::make_folders()?;
                make()?;
            }
            done => done?,
        }
        if let Some(owner) = owner {
            std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid))?;
        }
    }
    Ok(())
}

/// Removes FIFOs and lock file of a life that is over. What is not there is gone already.
pub(crate) fn remove_files(handles: &Handles) {
    for path in handles.fifos.iter().chain([&handles.lock_path, &handles.stdin_path, &handles.ready_path]) {
        let _ = std::fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AppName, Listen, Port};

    fn definition() -> Definition {
        let name = AppName::new("web").expect("name");
        let mut spec = AppSpec::new(name, vec!["./run".into(), "--slot={{slot}}".into()], "/srv".into());
        spec.env.insert("WHO".into(), "{{instance}}".into());
        spec.env.insert("LANG".into(), "C".into());
        let session_env = BTreeMap::from([("LANG".into(), "de".into()), ("RAW".into(), "{{slot}}".into())]);
        Definition { spec, session_env, umask: 0o22, source: None, project: None }
    }

    #[test]
    fn the_app_wins_over_the_session_and_the_manager_over_both() {
        let mut definition = definition();
        definition.spec.env.insert("INSTANCE_ID".into(), "mine".into());
        let slot = SlotRef::new(&definition.spec.name, 3);
        let Filled { argv, env } = filled(&definition, For { slot: &slot, port: None, home: "/h" });
        assert_eq!(argv, ["./run", "--slot=3"]);
        let pairs: Vec<String> = env.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let want = format!(
            "ABIDE_APP=web ABIDE_HOME=/h ABIDE_SLOT=web-3 INSTANCE_ID=3 LANG=C NODE_APP_INSTANCE=3 PATH={DEFAULT_PATH} RAW={{{{slot}}}} WHO=web-3"
        );
        assert_eq!(pairs.join(" "), want);
    }

    #[test]
    fn a_port_is_told_in_every_way_and_the_app_may_say_otherwise() {
        let mut definition = definition();
        let slot = SlotRef::new(&definition.spec.name, 1);
        definition.session_env.insert("PORT".into(), "1".into());
        definition.spec.argv.push("{{port}}".into());
        definition.spec.env.insert("URL".into(), "http://127.0.0.1:{{port}}/".into());
        definition.spec.instance_var = Some("WORKER".into());
        let told = |definition: &Definition, port| {
            let Filled { argv, env } = filled(definition, For { slot: &slot, port, home: "/h" });
            let of = |key: &str| env.get(key).map_or("-", String::as_str).to_owned();
            [argv[2].clone(), of("PORT"), of("URL"), of("WORKER"), of("INSTANCE_ID"), of("NODE_APP_INSTANCE")].join(" ")
        };
        assert_eq!(told(&definition, None), "{{port}} 1 http://127.0.0.1:{{port}}/ 1 - 1", "without a port the session's stays");
        definition.spec.port = Some(Port::Fixed(3000));
        assert_eq!(told(&definition, Some(3000)), "3000 3000 http://127.0.0.1:3000/ 1 - 1");
        definition.spec.env.insert("PORT".into(), "8080".into());
        assert_eq!(told(&definition, Some(3000)), "3000 8080 http://127.0.0.1:3000/ 1 - 1");
        definition.spec.env.remove("PORT");
        definition.spec.port = None;
        let socket = |address| Listen { address, name: "x".into(), backlog: 1, reuse_port: false, mode: None };
        let udp = ListenAddress::Udp("127.0.0.1:53".parse().expect("an address"));
        let tcp = ListenAddress::Tcp("[::1]:8443".parse().expect("an address"));
        definition.spec.listen = vec![socket(ListenAddress::Unix("/s".into())), socket(udp), socket(tcp)];
        assert_eq!(told(&definition, None), "8443 8443 http://127.0.0.1:8443/ 1 - 1");
    }

    #[test]
    fn tags_name_the_slot() {
        let tags = ["app=web", "slot=3", "boot=x"].map(String::from);
        assert_eq!(slot_in(&tags).expect("both there").to_string(), "web-3");
        assert_eq!(slot_in(&tags[1..]), None);
    }

    #[test]
    fn fifos_are_made_anew() {
        let folder = tempfile::tempdir().expect("tempdir");
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let mut handles = wire::handles("i1");
        handles.fifos = [at("out"), at("err")];
        (handles.lock_path, handles.stdin_path, handles.ready_path) = (at("lock"), at("in"), at("ready"));
        let channels = Channels { stdin: true, ready: Some(3), ..Channels::default() };
        make_fifos(&handles, [true; 2], &channels, None).expect("first");
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 4);
        make_fifos(&handles, [true, false], &Channels::default(), None).expect("again");
        remove_files(&handles);
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0);
    }
}
