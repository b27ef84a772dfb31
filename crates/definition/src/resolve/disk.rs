//! The tables of an `image.toml` that make it a disk that boots.

use super::Resolver;
use super::text::distinct;
use crate::image::{
    Compression, Disk, DiskFormat, Filesystem, FilesystemType, Initrd, Machine, Partition, PartitionFormat,
    PartitionSize, PartitionType,
};
use crate::place::{Located, Place};
use crate::resolve::verity::SLOT_PARTITIONS;
use crate::tables::{FilesystemTable, InitrdTable, NativeImageFile, PartitionTable};

/// Memory that QEMU gives an image that names none, in MiB.
const DEFAULT_MEMORY_MIB: u32 = 1024;
const DEFAULT_PROCESSORS: u32 = 2;

impl Resolver<'_> {
    pub(crate) fn disk(&mut self, file: &NativeImageFile) -> Option<Disk> {
        let top = file.kind.place;
        let command_line = file.kernel.as_ref().and_then(|kernel| kernel.command_line.as_ref());
        let parameters = command_line.into_iter().flatten();
        for parameter in parameters.clone() {
            if parameter.is_empty() || parameter.contains(['\n', '\0']) {
                self.collector.report(parameter.place, "a kernel parameter is empty or holds a line break");
            }
        }
        let kernel_command_line = parameters.map(|text| text.value.clone()).collect();
        let unpacked_modules = file.kernel.as_ref().and_then(|kernel| kernel.unpacked_modules.as_ref());
        let unpacked_modules = unpacked_modules.is_some_and(|unpacked| unpacked.value);
        let initrd = self.initrd(file.initrd.as_ref());
        let filesystem = self.filesystem(file.filesystem.as_ref(), top);
        let partitions = self.partitions(file.partitions.as_deref().unwrap_or_default(), filesystem, top);
        let verity = self.verity(file, filesystem, &partitions);
        let formats = self.formats(file, top);
        let machine = self.machine(file);
        let slots = verity.as_ref().map_or(1, |verity| verity.slots);
        self.check_disk_budget(file, &partitions, slots);
        let size_mib = self.disk_size(file, &partitions, slots);
        Some(Disk {
            kernel_command_line,
            unpacked_modules,
            initrd,
            filesystem: filesystem?,
            verity,
            partitions,
            formats,
            size_mib,
            machine,
        })
    }

    /// A plain folder has none of what makes a disk.
    pub(crate) fn refuse_disk_tables(&mut self, file: &NativeImageFile) {
        let tables: [(&str, Option<Place>); 8] = [
            ("[kernel]", file.kernel.as_ref().map(|table| table.place)),
            ("[initrd]", file.initrd.as_ref().map(|table| table.place)),
            ("[filesystem]", file.filesystem.as_ref().map(|table| table.place)),
            ("`programs`", file.programs.as_ref().and_then(|list| list.first()).map(|program| program.place)),
            ("[verity]", file.verity.as_ref().map(|table| table.place)),
            (
                "[[partitions]]",
                file.partitions.as_ref().and_then(|list| list.first()).map(|table| table.place),
            ),
            ("[disk]", file.disk.as_ref().map(|table| table.place)),
            ("[boot]", file.boot.as_ref().map(|table| table.place)),
        ];
        for (name, place) in tables {
            if let Some(place) = place {
                let hint = format!(
                    "delete it, or make the image a disk: `kind = \"disk\"` at {}",
                    self.collector.sources.describe(file.kind.place)
                );
                self.collector.report_hinted(place, format!("an image of kind `tree` has no {name}"), hint);
            }
        }
    }

    fn initrd(&mut self, table: Option<&Located<InitrdTable>>) -> Initrd {
        let Some(table) = table else { return Initrd::default() };
        let programs = distinct(table.programs.as_ref(), "program", self.collector);
        let files = distinct(table.files.as_ref(), "file", self.collector);
        for path in programs.iter().chain(&files) {
            self.check_absolute(path);
        }
        let compression = table.compression.map_or(Compression::Zstd, |compression| compression.value);
        if compression == Compression::Lz4hc {
            let place = table.compression.map_or(table.place, |compression| compression.place);
            self.collector.report_hinted(
                place,
                "an initrd is not compressed by `lz4hc`",
                "write `zstd`, `lz4` or `none`",
            );
        }
        Initrd {
            modules: distinct(table.modules.as_ref(), "kernel module", self.collector),
            programs,
            units: self.unit_names(table.units.as_ref()),
            files,
            compression,
        }
    }

    fn filesystem(&mut self, table: Option<&Located<FilesystemTable>>, top: Place) -> Option<Filesystem> {
        let Some(table) = table else {
            let hint = "add [filesystem] with `type = \"ext4\"` or `type = \"erofs\"`";
            self.collector.report_hinted(top, "a disk that boots needs a root file system", hint);
            return None;
        };
        let compression = table.compression.map_or(Compression::None, |compression| compression.value);
        match table.kind.value {
            FilesystemType::Ext4 => {
                if let Some(tails) = table.inline_tails {
                    let hint = "delete it, or choose `erofs`";
                    self.collector.report_hinted(tails.place, "ext4 keeps no tails beside inodes", hint);
                }
                let places = [table.compression.map(|c| c.place), table.compression_level.map(|l| l.place)];
                for place in places.into_iter().flatten() {
                    self.collector.report_hinted(
                        place,
                        "ext4 does not compress",
                        "delete it, or choose `erofs`",
                    );
                }
                Some(Filesystem::Ext4)
            }
            FilesystemType::Erofs => {
                let most = match compression {
                    Compression::None | Compression::Lz4 => 0,
                    Compression::Lz4hc => 12,
                    Compression::Zstd => 22,
                };
                if let Some(level) = table.compression_level
                    && !(1..=most).contains(&level.value)
                {
                    let message = format!("compression `{compression}` has no level {level}");
                    let hint =
                        if most == 0 { "delete it".to_owned() } else { format!("levels are 1 to {most}") };
                    self.collector.report_hinted(level.place, message, hint);
                }
                Some(Filesystem::Erofs {
                    compression,
                    level: table.compression_level.map(|level| level.value),
                    inline_tails: table.inline_tails.is_none_or(|tails| tails.value),
                })
            }
        }
    }

    fn partitions(
        &mut self,
        tables: &[Located<PartitionTable>],
        filesystem: Option<Filesystem>,
        top: Place,
    ) -> Vec<Partition> {
        let mut partitions: Vec<Partition> = Vec::new();
        for table in tables {
            let kind = table.kind.value;
            if kind != PartitionType::LinuxGeneric
                && let Some(first) = partitions.iter().find(|other| other.kind == kind)
            {
                let hint = format!("the first is at {}", self.collector.sources.describe(first.place));
                self.collector.report_hinted(
                    table.kind.place,
                    format!("the disk has two partitions of type `{kind}`"),
                    hint,
                );
            }
            let Some(format) = self.partition_format(table, filesystem) else { continue };
            let label = table.label.as_ref().map_or(kind.as_str(), |label| label.as_str());
            if label.is_empty() || label.encode_utf16().count() > 36 || label.chars().any(char::is_control) {
                let place = table.label.as_ref().map_or(table.place, |label| label.place);
                self.collector
                    .report(place, "a partition label has 1 to 36 characters and no control characters");
            }
            let Some(size) = self.partition_size(table, format) else { continue };
            partitions.push(Partition {
                kind,
                label: label.to_owned(),
                size,
                format,
                place: table.kind.place,
            });
        }
        for needed in [PartitionType::Esp, PartitionType::Root] {
            if !tables.iter().any(|table| table.kind.value == needed) {
                let hint = format!("add [[partitions]] with `type = \"{needed}\"`");
                self.collector.report_hinted(
                    top,
                    format!("a disk that boots needs a partition of type `{needed}`"),
                    hint,
                );
            }
        }
        partitions
    }

    fn partition_format(
        &mut self,
        table: &PartitionTable,
        filesystem: Option<Filesystem>,
    ) -> Option<PartitionFormat> {
        let stated = table.format;
        match table.kind.value {
            PartitionType::Root => {
                if let Some(format) = stated {
                    let hint = "delete it: [filesystem] says what the root is formatted with";
                    self.collector.report_hinted(
                        format.place,
                        "the root partition has a `format` of its own",
                        hint,
                    );
                }
                filesystem.map(|filesystem| match filesystem {
                    Filesystem::Ext4 => PartitionFormat::Ext4,
                    Filesystem::Erofs { .. } => PartitionFormat::Erofs,
                })
            }
            PartitionType::Esp | PartitionType::Xbootldr => {
                if let Some(format) = stated
                    && format.value != PartitionFormat::Vfat
                {
                    self.collector.report_hinted(
                        format.place,
                        "firmware reads FAT alone",
                        "write `vfat` or delete it",
                    );
                }
                Some(PartitionFormat::Vfat)
            }
            PartitionType::Swap => Some(stated.map_or(PartitionFormat::Swap, |format| format.value)),
            _ => Some(stated.map_or(PartitionFormat::Empty, |format| format.value)),
        }
    }

    fn partition_size(
        &mut self,
        table: &Located<PartitionTable>,
        format: PartitionFormat,
    ) -> Option<PartitionSize> {
        match (table.size_mib, table.size) {
            (Some(size), None) => {
                if let Some(free) = table.free_mib {
                    let hint = "delete it, or write `size = \"fit\"` instead of `size-mib`";
                    self.collector.report_hinted(
                        free.place,
                        "`free-mib` means nothing beside a fixed size",
                        hint,
                    );
                }
                if size.value == 0 {
                    self.collector.report(size.place, "a partition has at least 1 MiB");
                }
                Some(PartitionSize::Mib(size.value))
            }
            (None, Some(word)) => {
                if matches!(format, PartitionFormat::Empty | PartitionFormat::Swap) {
                    let message = "a partition with nothing in it cannot be as large as what is in it";
                    self.collector.report_hinted(word.place, message, "write `size-mib`");
                }
                Some(PartitionSize::Fit { free_mib: table.free_mib.map_or(0, |free| free.value) })
            }
            (Some(_), Some(word)) => {
                self.collector.report_hinted(
                    word.place,
                    "the partition has two sizes",
                    "delete `size` or `size-mib`",
                );
                None
            }
            (None, None) => {
                let hint = "add `size-mib = …`, or `size = \"fit\"`";
                self.collector.report_hinted(table.kind.place, "the partition has no size", hint);
                None
            }
        }
    }

    fn formats(&mut self, file: &NativeImageFile, top: Place) -> Vec<DiskFormat> {
        let stated = file.disk.as_ref().and_then(|disk| disk.formats.as_ref());
        let mut formats: Vec<DiskFormat> = Vec::new();
        for format in stated.into_iter().flatten() {
            if formats.contains(&format.value) {
                self.collector.report(format.place, format!("format `{format}` is named twice"));
            } else {
                formats.push(format.value);
            }
        }
        if formats.is_empty() {
            let place = file.disk.as_ref().map_or(top, |disk| disk.place);
            let hint = "add [disk] with `formats = [\"raw\"]`";
            self.collector.report_hinted(place, "no disk file would be made", hint);
        }
        formats.sort_unstable();
        formats
    }

    fn machine(&mut self, file: &NativeImageFile) -> Machine {
        let boot = file.boot.as_ref();
        let memory = boot.and_then(|boot| boot.memory_mib);
        let processors = boot.and_then(|boot| boot.processors);
        for (figure, what) in [(memory, "1 MiB of memory"), (processors, "1 processor")] {
            if let Some(Located { value: 0, place }) = figure {
                self.collector.report(place, format!("a machine has at least {what}"));
            }
        }
        Machine {
            memory_mib: memory.map_or(DEFAULT_MEMORY_MIB, |figure| figure.value),
            processors: processors.map_or(DEFAULT_PROCESSORS, |figure| figure.value),
        }
    }

    /// Mebibytes of a disk that is larger than its partitions.
    fn disk_size(&mut self, file: &NativeImageFile, partitions: &[Partition], slots: u32) -> Option<u64> {
        let size = file.disk.as_ref()?.size_mib?;
        // A mebibyte before the first partition and one behind the last hold the partition table.
        let needed = fixed_mib(partitions, slots).saturating_add(2);
        if size.value < needed {
            let message = format!("the partitions need a disk of {needed} MiB at least");
            self.collector.report_hinted(size.place, message, "raise `size-mib` or make partitions smaller");
        }
        Some(size.value)
    }

    /// Fixed sizes that exceed the budget need no build to be refused.
    fn check_disk_budget(&mut self, file: &NativeImageFile, partitions: &[Partition], slots: u32) {
        let Some(budget) = &file.budget else { return };
        let Some(most) = budget.disk_mib else { return };
        let total = fixed_mib(partitions, slots);
        if total > most {
            let message = format!("the partitions ask for {total} MiB, more than the budget of {most} MiB");
            self.collector.report_hinted(
                budget.place,
                message,
                "raise `disk-mib` or make partitions smaller",
            );
        }
        if let Some(size) = file.disk.as_ref().and_then(|disk| disk.size_mib)
            && size.value > most
        {
            let message = format!("the disk has {size} MiB, more than the budget of {most} MiB");
            self.collector.report_hinted(size.place, message, "raise `disk-mib` or lower `size-mib`");
        }
    }
}

/// What the partitions ask for, whatever is in them; those of a slot as often as there are slots.
fn fixed_mib(partitions: &[Partition], slots: u32) -> u64 {
    let fixed = partitions.iter().map(|partition| {
        let size = match partition.size {
            PartitionSize::Mib(size) => size,
            PartitionSize::Fit { free_mib } => free_mib,
        };
        let times = if SLOT_PARTITIONS.contains(&partition.kind) { u64::from(slots) } else { 1 };
        size.saturating_mul(times)
    });
    fixed.fold(0u64, u64::saturating_add)
}
