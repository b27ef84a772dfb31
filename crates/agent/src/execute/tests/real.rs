//! Payloads as they were built: `LAZULI_TEST_PAYLOADS` names two payload folders, the older one first, with a blank between.
//! `LAZULI_TEST_TARGETS` may name the targets of a release repository with the newer one: it is taken from there then.

use std::fs::{self, File};
use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use release::partition::SlotPartition;
use release::{Architecture, Manifest, Sha256Digest};

use super::*;
use crate::esp::{BootFolder, MountedBoot};
use crate::fill::Filled;
use crate::gpt::{Table, form, replace};
use crate::host::Host;
use crate::plan::Step;
use crate::source::{FolderSource, Sink, SourceError};
use crate::state::StateFile;
use crate::storage::{Device, Disk, ReadAt as _, Window};

#[derive(Default)]
struct Last(Filled);

impl crate::execute::Watch for Last {
    fn step(&mut self, _number: usize, _steps: usize, _step: &Step) {}

    fn filled(&mut self, filled: Filled, _size: u64) {
        self.0 = filled;
    }
}

#[test]
fn built_payloads_are_staged_and_applied_on_a_disk_of_their_size() {
    let Some(folders) = std::env::var_os("LAZULI_TEST_PAYLOADS") else { return };
    let folders: Vec<PathBuf> = folders.to_str().unwrap().split(' ').map(PathBuf::from).collect();
    let [old, new] = &folders[..] else { panic!("LAZULI_TEST_PAYLOADS names two folders") };
    let (one, two) = (manifest(old), manifest(new));
    let place = tempfile::tempdir_in(new.parent().unwrap()).unwrap();
    let host = host(place.path(), old, &one);
    let mut source: Box<dyn Source> = match std::env::var_os("LAZULI_TEST_TARGETS") {
        Some(targets) => Box::new(Targets::of(Path::new(&targets), &two)),
        None => Box::new(FolderSource::open(new).unwrap()),
    };
    let mut last = Last::default();
    for wish in [Wish::Stage(Box::new(two.clone()), UP), Wish::Apply] {
        let plan = plan(&host.survey().unwrap(), &wish).unwrap();
        execute(&plan, &host, &mut *source, &mut last, NOW).unwrap();
    }
    let slot = host.survey().unwrap().other;
    assert!(slot.holds(two.verity.root_hash));
    let signature = slot.signature.zip(two.files.verity_signature.as_ref());
    for (place, file) in
        [(slot.root, &two.files.root), (slot.verity, &two.files.verity)].into_iter().chain(signature)
    {
        let window = Window::new(&*host.disk, place.start, file.size).unwrap();
        let mut bytes = vec![0; usize::try_from(file.size).unwrap()];
        window.read_at(0, &mut bytes).unwrap();
        assert_eq!(Sha256Digest::of(&bytes), file.sha256);
    }
    let names: Vec<String> = host.boot.list().unwrap().into_iter().map(|(name, _)| name).collect();
    let label = |manifest: &Manifest| release::partition::label(&manifest.image, &manifest.version);
    assert_eq!(names, [format!("{}.efi", label(&one)), format!("{}+3.efi", label(&two))]);
    let Filled { kept, copied, fetched } = last.0;
    assert!(kept + copied + fetched <= two.files.root.size + two.files.kernel.size.next_multiple_of(4096));
    eprintln!("kept {kept}, copied {copied}, fetched {fetched} bytes");
}

/// Targets of one version, by their own names; their files are named after their digests as well.
struct Targets(Vec<(String, PathBuf)>);

impl Targets {
    fn of(folder: &Path, manifest: &Manifest) -> Self {
        let label = release::partition::label(&manifest.image, &manifest.version);
        let prefix = format!("{label}_{}.", manifest.architecture);
        let named = |path: PathBuf| {
            let name = path.file_name()?.to_str()?;
            Some((name.split_once('.')?.1.strip_prefix(&prefix)?.to_owned(), path.clone()))
        };
        Targets(fs::read_dir(folder).unwrap().filter_map(|entry| named(entry.unwrap().path())).collect())
    }

    fn path(&self, name: &str) -> Result<&Path, SourceError> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, path)| &**path).ok_or_else(|| SourceError::NoSuchFile { name: name.to_owned() })
    }
}

impl Source for Targets {
    fn whole(&mut self, name: &str) -> Result<Vec<u8>, SourceError> {
        Ok(fs::read(self.path(name)?).unwrap())
    }

    fn ranges(&mut self, name: &str, ranges: &[Range<u64>], sink: &mut Sink<'_>) -> Result<(), SourceError> {
        let file = Disk::open(self.path(name)?).unwrap();
        for range in ranges {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
            file.read_at(range.start, &mut bytes).unwrap();
            sink(range.start, &bytes)
                .map_err(|source| SourceError::Sink { name: name.to_owned(), source })?;
        }
        Ok(())
    }
}

fn manifest(folder: &Path) -> Manifest {
    Manifest::parse(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// A disk with the old version in slot A.
fn host(place: &Path, folder: &Path, manifest: &Manifest) -> Host {
    const MIB: u64 = 1 << 20;
    let sizes = [1024 * MIB, 16 * MIB, MIB];
    let path = place.join("disk");
    File::create(&path).unwrap().set_len(2 * sizes.iter().sum::<u64>() + 4 * MIB).unwrap();
    let disk = Disk::open_to_write(&path).unwrap();
    let mut start = MIB;
    let mut partitions = Vec::new();
    let label = release::partition::label(&manifest.image, &manifest.version);
    for label in [&*label, "_empty"] {
        for (part, size) in SlotPartition::ALL.into_iter().zip(sizes) {
            partitions.push((part.type_uuid(Architecture::X86_64), start / 512, size / 512, label));
            start += size;
        }
    }
    form::make(&disk, 512, &partitions);
    let table = Table::read(&disk, 512).unwrap();
    let mut wanted = table.clone();
    for (number, part) in (1..).zip(SlotPartition::ALL) {
        wanted.entry_mut(number).unwrap().rename(part.uuid(&manifest.verity.root_hash), &label, 0);
    }
    replace(&table, &wanted).iter().for_each(|operation| operation.run(&disk).unwrap());
    disk.write_at(MIB, &fs::read(folder.join("root.erofs")).unwrap()).unwrap();
    disk.write_at(1025 * MIB, &fs::read(folder.join("root.verity")).unwrap()).unwrap();
    let boot = MountedBoot::at(&place.join("esp")).unwrap();
    let kernel = fs::read(folder.join("linux.efi")).unwrap();
    boot.create(&manifest.kernel_file_name()).unwrap().write_all(&kernel).unwrap();
    let running = crate::situation::Running {
        image: manifest.image.clone(),
        version: manifest.version.clone(),
        architecture: manifest.architecture,
        root_hash: manifest.verity.root_hash,
    };
    let state = Box::new(StateFile::new(&place.join("state")));
    Host::of(running, Box::new(disk), 512, Box::new(boot), state)
}
