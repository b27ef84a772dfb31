//! Commands: what is asked of the service, or done here where no service runs.

mod arguments;
mod output;
mod text;

use std::process::ExitCode;

use agent::api::{ApiError, Client};
use agent::execute::Watch;
use agent::fill::Filled;
use agent::operation::{Agent, Answer, Failure, Request, Restart, Status};
use agent::plan::Step;
use agent::service::{self, Machine, Options, Outside as _, View};
use agent::{health, service::HealthView};

pub use arguments::Arguments;
use arguments::{Command, EtcCommand, Format};
use output::{print, say};

/// The work failed.
const FAILED: u8 = 1;
/// The host does not allow it as it stands: something has to change first.
const REFUSED: u8 = 3;
/// Something is not what was signed, or not healthy.
const VERIFICATION: u8 = 5;
/// A server cannot be reached.
const NETWORK: u8 = 6;

/// Does what the command line says.
pub fn run(arguments: Arguments) -> ExitCode {
    let format = arguments.format;
    match perform(arguments) {
        Ok(code) => code,
        Err(failure) => {
            say(&match format {
                Format::Text => text::failure(&failure),
                Format::Json => serde_json::to_string(&failure).unwrap_or(failure.message.clone()),
            });
            ExitCode::from(exit_code(&failure.name))
        }
    }
}

fn perform(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { format, direct, plan, places, socket, command } = arguments;
    let agent = Agent::new(places.places());
    let client = Client::new(&socket);
    let request = match command {
        Command::Service => {
            service::run(agent.places, &Options::at(&socket))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Status => return status(&agent, &client, direct, format),
        Command::Metrics => {
            print(&asked(client.text("/metrics"))?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Health => return health(&agent, format),
        Command::Check => Request::Check,
        Command::Stage(stage) => stage.request(),
        Command::Apply { reboot } => Request::Apply { reboot },
        Command::Cancel => Request::Cancel,
        Command::Commit => Request::Commit,
        Command::Rollback { reason, reboot } => Request::Rollback { reason, reboot },
        Command::Pin { version } => Request::Pin { version },
        Command::Unpin => Request::Unpin,
        Command::Forgive { version } => Request::Forgive { version },
        Command::Etc { command: EtcCommand::Reset { reboot } } => Request::ResetEtc { reboot },
    };
    let answer = match (direct, plan) {
        (true, false) => agent.perform(&request, &agent.configuration()?, &mut Steps)?,
        (true, true) => agent.plan(&request, &agent.configuration()?, &mut Steps)?,
        (false, false) => asked(client.perform(&request))?,
        (false, true) => asked(client.plan(&request))?,
    };
    print(&match format {
        // Steps that were done here were told as they were done.
        Format::Text => text::answer(&answer, plan || !direct),
        Format::Json => output::json(&answer)?,
    })?;
    if direct && answer.restart == Restart::Now { restart(&answer) } else { Ok(ExitCode::SUCCESS) }
}

fn status(agent: &Agent, client: &Client, direct: bool, format: Format) -> Result<ExitCode, Failure> {
    let view = if direct {
        let status = Status::of(&agent.survey()?, agent.resets_etc());
        View { status: Some(status), ..View::default() }
    } else {
        asked(client.get("/v1/status"))?
    };
    print(&match format {
        Format::Text => text::view(&view),
        Format::Json => output::json(&view)?,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn health(agent: &Agent, format: Format) -> Result<ExitCode, Failure> {
    let checks = agent.checks()?;
    let problems = health::problems(&checks, &mut health::System);
    let healthy = problems.is_empty();
    print(&match format {
        Format::Text => text::health(&checks, &problems),
        Format::Json => output::json(&HealthView { seconds: 0, problems })?,
    })?;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::from(VERIFICATION) })
}

fn restart(answer: &Answer) -> Result<ExitCode, Failure> {
    say(&format!("{}; the machine restarts", answer.message));
    Err(Machine::new(agent::pulse::Pulse::default()).restart())
}

/// What failed at the service is told as if it had failed here.
fn asked<T>(answer: Result<T, ApiError>) -> Result<T, Failure> {
    answer.map_err(|error| match error {
        ApiError::Failed(failure) => failure,
        error => error.into(),
    })
}

/// Tells the steps as they are done.
struct Steps;

impl Watch for Steps {
    fn step(&mut self, number: usize, steps: usize, step: &Step) {
        say(&format!("{number}/{steps} {step}"));
    }

    fn filled(&mut self, _filled: Filled, _size: u64) {}
}

fn exit_code(name: &str) -> u8 {
    match name.split('.').next().unwrap_or_default() {
        "update" | "slot" | "esp" | "host" | "config" => REFUSED,
        "trust" | "payload" => VERIFICATION,
        "release" if name == "release.wrong-digest" => VERIFICATION,
        "download" | "fleet-lock" => NETWORK,
        _ => FAILED,
    }
}
