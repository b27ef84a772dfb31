//! A script or triggers, in; run as their owner's, and a failure told or made the transaction's, out.

use host_tools::Stopwatch;

use super::super::{InstallError, Step};
use super::Run;
use crate::package::{PackageContents, Scriptlet, ScriptletKind, ScriptletOwner};
use crate::report::{Phase, Warning, WarningKind};
use crate::scriptlets::Arguments;
use crate::triggers::Firing;

impl Run<'_> {
    pub(super) fn scriptlet_of_step(
        &mut self,
        step: &Step,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let Some(scriptlet) = step.package.contents.scriptlets.get(&kind) else { return Ok(()) };
        self.run_scriptlet(step.package.owner(), scriptlet, kind, count)
    }

    pub(super) fn scriptlet(
        &mut self,
        number: u32,
        contents: &PackageContents,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let Some(scriptlet) = contents.scriptlets.get(&kind) else { return Ok(()) };
        let Some(owner) = self.owners.get(&number).copied() else { return Ok(()) };
        self.run_scriptlet(owner, scriptlet, kind, count)
    }

    pub(super) fn run_scriptlet(
        &mut self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        kind: ScriptletKind,
        count: usize,
    ) -> Result<(), InstallError> {
        let phase = Stopwatch::start();
        let arguments = Arguments { first: Some(count), ..Arguments::default() };
        let ran = self.run(owner, scriptlet, kind, &arguments);
        self.spent(Phase::Scriptlets, phase);
        ran
    }

    pub(super) fn fire(&mut self, firings: Vec<Firing<'_>>) -> Result<(), InstallError> {
        for firing in firings {
            let phase = Stopwatch::start();
            let Some(owner) = self.owners.get(&firing.number).copied() else { continue };
            let arguments = Arguments {
                first: Some(firing.first_argument),
                second: firing.second_argument,
                paths: firing.paths,
            };
            self.run(owner, firing.script, firing.kind, &arguments)?;
            self.spent(Phase::Triggers, phase);
        }
        Ok(())
    }

    pub(super) fn run(
        &mut self,
        owner: ScriptletOwner<'_>,
        scriptlet: &Scriptlet,
        kind: ScriptletKind,
        arguments: &Arguments<'_>,
    ) -> Result<(), InstallError> {
        let name = owner.nevra.to_string();
        let ending = self
            .scriptlets
            .run(owner, scriptlet, kind, arguments)
            .map_err(|source| InstallError::Sandbox { package: name.clone(), kind, source })?;
        match ending.failure {
            None => Ok(()),
            Some(failure) if kind.is_critical() => {
                Err(InstallError::Scriptlet { package: name, kind, ending: failure, output: ending.output })
            }
            Some(failure) => {
                let what = WarningKind::Scriptlet { kind, ending: failure, output: ending.output };
                self.report.warnings.push(Warning { package: name, what });
                Ok(())
            }
        }
    }
}
