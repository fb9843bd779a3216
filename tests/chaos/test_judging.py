"""What the fault suite goes by: it must see what is lost, doubled, different or growing."""

import asyncio
import datetime as dt
import json
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from chaos import story
from chaos.faults import FAULTS, SHORT
from chaos.growth import Held
from chaos.ledger import Ledger
from chaos.plot import svg
from chaos.proxy import Proxy
from chaos.trend import slope_of
from chaos.witness import Witness
from tests.compatibility import today
from vedette.bus.connection import Bus
from vedette.event_parser import Event, parse_event
from vedette.messages import rfc3339
from vedette.streams import DETECTIONS


async def publish(bus: Bus, *idents: str) -> None:
    for ident in idents:
        await bus.publish_confirmed("vedette.detections.plant-1.gate.people", b"{}", {}, ident)


async def test_a_ledger_sees_what_is_added_and_what_is_gone(bus: Bus) -> None:
    ledger = Ledger()
    await publish(bus, "a", "b")
    assert await ledger.read_on(bus) == []
    await publish(bus, "b", "c")  # the server drops the double
    assert await ledger.read_on(bus) == []
    assert ledger.ids[DETECTIONS] == ["a", "b", "c"]
    assert await ledger.read_again(bus) == []
    await bus.jetstream.delete_msg(DETECTIONS, 2)
    assert await ledger.read_on(bus) == [f"{DETECTIONS} has 2 messages, 3 were stored"]


async def test_a_ledger_sees_that_the_end_of_a_stream_was_lost(bus: Bus) -> None:
    ledger = Ledger()
    await publish(bus, "a", "b")
    assert await ledger.read_on(bus) == []
    await bus.jetstream.delete_stream(DETECTIONS)
    await bus.ensure()
    assert await ledger.read_on(bus) == [f"{DETECTIONS} held 2 messages, and now ends at 0"]
    await publish(bus, "a", "x")
    assert await ledger.read_again(bus) == [f"{DETECTIONS} is not what it was: 1 messages are gone"]


def test_a_ledger_names_objects_of_which_an_event_is_missing() -> None:
    ledger = Ledger(
        {DETECTIONS: [], "EVENTS": ["one/1", "one/2", "two/1", "two/3", "two/abcdef", "s/gate/p/1-2/input"]}
    )
    assert ledger.gaps() == ["object two has the revisions [1, 3]"]


def line(ident: str, seq: int, kind: str = "detections", **data: object) -> str:
    frame = {"seq": seq, "pts": seq / 2}
    return json.dumps({"id": ident, "type": f"dev.vedette.{kind}.v1", "data": {"frame": frame, **data}})


def test_a_story_differs_by_what_was_seen_and_not_by_the_runs_ids(tmp_path: Path) -> None:
    def told(run: str, box: float, *more: str) -> story.Story:
        seen = {"revision": 1, "object": {"id": run, "bbox": [box]}}
        lines = [line(f"{run}-0", 0, detections=[]), line(f"{run}/1", 0, "object.new", **seen), *more]
        (tmp_path / run).write_text("\n".join(lines))
        return story.read(tmp_path / run)

    first = told("r1", 0.5)
    assert first.differences(told("r2", 0.5)) == []
    assert "events differ" in first.differences(told("r3", 0.6))[0]
    assert "came twice" in first.differences(told("r4", 0.5, line("r4-0", 0, detections=[])))[0]


def test_what_is_held_is_compared_with_what_is_usual() -> None:
    usual = Held(100, 10, 20, 30)
    assert Held(150, 12, 30, 35).beyond(usual) == []
    assert Held(250, 12, 80, 35).beyond(usual) == ["memory_mib 250, usual are 100", "descriptors 80, usual are 20"]


@pytest.mark.parametrize("seed", range(5))
def test_a_slope_is_found_in_noise_that_remembers_and_none_where_there_is_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = [0.0]
    for _ in range(239):
        noise.append(0.9 * noise[-1] + rng.normal())
    times_s = [5.0 * n for n in range(240)]
    level = slope_of(times_s, [100 + one for one in noise])
    grows = slope_of(times_s, [100 + one + at_s / 3600 * 120 for one, at_s in zip(noise, times_s, strict=True)])
    assert level.low < 0 < level.high
    assert 0 < grows.low < 120 < grows.high
    assert grows.per_hour == pytest.approx(level.per_hour + 120, abs=3)


def test_a_picture_has_a_line_for_each_process() -> None:
    text = svg("all", {"memory": {"gateway": [(0, 1), (5, 2)], "a<b": [(0, 1), (5, 1)]}, "none": {}})
    assert text.count("<polyline") == 2
    assert "a&lt;b" in text


async def test_a_proxy_forwards_goes_dark_and_cuts() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy(server.sockets[0].getsockname()[1], seed=1).open() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one")
        assert await reader.readexactly(3) == b"one"
        proxy.link.dark = True
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.3)
        proxy.link.dark = False
        assert await reader.readexactly(3) == b"two"
        proxy.cut()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


def told(kind: str, arrived_at: dt.datetime, **data: object) -> Event:
    """As a subscriber gets it, of a camera named `gate`."""
    message = today.events()[f"{kind}.v1"]
    message["data"]["frame"] |= {"arrived_at": rfc3339(arrived_at), "clock": "arrival"}
    message["data"] |= data
    return parse_event(json.dumps(message).encode())


def test_a_witness_knows_how_late_events_are_and_from_when_there_are_any() -> None:
    witness, begun_s, now = Witness("nats://127.0.0.1:9"), monotonic(), dt.datetime.now(dt.UTC).replace(microsecond=0)
    early, late = now - dt.timedelta(seconds=20), now - dt.timedelta(seconds=10)
    assert witness.latest_s(begun_s) == 0
    witness._note("EVENTS", told("object.update", late))
    witness._note("EVENTS", told("object.end", early, reason="silence"))  # it took that long to be sure
    assert 10 <= witness.latest_s(begun_s) < 20
    assert witness.is_told("gate", early)
    assert not witness.is_told("gate", late)
    assert not witness.is_told("yard", early)
    witness._note("EVENTS", told("object.update", early))
    assert witness.latest_s(begun_s) >= 20
    assert witness.latest_s(monotonic()) == 0
    assert witness.is_told("gate", late - dt.timedelta(seconds=1))


def test_the_short_choice_is_of_faults_that_there_are_and_that_no_machine_lacks_anything_for() -> None:
    faults = {fault.name: fault for fault in FAULTS}
    assert [name for name in SHORT if faults[name].missing() is not None] == []
    assert len({(faults[name].servers, faults[name].small_disk) for name in SHORT}) == 1, "of one system"
