"""The fault suite as it is run, with one fault; and ended before it is done."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDER = "vedette-chaos-"


def chaos(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "chaos", "--dry", *words],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def left(folder: Path) -> list[str]:
    """Command lines of processes that know the folder."""
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(str(folder) in word for word in process.info["cmdline"] or [])
    ]


@pytest.fixture
def folder() -> Path:
    """Short: sockets may lie in it."""
    return Path(tempfile.mkdtemp())


@pytest.mark.timeout(600)
def test_a_killed_worker_is_survived_and_no_process_is_left(folder: Path) -> None:
    running = chaos(folder, "--minutes", "9", "--only", "kill-inference")
    said, _ = running.communicate(timeout=560)
    assert running.returncode == 0, said
    assert re.search(r"\| kill-inference \| .* \| [\d.]+ s \| [\d.]+ s \| 120 frames, \d\d events \| nothing \|", said)
    assert not left(folder)
    assert not list(folder.iterdir())


def test_an_interrupted_run_leaves_no_process(folder: Path) -> None:
    running = chaos(folder, "--only", "kill-server")
    end = time.monotonic() + 100
    while sum("vedette gateway" in words for words in left(folder)) < 2:
        assert time.monotonic() < end, "its processes start"
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=100)
    assert running.returncode == 1
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not left(folder)


@pytest.mark.parametrize("words", [["--only", "kill-nobody"], ["--minutes", "0"]])
def test_wrong_use_is_status_2(words: list[str], folder: Path) -> None:
    running = chaos(folder, *words)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "Traceback" not in said
