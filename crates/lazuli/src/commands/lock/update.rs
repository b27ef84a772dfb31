//! `lazuli lock update`

use definition::lock::{Changes, Lock};
use definition::{Distro, Upstream};

use crate::cli::{Global, LockUpdate};
use crate::failure::Failure;
use crate::output;
use crate::pipeline::{lock, offer, upstream};
use crate::session::Session;

/// Solves every image anew and prints what changed.
pub fn run(global: &Global, options: &LockUpdate) -> Result<(), Failure> {
    let session = Session::open(global)?;
    let upstream = upstream::answering(&session, global)?;
    let old = lock::load(&session.distro)?;
    let new = updated(&session, upstream, &old)?;
    let changes = Lock::changes(&old, &new);
    if !options.dry_run && new != old {
        lock::save(&session.distro, &new)?;
    }
    output::print(global.format, &changes, |changes| render(&session.distro, options, changes))
}

/// The lock with the packages of every image as the upstream offers them now.
pub fn updated(session: &Session, upstream: &Upstream, old: &Lock) -> Result<Lock, Failure> {
    let folder = session.distro.project.work_dir.join("import");
    let offers = offer::of(session, upstream, &folder)?;
    let mut new = old.clone();
    new.upstreams.insert(upstream.id(), lock::solve_all(&session.distro, upstream, &offers)?);
    Ok(new)
}

fn render(distro: &Distro, options: &LockUpdate, changes: &Changes) -> String {
    let path = distro.project.lock_file.display();
    match (changes.is_empty(), options.dry_run) {
        (true, _) => format!("{path}: nothing changed\n"),
        (false, true) => format!("{changes}{path}: not written (--dry-run)\n"),
        (false, false) => format!("{changes}{path}: written\n"),
    }
}
