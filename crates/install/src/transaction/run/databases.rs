//! What came, went and stayed, in; the rpm database and dnf5's state of the root, out.

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::super::InstallError;
use super::super::existing::{DATABASE, DNF_STATE};
use super::{Decided, Run};
use crate::dnf_state::{self, PackageState};
use crate::order::TRANSACTION_COLOR;
use crate::payload::PackageDigests;
use crate::root::RootError;
use crate::rpmdb::{self, FileState};

impl Run<'_> {
    /// Written once, before %posttrans, which is the first to find it: scriptlets before that are no place to ask rpm.
    pub(super) fn write_databases(
        &self,
        decided: &Decided,
        digests: &[PackageDigests],
    ) -> Result<(), InstallError> {
        let transaction = self.transaction;
        let epoch = self.options.epoch;
        let added = transaction.steps.iter().zip(&decided.coming).zip(digests).zip(0..);
        let added = added.map(|(((step, coming), digests), place)| rpmdb::InstalledPackage {
            headers: &step.package.headers,
            file_states: &coming.states,
            install_time: epoch.saturating_add(place),
            transaction_id: epoch,
            colour: TRANSACTION_COLOR,
            digests: rpmdb::PackageDigests { sha256: digests.sha256, sha512: digests.sha512 },
        });
        let (_database, database_path) = self.directory(DATABASE)?;
        if transaction.before.system.last_number == 0 {
            let keys: Vec<rpmdb::TrustedKeys<'_>> = self
                .options
                .trusted_keys
                .iter()
                .map(|file| rpmdb::TrustedKeys { file, transaction_id: epoch })
                .collect();
            rpmdb::write_with_keys(&database_path, &keys, added)?;
        } else {
            let changed = rpmdb::Changed {
                kept: self.kept(decided),
                added: added.collect(),
                last_number: transaction.before.system.last_number,
            };
            rpmdb::write_changed(&database_path, changed)?;
        }
        let cookie =
            rpmdb::cookie(&database_path.join(rpmdb::DATABASE_FILE)).map_err(InstallError::Cookie)?;
        let (_state, state_path) = self.directory(DNF_STATE)?;
        dnf_state::write_changed(&state_path, &self.states(), &cookie)?;
        Ok(())
    }

    /// Headers of packages that stay; a file that lost its place to the other word size says so.
    pub(super) fn kept(&self, decided: &Decided) -> Vec<(u32, Vec<u8>)> {
        let transaction = self.transaction;
        let goes = |position| transaction.erasures.iter().any(|erasure| erasure.package == position);
        let staying = transaction.before.system.packages.iter().enumerate();
        let staying = staying.filter(|(position, _)| !goes(*position));
        staying
            .map(|(position, record)| {
                let files = decided.recoloured.iter().filter(|file| file.package == position);
                let files: Vec<usize> = files.map(|file| file.file).collect();
                (record.number, rpmdb::with_states(&record.header, &files, FileState::WrongColour))
            })
            .collect()
    }

    /// What dnf5 is told of everything that is installed now.
    pub(super) fn states(&self) -> Vec<PackageState> {
        let transaction = self.transaction;
        let before = &transaction.before;
        let goes = |position| transaction.erasures.iter().any(|erasure| erasure.package == position);
        let staying = before.system.packages.iter().enumerate().filter(|(position, _)| !goes(*position));
        // What dnf5 never heard of stays unheard of: it takes that for what was there before it.
        let staying = staying.filter_map(|(_, record)| {
            let nevra = &record.contents.nevra;
            let repository = before.origin(nevra).unwrap_or_default().to_owned();
            Some(PackageState { reason: before.known_reason(nevra)?, nevra: nevra.clone(), repository })
        });
        let coming = transaction.steps.iter().map(|step| PackageState {
            nevra: step.package.nevra().clone(),
            reason: step.reason,
            repository: step.repository.clone(),
        });
        staying.chain(coming).collect()
    }

    /// A directory of the root, with a path to it that no link of the root can bend while it is open.
    pub(super) fn directory(&self, path: &str) -> Result<(std::os::fd::OwnedFd, PathBuf), RootError> {
        let fd = self.root.open_directory(Path::new(path), true)?;
        let outside = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        Ok((fd, outside))
    }
}
