"""The root of outside programs, in; their commands, run inside it in a mount namespace of their own, out."""

import subprocess

# Where the outside programs see the work folder: a folder that every such root has, so that nothing is made in it.
INSIDE = "/srv"

# Moved over the old root, not only entered: mkosi makes mounts of its own, which needs a root that is a mount point. All is done by
# programs of this machine; those of the root need not know of mounts.
ENTER = """
set -e
mount --rbind "$1" "$1"
mount --rbind /proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/run"
mount --bind "$2" "$1/srv"
mkdir -p "$2/tmp"
mount --bind "$2/tmp" "$1/tmp"
mount --bind "$2/tmp" "$1/var/tmp"
cd "$1"
mount --move . /
exec chroot . /bin/sh -c "cd /; echo ready; exec cat"
"""

ENVIRONMENT = {
    "PATH": "/usr/bin:/usr/sbin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
    # As image builders set them: no unit is started, and files bear a fixed time.
    "SYSTEMD_OFFLINE": "1",
    "SOURCE_DATE_EPOCH": "1790000000",
}


class Judges:
    """The root, entered for as long as the object is open."""

    def __init__(self, root, work):
        self.work = work
        command = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", ENTER, "sh", str(root.resolve()), str(work)]
        # It ends when its standard input does.
        self.holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise SystemExit(f"{root} cannot be entered as the root of outside programs: build it with `lazuli image build judges`, run as root")

    def close(self):
        """Leaves the namespace, which takes its mounts with it."""
        self.holder.stdin.close()
        self.holder.wait()

    def command(self, *words):
        """The command line that runs `words` inside."""
        process = f"/proc/{self.holder.pid}"
        return ["nsenter", f"--mount={process}/ns/mnt", f"--root={process}/root", f"--wd={process}/root", *map(str, words)]

    def path(self, path):
        """What a path below the work folder is called inside."""
        return f"{INSIDE}/{path.relative_to(self.work)}"

    def call(self, *words):
        """Runs a command that is not measured; its output."""
        done = subprocess.run(self.command(*words), env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, words))}\nended with {done.returncode}:\n{done.stderr.decode(errors='replace')[-4000:]}")
        return done.stdout

    def has(self, program):
        return subprocess.run(self.command("test", "-e", f"/usr/bin/{program}"), check=False).returncode == 0
