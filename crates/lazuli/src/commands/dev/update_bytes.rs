//! `lazuli dev update-bytes OLD NEW`

use std::fmt::Write as _;
use std::path::Path;

use release::Manifest;
use release_repository::blocks::{self, Version};
use release_repository::payload::Payload;
use serde::Serialize;

use crate::cli::{Global, UpdateBytes};
use crate::failure::{Context as _, Failure};
use crate::output;
use crate::progress::Bars;

/// What an update costs, in bytes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Cost {
    old: String,
    new: String,
    /// Root file system and kernel of the new version.
    installed: u64,
    /// All of it, packed.
    pack: u64,
    /// What tells where in the pack which block lies.
    index: u64,
    /// Fetched of the pack by a machine with the old version, which was packed for.
    by_blocks: Fetched,
    /// The same, when the old version was not known to who packed.
    by_blocks_from_unknown: Fetched,
    /// The patch, where it is worth publishing.
    patch: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Fetched {
    bytes: u64,
    ranges: usize,
}

/// Packs, patches and counts.
pub fn run(global: &Global, options: &UpdateBytes) -> Result<(), Failure> {
    let (old, new) = (read(&options.old)?, read(&options.new)?);
    let bars = Bars::new(global.quiet);
    let failed = || format!("{} cannot be packed", options.new.display());
    let pack = |before: &[_]| {
        let mut file = tempfile::tempfile().context(failed)?;
        let index = blocks::pack(&new, before, options.level, &mut file, &bars).context(failed)?;
        let plan = blocks::plan(&old, &new.manifest, &index).context(failed)?;
        let length = file.metadata().context(failed)?.len();
        Ok::<_, Failure>((
            index,
            length,
            Fetched { bytes: plan.fetched_bytes(), ranges: plan.ranges().len() },
        ))
    };
    let (old_index, ..) = {
        let mut file = tempfile::tempfile().context(failed)?;
        // Only the order of the new version's pack depends on it, not on how hard it was compressed.
        (blocks::pack(&old, &[], 1, &mut file, &bars).context(failed)?, file)
    };
    let before = blocks::read(&old.manifest, &old_index).context(failed)?;
    let (index, length, by_blocks) = pack(&[before])?;
    let (_, _, by_blocks_from_unknown) = pack(&[])?;
    let patch = blocks::patch(&old, &new, &index, options.level, &bars).context(failed)?;
    let cost = Cost {
        old: name(&old.manifest),
        new: name(&new.manifest),
        installed: (new.root.len() + new.kernel.len()) as u64,
        pack: length,
        index: index.len() as u64,
        by_blocks,
        by_blocks_from_unknown,
        patch: patch.map(|patch| patch.len() as u64),
    };
    output::print(global.format, &cost, render)
}

fn read(folder: &Path) -> Result<Version, Failure> {
    let failed = || format!("the payload {} cannot be used", folder.display());
    let payload = Payload::read(folder).context(failed)?;
    let file = |file| std::fs::read(payload.path(file)).context(failed);
    let (root, kernel) = (file(&payload.manifest.files.root)?, file(&payload.manifest.files.kernel)?);
    Ok(Version { manifest: payload.manifest, root, kernel })
}

fn name(manifest: &Manifest) -> String {
    format!("{} {}", manifest.image, manifest.version)
}

fn render(cost: &Cost) -> String {
    let mut text = format!("{} to {}: {} bytes installed\n", cost.old, cost.new, cost.installed);
    let mut line = |what: &str, bytes: u64| {
        let share = bytes as f64 / cost.pack.max(1) as f64 * 100.0;
        let _always = writeln!(text, "{bytes:>12}  {share:5.1} %  {what}");
    };
    line("the whole pack", cost.pack);
    line("by blocks, the index counted", cost.by_blocks.bytes + cost.index);
    line("by blocks from a version that was not known", cost.by_blocks_from_unknown.bytes + cost.index);
    if let Some(patch) = cost.patch {
        line("by the patch", patch);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Cost, Fetched, render};

    fn cost(patch: Option<u64>) -> Cost {
        Cost {
            old: "host 1".into(),
            new: "host 2".into(),
            installed: 4000,
            pack: 2000,
            index: 10,
            by_blocks: Fetched { bytes: 190, ranges: 1 },
            by_blocks_from_unknown: Fetched { bytes: 490, ranges: 7 },
            patch,
        }
    }

    #[test]
    fn every_way_is_told_in_bytes_and_as_a_share_of_the_pack() {
        let text = "host 1 to host 2: 4000 bytes installed\n\
                    \x20       2000  100.0 %  the whole pack\n\
                    \x20        200   10.0 %  by blocks, the index counted\n\
                    \x20        500   25.0 %  by blocks from a version that was not known\n";
        assert_eq!(render(&cost(None)), text);
        assert_eq!(render(&cost(Some(100))), format!("{text}         100    5.0 %  by the patch\n"));
    }
}
