//! `lazuli quickstart`: the main job from a definition to a login.

use std::time::Duration;

use host_tools::{Progress as _, Stopwatch};
use serde::Serialize;

use super::image::boot::built_disk;
use super::image::build::{self, Built};
use super::lock::update;
use crate::cli::{Global, ImageRelease, Quickstart};
use crate::failure::Failure;
use crate::output;
use crate::pipeline::{boot, compose, lock, upstream};
use crate::session::{self, Session};

#[derive(Serialize)]
struct Outcome {
    built: Built,
    build_seconds: f64,
    boot_seconds: Option<f64>,
    console: Option<String>,
}

/// Imports, builds, boots, shows the login, and prints what was measured.
pub fn run(global: &Global, options: &Quickstart) -> Result<(), Failure> {
    session::prepare_building()?;
    let session = Session::open(global)?;
    let image = build::native(&session, &options.image)?;
    let disk = compose::disk(image)?;
    let upstream = upstream::answering(&session, global)?;
    let mut locked_file = lock::load(&session.distro)?;
    if !locked_file.upstreams.contains_key(&upstream.id()) {
        output::say(&format!("the lock has nothing of {}: solving every image", upstream.id()));
        locked_file = update::updated(&session, upstream, &locked_file)?;
        lock::save(&session.distro, &locked_file)?;
    }
    let locked = lock::locked(&locked_file, upstream, image)?;
    let folder = build::output_folder(&session, image, None)?;
    let stopwatch = Stopwatch::start();
    let built = build::build(&session, upstream, locked, image, &ImageRelease::default(), &folder)?;
    let build_seconds = stopwatch.elapsed().as_secs_f64();
    let (mut boot_seconds, mut console) = (None, None);
    if !options.no_boot {
        let tools = build::tools(&session, upstream, locked)?;
        let file = built_disk(&folder, &image.name)?;
        session.bars.begin("boot", None);
        let stopwatch = Stopwatch::start();
        let guest = boot::start(&tools.path, &file, disk.machine, &boot::Extras::default())?;
        let text = boot::wait_for_login(guest, Duration::from_secs(options.boot_timeout))?;
        boot_seconds = Some(stopwatch.elapsed().as_secs_f64());
        session.bars.finish("login prompt");
        console = Some(boot::last_lines(&text, 12));
    }
    let result = Outcome { built, build_seconds, boot_seconds, console };
    output::print(global.format, &result, render)
}

fn render(result: &Outcome) -> String {
    let mut text = build::render(&result.built);
    text.push_str(&format!("{} packages, built in {:.1} s\n", result.built.packages, result.build_seconds));
    if let (Some(seconds), Some(console)) = (result.boot_seconds, &result.console) {
        text.push_str(&format!("booted to its login in {seconds:.1} s:\n\n{console}\n"));
    }
    text
}
