//! A transaction in; the root tree it makes, with its rpmdb, out.
