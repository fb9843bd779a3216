"""``vedette simulate``, run as a process."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from tests.gateway.simulator.test_clients import WALK, WALK_H265, watch

PROGRAM = (
    "import argparse, sys; from gateway.simulator import command; parser = argparse.ArgumentParser();"
    "command.add_arguments(parser); sys.exit(command.run(parser.parse_args()))"
)


def start(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(*arguments: object) -> tuple[int, str]:
    with start(*arguments) as process:
        _, errors = process.communicate(timeout=40)
        return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_prints_urls_that_play_and_ends_quietly(number: signal.Signals) -> None:
    options = ("--listen", "127.0.0.1:0", "--user", "op", "--password", "a b", "--basic", "--fps", "50")
    with start(WALK, WALK_H265, WALK, *options) as process:
        assert process.stdout is not None
        urls = [process.stdout.readline().strip() for _ in range(3)]
        assert [url.rpartition("/")[2] for url in urls] == ["walk-320", "walk-h265", "walk-320-2"]
        assert len(await watch(urls[2], "tcp", 3)) == 3
        begun = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (0, "")
    assert time.monotonic() - begun < 10


def test_what_cannot_be_played_is_one_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all")
    for video, reason in [
        (tmp_path / "none.mp4", "there is no such file"),
        (tmp_path / "text.mp4", "cannot be read as a video"),
        (strange_video(tmp_path / "strange.avi"), "mpeg4; only H.264, H.265, MJPEG"),
    ]:
        status, errors = outcome(video, "--listen", "127.0.0.1:0")
        assert (status, errors.count("\n")) == (2, 1)
        assert str(video) in errors
        assert reason in errors


def test_wrong_options_are_one_line_and_status_2() -> None:
    for options, reason in [
        (("--user", "op"), "--user and --password"),
        (("--digest",), "--digest needs"),
        (("--fps", "0"), "fps is 0"),
        (("--no-udp", "--no-tcp"), "not allowed with"),
        (("--listen", "8554"), "is not HOST:PORT"),
    ]:
        status, errors = outcome(WALK, *options)
        assert status == 2
        assert reason in errors.splitlines()[-1]


def test_taken_port_is_one_line_and_status_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, errors = outcome(WALK, "--listen", f"127.0.0.1:{port}")
    assert (status, errors) == (1, f"vedette simulate: cannot listen on 127.0.0.1:{port}: Address already in use\n")


def strange_video(target: Path) -> Path:
    """A video in a codec that is not served, made with FFmpeg's own encoder."""
    with av.open(str(target), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target
