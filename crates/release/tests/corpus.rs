//! Every file of the fuzzer's corpora is read as the fuzzer reads it. `UPDATE_EXPECTED=1` writes the seeds anew that are made of
//! versions: after a change of what is published of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use std::fs;

use release::{Channel, Manifest, target};
use testkit::corpus::{folder, seeds};

#[test]
fn every_seed_is_read() {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        for (target, name, bytes) in entry::seeds() {
            fs::create_dir_all(folder(target)).unwrap();
            fs::write(folder(target).join(name), bytes).unwrap();
        }
    }
    let recipes: usize = seeds("recipe").iter().map(|bytes| entry::recipe(bytes)).sum();
    assert!(recipes >= 8, "the seeds have only {recipes} recipes");
    seeds("hash_tree").iter().for_each(|bytes| entry::hash_tree(bytes));
    let documents = seeds("release_documents");
    documents.iter().for_each(|bytes| entry::release_documents(bytes));
    assert!(documents.iter().any(|bytes| Manifest::parse(bytes).is_ok()));
    assert!(documents.iter().any(|bytes| Channel::parse(bytes).is_ok_and(|one| one.promotions.len() > 2)));
    let names = documents.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    assert_eq!(names.filter_map(target::parse).count(), 2);
}
