"""A command, in; how long it took, what it computed and how much memory it used, out."""

import os
import statistics
import subprocess
import sys
import threading
import time


class Failed(Exception):
    """A command that should have worked did not."""


def run(command, log, accept=(0,), **options):
    """Runs one command to its end and returns what it and all processes below it used."""
    # What the command before this one has written is not written out at this one's cost.
    os.sync()
    with open(log, "wb") as output, Group() as group:
        start = time.monotonic()
        child = subprocess.Popen([*group.entry(), *map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options)
        watcher = threading.Thread(target=group.watch)
        watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        group.ended.set()
        watcher.join()
        cpu = group.cpu_seconds()
    if child.returncode not in accept:
        tail = open(log, encoding="utf-8", errors="replace").read()[-4000:]
        raise Failed(f"{' '.join(map(str, command))}\nended with {child.returncode}:\n{tail}")
    return {"wall": wall, "cpu": cpu, "mib": max(usage.ru_maxrss, group.largest) / 1024}


class Group:
    """A control group of its own for one command.

    wait4 alone would not do: it knows only descendants that somebody waited for, and programs that run others in namespaces leave
    many to the kernel. The group counts the processor time of all. Memory is the resident peak of the largest single process, never a
    sum: wait4's figure, or that of any process that the group was seen to hold. It is at least what this program uses itself,
    because a process starts as a copy of its parent.
    """

    INTERVAL = 0.05

    def __init__(self):
        self.ended = threading.Event()
        self.largest = 0

    def __enter__(self):
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            mounted = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
        with open("/proc/self/cgroup", encoding="utf-8") as groups:
            own = [line.strip()[3:].lstrip("/") for line in groups if line.startswith("0::")]
        if not mounted or not own:
            raise Failed("processor time cannot be counted: there is no cgroup2 file system")
        self.folder = os.path.join(mounted[0], own[0], f"bench-{os.getpid()}")
        try:
            os.mkdir(self.folder)
        except OSError as error:
            raise Failed(f"processor time cannot be counted: no control group can be made: {error}") from error
        return self

    def __exit__(self, *_):
        # A killed process leaves its group a little after its end.
        for _ in range(200):
            try:
                return os.rmdir(self.folder)
            except OSError:
                time.sleep(0.05)
        raise Failed(f"processes are left in {self.folder}")

    def entry(self):
        """What starts a command inside the group."""
        return ["/bin/sh", "-c", f'echo $$ > "{self.folder}/cgroup.procs" && exec "$@"', "sh"]

    def watch(self):
        """Looks at the memory of every process until the command has ended."""
        while not self.ended.wait(self.INTERVAL):
            with open(f"{self.folder}/cgroup.procs", encoding="utf-8") as processes:
                for process in processes.read().split():
                    self.largest = max(self.largest, peak_kib(process))

    def cpu_seconds(self):
        with open(f"{self.folder}/cpu.stat", encoding="utf-8") as statistic:
            return int(dict(line.split() for line in statistic)["usage_usec"]) / 1e6


def peak_kib(process):
    try:
        with open(f"/proc/{process}/status", encoding="utf-8") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        # It ended meanwhile.
        return 0


def alternately(runs, *sides):
    """Runs all sides in turn, so that what else the machine does meets all alike; the results of each, in the order given."""
    results = [[] for _ in sides]
    for _ in range(runs):
        for side, results_of_side in zip(sides, results):
            if side:
                results_of_side.append(side())
    return results


def row(job, ours, peer, theirs):
    """One line of the table: medians, with the fastest and the slowest run in brackets."""
    ratio = "-"
    if theirs:
        ratio = f"{median(theirs):.2f} / {median(ours):.2f} = {median(theirs) / median(ours):.1f}x"
    return f"| {job} | {cells(ours)} | {peer} | {cells(theirs)} | {ratio} |"


def cells(results):
    if not results:
        return "- | - | -"
    walls = [result["wall"] for result in results]
    cpu = statistics.median(result["cpu"] for result in results)
    peak = max(result["mib"] for result in results)
    return f"{median(results):.2f} ({min(walls):.2f}-{max(walls):.2f}) | {cpu:.2f} | {peak:.0f}"


def median(results):
    return statistics.median(result["wall"] for result in results)


def say(text):
    print(text, file=sys.stderr, flush=True)
