//! The system's own word on what happens in a folder, by the crate `notify`.
//!
//! Folders are watched one by one, never whole trees: what is left out by the patterns costs nothing then, and a tree like `node_modules`
//! would use up the system's limit.

use notify::event::{CreateKind, EventKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Config, ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::io;
use std::path::{Path, PathBuf};

/// What has happened at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    /// There is something, or another thing, under this name.
    Came,
    /// The same, and it is a folder.
    FolderCame,
    /// It has another name now.
    Moved,
    /// It is no more.
    Went,
    /// A folder is no more; what was in it went before, each with a word of its own.
    FolderWent,
    /// It was written.
    Written,
    /// Its times, rights or owner have changed.
    Touched,
}

/// What the system says.
#[derive(Debug)]
pub(super) enum Sight {
    /// Something has happened at this path.
    At(PathBuf, Happened),
    /// More than it could keep: anything may have happened.
    Lost,
}

/// Why a folder cannot be watched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blind {
    /// It is not there, or we may not look into it: nothing of it can be seen in any other way either.
    Gone,
    /// The system does not do it: in words.
    Cannot(String),
}

/// Who watches folders.
pub(super) trait Eyes: Send {
    /// Watches a folder, not what is below its folders.
    fn watch(&mut self, folder: &Path) -> Result<(), Blind>;
    /// Watches it no more, if it did.
    fn unwatch(&mut self, folder: &Path);
}

/// Opens eyes that tell what they see; in words why that cannot be.
pub(super) type Open = fn(Box<dyn Fn(Sight) + Send>) -> Result<Box<dyn Eyes>, String>;

struct Native(RecommendedWatcher);

/// The system's.
pub(super) fn native(tell: Box<dyn Fn(Sight) + Send>) -> Result<Box<dyn Eyes>, String> {
    let hear = move |said: notify::Result<notify::Event>| match said {
        Ok(event) if event.need_rescan() => tell(Sight::Lost),
        Ok(event) => {
            if let Some(happened) = happened(event.kind) {
                event.paths.into_iter().for_each(|path| tell(Sight::At(path, happened)));
            }
        }
        Err(_) => tell(Sight::Lost),
    };
    match RecommendedWatcher::new(hear, Config::default()) {
        Ok(watcher) => Ok(Box::new(Native(watcher))),
        Err(error) => Err(match error.kind {
            ErrorKind::Io(error) if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                "the system's limit of watchers is reached (fs.inotify.max_user_instances)".to_owned()
            }
            _ => format!("the system does not tell of changes: {error}"),
        }),
    }
}

fn happened(kind: EventKind) -> Option<Happened> {
    Some(match kind {
        EventKind::Create(CreateKind::Folder) => Happened::FolderCame,
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Happened::Came,
        EventKind::Remove(RemoveKind::Folder) => Happened::FolderWent,
        // A watched folder says so of itself, too, and does not say that it is one.
        EventKind::Remove(_) => Happened::Went,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Happened::Moved,
        EventKind::Modify(ModifyKind::Metadata(_)) => Happened::Touched,
        // Both names at once: each was told before.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) | EventKind::Access(_) => return None,
        EventKind::Modify(_) => Happened::Written,
        EventKind::Any | EventKind::Other => return None,
    })
}

impl Eyes for Native {
    fn watch(&mut self, folder: &Path) -> Result<(), Blind> {
        self.0.watch(folder, RecursiveMode::NonRecursive).map_err(|error| match error.kind {
            ErrorKind::MaxFilesWatch => Blind::Cannot(
                "the system's limit of watched folders is reached (fs.inotify.max_user_watches); raise it, or leave folders out with `ignore`"
                    .to_owned(),
            ),
            ErrorKind::PathNotFound => Blind::Gone,
            ErrorKind::Io(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory) => {
                Blind::Gone
            }
            _ => Blind::Cannot(format!("the system does not watch {}: {error}", folder.display())),
        })
    }

    fn unwatch(&mut self, folder: &Path) {
        // It has forgotten a folder that is gone already.
        let _ = self.0.unwatch(folder);
    }
}

/// File systems that do not tell of what others change on them, by the number that statfs(2) gives.
const SILENT: &[(u64, &str)] = &[
    (0x6969, "nfs"),
    (0x517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x6573_5546, "fuse"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "ceph"),
    (0x7461_636f, "ocfs2"),
    (0x5346_414f, "afs"),
    (0x7863_7362, "vboxsf"),
];

/// Why the system will not tell of every change below a path, if so.
pub(super) fn silent(path: &Path) -> Option<String> {
    let kind = rustix::fs::statfs(path).ok()?.f_type as u64 & 0xffff_ffff;
    let (_, name) = SILENT.iter().find(|(number, _)| *number == kind)?;
    Some(format!("{} is on a file system ({name}) that does not tell of what others change there", path.display()))
}
