//! What a Debian package and its archive should hold, in; the `.deb` and a signed suite, out.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::keys::Key;

/// A `.deb` to be built.
#[derive(Debug, Clone)]
pub struct Deb {
    /// The control file.
    pub control: String,
    /// The list of configuration files.
    pub conffiles: String,
    /// The script that runs after unpacking.
    pub postinst: String,
    /// The archive of its files, not compressed.
    pub tar: Vec<u8>,
    /// Suffix of the compression: `.gz`, `.xz`, `.zst` or none.
    pub compression: &'static str,
}

/// Members of a data.tar, in the order given.
pub struct Tar(tar::Builder<Vec<u8>>);

impl std::fmt::Debug for Tar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tar({} bytes)", self.0.get_ref().len())
    }
}

impl Default for Tar {
    fn default() -> Self {
        Self(tar::Builder::new(Vec::new()))
    }
}

impl Tar {
    /// No members yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A directory of root's.
    pub fn directory(self, path: &str, mode: u32) -> Self {
        self.entry(path, tar::EntryType::Directory, mode, "root", "", b"")
    }

    /// A file of root's.
    pub fn file(self, path: &str, mode: u32, content: &[u8]) -> Self {
        self.entry(path, tar::EntryType::Regular, mode, "root", "", content)
    }

    /// A symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, tar::EntryType::Symlink, 0o777, "root", target, b"")
    }

    /// A hard link to an earlier member.
    pub fn hard_link(self, path: &str, to: &str) -> Self {
        self.entry(path, tar::EntryType::Link, 0o644, "root", to, b"")
    }

    /// Names are written as given, however bad.
    #[must_use]
    pub fn entry(
        mut self,
        path: &str,
        kind: tar::EntryType,
        mode: u32,
        group: &str,
        link: &str,
        content: &[u8],
    ) -> Self {
        let mut header = tar::Header::new_gnu();
        let (long, short) = (path.len() > 99, &path.as_bytes()[..path.len().min(99)]);
        if long {
            let mut name = tar::Header::new_gnu();
            name.as_gnu_mut().unwrap().name[..13].copy_from_slice(b"././@LongLink");
            name.set_entry_type(tar::EntryType::GNULongName);
            name.set_size(path.len() as u64 + 1);
            name.set_cksum();
            let mut bytes = path.as_bytes().to_vec();
            bytes.push(0);
            self.0.append(&name, bytes.as_slice()).unwrap();
        }
        header.as_gnu_mut().unwrap().name[..short.len()].copy_from_slice(short);
        header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(if group == "root" { 0 } else { 7 });
        header.set_username("root").unwrap();
        header.set_groupname(group).unwrap();
        header.set_mtime(1_700_000_000);
        header.set_size(content.len() as u64);
        if matches!(kind, tar::EntryType::Char | tar::EntryType::Block) {
            header.set_device_major(5).unwrap();
            header.set_device_minor(1).unwrap();
        }
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    /// The archive.
    pub fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

impl Deb {
    /// A package with these further control fields, each ending in a line break.
    pub fn new(name: &str, version: &str, fields: &str, tar: Tar) -> Self {
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: Nobody <n@example.org>\n{fields}Description: one\n two\n .\n three\n"
        );
        Self {
            control,
            conffiles: String::new(),
            postinst: String::new(),
            tar: tar.finish(),
            compression: ".xz",
        }
    }

    /// Where it lies below the archive.
    pub fn path(&self) -> String {
        let field = |name: &str| {
            let line = self.control.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
            line.unwrap().to_owned()
        };
        format!("pool/{}_{}.deb", field("Package"), field("Version").replace(':', "%3a"))
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let control =
            [("./control", &self.control), ("./conffiles", &self.conffiles), ("./postinst", &self.postinst)];
        let mut tar = Tar::new();
        for (name, text) in control.into_iter().filter(|(_, text)| !text.is_empty()) {
            tar = tar.file(name, 0o755, text.as_bytes());
        }
        let control = compress(&tar.finish(), ".gz");
        let data = compress(&self.tar, self.compression);
        let mut archive = ar::Builder::new(Vec::new());
        let data_name = format!("data.tar{}", self.compression);
        for (name, bytes) in
            [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &control), (&data_name, &data)]
        {
            archive.append(&ar::Header::new(name.as_bytes().to_vec(), bytes.len() as u64), bytes).unwrap();
        }
        archive.into_inner().unwrap()
    }
}

/// Compresses as the suffix says.
pub fn compress(bytes: &[u8], suffix: &str) -> Vec<u8> {
    use std::io::Write;
    match suffix {
        ".gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        ".xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        ".zst" => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

/// Writes an archive of these packages, each named by its control file, as suite `tiny` below `folder`.
pub fn publish(folder: &Path, debs: &[Deb], key: &Key, date: &str, valid_until: &str) {
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let mut index = String::new();
    for deb in debs {
        let bytes = deb.bytes();
        write(&deb.path(), &bytes);
        let control =
            deb.control.lines().filter(|line| !line.starts_with(' ') && !line.starts_with("Description"));
        let control = control.collect::<Vec<_>>().join("\n");
        let sha256 = hex::encode(Sha256::digest(&bytes));
        index += &format!("{control}\nFilename: {}\nSize: {}\nSHA256: {sha256}\n\n", deb.path(), bytes.len());
    }
    let packed = compress(index.as_bytes(), ".xz");
    let sha256 = hex::encode(Sha256::digest(&packed));
    write("dists/tiny/main/binary-amd64/Packages.xz", &packed);
    let release = format!(
        "Suite: testing\nCodename: tiny\nDate: {date}\nValid-Until: {valid_until}\nSHA256:\n {sha256} {} main/binary-amd64/Packages.xz\n",
        packed.len()
    );
    write("dists/tiny/InRelease", key.sign_text(&release).as_bytes());
}
