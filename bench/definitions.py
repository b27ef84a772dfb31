"""What is measured on a real definition with its rendered specs: reading it, and rendering all of it."""

import os
import pathlib
import shutil
import subprocess

from measure import Failed, alternately, row, run, say

NOBODY = 65534


class Checkout:
    """A definition with rendered specs, below LAZULI_BENCH_DEFINITION, and what the jobs make of it in the work folder."""

    def __init__(self, bench):
        self.bench, self.folder = bench, pathlib.Path(os.environ["LAZULI_BENCH_DEFINITION"]).absolute()
        self.sources, self.output = bench.work / "sources", bench.work / "rendered"

    def write_sources(self):
        """The sources of every component whose source can be told from its rendered spec."""
        if not self.sources.exists():
            say("preparing: sources of components")
            # It ends with 1 where specs differ from what this program makes of them; that is another test's business.
            command = self.bench.arguments("dev", "azldev-corpus", self.folder, "--write-sources", self.sources)
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return sum(1 for _ in self.sources.iterdir())


def checkout(bench):
    if not os.environ.get("LAZULI_BENCH_DEFINITION"):
        say("LAZULI_BENCH_DEFINITION names no definition with rendered specs: not measured")
        return None
    return Checkout(bench)


def job_definition(bench, runs):
    """A real definition, read, resolved and validated; by azldev, too, if AZLDEV names it."""
    tree = checkout(bench)
    if not tree:
        return
    ours = lambda: bench.ours("-C", tree.folder, "config", "check")
    theirs, peer = None, "-"
    if azldev := os.environ.get("AZLDEV"):
        theirs, peer = Azldev(bench, tree, azldev).list, "azldev component list -a"
    ours, *others = alternately(runs, ours, *([theirs] if theirs else []))
    yield row("a real definition, read and validated", ours, peer, others[0] if others else [])


class Azldev:
    """azldev on a copy of the definition without rendered specs: it refuses root and writes a log beside what it reads."""

    def __init__(self, bench, tree, program):
        self.bench, self.program = bench, program
        self.folder = bench.work / "azldev"
        if self.folder.exists():
            shutil.rmtree(self.folder)
        shutil.copytree(tree.folder, self.folder, symlinks=True, ignore=shutil.ignore_patterns("specs", ".git"))
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def list(self):
        user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        home = ("env", "-u", "XDG_CONFIG_HOME", "HOME=/nonexistent")
        return run([*user, *home, self.program, "-C", self.folder, "component", "list", "-a", "-q", "-O", "json"], self.bench.log)


def job_render(bench, runs):
    """Every component of a real definition whose source is known, rendered from a folder of sources; and once more with nothing changed."""
    tree = checkout(bench)
    if not tree:
        return
    count = tree.write_sources()
    def render():
        return bench.ours("-C", tree.folder, "--offline", "component", "render", "--dist-git", tree.sources, "--output", tree.output, "--accept-failures")
    def from_nothing():
        bench.set_aside(tree.output)
        bench.forget("rendered", "components")
        return render()
    first, again = alternately(runs, from_nothing, render)
    rendered = sum(1 for _ in tree.output.glob("*/*/*.spec"))
    if rendered < count * 9 // 10:
        raise Failed(f"of {count} components with sources only {rendered} were rendered: see {bench.log}")
    yield row(f"render {rendered} components; nothing known from earlier runs", first, "-", [])
    yield row(f"render {rendered} components again, nothing changed", again, "-", [])
