"""`vedette cameras` and `vedette apply`, as a user runs them, against a real bus."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.cameras_command import SUBCOMMANDS
from tests.free_ports import free_port
from tests.gateway.run_reader import WALK
from tests.nats_server import SMALL, NatsServer
from vedette.__main__ import main

MODELS = Path(__file__).parent.parent.parent / "models"
URL = "rtsp://operator:s3cret@127.0.0.1:1/gate"


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Command:
    """Runs `vedette …`."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str], text: dict[str, Any]) -> None:
        self.config = config
        self._capsys = capsys
        self._text = text

    def __call__(self, *words: str) -> Said:
        try:
            status = main(words)
        except SystemExit as error:
            status = int(str(error.code))
        out, err = self._capsys.readouterr()
        assert "s3cret" not in out + err
        return Said(status, out, err)

    def cameras(self, subcommand: str, *words: str) -> Said:
        return self("cameras", subcommand, str(self.config), *words)

    def listed(self) -> dict[str, dict[str, Any]]:
        lines = self.cameras("list", "--json").out.splitlines()
        return {camera["name"]: camera for camera in map(json.loads, lines)}

    def file(self, **cameras: object) -> None:
        """The file has these cameras now."""
        self.config.write_text(json.dumps({**self._text, "cameras": cameras}), encoding="utf-8")


@pytest.fixture
def command(nats_server: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    text = {
        "site": "plant",
        "nats": {"url": nats_server.url},
        "retention": SMALL.model_dump(),
        "models": {"path": str(MODELS)},
        "pipelines": {"people": {"stages": [{"model": "coco-detector"}]}},
    }
    command = Command(tmp_path / "site.yaml", capsys, text)
    command.file()
    yield command
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_camera_is_added_listed_shown_disabled_and_removed(command: Command) -> None:
    assert command.cameras("add", "gate", URL, "--settings", '{"transport": "udp"}').status == 0
    assert command.cameras("add", "gate", URL) == (1, "", "vedette: the camera gate is there already\n")
    listed = command.listed()["gate"]
    assert (listed["url"], listed["pipeline"]) == ("rtsp://***@127.0.0.1:1/gate", ["people"])
    assert command.cameras("disable", "gate").status == 0
    assert "disabled" in command.cameras("list").out
    shown = command.cameras("show", "gate").out
    assert "transport    udp" in shown
    assert "rtsp://***@" in shown
    assert command.cameras("enable", "gate").status == 0
    assert command.listed()["gate"]["enabled"]
    assert command.cameras("remove", "gate").status == 0
    assert "no cameras" in command.cameras("list").out


def test_wrong_use_is_said_with_status_2_and_what_is_not_there_with_1(command: Command) -> None:
    assert "rate: unknown key" in command.cameras("add", "gate", URL, "--settings", '{"rate": 1}').err
    assert "name: must be an id" in command.cameras("add", "Gate", URL).err
    assert command.cameras("add", "gate", URL, "--pipeline", "faces").status == 2
    assert command.cameras("add", "gate", URL, "--settings", "1").status == 2
    assert command.cameras("remove", "gate") == (1, "", "vedette: there is no camera gate\n")
    assert command.cameras("show", "gate").status == 1
    assert command("cameras").status == 2
    assert command("cameras", "lst").status == 2


def test_apply_says_what_changes_and_changes_it(command: Command) -> None:
    command.file(a={"url": URL, "pipeline": "people"}, b={"url": URL, "pipeline": "people"})
    assert command("apply", str(command.config), "--dry-run").out == "+ a\n+ b\n2 added (nothing was written)\n"
    assert not command.listed()
    command("apply", str(command.config))
    assert list(command.listed()) == ["a", "b"]
    command.cameras("disable", "a")
    command.cameras("add", "mine", URL)
    command.file(a={"url": URL, "pipeline": "people"}, c={"url": URL, "pipeline": "people"})
    applied = command("apply", str(command.config)).out
    assert applied == "+ c\n~ a: enabled\n- b\n1 added, 1 changed, 1 removed\n"
    assert list(command.listed()) == ["a", "c", "mine"]
    again = json.loads(command("apply", str(command.config), "--json").out)
    assert again == {"added": [], "changed": {}, "removed": [], "unchanged": ["a", "c"]}
    assert "in a configuration file" in command.cameras("remove", "a").err


def test_a_file_with_one_wrong_camera_is_refused_whole(command: Command) -> None:
    command.file(a={"url": URL, "pipeline": "people"}, b={"url": URL, "pipeline": "faces"})
    refused = command("apply", str(command.config))
    assert refused.status == 2
    assert "site.yaml:1: cameras.b.pipeline: " in refused.err
    command.file()
    assert not command.listed()


def test_without_a_bus_it_is_said(command: Command, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vedette.bus.access._GIVE_UP_AFTER_S", 0.0)
    nats_server.kill()
    said = command.cameras("list")
    assert (said.status, "is vedette up running?" in said.err) == (1, True)


def test_every_subcommand_explains_itself_with_an_example(command: Command) -> None:
    for name in SUBCOMMANDS:
        help_ = command("cameras", name, "--help")
        assert help_.status == 0
        assert f"vedette cameras {name} " in help_.out


def test_testing_a_stream_says_why_it_fails(command: Command) -> None:
    refused = command("cameras", "test", f"rtsp://operator:s3cret@127.0.0.1:{free_port()}/gate")
    assert (refused.status, refused.err.startswith("vedette: refused: ")) == (1, True)
    missing = command("cameras", "test", "/no/such/file.mp4", "--json")
    assert (missing.status, json.loads(missing.out)["reason"]) == (1, "not_found")
    assert command("cameras", "test", "gopher://host/").status == 2


def test_testing_a_file_says_what_it_is(command: Command) -> None:
    found = json.loads(command("cameras", "test", str(WALK), "--watch", "1", "--json").out)
    assert (found["ok"], found["codec"], found["transport"]) == (True, "h264", "file")
    told = command("cameras", "test", str(WALK), "--watch", "1").out
    assert "codec      h264" in told
    assert "shown as" not in told
