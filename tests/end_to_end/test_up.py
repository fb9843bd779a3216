"""`vedette up`: from nothing to detections, and to nothing again, whatever happens in between."""

import asyncio
import json
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.site import VIDEO, Site, handles_signals, site, until
from vedette import subscribe
from vedette.errors import BusUnavailable
from vedette.messages import Detections, Status

pytestmark = pytest.mark.timeout(300)
_STAGES = ("decode", "encode", "publish", "prepare", "queue", "infer", "store", "total", "events")


def next_detections(running: Site, after_s: float = 0.0) -> Detections:
    """The next detections message of a frame captured after `after_s` (Unix seconds)."""
    return asyncio.run(_next_detections(running, after_s))


async def _next_detections(running: Site, after_s: float) -> Detections:
    address = running.folder / "state" / running.name / "nats.json"
    deadline = time.monotonic() + 100
    while not address.exists():
        await asyncio.sleep(0.02)
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout(40), subscribe(config=running.config) as events:
                async for event in events:
                    data = event.data
                    if isinstance(data, Detections) and data.frame.captured_at.timestamp() > after_s:
                        return data
        except (BusUnavailable, TimeoutError):
            continue
    raise AssertionError(f"no detections within 100 s: {running.text()}")


@pytest.fixture(autouse=True)
def state_of_the_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VEDETTE_STATE", str(tmp_path / "state"))


def test_a_camera_stream_becomes_detections_and_ctrl_c_ends_all_with_status_0(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.start()
        detections = next_detections(running)
        assert detections.camera == "street"
        assert "person" in {detection.label for detection in detections.detections}
        running.interrupt()
        assert running.up.wait(10) == 0
        until(lambda: not running.left_behind(), "no process left behind")
        assert "Traceback" not in running.text()
        assert "did not end" not in running.text()
        assert "iolation" not in running.log("nats-server.log"), "no role was refused anything"


def test_two_replicas_are_two_processes_that_end_like_one(tmp_path: Path) -> None:
    with site(tmp_path, replicas=2) as running:
        running.start()
        next_detections(running)
        until(lambda: "all processes are at work" in running.text(), "all processes at work")
        assert sum("inference" in child.cmdline() for child in running.children()) == 2
        running.interrupt()
        assert running.up.wait(10) == 0
        until(lambda: not running.left_behind(), "no process left behind")
        assert "did not end" not in running.text()


def test_logging_options_are_the_childrens_too(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.start("--log-format", "json", "--verbose")
        next_detections(running)
        lines = [json.loads(line) for line in running.text().splitlines() if line.startswith("{")]
    assert {line["logger"].partition(".")[0] for line in lines} >= {"gateway", "inference"}
    assert "debug" in {line["level"] for line in lines}


def test_in_a_terminal_the_view_shows_restarts_and_children_log_to_files_of_this_run(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        for _ in range(2):
            running.start_in_a_terminal("--log-format", "json")
            next_detections(running, after_s=time.time())
            running.child("gateway").kill()
            until(lambda: "gateway ended with status -9; it starts again" in running.text(), "the restart is shown")
            running.interrupt()
            assert running.up.wait(10) == 0
        for name in ("gateway.log", "gateway.log.1", "inference-coco-detector-0.log"):
            lines = running.log(name).splitlines()
            assert lines
            assert all(json.loads(line)["logger"] for line in lines)
        assert "Traceback" not in running.text()


def test_analyze_that_was_interrupted_at_once_has_failed(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        words = running.command("analyze", str(VIDEO), "--config", str(running.config))
        with subprocess.Popen(words, env=running.environ, stderr=subprocess.PIPE) as analyze:
            until(lambda: handles_signals(analyze.pid), "Vedette's first line")
            analyze.send_signal(signal.SIGINT)
            assert analyze.wait(30) == 1
            assert analyze.stderr is not None
            assert b"Traceback" not in analyze.stderr.read()


def test_a_child_that_finds_the_configuration_wrong_ends_up_with_status_2_and_is_heard(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        wrong = running.config.read_text().replace("sessions: 2", "sessions: 2, device: cuda")
        running.config.write_text(wrong)
        done = running.run("up", str(running.config))
        until(lambda: not running.left_behind(), "no process left behind")
    assert done.returncode == 2
    assert done.stderr.count("device cuda") == 1
    assert "inference-coco-detector-0 ended at its start with status 2" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_watch_prints_what_subscribers_get(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.start()
        next_detections(running)
        words = running.command("watch", str(running.config), "--json", "--label", "person")
        with subprocess.Popen(words, env=running.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watch:
            assert watch.stdout is not None
            assert watch.stderr is not None
            line = watch.stdout.readline()
            watch.send_signal(signal.SIGINT)
            assert watch.wait(30) == 0
            assert b"Traceback" not in watch.stderr.read()
        event = json.loads(line)
        assert event["type"] == "dev.vedette.detections.v1"
        assert "person" in {detection["label"] for detection in event["data"]["detections"]}


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0])
def test_ctrl_c_at_any_stage_of_the_start_leaves_nothing(tmp_path: Path, delay_s: float) -> None:
    with site(tmp_path) as running:
        up = running.start()
        until(lambda: handles_signals(up.pid), "Vedette's first line")
        time.sleep(delay_s)  # the stage that is tested
        running.interrupt()
        assert up.wait(10) == 0, running.text()
        until(lambda: not running.left_behind(), "no process left behind")
        assert "Traceback" not in running.text()


def test_a_second_ctrl_c_ends_even_what_hangs(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        up = running.start()
        next_detections(running)
        running.child("gateway").suspend()
        running.interrupt()
        with pytest.raises(subprocess.TimeoutExpired):
            up.wait(0.3)
        running.interrupt()
        assert up.wait(10) == 1
        until(lambda: not running.left_behind(), "no process left behind")


def test_a_child_that_hangs_is_killed_after_the_grace(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        up = running.start()
        next_detections(running)
        running.child("gateway").suspend()
        running.interrupt()
        assert up.wait(10) == 0
        until(lambda: not running.left_behind(), "no process left behind")
        assert [line for line in running.text().splitlines() if "did not end" in line] == [
            "vedette: gateway did not end in 1.6 s and was killed"
        ]
        assert "Server Exiting" in running.log("nats-server.log")


def test_a_broker_that_hangs_keeps_nobody_longer_than_5_seconds(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        up = running.start()
        next_detections(running)
        running.child("nats-server").suspend()
        running.interrupt()
        assert up.wait(10) == 0
        until(lambda: not running.left_behind(), "no process left behind")
        assert "nats-server did not end" in running.text()
        assert "Traceback" not in running.text()


def test_the_children_of_a_killed_supervisor_end_too(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        up = running.start()
        next_detections(running)
        up.kill()
        up.wait()
        until(lambda: not running.left_behind(), "no process left behind")


@pytest.mark.parametrize("kind", ["gateway", "inference", "simulate", "nats-server"])
def test_detections_come_again_after_a_process_was_killed(tmp_path: Path, kind: str) -> None:
    with site(tmp_path) as running:
        running.start()
        next_detections(running)
        child: psutil.Process = running.child(kind)
        child.kill()
        until(lambda: running.child(kind).pid != child.pid, f"{kind} runs again")
        next_detections(running, after_s=time.time())
        running.interrupt()
        assert running.up.wait(10) == 0
        assert "Traceback" not in running.text()


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            wanted = f"nats: 127.0.0.1:{taken.getsockname()[1]}"
            running.config.write_text(running.config.read_text().replace("nats: 127.0.0.1:0", wanted))
            done = running.run("up", str(running.config))
        assert done.returncode == 1
        assert "listen.nats" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_state_of_cameras_is_published(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.start()
        next_detections(running)
        status = asyncio.run(_next_status(running))
    assert status.state == "live"
    assert (status.codec, status.width, status.height) == ("h264", 768, 576)


def test_top_shows_a_frame_s_way_through_all_processes_and_who_is_away(tmp_path: Path) -> None:
    with site(tmp_path) as running:
        running.start()
        next_detections(running)
        shown: dict[str, Any] = {}

        def shows_it_all() -> bool:
            done = running.run("top", str(running.config), "--once", "--json", "--interval", "3")
            assert done.returncode == 0, done.stderr
            shown.update(json.loads(done.stdout))
            rates = {stage["name"]: stage["per_s"] for stage in shown["stages"]}
            return set(rates) == set(_STAGES) and all(rates[name] > 0 for name in _STAGES if name != "events")

        until(shows_it_all, "each stage has been seen", deadline_s=200)
        (camera,), (model,) = shown["cameras"], shown["models"]
        assert (camera["name"], camera["up"], camera["inferred_per_s"] > 0) == ("street", True, True)
        assert camera["cpu"] is not None
        assert (model["name"], model["protocols"].keys()) == ("coco-detector", {"live"})
        names = {process["name"] for process in shown["processes"]}
        assert {"gateway", "gateway decode-0", "inference-coco-detector-0", "events"} <= names
        assert all(process["away"] is None for process in shown["processes"])
        with subprocess.Popen(
            running.command("top", str(running.config), "--interval", "0.5"),
            env={**running.environ, "COLUMNS": "60"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as top:
            assert top.stdout is not None
            assert next(line for line in top.stdout if line.startswith("Vedette, site"))
            running.child("events").suspend()
            assert next(line for line in top.stdout if line.startswith("events is away: no answer in time"))
            top.send_signal(signal.SIGINT)
            assert "Traceback" not in top.stdout.read()
            assert top.wait(30) == 0


async def _next_status(running: Site) -> Status:
    async with asyncio.timeout(60), subscribe(config=running.config, subject="vedette.status.>") as events:
        async for event in events:
            assert isinstance(event.data, Status)
            return event.data
    raise AssertionError("the subscription ended")
