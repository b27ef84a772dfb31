//! The command line.

use std::path::PathBuf;

use agent::operation::{Places, Request};
use clap::{Args, Parser, Subcommand, ValueEnum};
use release::Version;

/// Updates this host by swapping its system whole, and goes back when the new one is not healthy.
#[derive(Debug, Parser)]
#[command(name = "lazuli-agent", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 1 failed, 2 wrong command line, 3 refused as the host stands, 5 not what was signed or not healthy, 6 a server cannot be reached."
)]
pub struct Arguments {
    /// How data is printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Do it here and not by the service, which must not run.
    #[arg(long, global = true)]
    pub direct: bool,
    /// Print the steps, and do none of them.
    #[arg(long, global = true)]
    pub plan: bool,
    /// The service's socket.
    #[arg(long, global = true, default_value = agent::api::SOCKET, value_name = "FILE")]
    pub socket: PathBuf,
    /// Where the host is.
    #[command(flatten)]
    pub places: PlaceArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
}

/// Parts of a host that is not the running one, for tests and repairs.
#[derive(Debug, Args)]
pub struct PlaceArguments {
    /// A disk, or the image of one, in place of the one that the root directory lies on.
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    disk: Option<PathBuf>,
    /// A folder that holds its EFI system partition.
    #[arg(long, global = true, hide_short_help = true, value_name = "FOLDER")]
    esp: Option<PathBuf>,
    /// The kernel's command line.
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    command_line: Option<PathBuf>,
    /// The image's os-release.
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    os_release: Option<PathBuf>,
    /// The folder of the agent's state.
    #[arg(long, global = true, hide_short_help = true, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// The file whose lock keeps two agents apart.
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    lock: Option<PathBuf>,
    /// The folder of the image's configuration and root of trust.
    #[arg(long, global = true, hide_short_help = true, value_name = "FOLDER")]
    image_configuration: Option<PathBuf>,
    /// The folder of the operator's configuration.
    #[arg(long, global = true, hide_short_help = true, value_name = "FOLDER")]
    host_configuration: Option<PathBuf>,
    /// The machine's identity.
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    machine_id: Option<PathBuf>,
}

impl PlaceArguments {
    /// The running host's places, with those that were given in their stead.
    pub fn places(self) -> Places {
        let mut places = Places::default();
        let take = |place: &mut PathBuf, given: Option<PathBuf>| {
            if let Some(given) = given {
                *place = given;
            }
        };
        if let Some(state) = &self.state {
            places.trust.folder = state.join("tuf");
        }
        if let Some(folder) = &self.image_configuration {
            places.trust.root = folder.join("root.json");
        }
        places.host.disk = self.disk.or(places.host.disk);
        places.host.esp = self.esp.or(places.host.esp);
        take(&mut places.host.command_line, self.command_line);
        take(&mut places.host.os_release, self.os_release);
        take(&mut places.host.state, self.state);
        take(&mut places.host.lock, self.lock);
        take(&mut places.configuration.image, self.image_configuration);
        take(&mut places.configuration.host, self.host_configuration);
        take(&mut places.machine_id, self.machine_id);
        places
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Tell how the host stands.
    Status,
    /// Look at the channel.
    Check,
    /// Write a version into the free slot; nothing else starts by it.
    Stage(StageArguments),
    /// Let the next boot try the staged version.
    Apply {
        /// Restart at once, whatever window and lock say.
        #[arg(long)]
        reboot: bool,
    },
    /// Take back what was staged or applied and did not run yet.
    Cancel,
    /// Keep the running version, whatever its health checks say.
    Commit,
    /// Go back to the version in the other slot, and never take the running one again by itself.
    Rollback {
        /// Why, for the record.
        #[arg(long, default_value = "an operator went back")]
        reason: String,
        /// Restart at once, whatever window and lock say.
        #[arg(long)]
        reboot: bool,
    },
    /// Stage only this version from now on.
    Pin {
        /// The version.
        version: Version,
    },
    /// Stage what the channel offers again.
    Unpin,
    /// Let a version that failed here be tried again.
    Forgive {
        /// The version.
        version: Version,
    },
    /// Ask the health checks now; exit code 5 if one does not hold.
    Health,
    /// Print the service's counts as Prometheus reads them.
    Metrics,
    /// The writable layer of /etc.
    Etc {
        /// What to do.
        #[command(subcommand)]
        command: EtcCommand,
    },
    /// Be the service: settle, judge a version on trial, bring updates.
    Service,
}

/// What to do with the writable layer of `/etc`.
#[derive(Debug, Subcommand)]
pub enum EtcCommand {
    /// Make /etc at the next boot what the image says.
    Reset {
        /// Restart at once.
        #[arg(long)]
        reboot: bool,
    },
}

/// What to stage.
#[derive(Debug, Args)]
pub struct StageArguments {
    /// This version, and before this machine's turn; without it, what the channel offers.
    version: Option<Version>,
    /// A payload folder in place of the release repository.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["version", "now"])]
    payload: Option<PathBuf>,
    /// Take the folder though nobody signed it.
    #[arg(long, requires = "payload")]
    unsigned: bool,
    /// Before this machine's turn has come.
    #[arg(long)]
    now: bool,
    /// Also if it is older than the running one.
    #[arg(long)]
    allow_downgrade: bool,
    /// Also if it failed here.
    #[arg(long)]
    allow_quarantined: bool,
}

impl StageArguments {
    /// As a request; a relative folder is meant from here, not from where the service runs.
    pub fn request(self) -> Request {
        Request::Stage {
            version: self.version,
            payload: self.payload.map(|folder| std::path::absolute(&folder).unwrap_or(folder)),
            unsigned: self.unsigned,
            now: self.now,
            allow_downgrade: self.allow_downgrade,
            allow_quarantined: self.allow_quarantined,
        }
    }
}
