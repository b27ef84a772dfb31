//! An apt suite in; deterministic RPMs out.
