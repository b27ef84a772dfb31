//! Packages, one by one, in; the bytes of their index, out: the same packages in the same order, the same bytes.

use rpm_model::{
    CapabilityError, Comparison, Dependency, FileKind, PackageRecord, PackageView, RelationKind,
    RelationView, RichDependency,
};

use super::intern::{Rows, Texts};
use super::{
    ANY, Column, DEPENDENCY_ROW, FILE, FILE_KIND_SHIFT, HAS_EPOCH, HAS_RELEASE, OWN, PACKAGE_ROW, PRE, RICH,
    Section,
};

/// Collects packages.
#[derive(Debug)]
pub struct IndexBuilder {
    /// Names that are looked up.
    names: Texts,
    /// Versions, vendors, architectures: many are equal.
    texts: Texts,
    /// Locations and digests: all differ. Their numbers follow those of `texts`.
    unique: Texts,
    dependencies: Rows<DEPENDENCY_ROW>,
    packages: Vec<[u32; PACKAGE_ROW]>,
    relation_starts: Vec<u32>,
    relations: Vec<u32>,
    file_starts: Vec<u32>,
    files: Vec<u32>,
    /// Name, package, dependency.
    provides: Vec<[u32; 3]>,
    obsoletes: Vec<[u32; 2]>,
    backwards: Vec<u32>,
    paths: Vec<[u32; 2]>,
    architectures: Vec<u32>,
    /// Dependencies were read before: a parenthesis that begins no boolean dependency belongs to a name.
    of_records: bool,
}

/// Why packages cannot be indexed.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A boolean dependency cannot be read.
    #[error("package `{package}` has a dependency that cannot be read")]
    Rich {
        /// The package.
        package: String,
        /// What is wrong.
        source: CapabilityError,
    },
    /// More than 4 GiB of text or 2^30 of anything.
    #[error("there are more packages or relations than an index can hold")]
    TooLarge,
}

impl Default for IndexBuilder {
    fn default() -> Self {
        IndexBuilder {
            names: Texts::new(),
            texts: Texts::new(),
            unique: Texts::new(),
            dependencies: Rows::new(),
            packages: Vec::new(),
            relation_starts: vec![0],
            relations: Vec::new(),
            file_starts: vec![0],
            files: Vec::new(),
            provides: Vec::new(),
            obsoletes: Vec::new(),
            backwards: Vec::new(),
            paths: Vec::new(),
            architectures: Vec::new(),
            of_records: false,
        }
    }
}

/// The index of these records.
pub fn of_records(records: &[PackageRecord]) -> Result<Vec<u8>, BuildError> {
    let mut builder = IndexBuilder { of_records: true, ..IndexBuilder::default() };
    for record in records {
        builder.add(&PackageView::from(record))?;
    }
    Ok(builder.finish())
}

impl IndexBuilder {
    /// Adds a package behind those that are there.
    pub fn add(&mut self, package: &PackageView<'_>) -> Result<(), BuildError> {
        let number = small(self.packages.len())?;
        let name = self.names.intern(&package.name)?;
        let architecture = self.architecture(&package.arch)?;
        let mut row = [0; PACKAGE_ROW];
        let mut set = |column: Column, value: u32| row[column as usize] = value;
        set(Column::Name, name);
        set(Column::Epoch, package.epoch);
        set(Column::Version, self.texts.intern(&package.version)?);
        set(Column::Release, self.texts.intern(&package.release)?);
        set(Column::Architecture, architecture);
        set(Column::Vendor, self.texts.intern(&package.vendor)?);
        set(Column::Location, self.unique.append(package.location.as_bytes())?);
        if let Some(base) = &package.location_base {
            set(Column::LocationBase, small(self.texts.intern(base)? as usize + 1)?);
        }
        set(Column::Digest, self.unique.append(&digest(package.checksum.hex()))?);
        set(Column::Algorithm, package.checksum.algorithm() as u32);
        for (column, value) in [
            (Column::PackageSize, package.package_size),
            (Column::InstalledSize, package.installed_size),
            (Column::BuildTime, package.build_time),
        ] {
            row[column as usize] = low(value);
            row[column as usize + 1] = low(value >> 32);
        }
        self.packages.push(row);
        let mut has_own = false;
        for kind in RelationKind::ALL {
            for relation in &package.relations[kind.place()] {
                if !self.of_records && kind.is_simple() && relation.name.starts_with('(') {
                    // Passed over as the reader of records does, which wants to understand it nevertheless.
                    let package = || package.name.clone().into_owned();
                    Dependency::parse(&relation.name)
                        .map_err(|source| BuildError::Rich { package: package(), source })?;
                    continue;
                }
                has_own |= kind == RelationKind::Provides
                    && relation.constraint.is_some()
                    && relation.name == package.name;
                let dependency =
                    self.dependency(relation, kind, architecture).map_err(|error| match error {
                        RelationError::Build(error) => error,
                        RelationError::Rich(source) => {
                            BuildError::Rich { package: package.name.clone().into_owned(), source }
                        }
                    })?;
                let of_name = self.dependencies.rows()[dependency as usize][0];
                match kind {
                    RelationKind::Provides => self.provides.push([of_name, number, dependency]),
                    RelationKind::Obsoletes => self.obsoletes.push([of_name, number]),
                    _ => {}
                }
                self.relations.push(if relation.pre { dependency | PRE } else { dependency });
            }
            self.relation_starts.push(small(self.relations.len())?);
        }
        if !has_own {
            self.provides.push([name, number, OWN]);
        }
        for (path, kind) in &package.files {
            let path = self.names.intern(path)?;
            self.files.push(path | file_kind(*kind) << FILE_KIND_SHIFT);
            self.provides.push([path, number, FILE]);
        }
        self.file_starts.push(small(self.files.len())?);
        let backwards = [RelationKind::Supplements, RelationKind::Enhances];
        if backwards.iter().any(|kind| !package.relations[kind.place()].is_empty()) {
            self.backwards.push(number);
        }
        Ok(())
    }

    /// The bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let names = self.names.count();
        self.obsoletes.sort_unstable();
        self.obsoletes.dedup();
        self.paths.sort_unstable();
        self.paths.dedup();
        // Numbers of locations and digests follow those of the other texts.
        let shift = low(self.texts.count() as u64);
        for row in &mut self.packages {
            row[Column::Location as usize] += shift;
            row[Column::Digest as usize] += shift;
        }
        let (text_bytes, text_starts) = joined(&self.texts, &self.unique);
        let provider_starts = starts(names, self.provides.iter().map(|[name, ..]| *name));
        let providers = by_name(&provider_starts, self.provides.iter().map(|[name, a, b]| (*name, [*a, *b])));
        let own_names = || self.packages.iter().map(|row| row[Column::Name as usize]);
        let named_starts = starts(names, own_names());
        let named = by_name(&named_starts, own_names().zip((0_u32..).map(|number| [number])));
        written([
            Part::Bytes(self.names.bytes()),
            Part::Numbers(self.names.starts()),
            Part::Numbers(&self.names.slots()),
            Part::Bytes(&text_bytes),
            Part::Numbers(&text_starts),
            Part::Numbers(self.dependencies.rows().as_flattened()),
            Part::Numbers(self.packages.as_flattened()),
            Part::Numbers(&self.relation_starts),
            Part::Numbers(&self.relations),
            Part::Numbers(&self.file_starts),
            Part::Numbers(&self.files),
            Part::Numbers(&provider_starts),
            Part::Numbers(providers.as_flattened()),
            Part::Numbers(&named_starts),
            Part::Numbers(named.as_flattened()),
            Part::Numbers(self.obsoletes.as_flattened()),
            Part::Numbers(&self.backwards),
            Part::Numbers(self.paths.as_flattened()),
            Part::Numbers(&self.architectures),
        ])
    }

    /// The number of an architecture: there are few.
    fn architecture(&mut self, name: &str) -> Result<u32, BuildError> {
        let text = self.texts.intern(name)?;
        let known = self.architectures.iter().position(|known| *known == text);
        small(known.unwrap_or_else(|| {
            self.architectures.push(text);
            self.architectures.len() - 1
        }))
    }

    fn dependency(
        &mut self,
        relation: &RelationView<'_>,
        kind: RelationKind,
        architecture: u32,
    ) -> Result<u32, RelationError> {
        let names_paths = !matches!(kind, RelationKind::Provides | RelationKind::Obsoletes);
        if let Some(rich) = self.rich(&relation.name, kind)? {
            if let Dependency::Rich(rich) = &rich {
                self.paths_of(rich, architecture)?;
            }
            let text = self.names.intern(&rich.to_string())?;
            return Ok(self.dependencies.intern([text, RICH, 0, 0, 0])?);
        }
        let name = self.names.intern(&relation.name)?;
        if names_paths && relation.name.starts_with('/') {
            self.paths.push([name, architecture]);
        }
        let Some(constraint) = &relation.constraint else {
            return Ok(self.dependencies.intern([name, ANY, 0, 0, 0])?);
        };
        let mut flags = comparison(constraint.comparison);
        let mut release = 0;
        if constraint.epoch.is_some() {
            flags |= HAS_EPOCH;
        }
        if let Some(text) = &constraint.release {
            flags |= HAS_RELEASE;
            release = self.texts.intern(text)?;
        }
        let version = self.texts.intern(&constraint.version)?;
        Ok(self.dependencies.intern([name, flags, constraint.epoch.unwrap_or(0), version, release])?)
    }

    /// The boolean dependency that a name is.
    fn rich(&self, name: &str, kind: RelationKind) -> Result<Option<Dependency>, RelationError> {
        if !name.starts_with('(') || self.of_records && kind.is_simple() {
            return Ok(None);
        }
        match Dependency::parse(name) {
            Ok(rich) => Ok(Some(rich)),
            Err(_) if self.of_records => Ok(None),
            Err(source) => Err(RelationError::Rich(source)),
        }
    }

    fn paths_of(&mut self, rich: &RichDependency, architecture: u32) -> Result<(), BuildError> {
        for capability in rich.capabilities() {
            if capability.is_path() {
                let name = self.names.intern(&capability.name)?;
                self.paths.push([name, architecture]);
            }
        }
        Ok(())
    }
}

enum RelationError {
    Rich(CapabilityError),
    Build(BuildError),
}

impl From<BuildError> for RelationError {
    fn from(error: BuildError) -> Self {
        RelationError::Build(error)
    }
}

/// Numbers of names share their bits with the kinds of files.
fn small(number: usize) -> Result<u32, BuildError> {
    u32::try_from(number).ok().filter(|number| *number < 1 << FILE_KIND_SHIFT).ok_or(BuildError::TooLarge)
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).expect("masked to 32 bits")
}

pub(super) fn comparison(comparison: Comparison) -> u32 {
    comparison.sense()
}

pub(super) fn file_kind(kind: FileKind) -> u32 {
    match kind {
        FileKind::File => 0,
        FileKind::Directory => 1,
        FileKind::Ghost => 2,
    }
}

fn digest(hex: &str) -> Vec<u8> {
    let digit =
        |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(*pair.last().unwrap_or(&b'0'))).collect()
}

fn joined(first: &Texts, second: &Texts) -> (Vec<u8>, Vec<u32>) {
    let shift = low(first.bytes().len() as u64);
    let bytes = [first.bytes(), second.bytes()].concat();
    let moved = second.starts()[1..].iter().map(|start| start.saturating_add(shift));
    (bytes, first.starts().iter().copied().chain(moved).collect())
}

/// Where each name's list starts, from the names of all entries.
fn starts(names: usize, entries: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0_u32; names + 1];
    for name in entries {
        starts[name as usize + 1] += 1;
    }
    for place in 1..starts.len() {
        starts[place] += starts[place - 1];
    }
    starts
}

/// The entries of each name together, in the order in which they come.
fn by_name<const N: usize>(starts: &[u32], entries: impl Iterator<Item = (u32, [u32; N])>) -> Vec<[u32; N]> {
    let mut next = starts.to_vec();
    let mut sorted = vec![[0; N]; starts.last().map_or(0, |end| *end as usize)];
    for (name, entry) in entries {
        let place = &mut next[name as usize];
        sorted[*place as usize] = entry;
        *place += 1;
    }
    sorted
}

/// One section.
#[derive(Clone, Copy)]
enum Part<'p> {
    Bytes(&'p [u8]),
    Numbers(&'p [u32]),
}

impl Part<'_> {
    /// Its length in bytes.
    fn length(self) -> usize {
        match self {
            Part::Bytes(bytes) => bytes.len(),
            Part::Numbers(numbers) => numbers.len() * 4,
        }
    }
}

/// All sections, in order, behind a table of where each starts and how long it is, in bytes.
fn written(parts: [Part<'_>; Section::COUNT]) -> Vec<u8> {
    let total = parts.iter().map(|part| part.length().next_multiple_of(4)).sum::<usize>();
    let mut start = Section::COUNT * 8;
    let mut file = Vec::with_capacity(start + total);
    for part in parts {
        for place in [start, part.length()] {
            // Bytes beyond 4 GiB cannot be addressed; reading them gives nothing.
            file.extend_from_slice(&u32::try_from(place).unwrap_or(0).to_le_bytes());
        }
        start += part.length().next_multiple_of(4);
    }
    for part in parts {
        let from = file.len();
        match part {
            Part::Bytes(bytes) => file.extend_from_slice(bytes),
            Part::Numbers(numbers) => {
                file.resize(from + numbers.len() * 4, 0);
                for (bytes, number) in file[from..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
                    *bytes = number.to_le_bytes();
                }
            }
        }
        file.resize(from + part.length().next_multiple_of(4), 0);
    }
    file
}
