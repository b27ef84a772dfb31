//! Payloads made to exhaust whoever reads them: memory, time and disk stay within bounds, and the reason is told.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test panics")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::payload::{Compressor, Store};
use install::{
    InstallError, InstallOptions, PackageRequest, PlanOptions, Reason, SignaturePolicy, execute, plan,
};
use rpm::{BuildConfig, CompressionType, FileOptions, PackageBuilder};
use rpm_model::header::{PackageHeaders, Tag};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use testkit::memory::Alone;

const MIB: u64 = 1 << 20;

/// A Zstandard frame with a window of that power of two: some bytes, then zeros in blocks of 128 KiB, four bytes each.
fn zstd(window: u8, first: &[u8], blocks_of_zeros: usize) -> Vec<u8> {
    const LARGEST: usize = 128 << 10;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window - 10) << 3];
    let block = |size: usize, kind: usize, last: bool| {
        let head = u32::try_from(size << 3 | kind << 1 | usize::from(last)).unwrap();
        <[u8; 3]>::try_from(&head.to_le_bytes()[..3]).unwrap()
    };
    frame.extend(block(first.len(), 0, blocks_of_zeros == 0));
    frame.extend(first);
    for number in 1..=blocks_of_zeros {
        frame.extend(block(LARGEST, 1, number == blocks_of_zeros));
        frame.push(0);
    }
    frame
}

/// `text` in xz, which says that its dictionary has the size of this code (28 is 64 MiB, 40 is 4 GiB).
fn xz(text: &[u8], dictionary: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    liblzma::read::XzEncoder::new(text, 0).read_to_end(&mut bytes).unwrap();
    // The block's head: its length in words of four, flags, the filter's number, the length of its properties, the dictionary.
    const BLOCK: usize = 12;
    assert_eq!(bytes[BLOCK + 1..BLOCK + 4], [0, 0x21, 1]);
    let length = (usize::from(bytes[BLOCK]) + 1) * 4;
    bytes[BLOCK + 4] = dictionary;
    let sum = crc32fast::hash(&bytes[BLOCK..BLOCK + length - 4]);
    bytes[BLOCK + length - 4..BLOCK + length].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The same in the older container.
fn lzma(text: &[u8], dictionary: u32) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).unwrap();
    let mut bytes = Vec::new();
    liblzma::read::XzEncoder::new_stream(text, stream).read_to_end(&mut bytes).unwrap();
    bytes[1..5].copy_from_slice(&dictionary.to_le_bytes());
    bytes
}

fn plain(compressor: Compressor, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    compressor.reader(bytes)?.read_to_end(&mut plain)?;
    Ok(plain)
}

#[test]
fn windows_and_dictionaries_have_bounds() {
    let alone = Alone::wait();
    let text = &b"some text "[..];
    for (name, compressor, bytes) in [
        ("zstd 128 MiB", Compressor::Zstd, zstd(27, text, 0)),
        ("xz 64 MiB", Compressor::Xz, xz(text, 28)),
        ("lzma 64 MiB", Compressor::Lzma, lzma(text, 64 << 20)),
    ] {
        assert_eq!(plain(compressor, &bytes).unwrap(), text, "{name}");
    }
    for (name, compressor, bytes) in [
        ("zstd 256 MiB", Compressor::Zstd, zstd(28, text, 0)),
        ("zstd 2 GiB", Compressor::Zstd, zstd(31, text, 0)),
        ("xz 128 MiB", Compressor::Xz, xz(text, 30)),
        ("xz 4 GiB", Compressor::Xz, xz(text, 40)),
        ("lzma 128 MiB", Compressor::Lzma, lzma(text, 128 << 20)),
        ("lzma 4 GiB", Compressor::Lzma, lzma(text, u32::MAX)),
    ] {
        let (read, held) = alone.resident_peak(|| plain(compressor, &bytes));
        let error = read.expect_err(name).to_string();
        assert!(held < 4 * MIB, "{name}: {held} bytes held");
        assert!(error.contains("emory"), "{name}: {error}");
    }
}

#[test]
fn reading_zeros_without_end_takes_no_more_than_the_window() {
    let alone = Alone::wait();
    let bytes = zstd(27, b"", 8192);
    let (count, held) = alone.resident_peak(|| {
        let mut reader = Compressor::Zstd.reader(&bytes[..]).unwrap();
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap()
    });
    assert_eq!(count, 1024 * MIB);
    assert!(held < 136 * MIB, "{held} bytes held");
}

struct World {
    folder: tempfile::TempDir,
    alone: Alone,
}

impl World {
    fn new() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(World { folder: tempfile::tempdir().unwrap(), alone: Alone::wait() });
        }
        testkit::prepared::skip("it gives files to owners, which needs root");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A package with one file of five bytes, whose payload is replaced by another; every digest is right.
    fn package(&self, compression: CompressionType, payload: impl FnOnce(&[u8]) -> Vec<u8>) -> PathBuf {
        let mut builder = PackageBuilder::new("bomb", "1", "MIT", "noarch", "made for a test");
        let config = BuildConfig::v4().source_date(1_700_000_000_u32).compression(compression);
        builder.using_config(config).build_host("localhost");
        builder.with_file_contents("12345", FileOptions::new("/file").mode(0o100_644)).unwrap();
        let file = self.path("bomb-1-1.noarch.rpm");
        builder.build().unwrap().write_file(&file).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let headers = PackageHeaders::parse(&bytes).unwrap();
        let [start, end] = [headers.header_start, headers.header_end].map(|at| usize::try_from(at).unwrap());
        let compressor = headers.main.string(Tag::PAYLOAD_COMPRESSOR).unwrap_or("none");
        let archive = plain(Compressor::from_name(compressor).unwrap(), &bytes[end..]).unwrap();
        let payload = payload(&archive);
        let mut forged = bytes[..end].to_vec();
        let main = |bytes: &[u8]| bytes[start..].to_vec();
        replace(
            &mut forged,
            &hex::encode(Sha256::digest(&bytes[end..])),
            &hex::encode(Sha256::digest(&payload)),
        );
        let (before, after) = (main(&bytes[..end]), main(&forged));
        replace(&mut forged, &hex::encode(Sha256::digest(&before)), &hex::encode(Sha256::digest(&after)));
        replace(&mut forged, &hex::encode(Sha1::digest(&before)), &hex::encode(Sha1::digest(&after)));
        forged.extend(payload);
        std::fs::write(&file, forged).unwrap();
        file
    }

    fn install(&self, package: &Path, store: Option<Store>) -> Result<(), InstallError> {
        let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
        let request = PackageRequest {
            file: package.to_owned(),
            checksum: None,
            reason: Reason::User,
            repository: "test".into(),
        };
        let transaction = plan(&[request], &options).unwrap();
        let options = InstallOptions { store, ..InstallOptions::new(1_750_000_000, None) };
        execute(&transaction, &self.path("root"), &options, &Silent).map(drop)
    }

    /// The package is refused for its payload, with and without a store; little memory is used, and nothing is left.
    fn assert_refused(&self, package: &Path, expected: &str) {
        let folder = self.path("store");
        for store in [None, Some(Store::open(&folder, u64::MAX).unwrap())] {
            let (installed, held) = self.alone.resident_peak(|| self.install(package, store));
            let mut error: &dyn std::error::Error = &installed.unwrap_err();
            let mut told = error.to_string();
            while let Some(source) = error.source() {
                told.push_str(&format!(": {source}"));
                error = source;
            }
            assert!(told.contains(expected) && told.contains("bomb-1-1.noarch.rpm"), "{told}");
            assert!(held < 64 * MIB, "{held} bytes held");
            assert!(!self.path("root").exists() && !self.path("root.partial").exists());
            assert_eq!(std::fs::read_dir(&folder).map_or(0, Iterator::count), 0, "something is kept of it");
        }
    }
}

/// Replaces a text wherever it is by another of its length.
fn replace(bytes: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "{from} is not there");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
}

/// Zeros that a hostile payload has.
const QUARTER_TERABYTE: usize = (256 << 30) / (128 << 10);

#[test]
fn a_payload_that_goes_on_after_its_end_is_refused() {
    let Some(world) = World::new() else { return };
    // Replaced by itself, the package is sound.
    let sound = world.package(CompressionType::Zstd, |archive| zstd(17, archive, 0));
    world.install(&sound, None).unwrap();
    assert_eq!(std::fs::read_to_string(world.path("root/file")).unwrap(), "12345");
    std::fs::remove_dir_all(world.path("root")).unwrap();
    let bomb = world.package(CompressionType::Zstd, |archive| zstd(17, archive, QUARTER_TERABYTE));
    assert!(std::fs::metadata(&bomb).unwrap().len() < 16 * MIB);
    world.assert_refused(&bomb, "which is all that its files can have");
}

#[test]
fn a_payload_that_begins_with_zeros_is_refused() {
    let Some(world) = World::new() else { return };
    let bomb = world.package(CompressionType::Zstd, |_| zstd(17, b"", QUARTER_TERABYTE));
    world.assert_refused(&bomb, "which is all that its files can have");
}

#[test]
fn other_compressions_have_the_same_bound() {
    let Some(world) = World::new() else { return };
    let zeros = vec![0; 64 << 20];
    let gzip = world.package(CompressionType::Gzip, |archive| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(archive).and_then(|()| encoder.write_all(&zeros)).unwrap();
        encoder.finish().unwrap()
    });
    world.assert_refused(&gzip, "which is all that its files can have");
    let xz = world.package(CompressionType::Xz, |archive| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
        encoder.write_all(archive).and_then(|()| encoder.write_all(&zeros)).unwrap();
        encoder.finish().unwrap()
    });
    world.assert_refused(&xz, "which is all that its files can have");
    let uncompressed = world.package(CompressionType::None, |archive| [archive, &zeros].concat());
    world.assert_refused(&uncompressed, "which is all that its files can have");
}

#[test]
fn a_payload_that_wants_too_much_memory_is_refused() {
    let Some(world) = World::new() else { return };
    let wide = world.package(CompressionType::Zstd, |archive| zstd(31, archive, 0));
    world.assert_refused(&wide, "emory");
    let large = world.package(CompressionType::Xz, |archive| xz(archive, 40));
    world.assert_refused(&large, "emory");
}
