//! The bytes of an index, in; what they say of each package, out.

use std::borrow::Cow;
use std::ops::Range;

use rpm_model::{
    Capability, Checksum, ChecksumAlgorithm, Comparison, Constraint, Dependency, Evr, FileKind, Nevra,
    PackageFile, PackageRecord, PartialEvr, RelationKind, Requirement, RichDependency,
};

use super::{
    ANY, Column, DEPENDENCY_ROW, FILE_KIND_SHIFT, HAS_EPOCH, HAS_RELEASE, PACKAGE_ROW, PRE, RICH, Section,
    hash,
};

/// An index over bytes that someone else keeps, or that it has made itself.
#[derive(Clone, Debug)]
pub struct Index<'b> {
    bytes: Cow<'b, [u8]>,
    sections: [Range<usize>; Section::COUNT],
}

/// Why bytes are no index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A part lies outside of the bytes.
    #[error("the index is truncated or damaged")]
    Damaged,
}

impl<'b> Index<'b> {
    /// Looks at the table of parts alone: nothing is read that is not asked for.
    pub fn open(bytes: impl Into<Cow<'b, [u8]>>) -> Result<Self, IndexError> {
        let bytes = bytes.into();
        let mut sections = [const { 0..0 }; Section::COUNT];
        for (place, section) in sections.iter_mut().enumerate() {
            let number = |at: usize| number(&bytes, at).map(|number| number as usize);
            let (Some(start), Some(length)) = (number(place * 2), number(place * 2 + 1)) else {
                return Err(IndexError::Damaged);
            };
            *section = start..start.saturating_add(length);
            if section.end > bytes.len() {
                return Err(IndexError::Damaged);
            }
        }
        Ok(Index { bytes, sections })
    }

    /// How many packages there are.
    pub fn package_count(&self) -> usize {
        self.part(Section::Packages).len() / (PACKAGE_ROW * 4)
    }

    pub(crate) fn dependency_count(&self) -> usize {
        self.part(Section::Dependencies).len() / (DEPENDENCY_ROW * 4)
    }

    fn part(&self, section: Section) -> &[u8] {
        self.bytes.get(self.sections[section as usize].clone()).unwrap_or_default()
    }

    /// A number of a section; zero beyond its end.
    fn number(&self, section: Section, place: usize) -> u32 {
        number(self.part(section), place).unwrap_or(0)
    }

    /// The numbers of a section between two places, as far as they are there.
    fn numbers(&self, section: Section, places: Range<u32>) -> impl ExactSizeIterator<Item = u32> + Clone {
        let part = self.part(section);
        let end = (places.end as usize).saturating_mul(4).min(part.len());
        let start = (places.start as usize).saturating_mul(4).min(end);
        part[start..end].as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// The places of a list, from the table of where lists start.
    fn list(&self, starts: Section, number: usize) -> Range<u32> {
        self.number(starts, number)..self.number(starts, number + 1)
    }

    fn slice(&self, bytes: Section, starts: Section, number: u32) -> &[u8] {
        let range = self.list(starts, number as usize);
        self.part(bytes).get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    pub(crate) fn name_text(&self, name: u32) -> &str {
        str::from_utf8(self.slice(Section::NameBytes, Section::NameStarts, name)).unwrap_or_default()
    }

    fn text(&self, text: u32) -> &str {
        str::from_utf8(self.slice(Section::TextBytes, Section::TextStarts, text)).unwrap_or_default()
    }

    /// The number of a name, if anything has or provides or asks for it.
    pub(crate) fn find_name(&self, text: &str) -> Option<u32> {
        let slots = self.part(Section::NameTable).len() / 4;
        let mask = slots.checked_sub(1).filter(|_| slots.is_power_of_two())?;
        let mut slot = hash(text.as_bytes()) as usize & mask;
        for _ in 0..slots {
            let name = self.number(Section::NameTable, slot).checked_sub(1)?;
            if self.slice(Section::NameBytes, Section::NameStarts, name) == text.as_bytes() {
                return Some(name);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    fn column(&self, package: usize, column: Column) -> u32 {
        self.number(Section::Packages, package * PACKAGE_ROW + column as usize)
    }

    fn wide_column(&self, package: usize, column: Column) -> u64 {
        let high = self.number(Section::Packages, package * PACKAGE_ROW + column as usize + 1);
        u64::from(high) << 32 | u64::from(self.column(package, column))
    }

    /// Number of the package's name.
    pub(crate) fn name(&self, package: usize) -> u32 {
        self.column(package, Column::Name)
    }

    /// Number of the package's architecture.
    pub(crate) fn architecture(&self, package: usize) -> usize {
        self.column(package, Column::Architecture) as usize
    }

    /// Architectures by number.
    pub(crate) fn architectures(&self) -> impl Iterator<Item = &str> {
        let all = 0..u32::MAX;
        self.numbers(Section::Architectures, all).map(|text| self.text(text))
    }

    pub(crate) fn build_time(&self, package: usize) -> u64 {
        self.wide_column(package, Column::BuildTime)
    }

    pub(crate) fn vendor(&self, package: usize) -> &str {
        self.text(self.column(package, Column::Vendor))
    }

    pub(crate) fn nevra(&self, package: usize) -> Nevra {
        let text = |column| self.text(self.column(package, column));
        let evr = Evr::new(self.column(package, Column::Epoch), text(Column::Version), text(Column::Release));
        let architecture = self.number(Section::Architectures, self.architecture(package));
        Nevra::new(self.name_text(self.name(package)), evr, self.text(architecture))
    }

    /// Numbers of a package's relations of one kind.
    pub(crate) fn relations(
        &self,
        package: usize,
        kind: RelationKind,
    ) -> impl ExactSizeIterator<Item = u32> + Clone {
        let list = self.list(Section::RelationStarts, package * RelationKind::COUNT + kind.place());
        self.numbers(Section::Relations, list).map(|relation| relation & !PRE)
    }

    /// The relation of that number.
    pub(crate) fn dependency(&self, dependency: u32) -> Dependency {
        let row = dependency as usize * DEPENDENCY_ROW;
        let [name, kind, epoch, version, release] =
            [0, 1, 2, 3, 4].map(|place| self.number(Section::Dependencies, row + place));
        let name = self.name_text(name);
        if kind == RICH {
            // It was read once when the index was made; damage makes it ask for what nobody has.
            return RichDependency::parse(name)
                .map_or_else(|_| Capability::any(name).into(), Dependency::Rich);
        }
        let comparison = if kind == ANY { None } else { Comparison::from_sense(kind & 0xff) };
        let constraint = comparison.map(|comparison| Constraint {
            comparison,
            evr: PartialEvr {
                epoch: (kind & HAS_EPOCH != 0).then_some(epoch),
                version: self.text(version).to_owned(),
                release: (kind & HAS_RELEASE != 0).then(|| self.text(release).to_owned()),
            },
        });
        Dependency::Simple(Capability { name: name.to_owned(), constraint })
    }

    /// Who provides a name: pairs of a package and the number of what it provides, or [`super::OWN`], or [`super::FILE`].
    pub(crate) fn providers(&self, name: u32) -> impl Iterator<Item = (usize, u32)> {
        let list = self.list(Section::ProviderStarts, name as usize);
        let places = list.start.saturating_mul(2)..list.end.saturating_mul(2);
        let mut numbers = self.numbers(Section::Providers, places);
        std::iter::from_fn(move || Some((numbers.next()? as usize, numbers.next()?)))
    }

    /// Packages of that name, in order.
    pub(crate) fn named(&self, name: u32) -> impl Iterator<Item = usize> {
        let list = self.list(Section::NamedStarts, name as usize);
        self.numbers(Section::Named, list).map(|package| package as usize)
    }

    /// Names of which there are packages.
    pub(crate) fn package_names(&self) -> impl Iterator<Item = u32> {
        let count = self.part(Section::NamedStarts).len() / 4;
        let names = 0..u32::try_from(count.saturating_sub(1)).unwrap_or(0);
        names.filter(|name| !self.list(Section::NamedStarts, *name as usize).is_empty())
    }

    /// Packages that obsolete packages of that name, in order.
    pub(crate) fn obsoleters(&self, name: u32) -> impl Iterator<Item = usize> {
        self.pairs_of(Section::Obsoleters, name).map(|package| package as usize)
    }

    /// Packages that obsolete anything, some several times.
    pub(crate) fn replacing(&self) -> impl Iterator<Item = usize> {
        let numbers = self.numbers(Section::Obsoleters, 0..u32::MAX);
        numbers.skip(1).step_by(2).map(|package| package as usize)
    }

    /// The second numbers of the sorted pairs whose first is this.
    fn pairs_of(&self, section: Section, first: u32) -> impl Iterator<Item = u32> {
        let count = self.part(section).len() / 8;
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.number(section, middle * 2) < first { low = middle + 1 } else { high = middle }
        }
        (low..count)
            .take_while(move |pair| self.number(section, pair * 2) == first)
            .map(move |pair| self.number(section, pair * 2 + 1))
    }

    /// Packages that supplement or enhance others, in order.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = usize> {
        self.numbers(Section::Backwards, 0..u32::MAX).map(|package| package as usize)
    }

    /// Paths that dependencies name, each with the architecture of a package that does.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (u32, usize)> {
        let mut numbers = self.numbers(Section::Paths, 0..u32::MAX);
        std::iter::from_fn(move || Some((numbers.next()?, numbers.next()? as usize)))
    }

    /// Files of a package.
    pub(crate) fn files(&self, package: usize) -> impl Iterator<Item = (&str, FileKind)> {
        let list = self.list(Section::FileStarts, package);
        self.numbers(Section::Files, list).map(|file| {
            let kind = match file >> FILE_KIND_SHIFT {
                1 => FileKind::Directory,
                2 => FileKind::Ghost,
                _ => FileKind::File,
            };
            (self.name_text(file & !(3 << FILE_KIND_SHIFT)), kind)
        })
    }

    /// All that the index knows of a package.
    pub fn record(&self, package: usize) -> PackageRecord {
        let mut record = PackageRecord::new(self.nevra(package), self.checksum(package));
        let text = |column| self.text(self.column(package, column)).to_owned();
        record.location = text(Column::Location);
        record.location_base =
            self.column(package, Column::LocationBase).checked_sub(1).map(|base| self.text(base).to_owned());
        record.package_size = self.wide_column(package, Column::PackageSize);
        record.installed_size = self.wide_column(package, Column::InstalledSize);
        record.build_time = self.wide_column(package, Column::BuildTime);
        record.vendor = text(Column::Vendor);
        let dependencies =
            |kind| self.relations(package, kind).map(|one| self.dependency(one)).collect::<Vec<_>>();
        let capabilities = |kind| {
            let simple = dependencies(kind).into_iter().filter_map(|dependency| match dependency {
                Dependency::Simple(capability) => Some(capability),
                Dependency::Rich(_) => None,
            });
            simple.collect()
        };
        let requires = self
            .list(Section::RelationStarts, package * RelationKind::COUNT + RelationKind::Requires.place());
        let requires = self.numbers(Section::Relations, requires);
        record.provides = capabilities(RelationKind::Provides);
        record.requires = requires
            .map(|one| Requirement { dependency: self.dependency(one & !PRE), pre: one & PRE != 0 })
            .collect();
        record.conflicts = dependencies(RelationKind::Conflicts);
        record.obsoletes = capabilities(RelationKind::Obsoletes);
        record.recommends = dependencies(RelationKind::Recommends);
        record.suggests = dependencies(RelationKind::Suggests);
        record.supplements = dependencies(RelationKind::Supplements);
        record.enhances = dependencies(RelationKind::Enhances);
        record.files =
            self.files(package).map(|(path, kind)| PackageFile { path: path.to_owned(), kind }).collect();
        record
    }

    /// Digest of the package's file.
    pub fn checksum(&self, package: usize) -> Checksum {
        const ALGORITHMS: [ChecksumAlgorithm; 6] = [
            ChecksumAlgorithm::Md5,
            ChecksumAlgorithm::Sha1,
            ChecksumAlgorithm::Sha224,
            ChecksumAlgorithm::Sha256,
            ChecksumAlgorithm::Sha384,
            ChecksumAlgorithm::Sha512,
        ];
        let wanted = self.column(package, Column::Algorithm);
        let algorithm = ALGORITHMS.into_iter().find(|one| *one as u32 == wanted);
        let algorithm = algorithm.unwrap_or(ChecksumAlgorithm::Sha256);
        let digest =
            self.slice(Section::TextBytes, Section::TextStarts, self.column(package, Column::Digest));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        // A checksum that cannot be met: a damaged index installs nothing.
        Checksum::new(algorithm, &hex).unwrap_or_else(|_| Checksum::zero(algorithm))
    }
}

fn number(bytes: &[u8], place: usize) -> Option<u32> {
    let start = place.checked_mul(4)?;
    let bytes = bytes.get(start..start.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}
