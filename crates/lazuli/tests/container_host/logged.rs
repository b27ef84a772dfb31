//! A whole update, every write of it logged: wherever the power fails, and whatever of the last writes the disk then has, a whole
//! version starts.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use testkit::block_log::{BlockLog, Entry, SECTOR, orders};

use crate::judge::{self, Known, judge};
use crate::update::{follow, prepare, status};
use crate::world::{Change, Extent, world};

/// Of so many writes between two flushes every order is judged, of more only how far they came.
const FEW: usize = 12;

#[test]
fn wherever_the_power_fails_in_an_update_a_whole_version_starts() {
    let Some(world) = world(Extent::All) else { return };
    let (first, second) = (world.version("1.0", Change::None), world.version("2.0", Change::None));
    world.releases().offer(&second, "logged");
    let (mut host, server) = prepare(world, "logged");
    follow(&host, &server, "logged");
    host.ask("sync");
    host.switch_off();
    let disk = host.flatten("logged.raw");
    let log = world.folder.join("logged.log");
    host.log_writes(&log);
    host.boot();
    host.ask("lazuli-agent stage && lazuli-agent apply");
    println!("{}", status(&host));
    host.switch_off();

    let log = BlockLog::open(&log).unwrap();
    let known = [Known::new(&first), Known::new(&second)];
    for range in judge::slot(&disk, &known[0]) {
        assert_eq!(log.writes_in(&range).count(), 0, "the running slot is never written");
    }
    let counts = replay(&log, &disk, &known);
    println!("{} entries, {} flushes: {counts:?}", log.entries.len(), log.flushes().len());
    assert!(counts.contains_key("1.0") && counts.contains_key("1.0 2.0"), "{counts:?}");
    std::fs::remove_file(disk).unwrap();
}

/// Judges every state that a power cut may leave; how many states start which versions.
fn replay(log: &BlockLog, path: &Path, known: &[Known]) -> BTreeMap<String, usize> {
    let disk = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let deciding = judge::deciding(path);
    let mut counts = BTreeMap::new();
    let mut flushes = log.flushes();
    flushes.push(log.entries.len());
    let mut start = 0;
    for end in flushes {
        let all: Vec<usize> = (start..end).collect();
        let decisive: Vec<usize> =
            all.iter().copied().filter(|index| touches(&log.entries[*index], &deciding)).collect();
        // What decides nothing is missing: the least that the disk may have of it.
        for order in if decisive.is_empty() { Vec::new() } else { few(&decisive) } {
            let kept = Kept::new(&disk, log, &order);
            for index in &order {
                log.apply(&log.entries[*index], &disk).unwrap();
            }
            record(&disk, known, &mut counts, &format!("entries {order:?} of {start}..{end}"));
            // The next write is torn in its middle.
            let next = order.last().and_then(|last| decisive.iter().find(|index| *index > last));
            if let Some(next) = next {
                let more = Kept::new(&disk, log, &[*next]);
                let sectors =
                    range(&log.entries[*next]).map_or(0, |range| (range.end - range.start) / SECTOR);
                log.apply_torn(&log.entries[*next], sectors / 2, &disk).unwrap();
                record(
                    &disk,
                    known,
                    &mut counts,
                    &format!("entries {order:?} and half of {next} of {start}..{end}"),
                );
                more.put_back(&disk);
            }
            kept.put_back(&disk);
        }
        for index in &all {
            log.apply(&log.entries[*index], &disk).unwrap();
        }
        start = end;
    }
    record(&disk, known, &mut counts, "the end");
    counts
}

fn few(decisive: &[usize]) -> Vec<Vec<usize>> {
    if decisive.len() > FEW {
        let step = decisive.len().div_ceil(FEW);
        return (0..=decisive.len()).step_by(step).map(|count| decisive[..count].to_vec()).collect();
    }
    let chosen = |order: Vec<usize>| order.into_iter().map(|index| decisive[index]).collect();
    orders(&(0..decisive.len())).into_iter().map(chosen).collect()
}

fn record(disk: &File, known: &[Known], counts: &mut BTreeMap<String, usize>, what: &str) {
    let started = judge(disk, known).unwrap_or_else(|problem| panic!("{what}: {problem}"));
    *counts.entry(started.into_keys().collect::<Vec<_>>().join(" ")).or_default() += 1;
}

fn range(entry: &Entry) -> Option<Range<u64>> {
    match entry {
        Entry::Write { place, bytes, .. } => Some(*place..place + (bytes.end - bytes.start)),
        Entry::Discard { range } => Some(range.clone()),
        Entry::Flush => None,
    }
}

fn touches(entry: &Entry, parts: &[Range<u64>]) -> bool {
    range(entry)
        .is_some_and(|range| parts.iter().any(|part| range.start < part.end && part.start < range.end))
}

/// What lay where entries write.
struct Kept(Vec<(u64, Vec<u8>)>);

impl Kept {
    fn new(disk: &File, log: &BlockLog, entries: &[usize]) -> Kept {
        let ranges = entries.iter().filter_map(|index| range(&log.entries[*index]));
        let read = |range: Range<u64>| {
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
            disk.read_exact_at(&mut bytes, range.start).unwrap();
            (range.start, bytes)
        };
        Kept(ranges.map(read).collect())
    }

    fn put_back(self, disk: &File) {
        for (place, bytes) in self.0 {
            disk.write_all_at(&bytes, place).unwrap();
        }
    }
}
