//! What one run of the program works with: the definition, the cache, the network, and who hears of progress.

use std::path::{Path, PathBuf};

use definition::Distro;
use host_tools::Clock;
use repository::download::{Cache, Downloader, Options};

use crate::cli::Global;
use crate::failure::{Context as _, ExitCode, Failure};
use crate::progress::Bars;

/// Reads the whole definition that the command line points to.
pub fn load_definition(global: &Global) -> Result<Distro, Failure> {
    definition::load(&global.directory).map_err(|problems| {
        Failure::caused("the definition is not usable", &problems)
            .code(ExitCode::Definition)
            .hint("every problem is listed above; `lazuli config check` repeats the check")
    })
}

/// Everything a command needs that does real work.
pub struct Session {
    /// The definition.
    pub distro: Distro,
    /// Downloads.
    pub downloader: Downloader,
    /// The cache folder; what other stages keep lies in folders of their own in it.
    pub cache_dir: PathBuf,
    /// Whether nothing but packages may be taken from earlier runs.
    pub fresh: bool,
    /// Who hears of progress.
    pub bars: Bars,
    /// The time.
    pub clock: Clock,
}

impl Session {
    /// Loads the definition and opens the cache.
    pub fn open(global: &Global) -> Result<Self, Failure> {
        let distro = load_definition(global)?;
        let cache_dir = cache_dir(global)?;
        let downloader = downloader(global, &cache_dir)?;
        Ok(Session {
            distro,
            downloader,
            cache_dir,
            fresh: global.fresh,
            bars: Bars::new(global.quiet),
            clock: Clock::System,
        })
    }
}

/// A downloader over the cache of the command line.
pub fn downloader(global: &Global, cache_dir: &Path) -> Result<Downloader, Failure> {
    downloader_with_retries(global, cache_dir, Options::default().retries)
}

/// The same, with its own patience.
pub fn downloader_with_retries(
    global: &Global,
    cache_dir: &Path,
    retries: u32,
) -> Result<Downloader, Failure> {
    let cache = Cache::open(&cache_dir.join("downloads"))
        .context(|| format!("the cache {} cannot be used", cache_dir.display()))?;
    Ok(Downloader::new(cache, Options { offline: global.offline, retries, ..Options::default() }))
}

/// Where downloads and converted packages are kept, by the XDG Base Directory Specification.
pub fn cache_dir(global: &Global) -> Result<PathBuf, Failure> {
    if let Some(folder) = &global.cache_dir {
        return std::path::absolute(folder).context(|| format!("{} is no path", folder.display()));
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("lazuli"))
        .ok_or_else(|| Failure::new("there is no folder for the cache").hint("set HOME, or give --cache-dir"))
}

/// Lets the rest of the command own files of any user (as root it does, an ordinary user becomes root of a namespace) and run
/// programs in sandboxes. Comes before any thread and any large memory.
pub fn prepare_building() -> Result<(), Failure> {
    host_tools::user_namespace::ensure_mapped_root()
        .map(|_identity| ())
        .context(|| "files of several owners cannot be made here".to_owned())
        .map_err(|failure| failure.hint("run as root, or give this user subordinate ids"))?;
    host_tools::sandbox::start_spawner().context(|| "programs cannot be run here".to_owned())
}
