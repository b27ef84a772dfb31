//! A sandbox and a call, in; every step the child has to take, as ready C strings, out: after the fork nothing may allocate.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::mount_points::{Kind, MountPoints, landing};
use super::recording::filter::Instruction;
use super::{Network, Sandbox};
use crate::call::{Call, CallError, Stdin};

/// What the child does, in this order: trees are taken from the host, the root is entered, steps are taken, the program starts.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) root: Tree,
    pub(super) trees: Vec<Tree>,
    pub(super) steps: Vec<Step>,
    pub(super) hostname: CString,
    pub(super) own_network: bool,
    pub(super) own_session: bool,
    pub(super) directory: CString,
    pub(super) candidates: Vec<CString>,
    pub(super) arguments: Vec<CString>,
    pub(super) variables: Vec<CString>,
    /// What the program is put under when it is recorded; empty when it is not.
    pub(super) filter: Vec<Instruction>,
}

/// A part of the host's file tree, copied as a mount before the root is entered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Tree {
    pub(super) source: CString,
    pub(super) read_only: bool,
    pub(super) devices: bool,
}

/// One step inside the entered root.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Step {
    Filesystem { kind: CString, target: CString, options: CString, noexec: bool },
    Directory(CString),
    File(CString),
    Link { target: CString, name: CString },
    Attach { tree: usize, target: CString },
    ReadOnly(CString),
}

impl Step {
    /// The step in words, for an error.
    pub(super) fn describe(&self, trees: &[Tree]) -> String {
        match self {
            Step::Filesystem { kind, target, .. } => format!("mount a {} on {}", text(kind), text(target)),
            Step::Directory(path) => format!("make the directory {}", text(path)),
            Step::File(path) => format!("make the mount point {}", text(path)),
            Step::Link { name, .. } => format!("make the link {}", text(name)),
            Step::Attach { tree, target } => {
                format!("show {} as {}", text(&trees[*tree].source), text(target))
            }
            Step::ReadOnly(path) => format!("make {} read-only", text(path)),
        }
    }
}

pub(super) fn text(text: &CString) -> String {
    text.to_string_lossy().into_owned()
}

/// Plans a call, and makes the mount points that the root lacks.
pub(super) fn plan(sandbox: &Sandbox, call: &Call) -> Result<(Plan, MountPoints), CallError> {
    let program = call.program_name();
    let c = |text: &OsStr| {
        CString::new(text.as_bytes()).map_err(|_| CallError::NulByte {
            program: program.clone(),
            argument: text.to_string_lossy().into_owned(),
        })
    };
    let unusable = |source: io::Error| CallError::Root { root: sandbox.root.clone(), source };
    let root = std::path::absolute(&sandbox.root).map_err(unusable)?;
    if !std::fs::metadata(&root).map_err(unusable)?.is_dir() {
        return Err(unusable(io::ErrorKind::NotADirectory.into()));
    }

    let mut layout = Layout {
        program: &program,
        root: &root,
        trees: Vec::new(),
        steps: Vec::new(),
        points: MountPoints::default(),
    };
    layout.proc()?;
    layout.dev()?;
    let sys = sandbox.sys.then(|| super::Bind::read_only("/sys", "/sys"));
    layout.places(sandbox, sys)?;
    let Layout { trees, steps, points, .. } = layout;

    let mut env: BTreeMap<&OsString, &OsString> = sandbox.env.iter().collect();
    env.extend(call.env.iter());
    let variables = env
        .iter()
        .map(|(name, value)| {
            let mut variable = (*name).clone();
            variable.push("=");
            variable.push(value);
            c(&variable)
        })
        .collect::<Result<_, _>>()?;
    let path = env.get(&OsString::from("PATH")).map_or(OsStr::new(""), |path| path.as_os_str());
    let candidates =
        candidates(&call.program, path).iter().map(|path| c(path.as_os_str())).collect::<Result<_, _>>()?;
    let arguments = std::iter::once(&call.program)
        .chain(&call.args)
        .map(|argument| c(argument))
        .collect::<Result<_, _>>()?;
    let plan = Plan {
        root: Tree { source: c(root.as_os_str())?, read_only: sandbox.read_only_root, devices: false },
        trees,
        steps,
        hostname: c(OsStr::new(&sandbox.hostname))?,
        own_network: sandbox.network == Network::Off,
        // A program that shares this terminal must stay in its session to be its foreground.
        own_session: !matches!(call.stdin, Stdin::Inherit),
        directory: c(call.directory.as_deref().unwrap_or(Path::new("/")).as_os_str())?,
        candidates,
        arguments,
        variables,
        filter: Vec::new(),
    };
    Ok((plan, points))
}

/// What a sandbox shows instead of a part of its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cover {
    /// Its own `/proc`.
    Processes,
    /// The host's `/sys`.
    Host,
    /// Something in memory.
    Memory,
    /// A file or directory of the host.
    Bind,
}

/// The paths at which a sandbox does not show its root, deepest first: `plan` in short.
pub(super) fn covers(sandbox: &Sandbox, root: &Path) -> io::Result<Vec<(PathBuf, Cover)>> {
    let mut covers = vec![(PathBuf::from("/proc"), Cover::Processes), (PathBuf::from("/dev"), Cover::Memory)];
    if sandbox.sys {
        covers.push((landing(root, Path::new("/sys"))?, Cover::Host));
    }
    for empty in &sandbox.empty {
        covers.push((landing(root, &inside(empty))?, Cover::Memory));
    }
    for bind in &sandbox.binds {
        covers.push((landing(root, &inside(&bind.target))?, Cover::Bind));
    }
    covers.sort_by_key(|(path, _)| std::cmp::Reverse(path.components().count()));
    Ok(covers)
}

/// The paths at which a program may be, in the order of the search path.
fn candidates(program: &OsStr, path: &OsStr) -> Vec<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.into()];
    }
    path.as_bytes()
        .split(|byte| *byte == b':')
        .filter(|directory| !directory.is_empty())
        .map(|directory| Path::new(OsStr::from_bytes(directory)).join(program))
        .collect()
}

struct Layout<'a> {
    program: &'a str,
    root: &'a Path,
    trees: Vec<Tree>,
    steps: Vec<Step>,
    points: MountPoints,
}

/// Something mounted inside, in the order of depth.
enum Place {
    Empty(PathBuf),
    Bind(super::Bind, Kind),
}

impl Place {
    fn target(&self) -> &Path {
        match self {
            Place::Empty(path) => path,
            Place::Bind(bind, _) => &bind.target,
        }
    }
}

const OWN_DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];
/// Where a write by user 0, even without any capability, would change the host's kernel.
const KERNEL_SETTINGS: [&str; 5] = ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"];

impl Layout<'_> {
    fn proc(&mut self) -> Result<(), CallError> {
        self.in_root(Path::new("/proc"), Kind::Directory)?;
        self.filesystem("proc", Path::new("/proc"), "", true)?;
        for setting in KERNEL_SETTINGS {
            let path = self.c(Path::new(setting))?;
            self.steps.push(Step::ReadOnly(path));
        }
        Ok(())
    }

    fn dev(&mut self) -> Result<(), CallError> {
        self.in_root(Path::new("/dev"), Kind::Directory)?;
        // Not world-writable and sticky, as tmpfs is by default: there the kernel refuses `> /dev/null` (open with O_CREAT)
        // when the node's owner is not the caller, which is so for a bound node in a user namespace.
        self.filesystem("tmpfs", Path::new("/dev"), "mode=755,size=1m", false)?;
        for device in OWN_DEVICES {
            let path = Path::new("/dev").join(device);
            let target = self.c(&path)?;
            self.steps.push(Step::File(target.clone()));
            self.attach(&path, target, false)?;
        }
        for (target, name) in DEVICE_LINKS {
            let link = Step::Link { target: self.c(Path::new(target))?, name: self.c(Path::new(name))? };
            self.steps.push(link);
        }
        for (directory, kind, options) in
            [("/dev/pts", "devpts", "newinstance,ptmxmode=0666,mode=620"), ("/dev/shm", "tmpfs", "mode=1777")]
        {
            let path = self.c(Path::new(directory))?;
            self.steps.push(Step::Directory(path));
            self.filesystem(kind, Path::new(directory), options, true)?;
        }
        Ok(())
    }

    fn places(&mut self, sandbox: &Sandbox, sys: Option<super::Bind>) -> Result<(), CallError> {
        let mut places = Vec::new();
        for path in &sandbox.empty {
            let refused =
                |source| self.refused(format!("find {} in {}", path.display(), self.root.display()), source);
            places.push(Place::Empty(landing(self.root, &inside(path)).map_err(refused)?));
        }
        for bind in sys.iter().chain(&sandbox.binds) {
            let refused = |source: io::Error| self.refused(format!("show {}", bind.source.display()), source);
            let source = std::path::absolute(&bind.source).map_err(refused)?;
            let kind = if std::fs::metadata(&source).map_err(refused)?.is_dir() {
                Kind::Directory
            } else {
                Kind::File
            };
            let target = landing(self.root, &inside(&bind.target)).map_err(refused)?;
            places.push(Place::Bind(super::Bind { source, target, ..bind.clone() }, kind));
        }
        places.sort_by_key(|place| place.target().components().count());
        for index in 0..places.len() {
            let (covering, rest) = places.split_at(index);
            let Some(place) = rest.first() else { break };
            match place {
                Place::Empty(path) => {
                    self.mount_point(covering, path, Kind::Directory)?;
                    let options = if path == Path::new("/run") { "mode=755" } else { "mode=1777" };
                    self.filesystem("tmpfs", path, options, false)?;
                }
                Place::Bind(bind, kind) => {
                    self.mount_point(covering, &bind.target, *kind)?;
                    let target = self.c(&bind.target)?;
                    self.attach(&bind.source, target, bind.read_only)?;
                }
            }
        }
        Ok(())
    }

    /// Plans or makes a mount point: in what is mounted over that part of the root, or else in the root itself.
    fn mount_point(&mut self, covering: &[Place], path: &Path, kind: Kind) -> Result<(), CallError> {
        let over =
            covering.iter().rev().find(|place| path != place.target() && path.starts_with(place.target()));
        let in_memory = match over {
            Some(Place::Bind(bind, _)) => {
                let rest = path.strip_prefix(&bind.target).unwrap_or(path);
                return self.ensure(&bind.source, rest, kind);
            }
            Some(Place::Empty(empty)) => Some(empty.as_path()),
            None if path.starts_with("/dev") => Some(Path::new("/dev")),
            None => None,
        };
        let Some(in_memory) = in_memory else { return self.in_root(path, kind) };
        let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| *ancestor != in_memory).collect();
        for ancestor in missing.iter().rev() {
            let name = self.c(ancestor)?;
            let is_file = *ancestor == path && kind == Kind::File;
            self.steps.push(if is_file { Step::File(name) } else { Step::Directory(name) });
        }
        Ok(())
    }

    fn in_root(&mut self, path: &Path, kind: Kind) -> Result<(), CallError> {
        let root = self.root;
        self.ensure(root, path, kind)
    }

    fn ensure(&mut self, root: &Path, path: &Path, kind: Kind) -> Result<(), CallError> {
        self.points.ensure(root, path, kind).map_err(|source| {
            self.refused(format!("make the mount point {} in {}", path.display(), root.display()), source)
        })
    }

    fn filesystem(
        &mut self,
        kind: &str,
        target: &Path,
        options: &str,
        noexec: bool,
    ) -> Result<(), CallError> {
        let (kind, target, options) =
            (self.c(Path::new(kind))?, self.c(target)?, self.c(Path::new(options))?);
        self.steps.push(Step::Filesystem { kind, target, options, noexec });
        Ok(())
    }

    fn attach(&mut self, source: &Path, target: CString, read_only: bool) -> Result<(), CallError> {
        let tree = Tree { source: self.c(source)?, read_only, devices: source.starts_with("/dev") };
        self.trees.push(tree);
        self.steps.push(Step::Attach { tree: self.trees.len() - 1, target });
        Ok(())
    }

    fn c(&self, path: &Path) -> Result<CString, CallError> {
        CString::new(path.as_os_str().as_bytes()).map_err(|_| CallError::NulByte {
            program: self.program.to_owned(),
            argument: path.display().to_string(),
        })
    }

    fn refused(&self, step: String, source: io::Error) -> CallError {
        CallError::SetUp { program: self.program.to_owned(), step, source }
    }
}

/// The path from `/`, without `.` and `..`.
fn inside(path: &Path) -> PathBuf {
    let mut inside = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::ParentDir => {
                inside.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_along_its_search_path() {
        assert_eq!(
            candidates(OsStr::new("ls"), OsStr::new("/usr/bin::/bin")),
            [Path::new("/usr/bin/ls"), Path::new("/bin/ls")]
        );
        assert_eq!(candidates(OsStr::new("./ls"), OsStr::new("/usr/bin")), [Path::new("./ls")]);
    }

    #[test]
    fn a_target_cannot_climb_out_of_the_root() {
        assert_eq!(inside(Path::new("../../etc/./passwd")), Path::new("/etc/passwd"));
        assert_eq!(inside(Path::new("/work/../../..")), Path::new("/"));
    }
}
