"""What is measured: one generator a job, which yields rows of the table."""

import json
import pathlib
import shutil
import subprocess

from definitions import job_definition, job_render
from judges import ENVIRONMENT
from measure import Failed, alternately, row, run, say

TOP = pathlib.Path(__file__).resolve().parent.parent
RELEASE = "44"

TREE_PROJECT = """
includes = ["{top}/distro/upstreams/*.toml"]

[project]
description = "Packages as bare trees"
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

"""

TREE_IMAGE_ENTRY = """
[images.{image}]
description = "Packages as a bare tree"
definition = {{ type = "native", path = "{image}.toml" }}
capabilities = {{ machine-bootable = false, container = false, systemd = true, runtime-package-management = true }}
"""

TREE_IMAGE = """
description = "Packages as a bare tree"
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
        self.cache, self.aside = work / "cache", work / "aside"
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
        """A copy of the distribution, so that its trees are not the user's; and its packages once more as trees without a disk."""
        clean(self.distro, self.tree)
        shutil.copytree(TOP / "distro", self.distro, symlinks=True)
        plans = {image: self.plan_of(image) for image in ("server", "tools", "judges")}
        self.plan = plans["server"]
        self.packages = self.plan["request"]
        self.wide = sorted({name for plan in plans.values() for name in plan["request"]})
        name, _, version = self.plan["upstream"].partition("-")
        self.tree.mkdir(parents=True)
        project = TREE_PROJECT.format(top=TOP, upstream=name, version=version)
        for image, packages in (("server-tree", self.packages), ("wide-tree", self.wide)):
            project += TREE_IMAGE_ENTRY.format(image=image)
            (self.tree / f"{image}.toml").write_text(TREE_IMAGE.format(packages=json.dumps(packages)))
        (self.tree / "lazuli.toml").write_text(project)

    def plan_of(self, image):
        return json.loads(self.output("-C", self.distro, "image", "build", image, "--plan", "--format", "json"))

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

    def forget(self, *kinds):
        """Drops what earlier runs left in the cache: `payloads`, `scriptlets`."""
        clean(*(self.cache / kind for kind in kinds))

    def set_aside(self, *paths):
        """Takes trees out of the way without deleting them: ext4 makes files slowly where many were deleted within five minutes."""
        for path in paths:
            if path.exists():
                self.aside.mkdir(exist_ok=True)
                path.rename(self.aside / f"{sum(1 for _ in self.aside.iterdir())}-{path.name}")

    def output(self, *words):
        done = subprocess.run(self.arguments(*words), stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode != 0:
            raise Failed(f"lazuli {' '.join(map(str, words))}:\n{done.stderr.decode(errors='replace')}")
        return done.stdout

    def ours(self, *words):
        return run(self.arguments(*words), self.log)

    def theirs(self, *words, accept=(0,)):
        return run(self.judges.command(*words), self.log, accept, env=ENVIRONMENT)

    def dnf(self, root, *words, accept=(0,), repository=None):
        """dnf5 on nothing but one repository, the imported one if no other is given."""
        inside = self.judges.path
        return self.theirs(
            "dnf5", f"--installroot={inside(root)}", "--use-host-config", "--setopt=reposdir=/nonexistent",
            f"--setopt=cachedir={inside(self.work / 'dnf-cache')}", "--setopt=install_weak_deps=False", "--no-plugins",
            f"--repofrompath=upstream,file://{inside(repository or self.repo)}", "--setopt=upstream.gpgcheck=0", f"--releasever={RELEASE}",
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
    [ours] = alternately(runs, ours)
    count = sum(1 for _ in (bench.work / "import").glob("*/*.rpm"))
    clean(bench.work / "import")
    yield row(f"import: convert {count} packages, write metadata", ours, "-", [])


def job_metadata(bench, runs):
    """rpm-md metadata of the folder of all packages, and of many generated ones."""
    yield from metadata(bench, runs, bench.repo, "packages")
    generated = bench.work / "generated"
    if not generated.exists():
        say("preparing: 5000 generated packages")
        command = ["cargo", "run", "--quiet", "--release", "--package", "xtask", "--", "make-packages", "5000", str(generated)]
        subprocess.run(command, cwd=TOP, check=True)
    yield from metadata(bench, runs, generated, "generated packages")


def metadata(bench, runs, packages, what):
    folders = [bench.work / "metadata" / side for side in ("ours", "theirs")]
    for folder in folders:
        clean(folder)
        folder.mkdir(parents=True)
        for package in packages.glob("*.rpm"):
            (folder / package.name).hardlink_to(package)
    def ours():
        clean(folders[0] / "repodata")
        return bench.ours("repo", "create", "--reread", folders[0])
    def theirs():
        clean(folders[1] / "repodata")
        return bench.theirs("createrepo_c", "--quiet", "--no-database", bench.judges.path(folders[1]))
    ours, theirs = alternately(runs, ours, theirs)
    count = sum(1 for _ in folders[0].glob("*.rpm"))
    clean(bench.work / "metadata")
    yield row(f"repository metadata of {count} {what}", ours, "createrepo_c", theirs)


def job_solve(bench, runs):
    """The packages of the server, found; nothing is installed: in the imported repository, and in the metadata of the whole suite."""
    yield from solve(bench, runs, bench.repo, "of 343 packages")
    suite = bench.work / "suite"
    if not suite.exists():
        say("preparing: metadata of the whole suite")
        bench.output("-C", bench.distro, "upstream", "import", "--metadata-only", "--output", suite)
    [repository] = (folder for folder in suite.iterdir() if folder.is_dir())
    yield from solve(bench, runs, repository, "of the whole suite")


def solve(bench, runs, repository, what):
    root, cache = bench.work / "solve-root", bench.work / "solve-cache"
    def ours():
        return run([bench.lazuli, "--quiet", "--cache-dir", cache, "solve", "--no-weak", "--repo", repository, *bench.packages], bench.log)
    def theirs():
        clean(root)
        # It ends with 1 because nobody agreed to the installation.
        return bench.dnf(root, "--assumeno", "install", *bench.packages, accept=(1,), repository=repository)
    def ours_cold():
        clean(cache)
        return ours()
    def theirs_cold():
        bench.forget_dnf()
        return theirs()
    yield row(f"solve the server {what}, cold", *with_peer("dnf5 --assumeno, no cache", *alternately(runs, ours_cold, theirs_cold)))
    yield row(f"solve the server {what}, warm", *with_peer("dnf5 --assumeno, metadata cached", *alternately(runs, ours, theirs)))
    bench.forget_dnf()
    clean(root, cache)


def with_peer(peer, ours, theirs):
    return ours, peer, theirs


def job_install(bench, runs):
    """The server's packages, and all packages, with their scriptlets and triggers into an empty tree; both sides must end with the same."""
    yield from Installation(bench, "server-tree", bench.packages).rows("the server", runs)
    yield from Installation(bench, "wide-tree", bench.wide).rows("everything", runs)


class Installation:
    """One set of packages, installed by both sides; ours with more and more known from earlier runs."""

    def __init__(self, bench, image, packages):
        self.bench, self.image, self.packages = bench, image, packages
        self.root, self.trees = bench.work / "install-root", bench.work / "tree/work/trees"

    def rows(self, what, runs):
        nothing, scriptlets, everything, theirs = alternately(
            runs,
            lambda: self.ours("payloads", "scriptlets"),
            lambda: self.ours("payloads"),
            self.ours,
            self.theirs)
        [tree] = (folder for folder in self.trees.glob(f"{self.image}-*") if folder.is_dir())
        mine, other = (installed(self.bench, folder) for folder in (tree, self.root))
        if mine != other:
            raise Failed(f"the two sides installed different packages: {sorted(mine ^ other)}")
        size = sum(file.lstat().st_size for file in tree.rglob("*") if file.is_file() and not file.is_symlink()) // 10**6
        clean(self.root, self.trees, self.bench.aside)
        job = f"install {what}: {len(mine)} packages, {size} MB, all scriptlets"
        peer = "dnf5 --installroot"
        yield row(f"{job}; nothing known from earlier runs", nothing, peer, theirs)
        yield row(f"{job}; results of scriptlets known", scriptlets, peer, theirs)
        yield row(f"{job}; packages seen before, too", everything, peer, theirs)

    def ours(self, *forgotten):
        self.bench.set_aside(self.trees)
        self.bench.forget(*forgotten)
        return self.bench.ours("-C", self.bench.tree, "--offline", "image", "build", self.image)

    def theirs(self):
        self.bench.set_aside(self.root)
        (self.root / "dev").mkdir(parents=True)
        (self.root / "proc").mkdir()
        inside, call = self.bench.judges.path(self.root), self.bench.judges.call
        # dnf5 gives scriptlets no /proc and no /dev; systemd's need them.
        call("sh", "-c", f"mount -t proc proc {inside}/proc && mount -t tmpfs -o mode=755 tmpfs {inside}/dev && cd {inside}/dev && "
             "mknod -m 666 null c 1 3 && mknod -m 666 zero c 1 5 && mknod -m 666 random c 1 8 && mknod -m 666 urandom c 1 9")
        try:
            return self.bench.dnf(self.root, "--assumeyes", "install", *self.packages)
        finally:
            call("umount", f"{inside}/proc", f"{inside}/dev")


def installed(bench, tree):
    listed = bench.judges.call("rpm", "--root", bench.judges.path(tree), "-qa")
    return {name for name in listed.decode().split() if not name.startswith("gpg-pubkey")}


def job_image(bench, runs):
    """The server from cached packages to a bootable disk; after one package changed; and once more with nothing changed."""
    trees = bench.distro.parent / "build/work/trees"
    out = bench.work / "out"
    def build():
        return bench.ours("-C", bench.distro, "--offline", "image", "build", "server", "--output", out)
    def ours(*forgotten):
        clean(out)
        bench.set_aside(*trees.glob("server-*"))
        bench.forget(*forgotten)
        return build()
    changed = Change(bench)
    def rebuild():
        changed.again()
        return build()
    mkosi = Mkosi(bench) if bench.judges.has("mkosi") else None
    if not mkosi:
        say("mkosi is not in the root of outside programs: the image has no peer")
    nothing, known, after_change, again, theirs = alternately(
        runs, lambda: ours("payloads", "scriptlets", "images"), ours, rebuild, build, mkosi and mkosi.build)
    clean(bench.aside)
    outputs = ", ".join(sorted(path.suffix[1:] for path in out.iterdir() if path.suffix in (".raw", ".qcow2", ".vhd")))
    job, peer = "server image from cached packages", "mkosi (initrd given, raw)"
    yield row(f"{job} (initrd made, {outputs}); nothing known from earlier runs", nothing, peer, theirs)
    yield row(f"{job}; all known, its tree removed", known, peer, theirs)
    yield row("server image after one package changed", after_change, peer, theirs)
    yield row("server image again, nothing changed", again, peer, theirs)


class Change:
    """A package of the server that differs each time: a line of the configuration that its override writes."""

    LINE = 'with = "PermitRootLogin prohibit-password'

    def __init__(self, bench):
        self.bench, self.count = bench, 0
        self.file = bench.distro / "upstreams/debian-forky/overrides/openssh-server.toml"
        self.text = self.file.read_text()
        if self.text.count(self.LINE) != 1:
            raise Failed(f"{self.file} has no line `{self.LINE}` to change")

    def again(self):
        self.count += 1
        self.file.write_text(self.text.replace(self.LINE, f"{self.LINE} # {self.count}"))
        self.bench.output("-C", self.bench.distro, "--offline", "lock", "update")


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

JOBS = {
    "import": job_import, "metadata": job_metadata, "solve": job_solve, "install": job_install, "image": job_image,
    "definition": job_definition, "render": job_render}
WITHOUT_PACKAGES = {"definition", "render"}
