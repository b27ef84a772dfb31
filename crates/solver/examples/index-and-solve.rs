//! Reads a plain or compressed `primary.xml`, indexes it and solves, and says what took how long:
//! `index-and-solve PRIMARY INDEX PACKAGE…` (the index is written; when it is there already, it alone is read).

use std::error::Error;
use std::fs;
use std::io::{BufReader, Write};

use host_tools::clock::Stopwatch;
use repository::metadata::{compression, primary_views};
use solver::flat::{Index, IndexBuilder};
use solver::{IndexedRepository, Request, Universe};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let [primary, kept, packages @ ..] = arguments.as_slice() else {
        return Err("usage: index-and-solve PRIMARY INDEX PACKAGE…".into());
    };
    let mut out = std::io::stdout().lock();
    let watch = Stopwatch::start();
    let bytes = match fs::read(kept) {
        Ok(bytes) => bytes,
        Err(_) => {
            let plain = compression::stream(BufReader::new(fs::File::open(primary)?), 8 << 30)?;
            let mut builder = IndexBuilder::default();
            let scanned = primary_views::scan(plain, |package| builder.add(package))??;
            writeln!(out, "scanned ({scanned:?}): {:?}", watch.elapsed())?;
            let bytes = builder.finish();
            writeln!(out, "finished: {:?}, {} bytes", watch.elapsed(), bytes.len())?;
            fs::write(kept, &bytes)?;
            bytes
        }
    };
    writeln!(out, "read: {:?}", watch.elapsed())?;
    let index = Index::open(bytes)?;
    let repository = IndexedRepository { id: "up", priority: 99, cost: 1000, index, files: &[] };
    let universe = Universe::of_indexes("x86_64", [repository], None);
    writeln!(out, "opened: {:?}, {} packages", watch.elapsed(), universe.package_count())?;
    let solution = solver::solve(&universe, &Request::install(packages)?);
    writeln!(out, "solved: {:?}", watch.elapsed())?;
    match solution {
        Ok(solution) => {
            for chosen in solution.packages() {
                writeln!(out, "{}", chosen.nevra())?;
            }
        }
        Err(conflict) => writeln!(out, "{conflict}")?,
    }
    Ok(())
}
