"""What an inference process tells the audit log: changes and attempts with who, and no name of anybody."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path

import grpc
import pytest

from inference.repository.model import Model
from inference.serving.v2.protobuf import open_inference_pb2 as oip
from tests.inference.serving.edge import Served, colours, edge, versions_of
from tests.inference.serving.test_access import (
    CHANGE,
    DETECT,
    INFER,
    LOAD,
    LOADING,
    PICTURE,
    READY,
    TOKENS,
    bearer,
    code,
)
from tests.waiting import until_async
from vedette.audit.command import entries
from vedette.audit.message import Audit
from vedette.background import background
from vedette.bus.connection import Bus

ROLLOUT = "/api/v1/rollouts/colours"
PERSON = "Anna-Muster"


async def told(bus: Bus, count: int) -> list[Audit]:
    """The entries, when there are so many."""
    found: list[Audit] = []

    async def there() -> bool:
        found[:] = [event.data async for event in entries(bus, "plant-1", 1000)]
        return len(found) >= count

    await until_async(there, lambda: f"{count} entries, not {found}")
    return found


def serving(folder: Path) -> AbstractAsyncContextManager[Served]:
    """Of two versions, one of which can be loaded."""
    versions = versions_of(folder, "1.0.0", "1.1.0")

    async def find(version: str) -> Model:
        return versions[version]

    return edge(versions["1.0.0"], {"tokens": TOKENS}, find=find)


async def test_changes_by_http_are_told_with_the_tokens_name_and_how_they_ended(tmp_path: Path, bus: Bus) -> None:
    async with serving(tmp_path) as served, background(served.trail.run(bus)):
        assert (await served.post(LOAD, b"", bearer(CHANGE))).status == 400
        assert (await served.post(LOAD, b"", bearer(INFER))).status == 403
        assert (await served.post(LOAD, b"", bearer("stranger"))).status == 401
        assert (await served.ask("PUT", ROLLOUT, b'{"candidate": "1.1.0", "share": 0.5}', bearer(CHANGE))).status == 503
        assert (await served.ask("DELETE", f"/api/v1/identities/staff/{PERSON}", headers=bearer(CHANGE))).status == 503
        assert (await served.ask("GET", "/api/v1/identities/staff", headers=bearer(CHANGE))).status == 503
        assert (await served.post(DETECT, PICTURE, bearer(INFER))).status == 200
        assert (await served.post(LOAD, b'{"parameters": {"version": "1.1.0"}}', bearer(CHANGE))).status == 200
        found = await told(bus, 6)
    asked, forbidden, stranger, rolled, removed, loaded = found
    assert (asked.service, asked.actor, asked.role, asked.address) == ("inference", "ops", "admin", "127.0.0.1")
    assert (asked.action, asked.target) == ("POST /v2/repository/models/{model}/load", "colours")
    assert (asked.outcome, asked.status) == ("refused", 400)
    assert (forbidden.actor, forbidden.role, forbidden.status) == ("shop", "infer", 403)
    assert (stranger.actor, stranger.role, stranger.status) == ("unknown", None, 401)
    assert (rolled.keys, rolled.outcome) == (("candidate", "share"), "failed")
    assert (removed.action, removed.target) == ("DELETE /api/v1/identities/{gallery}/{person}", "staff")
    assert (loaded.outcome, loaded.status) == ("done", 200)
    assert not any(PERSON in one.model_dump_json() or CHANGE in one.model_dump_json() for one in found)


async def test_changes_by_grpc_are_told_too(tmp_path: Path, bus: Bus) -> None:
    unload = (
        "RepositoryModelUnload",
        oip.RepositoryModelUnloadRequest(model_name="colours@7"),
        oip.RepositoryModelUnloadResponse,
    )
    load = oip.RepositoryModelLoadRequest(model_name="colours@1.1.0")
    async with serving(tmp_path) as served, background(served.trail.run(bus)):
        assert await code(served, READY, INFER) is grpc.StatusCode.OK
        assert await code(served, LOADING, "stranger") is grpc.StatusCode.UNAUTHENTICATED
        assert await code(served, LOADING, INFER) is grpc.StatusCode.PERMISSION_DENIED
        assert await code(served, unload, CHANGE) is grpc.StatusCode.INVALID_ARGUMENT
        assert await code(served, (LOADING[0], load, LOADING[2]), CHANGE) is grpc.StatusCode.OK
        found = await told(bus, 4)
    assert [(one.actor, one.action, one.target, one.outcome) for one in found] == [
        ("unknown", "RepositoryModelLoad", None, "refused"),
        ("shop", "RepositoryModelLoad", None, "refused"),
        ("ops", "RepositoryModelUnload", "colours@7", "refused"),
        ("ops", "RepositoryModelLoad", "colours@1.1.0", "done"),
    ]
    assert {one.address for one in found} == {"127.0.0.1"}


@pytest.mark.parametrize(("host", "actor"), [("127.0.0.1", "this machine"), ("0.0.0.0", "unknown")])
async def test_without_tokens_it_is_this_machine_or_nobody_known(
    tmp_path: Path, bus: Bus, host: str, actor: str
) -> None:
    async with edge(colours(tmp_path), host=host) as served, background(served.trail.run(bus)):
        await served.post(LOAD)
        (entry,) = await told(bus, 1)
    assert (entry.actor, entry.role, entry.outcome) == (actor, None, "refused")
