//! A script, its arguments and input, in; how it ended and what it said, out. It runs inside the root, in the sandbox.
//!
//! As rpm runs it (`lib/rpmscript.cc`): the body in a file below /var/tmp, `/` as working directory, rpm's PATH. Beyond rpm:
//! no network, own /proc, /dev and /run, SYSTEMD_OFFLINE=1, SOURCE_DATE_EPOCH, and no variable of this process.

mod cache;
mod expand;

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use host_tools::{Call, CallError, Sandbox, Sink, Stdin};

pub use cache::{ApplyError, CacheError, CachedRun, Outcome, ScriptletCache};
pub use expand::ExpandError;

use self::cache::{Ended, Work};

use rpm_model::header::{Header, Tag};

use crate::lua::{self, Interpreter, LuaError, Macros};
use crate::package::{SCRIPTLET_EXPAND, SCRIPTLET_QUERY_FORMAT, Scriptlet, ScriptletKind, ScriptletOwner};
use crate::root::{RootDirectory, RootError};

/// rpm's `%_install_script_path`.
const SCRIPT_PATH: &str = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin";
/// What a warning keeps of a script's output, in bytes.
const OUTPUT_LIMIT: usize = 64 << 10;
const TEMPORARY: &str = "/var/tmp";
/// What a shell says of a program that is not there, in rpm too.
const NOT_FOUND_STATUS: i32 = 127;

/// Runs the scripts of one transaction, one after the other.
#[derive(Debug)]
pub struct Scriptlets<'a> {
    root: &'a RootDirectory,
    sandbox: Sandbox,
    lua: Option<&'a Interpreter>,
    macros: Macros,
    cache: Option<&'a ScriptletCache>,
    epoch: u64,
    run: u64,
}

/// What a script is given beside its body.
#[derive(Clone, Debug, Default)]
pub struct Arguments<'a> {
    /// `$1`.
    pub first: Option<usize>,
    /// `$2`.
    pub second: Option<usize>,
    /// Standard input, a line each.
    pub paths: Vec<&'a Path>,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// `None` is success, else the reason in words.
    pub failure: Option<String>,
    /// What it wrote, both streams in order, at most the last part.
    pub output: String,
}

/// Why a script could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ScriptletError {
    /// Its file could not be made in the root.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The sandbox could not be set up.
    #[error("the sandbox failed")]
    Sandbox(#[source] CallError),
    /// What is kept of an earlier run could not be used.
    #[error("its kept result cannot be used")]
    Cache(#[source] CacheError),
    /// The Lua interpreter could not be started.
    #[error("the Lua interpreter failed")]
    Lua(#[from] LuaError),
    /// A Lua scriptlet, and nothing to run it with.
    #[error("it is written in Lua, and the installation was given no Lua interpreter")]
    NoLua,
}

impl From<CacheError> for ScriptletError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Call(error) => ScriptletError::Sandbox(error),
            CacheError::Root(error) => ScriptletError::Root(error),
            error => ScriptletError::Cache(error),
        }
    }
}

impl<'a> Scriptlets<'a> {
    /// Scripts that see `root`; `epoch` is what they are told as SOURCE_DATE_EPOCH, in seconds since 1970; without an
    /// interpreter, Lua scripts fail; with a cache, scripts that would do again what they did are not run.
    pub fn new(
        root: &'a RootDirectory,
        epoch: u64,
        lua: Option<&'a Interpreter>,
        cache: Option<&'a ScriptletCache>,
    ) -> Self {
        let sandbox = Sandbox::new(root.path())
            .sys(true)
            .source_date_epoch(epoch)
            .env("PATH", SCRIPT_PATH)
            .env("SYSTEMD_OFFLINE", "1");
        let macros = Macros::fedora(std::env::consts::ARCH);
        Scriptlets { root, sandbox, lua, macros, cache, epoch, run: 0 }
    }

    /// How many were run.
    pub fn count(&self) -> u64 {
        self.run
    }

    /// Runs one script of a package.
    pub fn run(
        &mut self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        kind: ScriptletKind,
        arguments: &Arguments<'_>,
    ) -> Result<Ending, ScriptletError> {
        self.run += 1;
        let body = match body(owner.header, scriptlet, &self.macros) {
            Ok(body) => body,
            Err(error) => return Ok(Ending { failure: Some(error.to_string()), output: String::new() }),
        };
        if scriptlet.program.first().is_some_and(|program| program == "<lua>") {
            return self.run_lua(owner, scriptlet, &body.unwrap_or_default(), arguments, kind);
        }
        self.run_program(owner, scriptlet, body.as_deref(), arguments, kind)
    }

    fn run_program(
        &self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        body: Option<&[u8]>,
        arguments: &Arguments<'_>,
        kind: ScriptletKind,
    ) -> Result<Ending, ScriptletError> {
        let name = format!("%{}({})", kind.name(), owner.nevra);
        let (program, own) =
            scriptlet.program.split_first().map_or(("/bin/sh", &[][..]), |(p, a)| (p.as_str(), a));
        let mut call = Call::new(program).args(own);
        for (number, prefix) in prefixes(owner.header).iter().enumerate() {
            call = call.env(format!("RPM_INSTALL_PREFIX{number}"), prefix);
            if number == 0 {
                call = call.env("RPM_INSTALL_PREFIX", prefix);
            }
        }
        // The name comes from the content, not from chance, so that it means the same in every run.
        let file =
            body.map(|body| (PathBuf::from(format!("{TEMPORARY}/rpm-tmp.{}", short_digest(body))), body));
        if let Some((path, _)) = &file {
            call = call.arg(path);
            call = call.args(
                [arguments.first, arguments.second].into_iter().flatten().map(|number| number.to_string()),
            );
        }
        let call = call
            .stdin(Stdin::Bytes(lines(&arguments.paths)))
            .stdout(Sink::Capture { limit: usize::MAX })
            .stderr(Sink::SameAsStdout)
            .accept_any_status();
        let work = Work {
            name: &name,
            sandbox: &self.sandbox,
            call: &call,
            file: file.as_ref().map(|(path, body)| (path.as_path(), *body)),
            given: &[body.unwrap_or_default()],
            epoch: self.epoch,
        };
        match self.ended(&work) {
            Ok(ended) => Ok(Ending { failure: failure(ended.status), output: tail(&ended.stdout) }),
            Err(CacheError::Call(error @ (CallError::NotFound { .. } | CallError::Execute { .. }))) => {
                Ok(Ending {
                    failure: Some(format!("failed with exit status {NOT_FOUND_STATUS}: {error}")),
                    output: String::new(),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn ended(&self, work: &Work<'_>) -> Result<Ended, CacheError> {
        match self.cache {
            Some(cache) => cache.run(self.root, work),
            None => cache::run_plainly(self.root, work),
        }
    }

    fn run_lua(
        &self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        body: &[u8],
        arguments: &Arguments<'_>,
        kind: ScriptletKind,
    ) -> Result<Ending, ScriptletError> {
        let lua = self.lua.ok_or(ScriptletError::NoLua)?;
        let counts: Vec<u32> = [arguments.first, arguments.second]
            .into_iter()
            .flatten()
            .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
            .collect();
        let files: Vec<Vec<u8>> =
            arguments.paths.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        let description = format!("%{}({})", kind.name(), owner.nevra);
        let (sandbox, call) = lua.call_in(
            &self.sandbox,
            &lua::Scriptlet {
                description: &description,
                body,
                program: &scriptlet.program,
                counts: &counts,
                files: (!files.is_empty()).then_some(&files[..]),
                prefixes: &prefixes(owner.header),
                rpm_version: owner.header.string(Tag::RPM_VERSION),
            },
        )?;
        let interpreter = if self.cache.is_some() { lua.digest()? } else { [0; 32] };
        let work = Work {
            name: &description,
            sandbox: &sandbox,
            call: &call,
            file: None,
            given: &[&interpreter],
            epoch: self.epoch,
        };
        let ended = self.ended(&work)?;
        Ok(Ending { failure: failure(ended.status), output: tail(&[ended.stdout, ended.stderr].concat()) })
    }
}

/// The reason in words, unless it was success.
fn failure(status: std::process::ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(status), _) => Some(format!("failed with exit status {status}")),
        (None, signal) => Some(format!("was ended by signal {}", signal.unwrap_or_default())),
    }
}

/// Where the parts of a relocatable package are: where they were built for, as none is ever put elsewhere here.
fn prefixes(header: &Header) -> Vec<String> {
    let tag = if header.has(Tag::INSTALLED_PREFIXES) { Tag::INSTALLED_PREFIXES } else { Tag::PREFIXES };
    header.texts(tag)
}

/// The body with macros and query formats filled in, where the flags ask for it.
fn body(header: &Header, scriptlet: &Scriptlet, macros: &Macros) -> Result<Option<Vec<u8>>, ExpandError> {
    let Some(body) = &scriptlet.body else { return Ok(None) };
    let mut body = body.clone();
    if scriptlet.flags & SCRIPTLET_EXPAND != 0 {
        body = expand::macros(&body, macros)?;
    }
    if scriptlet.flags & SCRIPTLET_QUERY_FORMAT != 0 {
        body = expand::query_format(&body, header, macros)?;
    }
    Ok(Some(body))
}

fn short_digest(body: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(&sha2::Sha256::digest(body)[..4])
}

fn lines(paths: &[&Path]) -> Vec<u8> {
    paths.iter().flat_map(|path| [path.as_os_str().as_bytes(), b"\n"]).flatten().copied().collect()
}

fn tail(output: &[u8]) -> String {
    let start = output.len().saturating_sub(OUTPUT_LIMIT);
    String::from_utf8_lossy(&output[start..]).trim_end().to_owned()
}
