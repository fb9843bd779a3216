"""`vedette analyze`: every frame of a recording once, the same detections every time, nothing left on the bus."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.site import ROOT, VIDEO, Site, site, until
from tests.nats_server import NatsServer
from vedette.bus.connection import Bus

pytestmark = pytest.mark.timeout(300)

FRAMES = 80
"""At 2 frames a second of a video of 40 s."""

CONFIG = """
site: recordings
nats: {{url: {url}}}
pipelines:
  people:
    sampling: {{fps: 2}}
    stages: [{{model: coco-detector@^1, confidence: 0.4}}]
models: {{path: {models}}}
events: {{save_s: 0.5}}
retention: {{detections_gib: 0.5, events_gib: 0.5, clips_mib: 64, frames_mib: 64, pictures_mib: 32}}
"""


class Recordings(Site):
    """A site that has nothing but a bus, so that analyze starts the workers."""

    def __init__(self, folder: Path, server: NatsServer) -> None:
        super().__init__(folder)
        self.config.write_text(CONFIG.format(url=server.url, models=ROOT / "models"))

    def analyze(self, out: str, workers: int, *more: str, video: Path = VIDEO) -> subprocess.Popen[str]:
        words = ["analyze", str(video), "--config", str(self.config), "--workers", str(workers), "--json", out, *more]
        self._analyze = subprocess.Popen(
            self.command(*words),
            env=self.environ,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._analyze

    def left_behind(self) -> list[str]:
        return [line for line in super().left_behind() if str(self.config) in line]

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self._analyze.pid).children(recursive=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What one worker makes of the recording, and what the command says of it: a run that several are compared with."""
    folder = tmp_path_factory.mktemp("undisturbed")
    server = NatsServer(folder)
    server.start()
    try:
        said = finish(Recordings(folder, server).analyze("out.jsonl", workers=1))
    finally:
        server.close()
    return folder / "out.jsonl", said


@pytest.fixture
def recordings(tmp_path: Path, nats_server: NatsServer) -> Recordings:
    return Recordings(tmp_path, nats_server)


def events(path: Path) -> list[dict[str, Any]]:
    """The detections' data."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["data"] for line in lines if line["type"] == "dev.vedette.detections.v1"]


def story(path: Path) -> list[tuple[str, float, int, int, Any]]:
    """What must be the same in every run of each event of an object: kind, time stamp, whose it is, revision, box.

    Ids have the run in them, so objects count in the order of their first event.
    """
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [line for line in lines if line["type"] != "dev.vedette.detections.v1"]
    assert len({line["id"] for line in found}) == len(found), "an event came twice"
    numbers: dict[str, int] = {}
    for line in found:
        numbers.setdefault(line["data"]["object"]["id"], len(numbers))
    return [
        (
            line["type"],
            line["data"]["frame"]["pts"],
            numbers[line["data"]["object"]["id"]],
            line["data"]["revision"],
            line["data"]["object"]["bbox"],
        )
        for line in found
    ]


def essence(path: Path) -> list[tuple[int, float, Any]]:
    """What must be the same in every run: sequence, time stamp and detections."""
    return [(data["frame"]["seq"], data["frame"]["pts"], data["detections"]) for data in events(path)]


def finish(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    return out


def test_every_sampled_frame_gives_one_message_and_two_runs_are_equal(
    recordings: Recordings, undisturbed: tuple[Path, str]
) -> None:
    one, said = undisturbed
    drawn = finish(recordings.analyze("two.jsonl", 2, "--annotate", "two.mp4"))
    first, second = essence(one), essence(recordings.folder / "two.jsonl")
    assert [seq for seq, _, _ in first] == list(range(FRAMES))
    assert [pts for _, pts, _ in first] == pytest.approx([n / 2 for n in range(FRAMES)], abs=0.051)
    assert sum(len(detections) for _, _, detections in first) > FRAMES
    assert first == second
    assert [data["frame"]["final"] for data in events(one)] == [False] * (FRAMES - 1) + [True]
    happened = story(one)
    assert happened == story(recordings.folder / "two.jsonl")
    begun, ended = (sum(one[0] == f"dev.vedette.object.{verb}.v1" for one in happened) for verb in ("new", "end"))
    assert begun == ended > 3
    assert f"{begun} object.new" in said
    assert f"{FRAMES} frames" in said
    assert "times real time" in said
    assert "two.mp4: 400 frames" in drawn
    assert sorted(path.name for path in recordings.folder.glob("*two*")) == ["two.jsonl", "two.mp4"]


@pytest.mark.parametrize(("service", "frames"), [("inference", 5), ("events", 30)])
def test_a_worker_killed_in_the_middle_changes_nothing(
    recordings: Recordings, undisturbed: tuple[Path, str], service: str, frames: int
) -> None:
    running = recordings.analyze("disturbed.jsonl", workers=2)
    out = recordings.folder / "disturbed.jsonl"
    until(lambda: out.exists() and out.read_text().count("\n") >= frames, f"{frames} frames", 90)
    killed = recordings.child(service)
    killed.kill()
    finish(running)
    assert out.read_text().count("object.end") > 3
    assert essence(out) == essence(undisturbed[0])
    assert story(out) == story(undisturbed[0])


def test_a_restart_of_the_server_in_the_middle_changes_nothing(
    recordings: Recordings, undisturbed: tuple[Path, str], nats_server: NatsServer
) -> None:
    running = recordings.analyze("disturbed.jsonl", workers=1)
    out = recordings.folder / "disturbed.jsonl"
    until(lambda: out.exists() and out.read_text().count("\n") >= 5, "five frames", 90)
    nats_server.restart()
    finish(running)
    assert essence(out) == essence(undisturbed[0])
    assert story(out) == story(undisturbed[0])


async def test_ctrl_c_leaves_nothing_on_the_bus(recordings: Recordings, bus: Bus) -> None:
    def interrupted() -> None:
        running = recordings.analyze("part.jsonl", workers=1)
        out = recordings.folder / "part.jsonl"
        until(lambda: out.exists() and out.read_text().count("\n") >= 3, "three frames", 90)
        running.send_signal(2)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 1
        assert "interrupted" in errors
        assert "Traceback" not in errors
        until(lambda: not recordings.left_behind(), "no process left behind")

    await asyncio.to_thread(interrupted)
    assert (await bus.jetstream.stream_info("CLIPS")).state.messages == 0
    assert await bus.jetstream.consumers_info("DETECTIONS") == []


def test_without_a_server_it_brings_its_own_and_takes_it_away(tmp_path: Path) -> None:
    with site(tmp_path) as alone:
        alone.config.write_text(
            alone.config.read_text().replace("cameras:", "unused:").split("unused:")[0] + _PIPELINES
        )
        done = alone.run("analyze", str(VIDEO), "--config", str(alone.config), "--json", "-", timeout_s=120)
        assert done.returncode == 0, done.stderr
        assert sum("dev.vedette.detections.v1" in line for line in done.stdout.splitlines()) == FRAMES
        assert not alone.left_behind()
        assert not (tmp_path / "state").exists()


_PIPELINES = CONFIG.split("}}\n", 1)[1].replace("{{", "{").replace("}}", "}").replace("{models}", str(ROOT / "models"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such.mp4"], "no such file"),
        ([str(ROOT / "README.md")], "README.md"),
        ([str(VIDEO), "--pipeline", "cars"], "cars is not defined"),
        ([str(VIDEO), "--fps", "0"], "--fps"),
        ([str(VIDEO), "--json", "/no/such/folder/out"], "--json"),
        ([str(VIDEO), "--annotate", "/no/such/folder/out.mp4"], "/no/such/folder is not a folder that can be written"),
        ([str(VIDEO), "--annotate", "out.avi"], "its ending must be one of .mp4, .mov, .mkv, .webm"),
        ([str(VIDEO), "--annotate", str(VIDEO)], "is the recording itself"),
    ],
)
def test_wrong_use_is_one_clear_line(recordings: Recordings, words: list[str], said: str) -> None:
    done = recordings.run("analyze", *words, "--config", str(recordings.config))
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
