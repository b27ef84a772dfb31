//! A program of the host, run as it is: for what cannot come from a tools tree (making a user namespace) and for judges in tests.
//! Builds use the sandbox instead.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::call::{Call, CallError, Output, Sink, Stdin, last_words};
use crate::pump::{Pipes, Stopped, pump};

/// Runs a program of the host with this process's environment and the call's own variables, and waits for its end.
pub fn run(call: &Call) -> Result<Output, CallError> {
    let program = call.program_name();
    let contact = |source: io::Error| CallError::Contact { program: program.clone(), source };
    let (mut child, pipes) = start(call)?;
    let ended = Pid::from_raw(child.id().cast_signed())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?))
        .map_err(contact)?;
    let pumped = pump(pipes, std::os::fd::AsFd::as_fd(&ended), call.time_limit, None);
    if pumped.is_err() {
        child.kill().map_err(contact)?;
    }
    let status = child.wait().map_err(contact)?;
    match pumped {
        Ok(captured) => call.judge(Output { status, stdout: captured.stdout, stderr: captured.stderr }),
        Err(stopped) => Err(stopped_error(call, stopped)),
    }
}

pub(crate) fn stopped_error(call: &Call, stopped: Stopped) -> CallError {
    let program = call.program_name();
    match stopped {
        Stopped::TooSlow { captured } => CallError::TooSlow {
            program,
            limit: call.time_limit.unwrap_or_default(),
            said: last_words(&Output {
                status: std::process::ExitStatus::default(),
                stdout: captured.stdout,
                stderr: captured.stderr,
            }),
        },
        Stopped::TooMuchOutput { limit } => CallError::TooMuchOutput { program, limit },
        Stopped::Pipe(source) => CallError::Contact { program, source },
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the crate that runs programs")]
fn start(call: &Call) -> Result<(Child, Pipes), CallError> {
    let program = call.program_name();
    let execute = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => {
            CallError::NotFound { program: program.clone(), place: "the search path of this machine".into() }
        }
        _ => CallError::Execute { program: program.clone(), source },
    };
    let mut command = Command::new(&call.program);
    if let Some(names) = &call.inherited {
        let kept = names.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept);
    }
    command.args(&call.args).envs(&call.env);
    if let Some(directory) = &call.directory {
        command.current_dir(directory);
    }
    command.stdin(match &call.stdin {
        Stdin::Null => Stdio::null(),
        Stdin::Bytes(_) | Stdin::Pipe => Stdio::piped(),
        Stdin::File(file) => file.try_clone().map_err(execute)?.into(),
        Stdin::Inherit => Stdio::inherit(),
    });
    let (merged, stdout) = if matches!(call.stderr, Sink::SameAsStdout) {
        let (ours, theirs) = io::pipe().map_err(execute)?;
        command.stderr(theirs.try_clone().map_err(execute)?);
        (Some(File::from(OwnedFd::from(ours))), Stdio::from(theirs))
    } else {
        command.stderr(output(&call.stderr).map_err(execute)?);
        (None, output(&call.stdout).map_err(execute)?)
    };
    command.stdout(stdout);
    let mut child = command.spawn().map_err(execute)?;
    drop(command);
    let file = |fd: OwnedFd| File::from(fd);
    let limit = |sink: &Sink| if let Sink::Capture { limit } = sink { *limit } else { usize::MAX };
    let stdin = child.stdin.take().map(|pipe| {
        let bytes = if let Stdin::Bytes(bytes) = &call.stdin { bytes.clone() } else { Vec::new() };
        (file(pipe.into()), bytes)
    });
    let stdout = merged.or_else(|| child.stdout.take().map(|pipe| file(pipe.into())));
    let stderr = child.stderr.take().map(|pipe| file(pipe.into()));
    let pipes = Pipes {
        stdin,
        stdout: stdout.map(|pipe| (pipe, limit(&call.stdout))),
        stderr: stderr.map(|pipe| (pipe, limit(&call.stderr))),
    };
    Ok((child, pipes))
}

fn output(sink: &Sink) -> io::Result<Stdio> {
    Ok(match sink {
        Sink::Capture { .. } | Sink::Pipe | Sink::SameAsStdout => Stdio::piped(),
        Sink::Null => Stdio::null(),
        Sink::File(file) => file.try_clone()?.into(),
        Sink::Inherit => Stdio::inherit(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_program_gets_its_input_and_gives_its_output() {
        let output = run(&Call::new("cat").stdin(Stdin::Bytes(vec![b'x'; 300_000]))).unwrap();
        assert_eq!(output.stdout.len(), 300_000);
    }

    #[test]
    fn a_program_sees_only_the_variables_that_are_named() {
        let call = Call::new("/bin/sh").args(["-c", "echo \"$PATH:$OWN:$HOME\""]).env("OWN", "ours");
        let own = run(&call.inherit_only(["PATH"])).unwrap().stdout_text();
        assert_eq!(own, format!("{}:ours:\n", std::env::var("PATH").unwrap()));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&Call::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "no-such-program not found in the search path of this machine");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed() {
        let call = Call::new("sh")
            .args(["-c", "echo waiting >&2; exec sleep 60"])
            .time_limit(Duration::from_millis(100));
        let error = run(&call).unwrap_err();
        assert_eq!(error.to_string(), "sh was killed after 0.1 s without an end:\n    waiting");
    }

    #[test]
    fn merged_output_keeps_the_order_of_writing() {
        let call =
            Call::new("sh").args(["-c", "echo one; echo two >&2; echo three"]).stderr(Sink::SameAsStdout);
        assert_eq!(run(&call).unwrap().stdout_text(), "one\ntwo\nthree\n");
    }
}
