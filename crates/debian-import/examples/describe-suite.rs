//! Writes rpm-md of a whole apt suite by its index alone:
//! `describe-suite SUITE KEYRING OVERRIDES CACHE FOLDER` with this machine's apt mirror.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use debian_import::apt::{DebRepository, ValidUntil, fetch_suite_text, host_mirror};
use debian_import::metadata;
use debian_import::overrides::Overrides;
use host_tools::clock::{Clock, Stopwatch};
use repository::download::{Cache, Downloader, Options};
use repository::write::{WriteOptions, write};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [suite, keyring, overrides, cache, folder] = arguments.as_slice() else {
        return Err("usage: describe-suite SUITE KEYRING OVERRIDES CACHE FOLDER".into());
    };
    let suite = DebRepository {
        mirror: host_mirror()?,
        suite: suite.clone(),
        components: vec!["main".to_owned()],
        architecture: "amd64".to_owned(),
        keyring: PathBuf::from(keyring),
        fingerprints: Vec::new(),
        valid_until: ValidUntil::Ignore,
    };
    let downloader = Downloader::new(Cache::open(&Path::new(cache).join("downloads"))?, Options::default());
    let mut out = std::io::stdout().lock();
    let watch = Stopwatch::start();
    let text = fetch_suite_text(&suite, &downloader, Clock::System.now())?;
    writeln!(out, "fetched and verified: {:?}", watch.elapsed())?;
    let records = metadata::records(&text.packages, &Overrides::load(Path::new(overrides))?)?;
    writeln!(out, "described: {} packages, {:?}", records.len(), watch.elapsed())?;
    let options = WriteOptions { revision: u64::try_from(text.date).ok(), ..WriteOptions::default() };
    let written = write(Path::new(folder), &records, &options)?;
    writeln!(out, "written: {}, {:?}", written.repomd, watch.elapsed())?;
    Ok(())
}
