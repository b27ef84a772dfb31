//! A root tree in; partitions, file systems, unified kernel image and disk files out.
