//! QEMU's control socket: a command, in; done, out.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// QEMU answers at once or not at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Presses the machine's power button.
pub(super) fn press_power_button(socket: &Path) -> io::Result<()> {
    execute(socket, "system_powerdown")
}

/// Presses the machine's reset button.
pub(super) fn press_reset_button(socket: &Path) -> io::Result<()> {
    execute(socket, "system_reset")
}

fn execute(socket: &Path, command: &str) -> io::Result<()> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut commands = stream;
    let greeting = read(&mut answers)?;
    if greeting.get("QMP").is_none() {
        return Err(io::Error::other(format!("no greeting but {greeting}")));
    }
    for command in ["qmp_capabilities", command] {
        writeln!(commands, "{}", json!({ "execute": command }))?;
        answer(&mut answers)?;
    }
    Ok(())
}

/// The next answer; events in between are not waited for.
fn answer(answers: &mut impl BufRead) -> io::Result<()> {
    loop {
        let message = read(answers)?;
        if message.get("return").is_some() {
            return Ok(());
        }
        if let Some(error) = message.get("error") {
            return Err(io::Error::other(error.to_string()));
        }
    }
}

fn read(answers: &mut impl BufRead) -> io::Result<Value> {
    let mut line = String::new();
    if answers.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_between_command_and_answer_are_passed_over() {
        answer(&mut &b"{\"event\": \"RESUME\"}\n{\"return\": {}}\n"[..]).unwrap();
        let error = answer(&mut &b"{\"error\": {\"class\": \"GenericError\"}}\n"[..]).unwrap_err();
        assert_eq!(error.to_string(), "{\"class\":\"GenericError\"}");
        assert_eq!(answer(&mut &b""[..]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
