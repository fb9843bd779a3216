"""The images, built by buildah on a base made by debootstrap, and their processes as a container runtime runs them.

Root on Linux is needed. A process runs in mount and PID namespaces of its own, as the image's user, with the image's
environment and command, a read-only root and writable volumes; it shares the machine's network.
"""

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.system.chart import ROOT

SUITE = "bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
VOLUMES = ("/var/lib/vedette", "/var/cache/vedette", "/tmp")


class Images:
    """A store of images, made for the tests and removed after them."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="vedette-images-"))
        self._containers: list[str] = []

    def make_base(self) -> None:
        """Debian with Python, in place of the official image."""
        tree = self._folder / "base"
        _run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(tree))
        shutil.copyfile(CERTIFICATES, tree / CERTIFICATES.relative_to("/"))  # whom this machine trusts
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(tree), "/")
        self._buildah("commit", "--quiet", container, "localhost/base")
        self._buildah("rm", container)
        shutil.rmtree(tree)

    def build(self, target: str) -> "Image":
        """Build a target of the Dockerfile."""
        name = f"localhost/vedette-{target}"
        options = [
            "--quiet",
            "--format=docker",
            "--isolation=chroot",
            "--layers",
            f"--target={target}",
            f"--tag={name}",
        ]
        self._buildah("bud", *options, "--build-arg=BASE_IMAGE=localhost/base", str(ROOT))
        container = self._buildah("from", name)
        self._containers.append(container)
        config = json.loads(self._buildah("inspect", "--type=image", name))["Docker"]["config"]
        return Image(Path(self._buildah("mount", container)), config)

    def close(self) -> None:
        """Remove everything."""
        for container in self._containers:
            self._buildah("umount", container)
            self._buildah("rm", container)
        self._buildah("rmi", "--all", "--force")
        _run("umount", "--all-targets", str(self._folder / "store" / "overlay"), may_fail=True)
        shutil.rmtree(self._folder)

    def _buildah(self, *arguments: str) -> str:
        places = [f"--root={self._folder / 'store'}", f"--runroot={self._folder / 'run'}", "--storage-driver=overlay"]
        return _run("buildah", *places, *arguments, TMPDIR=str(self._folder))


class Image:
    """A built image: its files, and what it says of itself."""

    def __init__(self, root: Path, config: dict[str, Any]) -> None:
        self.root = root
        self.config = config
        self.environment = dict(variable.split("=", 1) for variable in config["Env"])

    def start(
        self, log: Path, arguments: list[str] | None = None, mounts: dict[Path, str] | None = None, **variables: str
    ) -> subprocess.Popen[bytes]:
        """Run its command, or `arguments` behind its entry point; `mounts`: files and folders into it, read-only."""
        command = [*self.config["Entrypoint"], *(self.config["Cmd"] if arguments is None else arguments)]
        return self._popen(log, command, mounts or {}, variables)

    def is_healthy(self, log: Path, **variables: str) -> bool:
        """Whether its HEALTHCHECK succeeds."""
        return self._popen(log, self.config["Healthcheck"]["Test"][1:], {}, variables).wait(60) == 0

    def _popen(
        self, log: Path, command: list[str], mounts: dict[Path, str], variables: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        root = shlex.quote(str(self.root))
        lines = [f"mount --bind {root} {root}", f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
        user = self.config["User"]
        lines += [f"mount -t tmpfs -o uid={user.split(':')[0]} tmpfs {root}{volume}" for volume in VOLUMES]
        for source, target in mounts.items():
            place = self.root / target.removeprefix("/")
            if not place.exists():
                place.mkdir(parents=True) if source.is_dir() else place.touch()
            lines.append(f"mount --bind -o ro {shlex.quote(str(source))} {root}{target}")
        lines.append(f"mount -o remount,ro,bind {root}")
        environment = shlex.join([f"{name}={value}" for name, value in {**self.environment, **variables}.items()])
        inside = shlex.join(["cd", self.config["WorkingDir"]]) + f" && exec {shlex.join(command)}"
        lines.append(f"exec chroot --userspec={user} {root} /usr/bin/env -i {environment} sh -c {shlex.quote(inside)}")
        with log.open("ab") as output:
            return subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", "\n".join(lines)],
                stdout=output,
                stderr=subprocess.STDOUT,
            )


def _run(*command: str, may_fail: bool = False, **variables: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    assert may_fail or done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()
