"""What is measured: one generator a job, which yields rows of the table."""

import json
import pathlib
import shutil
import subprocess

from judges import ENVIRONMENT
from measure import Failed, alternately, row, run, say

TOP = pathlib.Path(__file__).resolve().parent.parent
RELEASE = "44"

TREE_PROJECT = """
includes = ["{top}/distro/upstreams/*.toml"]

[project]
description = "The server's packages as a bare tree"
work-dir = "../work"
output-dir = "../out"
log-dir = "../log"
rendered-specs-dir = "../specs"
default-distro = {{ name = "bench", version = "1" }}
architecture = "x86_64"
upstreams = [{{ name = "{upstream}", version = "{version}" }}]

[distros.bench]
description = "Bench"
default-version = "1"

[distros.bench.versions."1"]
description = "Bench 1"
release-ver = "1"

[images.server-tree]
description = "The server's packages as a bare tree"
definition = {{ type = "native", path = "image.toml" }}
capabilities = {{ machine-bootable = false, container = false, systemd = true, runtime-package-management = true }}
"""

TREE_IMAGE = """
description = "The server's packages as a bare tree"
kind = "tree"
weak-dependencies = false

[packages]
install = {packages}
"""

MKOSI = """
[Distribution]
Distribution=fedora
Release={release}
Architecture=x86-64
LocalMirror=file://{repo}
RepositoryKeyCheck=no
RepositoryKeyFetch=no

[Build]
WorkspaceDirectory={folder}/workspace
CacheDirectory={folder}/cache
BuildSources=
Incremental=no
WithNetwork=no

[Output]
Format=disk
Output=server
OutputDirectory={folder}/out
CompressOutput=none
ManifestFormat=

[Content]
Packages={packages}
WithRecommends=no
Bootable=yes
Bootloader=uki
Initrds={folder}/initrd
KernelCommandLine={command_line}
Hostname=lazuli
Locale=C.UTF-8
Timezone=UTC
RootPassword=hashed:!
SELinuxRelabel=yes
Seed=8b1a9953-c461-4296-a827-abf8c47804d7
"""

REPART_ESP = """
[Partition]
Type=esp
Format=vfat
CopyFiles=/boot:/
CopyFiles=/efi:/
SizeMinBytes={mib}M
SizeMaxBytes={mib}M
"""

REPART_ROOT = """
[Partition]
Type=root
Format=ext4
CopyFiles=/
SizeMinBytes={mib}M
SizeMaxBytes={mib}M
"""


class Bench:
    """What all jobs share: the program, the outside programs, the work folder and the packages."""

    def __init__(self, lazuli, judges, work, cache):
        self.lazuli, self.judges, self.work = lazuli, judges, work
        self.cache = work / "cache"
        self.log = work / "last.log"
        self.distro = work / "project/distro"
        self.tree = work / "tree/distro"
        self.prepare_cache(cache)
        self.prepare_definitions()

    def prepare_cache(self, cache):
        """Downloads are shared with the user's cache; conversions are made anew here."""
        self.cache.mkdir(exist_ok=True)
        downloads = self.cache / "downloads"
        if (cache / "downloads").is_dir() and not downloads.exists():
            downloads.symlink_to(cache / "downloads")

    def prepare_definitions(self):
        """A copy of the distribution, so that its trees are not the user's; and its server once more as a tree without a disk."""
        clean(self.distro, self.tree)
        shutil.copytree(TOP / "distro", self.distro, symlinks=True)
        plan = json.loads(self.output("-C", self.distro, "image", "build", "server", "--plan", "--format", "json"))
        self.packages = plan["request"]
        self.plan = plan
        name, _, version = plan["upstream"].partition("-")
        self.tree.mkdir(parents=True)
        (self.tree / "lazuli.toml").write_text(TREE_PROJECT.format(top=TOP, upstream=name, version=version))
        (self.tree / "image.toml").write_text(TREE_IMAGE.format(packages=json.dumps(self.packages)))

    def prepare_packages(self):
        """Everything that is fetched before the first measurement: both sides read the same RPM files."""
        say("preparing: packages, locks, tools")
        repos = self.work / "repos"
        self.output("-C", self.distro, "upstream", "import", "--output", repos)
        [self.repo] = (folder for folder in repos.iterdir() if folder.is_dir())
        self.output("-C", self.tree, "--offline", "lock", "update")
        self.output("-C", self.distro, "--offline", "image", "build", "tools")

    def arguments(self, *words):
        return [self.lazuli, "--quiet", "--cache-dir", self.cache, *words]

    def output(self, *words):
        done = subprocess.run(self.arguments(*words), stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise Failed(f"lazuli {' '.join(map(str, words))}:\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def ours(self, *words):
        return run(self.arguments(*words), self.log)

    def theirs(self, *words, accept=(0,)):
        return run(self.judges.command(*words), self.log, accept, env=ENVIRONMENT)

    def dnf(self, root, *words, accept=(0,)):
        """dnf5 on nothing but the imported repository."""
        inside = self.judges.path
        return self.theirs(
            "dnf5", f"--installroot={inside(root)}", "--use-host-config", "--setopt=reposdir=/nonexistent",
            f"--setopt=cachedir={inside(self.work / 'dnf-cache')}", "--setopt=install_weak_deps=False", "--no-plugins",
            f"--repofrompath=upstream,file://{inside(self.repo)}", "--setopt=upstream.gpgcheck=0", f"--releasever={RELEASE}",
            *words, accept=accept)

    def forget_dnf(self):
        clean(self.work / "dnf-cache")


def clean(*paths):
    for path in paths:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)


def job_import(bench, runs):
    """Every package of every image from its downloaded .deb to an .rpm, and their metadata."""
    def ours():
        clean(bench.work / "import", bench.cache / "converted")
        return bench.ours("-C", bench.distro, "--offline", "upstream", "import", "--output", bench.work / "import")
    ours, _ = alternately(runs, ours)
    count = sum(1 for _ in (bench.work / "import").glob("*/*.rpm"))
    clean(bench.work / "import")
    yield row(f"import: convert {count} packages, write metadata", ours, "-", [])


def job_metadata(bench, runs):
    """rpm-md metadata of the folder of all packages."""
    folders = [bench.work / "metadata" / side for side in ("ours", "theirs")]
    for folder in folders:
        clean(folder)
        folder.mkdir(parents=True)
        for package in bench.repo.glob("*.rpm"):
            (folder / package.name).hardlink_to(package)
    def ours():
        clean(folders[0] / "repodata")
        return bench.ours("repo", "create", folders[0])
    def theirs():
        clean(folders[1] / "repodata")
        return bench.theirs("createrepo_c", "--quiet", "--no-database", bench.judges.path(folders[1]))
    ours, theirs = alternately(runs, ours, theirs)
    count = sum(1 for _ in folders[0].glob("*.rpm"))
    clean(bench.work / "metadata")
    yield row(f"repository metadata of {count} packages", ours, "createrepo_c", theirs)


def job_solve(bench, runs):
    """The packages of the server, found; nothing is installed."""
    root, cache = bench.work / "solve-root", bench.work / "solve-cache"
    def ours():
        return run([bench.lazuli, "--quiet", "--cache-dir", cache, "solve", "--no-weak", "--repo", bench.repo, *bench.packages], bench.log)
    def theirs():
        clean(root)
        # It ends with 1 because nobody agreed to the installation.
        return bench.dnf(root, "--assumeno", "install", *bench.packages, accept=(1,))
    def ours_cold():
        clean(cache)
        return ours()
    def theirs_cold():
        bench.forget_dnf()
        return theirs()
    yield row("solve the server, cold", *with_peer("dnf5 --assumeno, no cache", *alternately(runs, ours_cold, theirs_cold)))
    yield row("solve the server, warm", *with_peer("dnf5 --assumeno, metadata cached", *alternately(runs, ours, theirs)))
    clean(root, cache)


def with_peer(peer, ours, theirs):
    return ours, peer, theirs


def job_install(bench, runs):
    """The server's packages with all scriptlets and triggers into an empty tree; both must end with the same packages."""
    root, trees = bench.work / "install-root", bench.work / "tree/work/trees"
    inside = bench.judges.path(root)
    def ours():
        clean(trees)
        return bench.ours("-C", bench.tree, "--offline", "image", "build", "server-tree")
    def theirs():
        clean(root)
        (root / "dev").mkdir(parents=True)
        (root / "proc").mkdir()
        # dnf5 gives scriptlets no /proc and no /dev; systemd's need them.
        bench.judges.call("sh", "-c", f"mount -t proc proc {inside}/proc && mount -t tmpfs -o mode=755 tmpfs {inside}/dev && cd {inside}/dev && "
                          "mknod -m 666 null c 1 3 && mknod -m 666 zero c 1 5 && mknod -m 666 random c 1 8 && mknod -m 666 urandom c 1 9")
        try:
            return bench.dnf(root, "--assumeyes", "install", *bench.packages)
        finally:
            bench.judges.call("umount", f"{inside}/proc", f"{inside}/dev")
    ours, theirs = alternately(runs, ours, theirs)
    [tree] = (folder for folder in trees.iterdir() if folder.is_dir())
    mine, other = (installed(bench, folder) for folder in (tree, root))
    if mine != other:
        raise Failed(f"the two sides installed different packages: {sorted(mine ^ other)}")
    clean(root, trees)
    yield row(f"install the server: {len(mine)} packages, all scriptlets", ours, "dnf5 --installroot", theirs)


def installed(bench, tree):
    listed = bench.judges.call("rpm", "--root", bench.judges.path(tree), "-qa")
    return {name for name in listed.decode().split() if not name.startswith("gpg-pubkey")}


def job_image(bench, runs):
    """The server from cached packages to a bootable disk; and once more with nothing changed."""
    trees = bench.distro.parent / "build/work/trees"
    build = ("-C", bench.distro, "--offline", "image", "build", "server", "--output", bench.work / "out")
    def ours():
        for left in trees.glob("server-*"):
            clean(left)
        return bench.ours(*build)
    mkosi = Mkosi(bench) if bench.judges.has("mkosi") else None
    if not mkosi:
        say("mkosi is not in the root of outside programs: the image has no peer")
    ours, theirs = alternately(runs, ours, mkosi and mkosi.build)
    again, _ = alternately(runs, lambda: bench.ours(*build))
    outputs = ", ".join(sorted(path.suffix[1:] for path in (bench.work / "out").iterdir() if path.suffix in (".raw", ".qcow2", ".vhd")))
    yield row(f"server image from cached packages (initrd made, {outputs})", ours, "mkosi (initrd given, raw)", theirs)
    yield row("server image again, nothing changed", again, "-", [])


class Mkosi:
    """mkosi with the same packages, root file system and kernel command line; it is given the initrd that Lazuli has made."""

    def __init__(self, bench):
        self.bench, self.folder, self.prepared = bench, bench.work / "mkosi", False
        self.inside = bench.judges.path(self.folder)

    def build(self):
        if not self.prepared:
            self.prepare()
            self.prepared = True
        return self.bench.theirs("mkosi", "--directory", f"{self.inside}/source", "--force", "build")

    def prepare(self):
        bench, folder, source = self.bench, self.folder, self.folder / "source"
        clean(folder)
        key = f"mkosi.sandbox/etc/pki/rpm-gpg/RPM-GPG-KEY-fedora-{RELEASE}-primary"
        stub = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"
        for file in (folder / "workspace", folder / "cache", folder / "out", source / "mkosi.repart"):
            file.mkdir(parents=True)
        for file in (source / key, source / "mkosi.extra" / stub):
            file.parent.mkdir(parents=True)
        # mkosi wants a key by this name even where it is told to check none.
        (source / key).touch()
        # mkosi looks for it in the image alone.
        (source / "mkosi.extra" / stub).write_bytes(bench.judges.call("cat", f"/{stub}"))
        sizes = {partition["name"]: partition["mebibytes"] for partition in bench.plan["disk"]["partitions"]}
        [raw] = (bench.work / "out").glob("*.raw")
        # The partition table takes 1 MiB at either end.
        root_mib = raw.stat().st_size // 2**20 - sizes["esp"] - 2
        (source / "mkosi.repart/00-esp.conf").write_text(REPART_ESP.format(mib=sizes["esp"]))
        (source / "mkosi.repart/10-root.conf").write_text(REPART_ROOT.format(mib=root_mib))
        (source / "mkosi.conf").write_text(MKOSI.format(
            release=RELEASE, repo=bench.judges.path(bench.repo), folder=self.inside, packages=",".join(bench.packages),
            command_line=bench.plan["disk"]["command_line"]))
        (folder / "initrd").write_bytes(bench.judges.call("sh", "-c", INITRD, "sh", bench.judges.path(raw)))


# The initrd of a disk's unified kernel image.
INITRD = """
set -e
start=$(sfdisk --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["partitiontable"]["partitions"][0]["start"] * 512)')
mcopy -n -i "$1@@$start" ::/EFI/BOOT/BOOTX64.EFI /tmp/server.efi
python3 -c '
import pefile, sys
for section in pefile.PE("/tmp/server.efi", fast_load=True).sections:
    if section.Name.rstrip(b"\\0") == b".initrd":
        sys.stdout.buffer.write(section.get_data()[: section.Misc_VirtualSize])
'
rm /tmp/server.efi
"""

JOBS = {"import": job_import, "metadata": job_metadata, "solve": job_solve, "install": job_install, "image": job_image}
