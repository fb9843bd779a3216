"""`vedette identities` as a user runs it: real faces, the shipped models, a real bus."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from inference.identities_command import SUBCOMMANDS
from tests.inference.audited import audited
from tests.inference.identities.faces import FOLDER, nobody, side_by_side
from tests.inference.worker import ROOT
from tests.nats_server import NatsServer
from vedette.__main__ import main
from vedette.buckets import IDENTITIES
from vedette.bus.connection import Bus, connect
from vedette.snapshots.record import Query, SnapshotRecord
from vedette.snapshots.store import SnapshotStore

OBAMA, OBAMA_2, BIDEN = (FOLDER / f"{name}.jpg" for name in ("obama", "obama2", "biden"))


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def data(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Said]


@pytest.fixture
def site(tmp_path: Path, nats_server: NatsServer) -> Path:
    file = tmp_path / "site.yaml"
    stages = [
        {"model": "face-detector@^1"},
        {"model": "face-embedding@^1", "on": "face"},
        {"identities": "staff", "on": "face"},
    ]
    retention = {"detections_gib": 0.5, "events_gib": 0.5, "snapshots_gib": 0.5, "clips_mib": 64, "frames_mib": 64}
    data = {
        "site": "plant",
        "nats": {"url": nats_server.url},
        "models": {"path": str(ROOT / "models")},
        "pipelines": {"access": {"stages": stages}},
        "retention": retention,
    }
    file.write_text(json.dumps(data))
    return file


@pytest.fixture
def identities(site: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(subcommand: str, *words: str | Path) -> Said:
        try:
            status = main(["identities", subcommand, str(site), *map(str, words)])
        except SystemExit as error:
            status = int(str(error.code))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Said(status, out, err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def on_bus(server: NatsServer, act: Callable[[Bus], Any]) -> Any:
    async def body() -> Any:
        async with await connect(server.address, "test") as bus:
            return await act(bus)

    return asyncio.run(body())


def test_somebody_is_enrolled_listed_exported_removed_and_audited(identities: Command, nats_server: NatsServer) -> None:
    done = identities("enrol", "Barack Obama", OBAMA, OBAMA_2)
    assert (done.status, done.err) == (0, "") and done.out.endswith(": 2 pictures added\n")
    (row,) = identities("list", "--json").data
    assert (row["gallery"], row["name"], len(row["faces"])) == ("staff", "Barack Obama", 2)
    assert row["faces"][0].keys() == {"enrolled_at", "model"}
    assert "Barack Obama" in identities("list").out and "face-embedding 1.0.0" in identities("list").out
    (person,) = json.loads(identities("export", "barack obama").out)["people"]
    assert person["snapshots"] == [] and all("embedding" not in face for face in person["faces"])
    (person,) = json.loads(identities("export", "Barack Obama", "--embeddings").out)["people"]
    assert {face["embedding"]["dimensions"] for face in person["faces"]} == {128}
    assert identities("remove", "Barack Obama").out == "Barack Obama: removed from staff; 0 snapshots deleted\n"
    assert audited(nats_server, "plant") == [
        ("vedette identities enrol", "staff"),
        ("vedette identities remove", "staff"),
    ]
    assert identities("list").out == "nobody is enrolled\n"


def test_removing_somebody_deletes_their_snapshots_and_nobody_elses(
    identities: Command, nats_server: NatsServer
) -> None:
    identities("enrol", "Obama", OBAMA)

    def of(person: str | None, jpeg: bytes) -> tuple[SnapshotRecord, bytes]:
        named = {"site": "plant", "camera": "door", "pipeline": "access", "object": "01", "label": "face"}
        return (
            SnapshotRecord(
                **named,
                sha256=sha256(jpeg).hexdigest(),
                kind="crop",
                person=person,
                captured_at=datetime.now(UTC),
                width=1,
                height=1,
            ),
            jpeg,
        )

    on_bus(nats_server, lambda bus: SnapshotStore(bus).put([of("Obama", b"1"), of("Biden", b"2"), of(None, b"3")]))
    (person,) = json.loads(identities("export", "Obama").out)["people"]
    assert [snapshot["camera"] for snapshot in person["snapshots"]] == ["door"]
    (removed,) = identities("remove", "Obama", "--json").data
    assert removed == {"name": "Obama", "was_enrolled": True, "snapshots_deleted": 1}
    left = on_bus(nats_server, lambda bus: SnapshotStore(bus).page(Query()))
    assert {record.person for record in left.records} == {"Biden", None}
    on_bus(nats_server, lambda bus: SnapshotStore(bus).put([of("Obama", b"4")]))  # one that came late
    again = identities("remove", "Obama")
    assert (again.status, again.out) == (0, "Obama: not in staff; 1 snapshot deleted\n")
    assert identities("remove", "Obama").err == "vedette: nobody called 'Obama' is in the gallery staff\n"


def test_what_cant_be_enrolled_is_one_line_that_names_the_file(identities: Command, tmp_path: Path) -> None:
    several, none, text = tmp_path / "several.jpg", tmp_path / "none.jpg", tmp_path / "text.jpg"
    several.write_bytes(side_by_side("obama", "biden"))
    none.write_bytes(nobody())
    text.write_text("no picture")
    for file, why in (
        (several, "there are 2 faces in it: cut out the one that is meant"),
        (none, "there is no face in it"),
        (text, "can't be read"),
        (tmp_path / "missing.jpg", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        said = identities("enrol", "Obama", OBAMA, file)
        assert said.status == 1 and said.err.startswith(f"vedette: {file}: {why}") and said.err.count("\n") == 1
    assert identities("list").out == "nobody is enrolled\n"


def test_who_resembles_somebody_else_is_enrolled_with_a_warning(identities: Command) -> None:
    identities("enrol", "Obama", OBAMA)
    said = identities("enrol", "Barack", OBAMA_2, "--json")
    assert said.status == 0 and "resembles Obama" in said.err and len(said.data[0]["warnings"]) == 1


def test_galleries_are_apart_and_one_that_no_pipeline_uses_is_named(identities: Command) -> None:
    identities("enrol", "Obama", OBAMA)
    identities("enrol", "Biden", BIDEN, "--gallery", "guests")
    assert [row["gallery"] for row in identities("list", "--json").data] == ["guests", "staff"]
    assert [row["name"] for row in identities("list", "--json", "--gallery", "guests").data] == ["Biden"]
    assert identities("remove", "Biden").status == 1
    said = identities("list", "--gallery", "Bad Name")
    assert said.status == 2 and "a gallery's name matches" in said.err


def test_with_another_key_nobody_can_be_read_and_the_list_says_so(identities: Command, site: Path) -> None:
    identities("enrol", "Obama", OBAMA)
    key = site.parent / "other.key"
    key.write_text("A" * 43 + "=")
    site.write_text(json.dumps({**json.loads(site.read_text()), "identities": {"key_file": "other.key"}}))
    said = identities("list")
    assert said.status == 1 and "was sealed with another key (identities.key_file)" in said.out


def test_the_buckets_keys_name_nobody(identities: Command, nats_server: NatsServer) -> None:
    identities("enrol", "Barack Obama", OBAMA)
    info = on_bus(nats_server, lambda bus: bus.jetstream.stream_info(f"KV_{IDENTITIES}", subjects_filter=">"))
    assert not any("obama" in subject.lower() for subject in info.state.subjects)


def test_each_subcommand_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in SUBCOMMANDS:
        with pytest.raises(SystemExit) as ended:
            main(["identities", name, "--help"])
        assert ended.value.code == 0
        assert f"Example: vedette identities {name}" in capsys.readouterr().out
