//! Imports packages of an apt suite into a folder of RPMs:
//! `import-suite SUITE KEYRING OVERRIDES CACHE FOLDER [--frozen] PACKAGE…` with this machine's apt mirror.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use debian_import::apt::{DebRepository, ValidUntil, fetch_suite, host_mirror};
use debian_import::closure::closure;
use debian_import::import::Importer;
use debian_import::overrides::Overrides;
use host_tools::clock::{Clock, Stopwatch};
use repository::download::{Cache, Downloader, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let frozen = arguments.iter().position(|argument| argument == "--frozen").map(|at| arguments.remove(at));
    let [suite, keyring, overrides, cache, folder, seeds @ ..] = arguments.as_slice() else {
        return Err("usage: import-suite SUITE KEYRING OVERRIDES CACHE FOLDER [--frozen] PACKAGE…".into());
    };
    let suite = DebRepository {
        mirror: host_mirror()?,
        suite: suite.clone(),
        components: vec!["main".to_owned()],
        architecture: "amd64".to_owned(),
        keyring: PathBuf::from(keyring),
        fingerprints: Vec::new(),
        valid_until: if frozen.is_some() { ValidUntil::Ignore } else { ValidUntil::Enforce },
    };
    let cache = Path::new(cache);
    let downloader = Downloader::new(Cache::open(&cache.join("downloads"))?, Options::default());
    let mut out = std::io::stdout().lock();
    let watch = Stopwatch::start();
    let fetched = fetch_suite(&suite, &downloader, Clock::System.now())?;
    let index = fetched.index;
    writeln!(out, "suite of {}: {} packages, {:?}", fetched.date, index.packages().count(), watch.elapsed())?;
    let seeds = seeds.iter().cloned().collect::<BTreeSet<_>>();
    let overrides = Overrides::load(Path::new(overrides))?;
    let closure = closure(&index, &seeds, &overrides, false)?;
    writeln!(out, "closure: {} packages, {:?}", closure.len(), watch.elapsed())?;
    let importer = Importer {
        downloader: &downloader,
        cache: &cache.join("converted"),
        overrides: &overrides,
        jobs: std::thread::available_parallelism()?,
    };
    let imported = importer.import(&suite.mirror, &index, &closure, Path::new(folder), &|_| {})?;
    writeln!(
        out,
        "imported: {} packages ({} converted now), {} bytes, {:?}",
        imported.packages.len(),
        imported.converted,
        imported.packages.iter().map(|package| package.rpm_size).sum::<u64>(),
        watch.elapsed()
    )?;
    Ok(())
}
