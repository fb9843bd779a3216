"""Cameras by the API of a running gateway: listed, added, changed, removed; what is refused, and how."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator

from gateway.api.openapi import document
from tests.gateway.run_api import Answer, Api, running_api
from tests.gateway.run_gateway import SITE, configured, simulated
from tests.gateway.run_reader import WALK
from tests.nats_server import NatsServer
from vedette.buckets import CAMERAS
from vedette.bus.connection import Bus, connect

URL = "rtsp://operator:s3cret@127.0.0.1:1/gate"
GATE = {"name": "gate", "url": URL, "pipeline": "people"}
MASKED = "rtsp://***@127.0.0.1:1/gate"
UNLIMITED = {"requests_per_s": 10_000, "changes_per_s": 10_000}


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Bus, Api]]:
    """One gateway for all tests."""
    folder = tmp_path_factory.mktemp("nats")
    (folder / "key").write_bytes(base64.b64encode(bytes(32)))
    server = NatsServer(folder)
    await asyncio.to_thread(server.start)
    filed = {"url": str(WALK), "pipeline": "people", "enabled": False}
    config = configured(server, {"filed": filed}, gateway={"key_file": folder / "key"} | UNLIMITED)
    async with await connect(server.address, "test") as bus, running_api(config, bus) as api:
        yield bus, api
    server.close()


@pytest_asyncio.fixture(loop_scope="module")
async def api(shared: tuple[Bus, Api]) -> AsyncIterator[Api]:
    """Its API; what a test adds is removed."""
    api = shared[1]
    yield api
    for camera in (await api("GET", "/cameras")).json["cameras"]:
        await api("DELETE", f"/cameras/{camera['name']}")


@pytest.fixture
def bus(shared: tuple[Bus, Api]) -> Bus:
    return shared[0]


def wrong_keys(answer: Answer) -> list[str]:
    assert answer.status == 422, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    return [error["key"] for error in answer.json["errors"]]


async def test_a_camera_is_added_shown_changed_and_removed(api: Api) -> None:
    added = await api("POST", "/cameras", GATE)
    assert (added.status, added.headers["Location"]) == (201, "/api/v1/cameras/gate")
    shown = await api("GET", "/cameras/gate")
    assert (shown.status, shown.etag) == (200, added.etag)
    assert (shown.json["url"], shown.json["pipeline"], shown.json["origin"]) == (MASKED, ["people"], "api")
    changed = await api("PATCH", "/cameras/gate", {"sampling": {"fps": 5}, "transport": "udp"})
    assert (changed.status, changed.json["sampling"]) == (200, {"fps": 5, "keyframes": False})
    assert changed.etag != added.etag
    back = await api("PATCH", "/cameras/gate", {"sampling": None})
    assert "sampling" not in back.json
    assert back.json["transport"] == "udp"
    assert [camera["name"] for camera in (await api("GET", "/cameras")).json["cameras"]] == ["filed", "gate"]
    assert (await api("DELETE", "/cameras/gate")).status == 204
    assert (await api("GET", "/cameras/gate")).status == 404
    assert (await api("POST", "/cameras", GATE)).status == 201


async def test_no_answer_holds_a_secret(api: Api) -> None:
    hook = {"recovery": {"webhook": "https://user:s3cret@hook.example/"}}
    answers = [
        await api("POST", "/cameras", {**GATE, **hook}),
        await api("POST", "/cameras", GATE),
        await api("PUT", "/cameras/gate", {**GATE, "colour": "s3cret"}),
        await api("PATCH", "/cameras/gate", {"url": "rtsp://operator:s3cret @host/"}),
        await api("PATCH", "/cameras/gate", {"url": "s3cret"}),
        await api("GET", "/cameras"),
    ]
    assert not [answer.text for answer in answers if "s3cret" in answer.text]


async def test_what_was_shown_can_be_sent_back_changed(api: Api, bus: Bus) -> None:
    await api("POST", "/cameras", GATE)
    shown = (await api("GET", "/cameras/gate")).json
    assert shown["url"] == MASKED
    put = await api("PUT", "/cameras/gate", {**shown, "transport": "tcp"})
    assert put.status == 200
    same = await api("PATCH", "/cameras/gate", {"url": URL})
    assert same.etag == put.etag, "the password was kept"
    other_host = await api("PUT", "/cameras/gate", {**shown, "url": MASKED.replace("127.0.0.1", "evil.example")})
    assert wrong_keys(other_host) == ["url"]


async def test_a_change_that_was_made_meanwhile_is_not_overwritten(api: Api) -> None:
    old = await api("POST", "/cameras", GATE)
    new = await api("PATCH", "/cameras/gate", {"transport": "udp"}, {"If-Match": old.etag})
    assert new.status == 200
    for method, body in (("PATCH", {"transport": "tcp"}), ("PUT", GATE), ("DELETE", None)):
        assert (await api(method, "/cameras/gate", body, {"If-Match": old.etag})).status == 412
    assert (await api("PUT", "/cameras/gate", GATE, {"If-None-Match": "*"})).status == 412
    assert (await api("PUT", "/cameras/yard", {**GATE, "name": "yard"}, {"If-Match": "*"})).status == 412
    assert (await api("PUT", "/cameras/gate", GATE, {"If-None-Match": f"W/{new.etag}"})).status == 412
    assert (await api("DELETE", "/cameras/gate", headers={"If-Match": f"W/{new.etag}"})).status == 412
    assert (await api("DELETE", "/cameras/gate", headers={"If-Match": ""})).status == 400
    assert (await api("GET", "/cameras/gate")).etag == new.etag
    assert (await api("DELETE", "/cameras/gate", headers={"If-Match": new.etag})).status == 204


async def test_a_camera_keeps_its_name(api: Api) -> None:
    await api("POST", "/cameras", GATE)
    for method in ("PUT", "PATCH"):
        assert wrong_keys(await api(method, "/cameras/gate", {**GATE, "name": "yard"})) == ["name"]
    assert (await api("PATCH", "/cameras/gate", {"name": "gate", "transport": "udp"})).status == 200


async def test_of_changes_at_a_time_each_is_made(api: Api) -> None:
    await api("POST", "/cameras", GATE)
    patches: list[dict[str, Any]] = [{"transport": "udp"}, {"enabled": False}, {"matrix": "bt709"}]
    answers = await asyncio.gather(*(api("PATCH", "/cameras/gate", patch) for patch in patches))
    assert [answer.status for answer in answers] == [200] * 3
    now = (await api("GET", "/cameras/gate")).json
    assert (now["transport"], now["enabled"], now["matrix"]) == ("udp", False, "bt709")


WRONG_SETTINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({"colour": 1}, ["colour"]),
    ({"sampling": {"fps": 2, "rate": 1}}, ["sampling.rate"]),
    ({"pipeline": "people2"}, ["pipeline"]),
    ({"privacy": [[[0, 0], [1, 2]]], "transport": "tls"}, ["privacy[0]", "privacy[0][1][1]", "transport"]),
    ({"url": "/etc/passwd"}, ["url"]),
    ({"url": "file:///etc/passwd"}, ["url"]),
    ({"url": "FILE:///etc/passwd"}, ["url"]),
    ({"url": "/dev/video0"}, ["url"]),
    ({"url": "v4l2:///dev/video0"}, ["url"]),
    ({"url": "gopher://host/"}, ["url"]),
    ({"url": "rtsp:///nohost"}, ["url"]),
    ({"url": None}, ["url"]),
    ({"substream": {"url": "/etc/passwd"}}, ["substream", "substream.url"]),
    ({"substream": {"url": "file:///etc/passwd"}}, ["substream", "substream.url"]),
    ({"url": "rtsps://host/1", "tls": {"ca": "/etc/passwd"}}, ["tls.ca"]),
    ({"recovery": {"webhook": "https://***@host/"}}, ["recovery.webhook"]),
    ({"recovery": {"webhook": "file:///x"}}, ["recovery.webhook"]),
]


async def test_each_wrong_key_is_named_and_nothing_changes(api: Api) -> None:
    before = await api("POST", "/cameras", GATE)
    for settings, keys in WRONG_SETTINGS:
        for method, body in (("PATCH", settings), ("PUT", {**GATE, **settings})):
            named = wrong_keys(await api(method, "/cameras/gate", body))
            assert named, (method, settings)
            assert set(named) <= set(keys), (method, settings)
    assert (await api("GET", "/cameras/gate")).etag == before.etag


async def test_a_name_that_is_none_is_refused(api: Api) -> None:
    for name in ("Gate", "a.b", "", None, 7, "x" * 64):
        assert wrong_keys(await api("POST", "/cameras", {**GATE, "name": name})) == ["name"]
    assert wrong_keys(await api("PUT", "/cameras/Gate", {**GATE, "name": "Gate"})) == ["name"]


async def test_placeholders_that_come_by_the_api_are_just_text(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_GATEWAY", "s3cret")
    await api("POST", "/cameras", {**GATE, "url": "rtsp://127.0.0.1:1/${SECRET_OF_THE_GATEWAY}"})
    assert (await api("GET", "/cameras/gate")).json["url"] == "rtsp://127.0.0.1:1/${SECRET_OF_THE_GATEWAY}"


async def test_a_camera_of_the_file_can_be_changed_and_not_removed(api: Api) -> None:
    enabled = await api("PATCH", "/cameras/filed", {"loop": True})
    assert (enabled.status, enabled.json["origin"], enabled.json["loop"]) == (200, "file", True)
    refused = await api("DELETE", "/cameras/filed")
    assert (refused.status, "configuration file" in refused.json["detail"]) == (409, True)


async def test_what_can_not_be_read_is_shown_and_can_be_replaced(api: Api, bus: Bus) -> None:
    await (await bus.bucket(CAMERAS)).put(f"{SITE}.odd", b"{}")
    assert (await api("GET", "/cameras/odd")).json["refused"] == "is no camera's record"
    assert (await api("PATCH", "/cameras/odd", {"transport": "udp"})).status == 409
    assert (await api("PUT", "/cameras/odd", {**GATE, "name": "odd"})).status == 200


WRONG_REQUESTS: list[tuple[str, str, bytes | None, dict[str, str], int]] = [
    ("POST", "/cameras", b"{", {}, 400),
    ("POST", "/cameras", b"[]", {}, 400),
    ("POST", "/cameras", b'{"url": NaN}', {}, 400),
    ("POST", "/cameras", b"[" * 50_000, {}, 400),
    ("POST", "/cameras", b'"\xff"', {}, 400),
    ("POST", "/cameras", b" " * 70_000, {}, 413),
    ("POST", "/cameras", b"{}", {"Content-Type": "text/plain"}, 415),
    ("POST", "/cameras/gate", b"{}", {}, 405),
    ("PATCH", "/cameras/none", b"{}", {}, 404),
    ("DELETE", "/cameras/none", None, {}, 404),
    ("GET", "/nothing", None, {}, 404),
    ("GET", "/cameras", None, {"Host": "attacker.example"}, 403),
    ("POST", "/cameras", b"{}", {"Origin": "https://attacker.example"}, 403),
]


async def test_a_request_that_is_wrong_is_answered_as_problem_json(api: Api) -> None:
    for method, path, raw, headers, status in WRONG_REQUESTS:
        answer = await api(method, path, raw=raw, headers=headers)
        assert (answer.status, answer.json["status"]) == (status, status), (method, path, raw)
        assert answer.headers["Content-Type"] == "application/problem+json; charset=utf-8"


async def test_a_source_is_looked_at(api: Api) -> None:
    refused = await api("POST", "/cameras:test", {"url": "rtsp://operator:s3cret@127.0.0.1:1/gate"})
    assert (refused.status, refused.json["ok"], refused.json["reason"]) == (200, False, "refused")
    assert "s3cret" not in refused.text
    async with simulated("gate") as cameras:
        url = cameras.url("gate")
        found = (await api("POST", "/cameras:test", {"url": url})).json
        assert (found["ok"], found["codec"], found["transport"]) == (True, "h264", "tcp")
        three = await asyncio.gather(*(api("POST", "/cameras:test", {"url": url}) for _ in range(3)))
    assert sorted(answer.status for answer in three) == [200, 200, 429]
    for body in ({}, {"url": 1}, {"url": "/etc/passwd"}, {"url": url, "transport": "tls"}, {"url": url, "pipeline": 1}):
        assert wrong_keys(await api("POST", "/cameras:test", body))


@pytest.mark.parametrize(
    "url",
    [
        "https://operator:s3cret\u2100@127.0.0.1:1/",
        "https://operator:s3cret@[127.0.0.1:1/",
        "rtsp://operator:s3cret@127.0.0.1:99999/",
        "rtsp://operator:s3/cret@127.0.0.1:1/",
        "rtsp:///s3cret",
        "srt://127.0.0.1:1",
        "whip",
    ],
)
async def test_a_url_that_no_camera_may_have_is_not_looked_at(
    api: Api, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    for transport in ("auto", "http"):
        answer = await api("POST", "/cameras:test", {"url": url, "transport": transport})
        assert wrong_keys(answer) == ["url"]
        assert "s3" not in answer.text
    assert "s3" not in caplog.text


async def test_a_description_of_the_api_is_served_and_says_what_is_there(api: Api) -> None:
    served = (await api("GET", "/openapi.json")).json
    assert served == await asyncio.to_thread(document)
    schemas = served["components"]["schemas"]
    validator = Draft202012Validator({"$ref": "#/components/schemas/Camera", "components": {"schemas": schemas}})
    await api("POST", "/cameras", {**GATE, "privacy": [[[0, 0], [1, 0], [1, 1]]]})
    validator.validate((await api("GET", "/cameras/gate")).json)
    validator.validate(GATE)
    assert not validator.is_valid({**GATE, "colour": 1})


async def test_while_the_bus_is_away_it_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    await asyncio.to_thread(server.start)
    config = configured(server, {})
    async with await connect(server.address, "test") as bus, running_api(config, bus) as api:
        await asyncio.to_thread(server.kill)
        for method, body in (("GET", None), ("PUT", GATE), ("DELETE", None)):
            answer = await api(method, "/cameras/gate", body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
