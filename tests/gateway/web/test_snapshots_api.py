"""Snapshots by the API of a running gateway."""

import asyncio
import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from aiohttp.test_utils import make_mocked_request
from jsonschema import Draft202012Validator

from gateway.api import Guard, SnapshotsApi
from gateway.web.problem import HttpProblem
from tests.gateway.run_api import Api, running_api
from tests.gateway.run_gateway import SITE, configured
from tests.nats_server import NatsServer
from vedette.bus.connection import Bus, connect
from vedette.config.listen_settings import Address
from vedette.snapshots.record import Query, SnapshotRecord
from vedette.snapshots.store import SnapshotStore

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Bus, Api]]:
    """One gateway for all tests."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    await asyncio.to_thread(server.start)
    async with await connect(server.address, "test") as bus, running_api(configured(server, {}), bus) as api:
        yield bus, api
    server.close()


@pytest_asyncio.fixture(loop_scope="module")
async def api(shared: tuple[Bus, Api]) -> AsyncIterator[Api]:
    yield shared[1]
    await SnapshotStore(shared[0]).delete(Query())


@pytest.fixture
def store(shared: tuple[Bus, Api]) -> SnapshotStore:
    return SnapshotStore(shared[0])


async def put(store: SnapshotStore, content: bytes, **more: object) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    known: dict[str, Any] = {
        "sha256": sha256,
        "kind": "crop",
        "site": SITE,
        "camera": "gate",
        "pipeline": "people",
        "object": "01A",
        "label": "person",
        "captured_at": NOON,
        "width": 4,
        "height": 8,
    }
    await store.put([(SnapshotRecord.model_validate(known | more), content)])
    return sha256


async def test_a_snapshot_is_served_by_its_name_and_need_not_be_asked_for_twice(api: Api, store: SnapshotStore) -> None:
    content = b"\xff\xd8 a picture"
    sha256 = await put(store, content)
    async with ClientSession() as session, session.get(f"http://{api.address}/api/v1/snapshots/{sha256}") as answer:
        assert (answer.status, await answer.read()) == (200, content)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["ETag"] == f'"{sha256}"'
    again = await api("GET", f"/snapshots/{sha256}", headers={"If-None-Match": f'"{sha256}"'})
    assert (again.status, again.text) == (304, "")


@pytest.mark.parametrize("name", ["0" * 64, "x", "A" * 64, "..", "%2A"])
async def test_what_is_not_there_is_not_found(api: Api, name: str) -> None:
    answer = await api("GET", f"/snapshots/{name}")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_snapshots_are_listed_by_camera_time_label_and_person(api: Api, store: SnapshotStore) -> None:
    gate = await put(store, b"gate")
    anna = await put(store, b"anna", person="Anna Ölund", captured_at=NOON + dt.timedelta(hours=1))
    car = await put(store, b"car", camera="yard", label="car", object="01B", captured_at=NOON + dt.timedelta(hours=2))
    await put(store, b"elsewhere", site="other")

    async def listed(query: str) -> list[str]:
        answer = await api("GET", f"/snapshots{query}")
        assert answer.status == 200, answer.text
        return [one["sha256"] for one in answer.json["snapshots"]]

    assert await listed("") == [car, anna, gate]
    assert await listed("?camera=gate") == [anna, gate]
    assert await listed("?from=2026-11-22T13:00:00Z&to=2026-11-22T15:00:00%2B01:00") == [anna]
    assert await listed("?label=car") == [car]
    assert await listed("?person=Anna%20%C3%96lund") == [anna]
    assert await listed("?object=01B") == [car]
    first = (await api("GET", "/snapshots?limit=2")).json
    assert [one["sha256"] for one in first["snapshots"]] == [car, anna]
    assert await listed(f"?limit=2&begin={first['next']}") == [gate]


async def test_what_is_listed_is_as_the_description_says(api: Api, store: SnapshotStore) -> None:
    await put(store, b"gate", person="Anna")
    described = (await api("GET", "/openapi.json")).json
    page = described["paths"]["/api/v1/snapshots"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**page, "components": described["components"]})
    listed = (await api("GET", "/snapshots")).json
    validator.validate(listed)
    assert not validator.is_valid({"snapshots": [{**listed["snapshots"][0], "width": "wide"}]})


async def test_snapshots_are_deleted_by_the_same_words(api: Api, store: SnapshotStore) -> None:
    gate, anna = await put(store, b"gate"), await put(store, b"anna", person="Anna")
    assert (await api("DELETE", "/snapshots?person=Anna")).json == {"deleted": 1}
    assert [await store.get(one) for one in (gate, anna)] == [b"gate", None]
    assert (await api("GET", f"/snapshots/{anna}")).status == 404
    assert (await api("DELETE", "/snapshots?camera=gate&to=2027-01-01T00:00:00Z")).json == {"deleted": 1}


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("", "camera"),
        ("?peson=Anna", "peson"),
        ("?camera=*", "camera"),
        ("?camera=gate.x", "camera"),
        ("?object=%3E", "object"),
        ("?person=", "person"),
        ("?camera=gate&camera=yard", "camera"),
        ("?from=yesterday", "from"),
        ("?from=2026-11-22T08:00:00", "from"),
        ("?to=9999-12-31T23:59:59-23:59", "to"),
        ("?limit=5", "limit"),
    ],
)
async def test_a_deletion_that_does_not_say_what_is_refused(
    api: Api, store: SnapshotStore, query: str, key: str
) -> None:
    sha256 = await put(store, b"gate")
    answer = await api("DELETE", f"/snapshots{query}")
    assert (answer.status, [error["key"] for error in answer.json["errors"]]) == (422, [key])
    assert await store.get(sha256) == b"gate"


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=ten", "begin=nonsense", "colour=red"])
async def test_a_wrong_word_of_a_list_is_refused(api: Api, query: str) -> None:
    answer = await api("GET", f"/snapshots?{query}")
    assert (answer.status, [error["key"] for error in answer.json["errors"]]) == (422, [query.partition("=")[0]])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_pictures_do_not_leave_the_machine_where_nobody_has_to_say_who_they_are(method: str) -> None:
    guard = Guard(None, Address(host="0.0.0.0", port=8080))
    routes = [route for route in SnapshotsApi(SITE, guard).routes() if route.method == method]
    assert routes
    for route in routes:
        with pytest.raises(HttpProblem) as refused:
            await route.handler(make_mocked_request(method, "/"))
        assert refused.value.status == 403


async def test_while_the_bus_is_away_it_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    await asyncio.to_thread(server.start)
    async with await connect(server.address, "test") as bus, running_api(configured(server, {}), bus) as api:
        await asyncio.to_thread(server.kill)
        for path in ("/snapshots", f"/snapshots/{'0' * 64}"):
            answer = await api("GET", path)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
