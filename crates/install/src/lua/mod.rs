//! A `<lua>` scriptlet and a sandbox over the root, in; what it printed and how it ended, out.
//! The script sees the root as `/` and cannot reach the host; the root needs no file of its own (%pretrans of the first package).
//!
//! Lua runs in a process of its own: this same program, started again inside the sandbox with its loader and libraries bound
//! below `/dev` for as long as it runs. See `docs/design/0701-lua-scriptlets.md`.

mod accounts;
mod file_mode;
mod interpreter;
mod macros;
mod open_file;
mod path_pattern;
mod posix_files;
mod posix_identity;
mod process;
mod processes;
mod request;
mod rpm_library;
mod selection;
mod session;
mod versions;

use std::ffi::OsString;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use host_tools::{Bind, Call, CallError, Output, Sandbox, Stdin};

pub use interpreter::interpreter_main;
pub use macros::{MacroError, Macros};

use request::Request;

/// The hidden command by which a program that installs packages is told to be the interpreter.
pub const COMMAND: &str = "lua-interpreter";

/// The interpreter, its loader and libraries inside the sandbox, whose `/dev` is never the root's.
const INSIDE: &str = "/dev/lazuli-lua";

/// A scriptlet as the header has it, and the arguments that rpm gives it.
#[derive(Clone, Debug)]
pub struct Scriptlet<'a> {
    /// For messages: `%post(setup-2.15-1.noarch)`.
    pub description: &'a str,
    /// The script, after macro expansion where its flags ask for that.
    pub body: &'a [u8],
    /// The program of the header, `<lua>` first: the script's `arg[1]` and on.
    pub program: &'a [String],
    /// How many instances of the package there are after the operation, then, for triggers, how many of the triggering one.
    pub counts: &'a [u32],
    /// The files of a file trigger, for `rpm.next_file()`.
    pub files: Option<&'a [Vec<u8>]>,
    /// The header's relocation prefixes.
    pub prefixes: &'a [String],
    /// The rpm that built the package: `posix.fork` and what belongs to it exist only for those before 6.
    pub rpm_version: Option<&'a str>,
}

/// Why a scriptlet did not run; that it ran and failed is in its [`Output`].
#[derive(Debug, thiserror::Error)]
pub enum LuaError {
    /// The interpreter's own program or libraries could not be found.
    #[error("cannot find the program that is running, which interprets Lua scriptlets")]
    Program(#[source] io::Error),
    /// The sandbox refused.
    #[error("cannot run {description}")]
    Run {
        /// The scriptlet.
        description: String,
        /// What is wrong.
        source: CallError,
    },
}

/// The program that interprets Lua inside a sandbox, and the macros that scripts see.
#[derive(Clone, Debug)]
pub struct Interpreter {
    program: PathBuf,
    this: Option<Arc<ThisProgram>>,
    arguments: Vec<OsString>,
    libraries: Vec<PathBuf>,
    architecture: String,
    definitions: Vec<String>,
    digest: Arc<OnceLock<[u8; 32]>>,
}

impl Interpreter {
    /// This program, which must call [`interpreter_main`] first thing when its first argument is [`COMMAND`].
    pub fn this_program() -> Result<Self, LuaError> {
        let program = std::env::current_exe().map_err(LuaError::Program)?;
        let this = ThisProgram::open().map_err(LuaError::Program)?;
        Ok(Self { arguments: vec![COMMAND.into()], this: Some(Arc::new(this)), ..Self::program(program)? })
    }

    /// A program of its own that does nothing but call [`interpreter_main`], built for the same libraries as this one.
    pub fn program(program: impl Into<PathBuf>) -> Result<Self, LuaError> {
        let maps = std::fs::read_to_string("/proc/self/maps").map_err(LuaError::Program)?;
        let this = std::env::current_exe().map_err(LuaError::Program)?;
        let mut libraries = libraries(&maps, &this);
        add_siblings(&mut libraries);
        Ok(Self {
            program: program.into(),
            this: None,
            arguments: Vec::new(),
            libraries,
            architecture: std::env::consts::ARCH.to_owned(),
            definitions: Vec::new(),
            digest: Arc::default(),
        })
    }

    /// Defines a macro for scripts, as `NAME BODY`, over the defaults of [`Macros::fedora`].
    #[must_use]
    pub fn define(mut self, definition: impl Into<String>) -> Self {
        self.definitions.push(definition.into());
        self
    }

    /// Runs a scriptlet and waits for its end, whatever its status: 0, 1 for an error in the script (told on stderr), or a signal.
    pub fn run(&self, sandbox: &Sandbox, scriptlet: &Scriptlet<'_>) -> Result<Output, LuaError> {
        let (sandbox, call) = self.call_in(sandbox, scriptlet)?;
        let description = || scriptlet.description.to_owned();
        sandbox.run(&call).map_err(|source| LuaError::Run { description: description(), source })
    }

    /// The call of the interpreter, and the sandbox with the interpreter in it.
    pub(crate) fn call_in(
        &self,
        sandbox: &Sandbox,
        scriptlet: &Scriptlet<'_>,
    ) -> Result<(Sandbox, Call), LuaError> {
        // Scripts make these folders and what is in them, and rpm shows them the root's.
        let sandbox = sandbox.clone().keep_directory("/run").keep_directory("/tmp");
        let sandbox = self.binds()?.into_iter().fold(sandbox, Sandbox::bind);
        let call = self
            .call()
            .stdin(Stdin::Bytes(self.request(scriptlet).to_bytes()))
            .env("PATH", "/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin")
            .accept_any_status();
        Ok((sandbox, call))
    }

    /// SHA-256 of the interpreter and all that it is made of, computed once.
    pub(crate) fn digest(&self) -> Result<[u8; 32], LuaError> {
        use sha2::Digest as _;
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let mut hasher = sha2::Sha256::new();
        for file in self.libraries.iter().chain([&self.program_now()?]) {
            let content = std::fs::read(file).map_err(LuaError::Program)?;
            hasher.update(sha2::Sha256::digest(content));
        }
        Ok(*self.digest.get_or_init(|| hasher.finalize().into()))
    }

    /// Where the program is; a copy of it, if something else has its name by now.
    fn program_now(&self) -> Result<PathBuf, LuaError> {
        match &self.this {
            Some(this) => this.path(&self.program).map_err(LuaError::Program),
            None => Ok(self.program.clone()),
        }
    }

    fn binds(&self) -> Result<Vec<Bind>, LuaError> {
        let inside = |path: &Path| Path::new(INSIDE).join(path.file_name().unwrap_or_default());
        let mut binds: Vec<Bind> =
            self.libraries.iter().map(|library| Bind::read_only(library, inside(library))).collect();
        binds.push(Bind::read_only(self.program_now()?, Path::new(INSIDE).join("interpreter")));
        Ok(binds)
    }

    fn call(&self) -> Call {
        let interpreter = format!("{INSIDE}/interpreter");
        let names = |wanted: bool| {
            let names = self.libraries.iter().filter_map(|library| library.file_name()?.to_str());
            names.filter(move |name| is_loader(name) == wanted).map(|name| format!("{INSIDE}/{name}"))
        };
        let call = match names(true).next() {
            // The root's loader and libraries may be others or none. Preloading finds a library by the name that it gives
            // itself, whatever its file is called.
            Some(loader) => {
                let preload = names(false).collect::<Vec<_>>().join(":");
                Call::new(loader).args(["--library-path", INSIDE, "--preload", &preload]).arg(interpreter)
            }
            None => Call::new(interpreter),
        };
        call.args(&self.arguments)
    }

    fn request(&self, scriptlet: &Scriptlet<'_>) -> Request {
        let bytes = |texts: &[String]| texts.iter().map(|text| text.clone().into_bytes()).collect();
        Request {
            description: scriptlet.description.as_bytes().to_vec(),
            body: scriptlet.body.to_vec(),
            arguments: bytes(scriptlet.program),
            numbers: scriptlet.counts.iter().map(|count| count.to_string().into_bytes()).collect(),
            files: scriptlet.files.map(<[Vec<u8>]>::to_vec),
            prefixes: bytes(scriptlet.prefixes),
            rpm_version: scriptlet.rpm_version.map(|version| version.as_bytes().to_vec()),
            architecture: self.architecture.clone().into_bytes(),
            definitions: bytes(&self.definitions),
        }
    }
}

/// The file of the running program: an update may replace it while it runs, and a file without a name cannot be shown in a sandbox.
#[derive(Debug)]
struct ThisProgram {
    file: File,
    copy: OnceLock<tempfile::TempPath>,
}

impl ThisProgram {
    fn open() -> io::Result<Self> {
        Ok(ThisProgram { file: File::open("/proc/self/exe")?, copy: OnceLock::new() })
    }

    fn path(&self, name: &Path) -> io::Result<PathBuf> {
        let own = self.file.metadata()?;
        let is_own = |other: Metadata| (other.dev(), other.ino()) == (own.dev(), own.ino());
        if std::fs::metadata(name).is_ok_and(is_own) {
            return Ok(name.to_owned());
        }
        if let Some(copy) = self.copy.get() {
            return Ok(copy.to_path_buf());
        }
        let mut copy = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempfile()?;
        io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
        Ok(self.copy.get_or_init(|| copy.into_temp_path()).to_path_buf())
    }
}

/// The shared objects that a program has mapped to execute them, without the program itself.
fn libraries(maps: &str, program: &Path) -> Vec<PathBuf> {
    let mut libraries = Vec::new();
    for line in maps.lines() {
        let mut fields = line.splitn(6, ' ');
        let executable = fields.nth(1).is_some_and(|rights| rights.contains('x'));
        let path = fields.nth(3).map(str::trim_start).filter(|path| path.starts_with('/'));
        if let (true, Some(path)) = (executable, path) {
            let path = PathBuf::from(path);
            if path != program && !libraries.contains(&path) {
                libraries.push(path);
            }
        }
    }
    libraries.sort();
    libraries
}

/// Adds the other parts of the C library, which the other program may be linked with and this one not.
fn add_siblings(libraries: &mut Vec<PathBuf>) {
    let is_libc =
        |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libc"));
    let Some(folder) = libraries.iter().find(is_libc).and_then(|path| path.parent()).map(Path::to_owned)
    else {
        return;
    };
    for name in ["libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0"] {
        let path = folder.join(name);
        if path.exists() && !libraries.contains(&path) {
            libraries.push(path);
        }
    }
}

fn is_loader(name: &str) -> bool {
    name.starts_with("ld-") || name.starts_with("ld.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_replaced_is_copied() {
        let this = ThisProgram::open().unwrap();
        let own = std::env::current_exe().unwrap();
        assert_eq!(this.path(&own).unwrap(), own);
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "another program").unwrap();
        let copy = this.path(&other).unwrap();
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&own).unwrap());
        assert_eq!(std::fs::metadata(&copy).unwrap().mode() & 0o777, 0o755);
        assert_eq!(this.path(&other).unwrap(), copy);
    }

    #[test]
    fn libraries_are_what_is_mapped_to_execute() {
        let maps = "\
5000-6000 r--p 00000000 fe:01 1   /usr/bin/lazuli
6000-7000 r-xp 00001000 fe:01 1   /usr/bin/lazuli
7000-8000 r-xp 00000000 fe:01 2                          /usr/lib/x86_64-linux-gnu/libc.so.6
8000-9000 r--p 00000000 fe:01 3                          /usr/share/some data
9000-a000 r-xp 00000000 fe:01 4                          /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
a000-b000 r-xp 00000000 00:00 0                          [vdso]
";
        assert_eq!(
            libraries(maps, Path::new("/usr/bin/lazuli")),
            [
                PathBuf::from("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
                PathBuf::from("/usr/lib/x86_64-linux-gnu/libc.so.6")
            ]
        );
    }
}
