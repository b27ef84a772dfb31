//! A tiny apt archive on disk, signed by a key made for it: packages in, a mirror that can be imported out.
#![allow(dead_code, unused_imports, reason = "each test file uses another part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use debian_import::apt::{DebRepository, PackageIndex, Suite, SuiteError, ValidUntil, fetch_suite};
use debian_import::closure::closure;
use debian_import::import::{ImportError, ImportedRepository, Importer};
use debian_import::overrides::Overrides;
use pgp::composed::{ArmorOptions, CleartextSignedMessage, KeyType, SecretKeyParamsBuilder, SignedSecretKey};
use pgp::types::Password;
use rand::SeedableRng;
use rand::rngs::StdRng;
use repository::download::{Cache, Downloader, Options};
use sha2::{Digest, Sha256};
pub(crate) use testkit::debs::{Deb, Tar, compress};

/// 2026-10-30, the date of the suite.
pub(crate) const DATE: &str = "Fri, 30 Oct 2026 08:08:01 UTC";

/// An archive, a keyring, caches and overrides in a folder of their own.
pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) overrides: Overrides,
    key: SignedSecretKey,
}

impl World {
    /// An archive of these packages, each named by its control file.
    pub(crate) fn new(debs: &[Deb]) -> Self {
        let key = secret_key(1);
        let world = Self { folder: tempfile::tempdir().unwrap(), overrides: Overrides::default(), key };
        world.write_keyring(&world.key);
        let mut index = String::new();
        for deb in debs {
            let bytes = deb.bytes();
            let field = |name: &str| {
                let line = deb.control.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
                line.unwrap().to_owned()
            };
            let path = format!("pool/{}_{}.deb", field("Package"), field("Version").replace(':', "%3a"));
            world.write(&path, &bytes);
            let sha256 = hex::encode(Sha256::digest(&bytes));
            let control = deb
                .control
                .lines()
                .filter(|line| !line.starts_with([' ', 'D']) || line.starts_with("Depends"));
            let control = control.collect::<Vec<_>>().join("\n");
            index += &format!("{control}\nFilename: {path}\nSize: {}\nSHA256: {sha256}\n\n", bytes.len());
        }
        world.publish(&index);
        world
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.folder.path().join("mirror").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn write_keyring(&self, key: &SignedSecretKey) {
        let armoured = key.to_public_key().to_armored_string(ArmorOptions::default()).unwrap();
        fs::write(self.path("keyring.asc"), armoured).unwrap();
    }

    fn publish(&self, index: &str) {
        let packed = compress(index.as_bytes(), ".xz");
        let sha256 = hex::encode(Sha256::digest(&packed));
        self.write("dists/tiny/main/binary-amd64/Packages.xz", &packed);
        let release = format!(
            "Suite: testing\nCodename: tiny\nDate: {DATE}\nValid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nSHA256:\n {sha256} {} main/binary-amd64/Packages.xz\n",
            packed.len()
        );
        self.write("dists/tiny/InRelease", sign(&release, &self.key).as_bytes());
    }

    pub(crate) fn suite(&self) -> DebRepository {
        DebRepository {
            mirror: format!("file://{}", self.path("mirror").display()),
            suite: "tiny".to_owned(),
            components: vec!["main".to_owned()],
            architecture: "amd64".to_owned(),
            keyring: self.path("keyring.asc"),
            fingerprints: Vec::new(),
            valid_until: ValidUntil::Ignore,
        }
    }

    pub(crate) fn downloader(&self) -> Downloader {
        let options = Options { retries: 0, first_pause: Duration::ZERO, ..Options::default() };
        Downloader::new(Cache::open(&self.path("downloads")).unwrap(), options)
    }

    /// Reads the suite as it was at its own date plus some hours.
    pub(crate) fn fetch(&self, suite: &DebRepository, now: u64) -> Result<Suite, SuiteError> {
        fetch_suite(suite, &self.downloader(), now)
    }

    pub(crate) fn index(&self) -> PackageIndex {
        self.fetch(&self.suite(), NOW).unwrap().index
    }

    /// Imports these packages and what they need into `output`.
    pub(crate) fn import(&self, seeds: &[&str], jobs: usize) -> Result<ImportedRepository, ImportError> {
        let index = self.index();
        let seeds = seeds.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let closure = closure(&index, &seeds, &self.overrides, false).unwrap();
        let downloader = self.downloader();
        let importer = Importer {
            downloader: &downloader,
            cache: &self.path("converted"),
            overrides: &self.overrides,
            jobs: NonZeroUsize::new(jobs).unwrap(),
        };
        importer.import(&self.suite().mirror, &index, &closure, &self.path("output"), &|_| {})
    }

    /// Imports one package and reads the RPM.
    pub(crate) fn converted(&self, name: &str) -> rpm::Package {
        let imported = self.import(&[name], 2).unwrap();
        let package = imported.packages.iter().find(|package| package.name == name).unwrap();
        rpm::Package::open(imported.folder.join(&package.rpm)).unwrap()
    }
}

/// In 2100: keys are made at the time the test runs.
pub(crate) const NOW: u64 = 4_102_444_800;

pub(crate) fn secret_key(seed: u64) -> SignedSecretKey {
    let mut parameters = SecretKeyParamsBuilder::default();
    parameters
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("test <t@example.org>".into());
    parameters.build().unwrap().generate(StdRng::seed_from_u64(seed)).unwrap()
}

pub(crate) fn sign(text: &str, key: &SignedSecretKey) -> String {
    let signed =
        CleartextSignedMessage::sign(StdRng::seed_from_u64(2), text, &key.primary_key, &Password::empty());
    signed.unwrap().to_armored_string(ArmorOptions::default()).unwrap()
}

/// The error and all its causes in one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// Files of a folder by name.
pub(crate) fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect::<Vec<_>>();
    files.sort();
    files
}
