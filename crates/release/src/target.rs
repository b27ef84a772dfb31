//! The names under which a release repository publishes: flat, so that every client of The Update Framework looks for
//! the same file (`targets/SHA256.NAME`).

use crate::{Architecture, ChannelName, FileName, ImageName, Sha256Digest, Version};

/// The file of a version that tells what its blocks are and where in its pack they lie.
pub const INDEX_FILE: &str = "blocks.index";
/// The file of a version that holds every different block of it, compressed.
pub const PACK_FILE: &str = "blocks.pack";

/// The file of a version for machines that run the version with this root hash.
pub fn patch_file(old_root_hash: &Sha256Digest) -> FileName {
    let name = format!("patch-{}", hex::encode(&old_root_hash.bytes()[..16]));
    FileName::parse(&name).expect("letters, digits and a hyphen, 38 of them")
}

/// The name of a file of one version: `IMAGE_VERSION_ARCHITECTURE.FILE`, as in `web_1.2_x86-64.manifest.json`.
pub fn file(image: &ImageName, version: &Version, architecture: Architecture, file: &FileName) -> String {
    format!("{image}_{version}_{architecture}.{file}")
}

/// The name of a version's manifest.
pub fn manifest(image: &ImageName, version: &Version, architecture: Architecture) -> String {
    format!("{image}_{version}_{architecture}.{}", crate::manifest::MANIFEST_FILE)
}

/// The name of a channel: `IMAGE_ARCHITECTURE.CHANNEL.channel.json`.
pub fn channel(image: &ImageName, architecture: Architecture, channel: &ChannelName) -> String {
    format!("{image}_{architecture}.{channel}.channel.json")
}

/// What the name of a target tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A file of a version.
    File {
        /// The image.
        image: ImageName,
        /// Its version.
        version: Version,
        /// Its architecture.
        architecture: Architecture,
        /// The file's own name.
        file: FileName,
    },
    /// A channel.
    Channel {
        /// The image.
        image: ImageName,
        /// Its architecture.
        architecture: Architecture,
        /// The channel's own name.
        channel: ChannelName,
    },
}

/// Reads a name that this module made; none for every other.
pub fn parse(name: &str) -> Option<Target> {
    let (image, rest) = name.split_once('_')?;
    let image = ImageName::parse(image).ok()?;
    // A channel's name has one underscore alone; a file's own name may have more than its two.
    let target = match rest.split_once('_') {
        None => {
            let (architecture, rest) = rest.split_once('.')?;
            let channel = ChannelName::parse(rest.strip_suffix(".channel.json")?).ok()?;
            Target::Channel { image, architecture: exact(architecture)?, channel }
        }
        Some((version, rest)) => {
            let (architecture, file) = rest.split_once('.')?;
            Target::File {
                image,
                version: Version::parse(version).ok()?,
                architecture: exact(architecture)?,
                file: FileName::parse(file).ok()?,
            }
        }
    };
    Some(target)
}

/// One architecture has one name here: no `x86_64`.
fn exact(text: &str) -> Option<Architecture> {
    Architecture::parse(text).ok().filter(|architecture| architecture.as_str() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_it_was_made_of() {
        let image = ImageName::parse("container-host").unwrap();
        let version = Version::parse("2026.11.21~rc1-2").unwrap();
        let pack = FileName::parse("root_2.pack").unwrap();
        let channel_name = ChannelName::parse("stable").unwrap();
        let [one, two] = [
            file(&image, &version, Architecture::X86_64, &pack),
            channel(&image, Architecture::Arm64, &channel_name),
        ];
        assert_eq!(one, "container-host_2026.11.21~rc1-2_x86-64.root_2.pack");
        assert_eq!(two, "container-host_arm64.stable.channel.json");
        assert_eq!(
            parse(&one),
            Some(Target::File {
                image: image.clone(),
                version,
                architecture: Architecture::X86_64,
                file: pack
            })
        );
        assert_eq!(
            parse(&two),
            Some(Target::Channel { image, architecture: Architecture::Arm64, channel: channel_name })
        );
    }

    #[test]
    fn a_version_that_ends_like_a_channel_is_a_version() {
        let name = "host_1.stable.channel.json_arm64.manifest.json";
        let Some(Target::File { version, file, .. }) = parse(name) else { panic!("{name} is a file's") };
        assert_eq!((version.as_str(), file.as_str()), ("1.stable.channel.json", "manifest.json"));
    }

    #[test]
    fn the_files_of_blocks_have_names_that_can_be_published() {
        for name in [INDEX_FILE, PACK_FILE] {
            assert_eq!(FileName::parse(name).unwrap().as_str(), name);
        }
        let digest = Sha256Digest::of(b"");
        assert_eq!(patch_file(&digest).as_str(), "patch-e3b0c44298fc1c149afbf4c8996fb924");
    }

    #[test]
    fn another_name_tells_nothing() {
        for name in [
            "",
            "x",
            "a_b",
            "a_x86_64.stable.channel.json",
            "A_1_x86-64.b",
            "a_1_x86-64",
            "a_1_x86-64.",
            "a_1_x86-64.../x",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
