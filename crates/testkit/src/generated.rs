//! A number, in; a folder with so many RPMs of realistic size, out, for measuring: always the same bytes.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be set up fails")]

use std::path::Path;
use std::thread;

use rpm::{BuildConfig, CompressionWithLevel, Dependency, FileOptions, PackageBuilder};

const WORDS: [&str; 24] = [
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll",
    "larch", "maple", "north", "ocean", "pines", "quartz", "river", "stone", "tidal", "upland", "valley",
    "willow", "zephyr",
];
const SYMBOLS: [&str; 8] = ["2.2.5", "2.3", "2.4", "2.14", "2.17", "2.34", "2.38", "2.42"];

/// Writes `count` packages into the folder, on as many threads as there are processors.
pub fn packages(count: usize, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for first in 0..threads {
            scope.spawn(move || {
                (first..count).step_by(threads).for_each(|number| package(number, count, folder))
            });
        }
    });
}

fn name(number: usize) -> String {
    let word = |at: usize| WORDS[at % WORDS.len()];
    format!("{}-{}-{number}", word(number), word(number / WORDS.len() + 7 * number))
}

fn package(number: usize, count: usize, folder: &Path) {
    let mut dice = Dice(number as u64 ^ 0x6c61_7a75_6c69);
    let (name, version) = (name(number), format!("{}.{}.{}", dice.below(9), dice.below(30), dice.below(12)));
    let mut builder = PackageBuilder::new(&name, &version, "MIT OR Apache-2.0", "x86_64", &dice.sentence(6));
    let built = 1_700_000_000 + u32::try_from(number % 10_000_000).unwrap();
    let config = BuildConfig::v4().source_date(built).compression(CompressionWithLevel::Zstd(1));
    builder
        .using_config(config)
        .release(format!("{}.gen", dice.below(40)))
        .build_host("localhost")
        .url(format!("https://example.org/{name}"))
        .vendor("Generated")
        .group("Unspecified")
        .description((0..4).map(|_| dice.sentence(12)).collect::<Vec<_>>().join("\n"));
    relations(&mut builder, &mut dice, &name, count);
    files(&mut builder, &mut dice, &name);
    for entry in 0..8 + dice.below(20) {
        let author = format!("{} <{}@example.org> - {version}", dice.word(), dice.word());
        let text = format!("- {}\n- {}", dice.sentence(9), dice.sentence(7));
        builder.add_changelog_entry(author, text, built - 86_400 * u32::try_from(entry).unwrap());
    }
    let built = builder.build().unwrap();
    built.write_file(folder.join(format!("{name}-{version}.x86_64.rpm"))).unwrap();
}

fn relations(builder: &mut PackageBuilder, dice: &mut Dice, name: &str, count: usize) {
    for _ in 0..4 + dice.below(16) {
        builder.requires(Dependency::any(self::name(dice.below(count))));
    }
    for _ in 0..2 + dice.below(8) {
        builder.requires(Dependency::any(format!("lib{}.so.{}()(64bit)", dice.word(), dice.below(9))));
    }
    for symbol in &SYMBOLS[dice.below(SYMBOLS.len())..] {
        builder.requires(Dependency::any(format!("libc.so.6(GLIBC_{symbol})(64bit)")));
    }
    builder.requires(Dependency::script_post("/bin/sh"));
    builder.requires(Dependency::greater_eq(self::name(dice.below(count)), format!("{}.0-1", dice.below(5))));
    for _ in 0..1 + dice.below(5) {
        builder.provides(Dependency::eq(format!("{name}({})", dice.word()), format!("{}", dice.below(90))));
        builder.provides(Dependency::any(format!("lib{name}.so.{}()(64bit)", dice.below(5))));
    }
    builder.recommends(Dependency::any(format!("({} if {})", self::name(dice.below(count)), dice.word())));
    builder.conflicts(Dependency::less(self::name(dice.below(count)), "0.0.1"));
}

fn files(builder: &mut PackageBuilder, dice: &mut Dice, name: &str) {
    let shared = 1 << 13;
    let large: Vec<u8> =
        (0..shared + dice.below(4 * shared)).map(|_| dice.below(256).to_le_bytes()[0]).collect();
    let mut add = |path: String, mode: u16, content: &[u8]| {
        builder.with_file_contents(content, FileOptions::new(path).mode(mode)).unwrap();
    };
    add(format!("/usr/lib64/lib{name}.so"), 0o100_755, &large);
    for number in 0..1 + dice.below(4) {
        add(format!("/usr/bin/{name}-{number}"), 0o100_755, dice.sentence(40).as_bytes());
    }
    add(format!("/etc/{name}.conf"), 0o100_644, dice.sentence(30).as_bytes());
    for number in 0..20 + dice.below(60) {
        let path = format!("/usr/share/{name}/{}/{}-{number}.dat", dice.word(), dice.word());
        add(path, 0o100_644, dice.sentence(20).as_bytes());
    }
}

/// A linear congruential generator (Knuth's constants): the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit.max(1) as u64).unwrap()
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    fn sentence(&mut self, words: usize) -> String {
        (0..words).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}
