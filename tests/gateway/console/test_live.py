"""What moves on the page: pictures with their boxes, states and events, to a browser that is fast, slow, or stalled."""

import asyncio
import datetime as dt
import gc
import json
import os
import socket
import tracemalloc

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from gateway.console.outbox import EVENTS_AT_MOST, UNDRAWN_AT_MOST
from gateway.console.viewer import PATH, Viewer
from tests.gateway.console.run_console import (
    CAMERA,
    SITE,
    WAIT_S,
    Running,
    looking,
    next_picture,
    next_said,
    running_console,
    show_detections,
    show_frame,
)
from tests.gateway.console.scene_events import publish_event
from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.bus.connection import Bus
from vedette.messages import Status, status_event
from vedette.subjects import status as status_subject

_MIB = 2**20


def viewers(running: Running) -> list[Viewer]:
    return [viewer for viewer in running.console.live._viewers if isinstance(viewer, Viewer)]


async def test_boxes_come_with_the_very_picture_that_they_were_found_in(bus: Bus) -> None:
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await looking(browser)
        await show_frame(bus, 0, b"a frame")
        first = await next_picture(browser)
        assert (first.jpeg, first.said["boxes"], first.said["camera"]) == (b"a frame", [], CAMERA)
        await browser.send_json({"type": "drawn"})
        await show_detections(bus, 1, b"the one that was inferred")
        await show_frame(bus, 2, b"a newer frame")
        second = await next_picture(browser)
        assert second.jpeg == b"the one that was inferred"
        (box,) = second.said["boxes"]
        assert (box["label"], box["bbox"], second.said["age_ms"]) == ("person", [0.1, 0.2, 0.1, 0.3], 43)


async def test_a_box_has_the_id_of_its_object_also_of_one_that_was_there_before(bus: Bus) -> None:
    known = await publish_event(bus, 0)
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await looking(browser)
        for seq in range(3):
            if seq:
                await browser.send_json({"type": "drawn"})
            await show_detections(bus, seq, b"jpeg", x=0.1 + 0.04 * seq)
            (box,) = (await next_picture(browser)).said["boxes"]
            assert box["id"] == known


async def test_pictures_are_read_only_while_somebody_looks(bus: Bus) -> None:
    async with running_console(bus) as running:
        live = running.console.live
        async with running.session.ws_connect(running.url(PATH)) as browser:
            await looking(browser)
            await until(lambda: len(live._windows) == 1, "a window")
            await browser.send_json({"type": "look", "at": []})
            await until(lambda: not live._windows, "nobody looks")
            await looking(browser)
            await until(lambda: len(live._windows) == 1, "a window again")
        await until(lambda: not live._windows, "the browser is gone")


async def test_states_and_events_come_as_they_are_said(bus: Bus) -> None:
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await looking(browser)
        assert (await next_said(browser, "bus"))["connected"] in (True, False)
        await until(lambda: bool(viewers(running)), "it has joined")
        now = (await publish_event(bus, 1), asyncio.get_running_loop().time())
        event = await next_said(browser, "event")
        assert (event["kind"], event["event"]["data"]["zone"]) == ("zone.enter", "door")
        assert event["event"]["data"]["object"]["id"] == now[0]
        said = status(CAMERA, "nothing listens there")
        await bus.client.publish(
            status_subject(SITE, CAMERA), status_event(said, said.since).model_dump_json().encode()
        )
        offline = (await next_said(browser, "status"))["status"]
        assert (offline["state"], offline["reason"]) == ("offline", "nothing listens there")
        running.console.live.cameras_are({"gate": 7})
        await next_said(browser, "cameras")
        running.console.live.cameras_are({"gate": 7})
        assert viewers(running)[0].outbox.waiting == 0


def status(camera: str, reason: str) -> Status:
    since = dt.datetime.now(dt.UTC)
    return Status(site=SITE, camera=camera, state="offline", reason=reason, since=since, gateway="gateway-1")


async def test_the_bus_s_going_and_coming_is_told(nats_server: NatsServer, bus: Bus) -> None:
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await looking(browser)
        while not (await next_said(browser, "bus"))["connected"]:
            pass
        await asyncio.to_thread(nats_server.kill)
        assert not (await next_said(browser, "bus"))["connected"]
        await asyncio.to_thread(nats_server.start)
        assert (await next_said(browser, "bus"))["connected"]


async def test_a_browser_that_draws_slowly_gets_fewer_pictures_each_the_newest(bus: Bus) -> None:
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await looking(browser)
        for seq in range(UNDRAWN_AT_MOST):
            await show_detections(bus, seq, b"%d" % seq)
            assert (await next_picture(browser)).jpeg == b"%d" % seq
        for seq in range(UNDRAWN_AT_MOST, 30):
            await show_detections(bus, seq, b"%d" % seq)
        await until(lambda: viewers(running)[0].outbox.waiting == 1, "one picture waits, and no more")
        await browser.send_json({"type": "drawn"})
        await browser.send_json({"type": "drawn"})
        while (picture := await next_picture(browser)).jpeg != b"29":
            assert int(picture.jpeg) < 29
            await browser.send_json({"type": "drawn"})


def stalled_browser(running: Running, lies: int) -> socket.socket:
    """One that takes nothing any more, and says `lies` times that it has drawn a picture."""
    raw = socket.create_connection((running.address.host, running.address.port))
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lines = (
        f"GET {PATH} HTTP/1.1",
        f"Host: {running.address}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    raw.sendall("\r\n".join((*lines, "", "")).encode())
    for said in (
        {"type": "hello", "csrf": ""},
        {"type": "look", "at": [[CAMERA, "people"]]},
        *[{"type": "drawn"}] * lies,
    ):
        raw.sendall(frame_of(json.dumps(said).encode()))
    return raw


def frame_of(text: bytes) -> bytes:
    """A masked text frame (RFC 6455, section 5.2), short."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@pytest.mark.parametrize("lies", [0, 1000])
async def test_a_stalled_browser_costs_no_memory(bus: Bus, lies: int) -> None:
    jpeg = os.urandom(300_000)
    async with running_console(bus) as running:
        raw = await asyncio.to_thread(stalled_browser, running, lies)
        try:
            await until(lambda: bool(running.console.live._windows), "it looks")
            (viewer,) = viewers(running)
            event = '{"type":"event","text":"%s"}' % ("x" * 20_000)

            async def flood(rounds: int) -> None:
                for seq in range(rounds):
                    await show_detections(bus, seq, jpeg)
                    for _ in range(40):
                        viewer.outbox.event(event + str(seq))
                    viewer.wake()
                    await asyncio.sleep(0)

            await flood(10)
            gc.collect()
            tracemalloc.start()
            try:
                before, _ = tracemalloc.get_traced_memory()
                await flood(60)
                gc.collect()
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert viewer.outbox.waiting <= EVENTS_AT_MOST + 3
            assert after - before < 6 * _MIB  # 18 MiB of pictures and 48 MiB of events were to be sent
        finally:
            raw.close()


async def test_what_is_asked_for_can_be_no_wildcard(bus: Bus) -> None:
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await looking(browser, camera="*")
        await browser.send_json(
            {"type": "look", "at": [["gate", ">"], ["a.b", "people"], ["gate"], 7, [CAMERA, "people"]]}
        )
        await until(lambda: bool(running.console.live._windows), "it looks at one")
        assert list(running.console.live._windows) == [(CAMERA, "people")]


@pytest.mark.parametrize("first", ['{"type":"look","at":[]}', "no json", '{"type":"hello"}'])
async def test_who_does_not_say_hello_is_sent_away(bus: Bus, first: str) -> None:
    async with running_console(bus) as running, running.session.ws_connect(running.url(PATH)) as browser:
        await browser.send_str(first)
        assert await closed_with(browser) == 1008


async def test_no_more_browsers_are_let_in_than_there_is_place_for(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.console.live.MOST_VIEWERS", 1)
    async with (
        running_console(bus) as running,
        running.session.ws_connect(running.url(PATH)) as first,
        running.session.ws_connect(running.url(PATH)) as second,
    ):
        await looking(first)
        await next_said(first, "bus")
        await looking(second)
        assert await closed_with(second) == 1013
        with pytest.raises(WSServerHandshakeError, match="503"):
            await running.session.ws_connect(running.url(PATH))


async def closed_with(browser: ClientWebSocketResponse) -> int | None:
    """The code with which the server ends it."""
    async with asyncio.timeout(WAIT_S):
        while (await browser.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
    return browser.close_code


async def test_a_gateway_that_stops_says_so_to_all(bus: Bus) -> None:
    async with running_console(bus) as running:
        browser = await running.session.ws_connect(running.url(PATH))
        await looking(browser)
        await next_said(browser, "bus")
        for viewer in viewers(running):
            viewer.leave()
        assert await closed_with(browser) == 1001
