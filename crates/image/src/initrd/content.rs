//! Lines that say what an initrd holds in; the same as values out.
//!
//! One line is one wish: a word, a path or name, and sometimes more. A question mark after the word means that the thing is
//! taken where the tree has it; without one, its absence is an error.
//!
//! ```text
//! file /usr/bin/udevadm                 a file, with the libraries it needs; `*` in the last component stands for any text
//! unit systemd-udevd.service            a unit of systemd, with what pulls it in
//! module virtio_blk                     a kernel module, with the modules it needs
//! library libkmod.so.2                  a library by its name
//! without-library libtss2-*             a library that programs can do without and shall
//! link /etc/systemd/system/default.target /usr/lib/systemd/system/initrd.target
//! directory /sysroot 0755
//! ```

use crate::tree::TreePath;

/// Everything an initrd is made of besides what its programs need to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct InitrdContent {
    pub(super) files: Vec<Wish<TreePath>>,
    pub(super) units: Vec<Wish<String>>,
    pub(super) modules: Vec<Wish<String>>,
    pub(super) libraries: Vec<Wish<String>>,
    pub(super) unwanted_libraries: Vec<String>,
    pub(super) links: Vec<(TreePath, String)>,
    pub(super) directories: Vec<(TreePath, u32)>,
}

/// Something wanted, at any price or only where it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Wish<T> {
    pub(super) what: T,
    pub(super) required: bool,
}

/// A line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of an initrd's content, `{text}`: {reason}")]
pub struct InitrdContentError {
    /// Counted from 1.
    pub line: usize,
    /// As written.
    pub text: String,
    /// What is wrong.
    pub reason: &'static str,
}

impl InitrdContent {
    /// What finds and mounts a root file system: systemd, udev, mount, the checker of ext4 and the drivers of virtual machines.
    pub fn base() -> Self {
        Self::parse(include_str!("base.list")).expect("the list is part of the crate and read in its tests")
    }

    /// What opens a root by its dm-verity hash and makes partitions at first boot.
    pub fn verity() -> Self {
        Self::parse(include_str!("verity.list")).expect("the list is part of the crate and read in its tests")
    }

    /// Reads lines of the form above.
    pub fn parse(text: &str) -> Result<Self, InitrdContentError> {
        let mut content = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with('#') {
                continue;
            }
            content.add(line_text).map_err(|reason| InitrdContentError {
                line: index + 1,
                text: line_text.to_owned(),
                reason,
            })?;
        }
        Ok(content)
    }

    /// Adds another list; what either wants at any price is required.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.files.extend(other.files);
        self.units.extend(other.units);
        self.modules.extend(other.modules);
        self.libraries.extend(other.libraries);
        self.unwanted_libraries.extend(other.unwanted_libraries);
        self.links.extend(other.links);
        self.directories.extend(other.directories);
        self
    }

    fn add(&mut self, line: &str) -> Result<(), &'static str> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (word, required) = match words[0].strip_suffix('?') {
            Some(word) => (word, false),
            None => (words[0], true),
        };
        let path = |text: &str| {
            if text.starts_with('/') {
                TreePath::parse(text).map_err(|_| "the path climbs with `..`")
            } else {
                Err("the path must be absolute")
            }
        };
        match (word, &words[1..]) {
            ("file", [file]) => self.files.push(Wish { what: path(file)?, required }),
            ("unit", [unit]) => self.units.push(Wish { what: (*unit).to_owned(), required }),
            ("module", [module]) => self.modules.push(Wish { what: module.replace('-', "_"), required }),
            ("library", [library]) => self.libraries.push(Wish { what: (*library).to_owned(), required }),
            ("without-library", [library]) if required => self.unwanted_libraries.push((*library).to_owned()),
            ("link", [link, target]) if required => self.links.push((path(link)?, (*target).to_owned())),
            ("directory", [directory, mode]) if required => {
                let mode = u32::from_str_radix(mode, 8).map_err(|_| "the mode must be octal")?;
                self.directories.push((path(directory)?, mode & 0o7777));
            }
            ("file" | "unit" | "module" | "library", _) => return Err("one path or name must follow"),
            ("link" | "directory" | "without-library", _) => {
                return Err("wrong number of words, or a question mark that has no meaning here");
            }
            _ => {
                return Err(
                    "unknown word: file, unit, module, library, without-library, link and directory are known",
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::InitrdContent;

    #[test]
    fn the_lists_of_the_crate_are_well_formed() {
        let all = InitrdContent::base().and(InitrdContent::verity());
        assert!(all.files.len() > 20 && all.units.len() > 30 && all.modules.len() > 10);
    }

    #[test]
    fn a_wrong_line_is_named() {
        let error = |text: &str| InitrdContent::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("\nfile usr/bin/x"),
            "line 2 of an initrd's content, `file usr/bin/x`: the path must be absolute"
        );
        assert!(error("files /x").contains("unknown word"));
        assert!(error("directory /x rwx").contains("octal"));
        assert!(error("link? /x /y").contains("question mark"));
    }
}
