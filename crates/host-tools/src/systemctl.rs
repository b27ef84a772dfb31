//! systemctl of the running system: states of units and of the whole, and the restart of the machine.

use std::time::Duration;

use crate::call::Call;
use crate::exchange::ToolError;
use crate::program;

const TOOL: &str = "systemctl";
/// The manager answers at once or hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// What the manager says of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// The unit's name.
    pub name: String,
    /// `loaded`, `not-found`, `masked`, …
    pub load: String,
    /// `active`, `activating`, `inactive`, `failed`, …
    pub active: String,
    /// `running`, `exited`, `dead`, …
    pub sub: String,
}

/// The states of these units, in their order.
pub fn unit_states(names: &[&str]) -> Result<Vec<UnitState>, ToolError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let call = Call::new(TOOL)
        .args(["show", "--no-pager", "--property=LoadState,ActiveState,SubState", "--"])
        .args(names)
        .time_limit(LIMIT);
    parse_states(names, &program::run(&call)?.stdout_text())
}

/// `running`, `degraded`, `starting`, …: the state of the whole system.
pub fn system_state() -> Result<String, ToolError> {
    // Everything but `running` is told by the exit status as well.
    let call = Call::new(TOOL).arg("is-system-running").accept_any_status().time_limit(LIMIT);
    let output = program::run(&call)?;
    let state = output.stdout_text().trim().to_owned();
    if state.is_empty() {
        Err(ToolError::Answer { tool: TOOL, said: output.stderr_text() })
    } else {
        Ok(state)
    }
}

/// The units that failed, by name.
pub fn failed_units() -> Result<Vec<String>, ToolError> {
    let call = Call::new(TOOL)
        .args(["list-units", "--state=failed", "--plain", "--no-legend", "--no-pager", "--full"])
        .time_limit(LIMIT);
    Ok(parse_names(&program::run(&call)?.stdout_text()))
}

/// Asks for the machine's restart, in order; comes back before it happens.
pub fn reboot() -> Result<(), ToolError> {
    let call = Call::new(TOOL).args(["reboot", "--no-wall"]).time_limit(LIMIT);
    program::run(&call).map(drop).map_err(ToolError::from)
}

/// One block of properties a unit, in the order of the names, parted by empty lines.
fn parse_states(names: &[&str], text: &str) -> Result<Vec<UnitState>, ToolError> {
    let unclear = || ToolError::Answer { tool: TOOL, said: text.trim().to_owned() };
    let blocks: Vec<&str> = text.trim_end().split("\n\n").collect();
    if blocks.len() != names.len() {
        return Err(unclear());
    }
    let states = names.iter().zip(blocks).map(|(name, block)| {
        let value = |key: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(str::to_owned).ok_or_else(unclear)
        };
        Ok(UnitState {
            name: (*name).to_owned(),
            load: value("LoadState")?,
            active: value("ActiveState")?,
            sub: value("SubState")?,
        })
    });
    states.collect()
}

fn parse_names(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_a_block_of_properties() {
        let text = "LoadState=loaded\nActiveState=active\nSubState=running\n\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n";
        let states = parse_states(&["containerd.service", "other.service"], text).unwrap();
        let shown: Vec<String> = states
            .iter()
            .map(|state| format!("{} {} {} {}", state.name, state.load, state.active, state.sub))
            .collect();
        assert_eq!(
            shown,
            ["containerd.service loaded active running", "other.service not-found inactive dead"]
        );
        let error = parse_states(&["a.service"], "Failed to connect").unwrap_err();
        assert_eq!(error.to_string(), "systemctl gave an answer that cannot be read: Failed to connect");
    }

    #[test]
    fn failed_units_are_the_first_words() {
        let text = "demo.service loaded failed failed A demo\nx.mount loaded failed failed /x\n";
        assert_eq!(parse_names(text), ["demo.service", "x.mount"]);
        assert_eq!(parse_names("\n"), Vec::<String>::new());
    }
}
