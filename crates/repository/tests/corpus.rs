//! Every file of the fuzzer's corpora is read as the fuzzer reads it, and what hostile metadata may take of memory is bounded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "hostile/entry.rs"]
mod entry;

use repository::metadata::compression::{Compression, CompressionError, fold, unfold};
use repository::metadata::{filelists, primary};
use testkit::corpus::seeds;
use testkit::memory::{Alone, Counting};

#[global_allocator]
static COUNTING: Counting = Counting;

fn each_seed(target: &str, read: impl Fn(&[u8])) {
    seeds(target).iter().for_each(|bytes| read(bytes));
}

#[test]
fn every_seed_is_read() {
    each_seed("primary", entry::primary);
    each_seed("filelists", entry::filelists);
    each_seed("repomd", entry::repomd);
    each_seed("metalink", entry::metalink);
    each_seed("unfold", entry::unfold);
}

/// 64 MiB of nothing, in a few kilobytes.
#[test]
fn a_bomb_stops_at_what_was_promised() {
    let alone = Alone::wait();
    const PROMISED: u64 = 1 << 20;
    let plain = vec![0; 64 << 20];
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::Bzip2] {
        let bomb = fold(&plain, compression).unwrap();
        let (result, most) = alone.peak(|| unfold(&bomb, PROMISED));
        assert!(matches!(result, Err(CompressionError::TooLarge { limit: PROMISED })), "{compression:?}");
        assert!(most < 8 << 20, "{compression:?}: {most} bytes held");
    }
}

/// Elements in each other, a million deep: neither the stack nor more than a few bytes an element.
#[test]
fn nesting_takes_no_stack() {
    let alone = Alone::wait();
    let depth = 1_000_000;
    let deep = format!("<metadata>{}{}</metadata>", "<a>".repeat(depth), "</a>".repeat(depth));
    let (result, most) = alone.peak(|| primary::parse(&deep, "deep"));
    assert_eq!(result.unwrap().len(), 0);
    assert!(most < 32 * depth, "{most} bytes held");
    let unclosed = &deep[..deep.len() / 2];
    assert!(primary::parse(unclosed, "deep").is_err());
    let lists = deep.replace("metadata>", "filelists>");
    let (result, most) = alone.peak(|| filelists::read(lists.as_bytes(), "deep", &|_| true));
    assert_eq!(result.unwrap().len(), 0);
    assert!(most < 32 * depth, "{most} bytes held");
}

#[test]
fn boolean_dependencies_nest_so_far_and_no_farther() {
    let package = |depth: usize| {
        let name = format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        format!(
            "<metadata><package type=\"rpm\"><name>n</name><arch>a</arch><version ver=\"1\" rel=\"1\"/>\
             <checksum type=\"sha256\">{}</checksum><location href=\"l\"/><format><rpm:requires>\
             <rpm:entry name=\"{name}\"/></rpm:requires></format></package></metadata>",
            "ab".repeat(32)
        )
    };
    assert_eq!(primary::parse(&package(60), "deep").unwrap().len(), 1);
    let error = primary::parse(&package(1_000_000), "deep").unwrap_err().to_string();
    assert!(error.contains("nested deeper than 64 levels"), "{}", &error[error.len() - 100..]);
}
