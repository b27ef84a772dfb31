//! The words that `image.toml` chooses among.

use crate::decode::choice;

choice! {
    /// Format of a root file system.
    pub(crate) enum FilesystemType {
        /// ext4: can be written to.
        "ext4" => Ext4,
        /// EROFS: cannot be written to.
        "erofs" => Erofs,
    }
}

choice! {
    /// How data are compressed.
    pub enum Compression {
        /// Not at all.
        "none" => None,
        /// LZ4.
        "lz4" => Lz4,
        /// LZ4, slower to write and smaller.
        "lz4hc" => Lz4hc,
        /// Zstandard.
        "zstd" => Zstd,
    }
}

choice! {
    /// What a partition is for, in the words of the Discoverable Partitions Specification.
    pub enum PartitionType {
        /// EFI system partition.
        "esp" => Esp,
        /// Extended boot loader partition.
        "xbootldr" => Xbootldr,
        /// Root file system of the image's architecture.
        "root" => Root,
        /// dm-verity data of the root.
        "root-verity" => RootVerity,
        /// Signature of the root's dm-verity data.
        "root-verity-sig" => RootVeritySignature,
        /// /usr of the image's architecture.
        "usr" => Usr,
        /// dm-verity data of /usr.
        "usr-verity" => UsrVerity,
        /// Signature of the dm-verity data of /usr.
        "usr-verity-sig" => UsrVeritySignature,
        /// /home.
        "home" => Home,
        /// /srv.
        "srv" => Srv,
        /// /var.
        "var" => Var,
        /// /var/tmp.
        "tmp" => Tmp,
        /// Swap space.
        "swap" => Swap,
        /// Anything else.
        "linux-generic" => LinuxGeneric,
    }
}

choice! {
    /// What a partition is formatted with.
    pub enum PartitionFormat {
        /// FAT.
        "vfat" => Vfat,
        /// ext4.
        "ext4" => Ext4,
        /// EROFS.
        "erofs" => Erofs,
        /// Swap space.
        "swap" => Swap,
        /// Nothing: all zeros.
        "empty" => Empty,
    }
}

choice! {
    /// Format of a disk file.
    pub enum DiskFormat {
        /// The disk, byte by byte.
        "raw" => Raw,
        /// QEMU's.
        "qcow2" => Qcow2,
        /// Fixed-size VHD of whole MiB, as Azure wants it.
        "vhd" => Vhd,
        /// Composable OS Image: a tar of compressed partitions, for agents that update nodes by whole images.
        "cosi" => Cosi,
    }
}

choice! {
    /// A program of Lazuli itself that an image can have.
    pub enum OwnProgram {
        /// The agent that updates a host.
        "lazuli-agent" => Agent,
        /// The builder of images.
        "lazuli" => Lazuli,
    }
}

choice! {
    /// What SELinux does with a denied access.
    pub enum SelinuxMode {
        /// Refuses it.
        "enforcing" => Enforcing,
        /// Logs it.
        "permissive" => Permissive,
        /// Nothing: it is off, and files carry labels all the same.
        "disabled" => Disabled,
    }
}
