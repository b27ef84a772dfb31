//! A program that runs in a sandbox: its pipes, its end, its death.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Pid, Signal, WaitOptions, pidfd_send_signal, waitpid};

use super::Sandbox;
use super::child::{self, ChildEnds};
use super::mount_points::MountPoints;
use super::plan::{Plan, plan, text};
use super::recording::{Recorder, Recording, View};
use super::setup::Stage;
use super::spawner;
use crate::call::{Call, CallError, Output, Sink, Stdin};
use crate::program::stopped_error;
use crate::pump::{OnLine, Pipes, pump};

/// A program that runs in a sandbox; dropped, it is killed with everything it started.
#[derive(Debug)]
pub struct Running {
    /// The other end of its input, if the call asked for a pipe.
    pub stdin: Option<File>,
    /// The other end of its output, if the call asked for a pipe.
    pub stdout: Option<File>,
    /// The other end of its messages, if the call asked for a pipe.
    pub stderr: Option<File>,
    program: String,
    pid: i32,
    pidfd: Arc<OwnedFd>,
    ended: File,
    status: Option<ExitStatus>,
    left_behind: bool,
    recorder: Option<Recorder>,
    _lifeline: OwnedFd,
    _mount_points: MountPoints,
}

/// Kills a program from another thread than the one that waits for it.
#[derive(Debug, Clone)]
pub struct Killer(Arc<OwnedFd>);

impl Killer {
    /// Kills the program and everything it started; nothing happens if it has ended.
    pub fn kill(&self) {
        // The only ways to fail are a process that has ended, which is what is wanted, and a wrong descriptor, which it is not.
        let _ended = pidfd_send_signal(&*self.0, Signal::KILL);
    }
}

impl Running {
    /// Kills the program and everything it started.
    pub fn kill(&self) {
        self.killer().kill();
    }

    /// Something that can kill the program from another thread.
    pub fn killer(&self) -> Killer {
        Killer(Arc::clone(&self.pidfd))
    }

    /// Waits for the program's end.
    pub fn wait(&mut self) -> Result<ExitStatus, CallError> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        let contact = |source: io::Error| CallError::Contact { program: self.program.clone(), source };
        let mut raw = Vec::new();
        self.ended.read_to_end(&mut raw).map_err(contact)?;
        reap(self.pid, &self.pidfd);
        // Process 1 of the namespaces says how the program ended; killed itself, it says nothing, and the program died with it.
        let mut numbers =
            raw.chunks_exact(4).map(|bytes| i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let status = ExitStatus::from_raw(numbers.next().unwrap_or(libc::SIGKILL));
        self.left_behind = numbers.next().is_none_or(|left| left != 0);
        self.status = Some(status);
        Ok(status)
    }

    /// The program's end, if it has ended.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, CallError> {
        if self.status.is_none() {
            let mut polled = [PollFd::new(&self.ended, PollFlags::IN)];
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            let events = poll(&mut polled, Some(&now)).map_err(|errno| CallError::Contact {
                program: self.program.clone(),
                source: errno.into(),
            })?;
            if events == 0 {
                return Ok(None);
            }
        }
        self.wait().map(Some)
    }

    /// Feeds and hears the program until its end, and judges it.
    pub(super) fn finish(
        mut self,
        call: &Call,
        pipes: Pipes,
        on_line: Option<OnLine<'_>>,
    ) -> Result<Output, CallError> {
        self.hear(call, pipes, on_line)
    }

    /// As `finish`, for a program that was started to be recorded: with what it read and wrote, or why that is of no use.
    pub(super) fn finish_recorded(
        mut self,
        call: &Call,
        pipes: Pipes,
    ) -> Result<(Output, Result<Recording, String>), CallError> {
        let output = self.hear(call, pipes, None)?;
        let recording = match self.recorder.take() {
            Some(recorder) => recorder.finish(self.left_behind),
            None => Err("it was not recorded".to_owned()),
        };
        Ok((output, recording))
    }

    fn hear(
        &mut self,
        call: &Call,
        mut pipes: Pipes,
        on_line: Option<OnLine<'_>>,
    ) -> Result<Output, CallError> {
        let limit = |sink: &Sink| if let Sink::Capture { limit } = sink { *limit } else { usize::MAX };
        pipes.stdout = self.stdout.take().map(|pipe| (pipe, limit(&call.stdout)));
        pipes.stderr = self.stderr.take().map(|pipe| (pipe, limit(&call.stderr)));
        let pumped = pump(pipes, self.ended.as_fd(), call.time_limit, on_line);
        if pumped.is_err() {
            self.kill();
        }
        let status = self.wait()?;
        match pumped {
            Ok(captured) => call.judge(Output { status, stdout: captured.stdout, stderr: captured.stderr }),
            Err(stopped) => Err(stopped_error(call, stopped)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            self.kill();
            reap(self.pid, &self.pidfd);
        }
    }
}

/// Starts a call; `stdin` replaces the call's own. With a view, what the program does is recorded.
pub(super) fn start(
    sandbox: &Sandbox,
    call: &Call,
    stdin: Option<&Stdin>,
    recorded: Option<View>,
) -> Result<Running, CallError> {
    let (mut plan, mount_points) = plan(sandbox, call)?;
    let program = call.program_name();
    let contact = |source: io::Error| CallError::Contact { program: program.clone(), source };
    let (input, our_stdin) = input(stdin.unwrap_or(&call.stdin)).map_err(contact)?;
    let (output, our_stdout) = output(&call.stdout, io::stdout().as_fd()).map_err(contact)?;
    let (messages, our_stderr) = match &call.stderr {
        Sink::SameAsStdout => (output.try_clone().map_err(contact)?, None),
        sink => self::output(sink, io::stderr().as_fd()).map_err(contact)?,
    };
    let (started, child_started) = io::pipe().map_err(contact)?;
    let (ended, child_ended) = io::pipe().map_err(contact)?;
    let (child_lifeline, lifeline) = io::pipe().map_err(contact)?;
    let mut recorder = None;
    let mut recorded_end = None;
    if let Some(view) = recorded {
        let (started, filter, end) = Recorder::start(view).map_err(contact)?;
        recorder = Some(started);
        recorded_end = Some(end);
        plan.filter = filter;
    }
    let ends = ChildEnds {
        stdin: input,
        stdout: output,
        stderr: messages,
        started: child_started.into(),
        ended: child_ended.into(),
        lifeline: child_lifeline.into(),
        recorder: recorded_end,
    };
    let init = spawner::start(&plan, ends).map_err(|source| CallError::SetUp {
        program: program.clone(),
        step: "make namespaces (this needs root, or a user namespace with mapped ids)".into(),
        source,
    })?;
    let running = Running {
        stdin: our_stdin,
        stdout: our_stdout,
        stderr: our_stderr,
        program: program.clone(),
        pid: init.pid,
        pidfd: Arc::new(init.pidfd),
        ended: File::from(OwnedFd::from(ended)),
        status: None,
        left_behind: false,
        recorder,
        _lifeline: lifeline.into(),
        _mount_points: mount_points,
    };
    match child::read_report(File::from(OwnedFd::from(started))).map_err(contact)? {
        None => Ok(running),
        Some((stage, index, source)) => Err(refusal(sandbox, &plan, program, stage, index, source)),
    }
}

fn refusal(
    sandbox: &Sandbox,
    plan: &Plan,
    program: String,
    stage: i32,
    index: usize,
    source: io::Error,
) -> CallError {
    let step = match Stage::from_report(stage) {
        Some(Stage::Execute) if source.kind() == io::ErrorKind::NotFound => {
            return CallError::NotFound { program, place: sandbox.root.display().to_string() };
        }
        Some(Stage::Execute) => return CallError::Execute { program, source },
        Some(Stage::Root) => return CallError::Root { root: sandbox.root.clone(), source },
        Some(Stage::Tree) => {
            format!("take {}", plan.trees.get(index).map(|tree| text(&tree.source)).unwrap_or_default())
        }
        Some(Stage::Step) => plan.steps.get(index).map(|step| step.describe(&plan.trees)).unwrap_or_default(),
        Some(Stage::Private) => "cut its mounts off from the host's".into(),
        Some(Stage::Enter) => format!("enter {}", sandbox.root.display()),
        Some(Stage::Hostname) => "set the host name".into(),
        Some(Stage::Loopback) => "raise the loopback interface".into(),
        Some(Stage::Privileges) => "drop capabilities".into(),
        Some(Stage::Fork) => "start a process".into(),
        Some(Stage::Directory) => format!("change to the directory {}", text(&plan.directory)),
        Some(Stage::Record) => "put the program under the filter that records it".into(),
        None => "tell what is wrong".into(),
    };
    CallError::SetUp { program, step, source }
}

/// Waits until the first process of the namespaces, and with it every other one, is gone.
fn reap(pid: i32, pidfd: &OwnedFd) {
    let mut gone = [PollFd::new(pidfd, PollFlags::IN)];
    while let Err(Errno::INTR) = poll(&mut gone, None) {}
    if let Some(pid) = Pid::from_raw(pid) {
        // The spawner's children are not this process's: the kernel has buried them already, and says that there is no such child.
        let _buried = waitpid(Some(pid), WaitOptions::empty());
    }
}

type Ends = (OwnedFd, Option<File>);

fn input(stdin: &Stdin) -> io::Result<Ends> {
    Ok(match stdin {
        Stdin::Null => (File::open("/dev/null")?.into(), None),
        Stdin::File(file) => (file.try_clone()?.into(), None),
        Stdin::Inherit => (fcntl_dupfd_cloexec(io::stdin(), 3)?, None),
        Stdin::Bytes(_) | Stdin::Pipe => {
            let (theirs, ours) = io::pipe()?;
            (theirs.into(), Some(File::from(OwnedFd::from(ours))))
        }
    })
}

fn output(sink: &Sink, inherited: std::os::fd::BorrowedFd<'_>) -> io::Result<Ends> {
    Ok(match sink {
        Sink::Null => (OpenOptions::new().write(true).open("/dev/null")?.into(), None),
        Sink::File(file) => (file.try_clone()?.into(), None),
        Sink::Inherit => (fcntl_dupfd_cloexec(inherited, 3)?, None),
        Sink::Capture { .. } | Sink::Pipe | Sink::SameAsStdout => {
            let (ours, theirs) = io::pipe()?;
            (theirs.into(), Some(File::from(OwnedFd::from(ours))))
        }
    })
}
