"""An environment for each peer, made once: `benchmarks/cache/serving/<peer>-<digest of its pinned packages>/`."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import ROOT

CACHE = ROOT / "benchmarks" / "cache" / "serving"
REQUIREMENTS = Path(__file__).parent / "requirements"


class CannotInstall(Exception):
    """A peer's packages can't be had here; the text says what the installer said."""


def environment(peer: str) -> Path:
    """The folder of the peer's environment, made if it isn't there. Raises CannotInstall."""
    pinned = REQUIREMENTS / f"{peer}.txt"
    folder = CACHE / f"{peer}-{hashlib.sha256(pinned.read_bytes() + sys.version.encode()).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        print(f"  {peer}: installing {pinned.name} into {folder.relative_to(ROOT)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _said([sys.executable, "-m", "venv", str(folder)])
        _said([str(folder / "bin" / "pip"), "install", "-q", "--no-deps", "-r", str(pinned)])
        (folder / "complete").touch()
    return folder


def python(folder: Path) -> str:
    return str(folder / "bin" / "python")


def site_packages(folder: Path) -> Path:
    return next((folder / "lib").glob("python3.*")) / "site-packages"


def versions(peer: str) -> dict[str, str]:
    """The pinned packages by name."""
    lines = (REQUIREMENTS / f"{peer}.txt").read_text().split()
    return dict(line.split("==", 1) for line in lines)


def _said(words: list[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"{' '.join(words)}: {done.stderr.strip()[-2000:]}")
