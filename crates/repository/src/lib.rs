//! rpm-md repositories: verified package sets in, repodata out; downloads and their cache.
