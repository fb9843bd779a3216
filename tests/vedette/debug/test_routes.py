"""`/debug` as clients see it: who may, what is answered, and one at a time."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from vedette.config.listen_settings import Address
from vedette.debug.loopback import LoopbackOnly
from vedette.debug.ptrace import why_not
from vedette.debug.recording import NoProfile, NoProfiler, Wanted, record
from vedette.debug.routes import DebugRoutes
from vedette.process.health import Health, serve_health
from vedette.secrets.secret import SecretText

HERE, ANYWHERE = Address(host="127.0.0.1", port=0), Address(host="0.0.0.0", port=0)
TOKEN = "t0ken-of-an-admin"
Asked = tuple[int, bytes, str]
Ask = Callable[..., Coroutine[Any, Any, Asked]]


@asynccontextmanager
async def served(listen: Address = HERE, token: str | None = None) -> AsyncIterator[Ask]:
    routes = DebugRoutes(LoopbackOnly(listen), None if token is None else SecretText(token)).routes
    async with (
        serve_health(Health(), listen, "listen.events", routes=routes) as address,
        aiohttp.ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{address.port}"

        async def ask(path: str, **headers: str) -> Asked:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            async with session.get(f"{url}/debug{path}", headers=names) as answer:
                return answer.status, await answer.read(), answer.content_type

        yield ask


async def test_what_is_asked_for_is_answered() -> None:
    async with served() as ask:
        assert b"/debug/stacks" in (await ask(""))[1]
        status, stacks, _ = await ask("/stacks")
        assert status == 200
        assert b"asyncio tasks" in stacks
        assert b"test_what_is_asked_for_is_answered" in stacks
        found = json.loads((await ask("/memory"))[1])
        assert found["system"]["VmRSS"] > 10_000_000
        assert found["objects"]["by_type"][0]["bytes"] > 0


async def test_only_this_machine_is_let_in_without_a_token_and_no_web_page() -> None:
    async with served() as ask:
        assert (await ask("/stacks", Host="rebound.example"))[0] == 403
        assert (await ask("/stacks", Origin="http://127.0.0.1:1"))[0] == 403
        assert (await ask("/profile", Sec_Fetch_Site="cross-site"))[0] == 403
        assert (await ask("/stacks", Host="localhost:80"))[0] == 200
    async with served(ANYWHERE) as ask:
        for path in ("", "/stacks", "/memory", "/profile"):
            status, body, _ = await ask(path)
            assert status == 403
            assert "debug.token" in json.loads(body)["detail"]
    async with served(ANYWHERE, TOKEN) as ask:
        assert (await ask("/stacks", Authorization=f"Bearer {TOKEN}"))[0] == 200
        assert (await ask("/stacks", Authorization=f"Bearer {TOKEN}x"))[0] == 403
        assert (await ask("/stacks", Authorization=f"Basic {TOKEN}"))[0] == 403


def burn(stop: threading.Event) -> None:
    """Python code that is seen at its work."""
    while not stop.is_set():
        sum(range(1000))


async def test_a_process_makes_a_flame_graph_of_itself_and_one_at_a_time() -> None:
    stop = threading.Event()
    burning = asyncio.create_task(asyncio.to_thread(burn, stop))
    try:
        async with served() as ask:
            both = await asyncio.gather(*(ask("/profile?seconds=2&format=raw&children=0") for _ in range(2)))
            (status, lines, kind), (refused, _, _) = sorted(both)
            assert (status, kind, refused) == (200, "text/plain", 409), lines
            assert b"burn (" in lines
            status, picture, kind = await ask("/profile?seconds=1&children=0")
            assert (status, kind) == (200, "image/svg+xml"), picture
            assert picture.rstrip().endswith(b"</svg>")
    finally:
        stop.set()
        await burning


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("seconds=0", "seconds must be 1 to 300"),
        ("seconds=301", "seconds must be 1 to 300"),
        ("seconds=1e3", "seconds must be a whole number"),
        ("rate=5000", "rate must be 1 to 1000"),
        ("format=html", "format must be one of flamegraph, speedscope, raw"),
        ("idle=yes", "idle must be 1 or 0"),
        ("second=3", "second: no such parameter"),
    ],
)
async def test_what_can_not_be_recorded_is_refused(query: str, why: str) -> None:
    async with served() as ask:
        status, body, _ = await ask(f"/profile?{query}")
    assert status == 400
    assert json.loads(body)["detail"].startswith(why)


async def test_without_py_spy_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vedette.debug.recording.shutil.which", lambda *_, **__: None)
    async with served() as ask:
        status, body, _ = await ask("/profile?seconds=1")
    assert status == 501
    assert "py-spy is not installed" in json.loads(body)["detail"]


async def test_a_process_that_is_not_there_has_no_profile() -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    with pytest.raises(NoProfile, match="there is no such Python process, or the system does not permit it"):
        await record(gone.pid, Wanted(seconds=1))


async def test_of_a_process_that_does_nothing_that_is_said() -> None:
    program = "import time; print(flush=True); time.sleep(600)"
    idle = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert idle.stdout is not None
    await idle.stdout.readline()
    try:
        with pytest.raises(NoProfile, match="nothing ran in these seconds"):
            await record(idle.pid, Wanted(seconds=1, children=False))
        assert b"<module>" in await record(idle.pid, Wanted(seconds=1, idle=True, format="raw"))
    finally:
        idle.kill()
        await idle.communicate()


@pytest.mark.parametrize("scope", [None, 0, 1, 2, 3])
def test_why_it_is_not_permitted_is_said_of_every_scope(scope: int | None) -> None:
    text = why_not(scope)
    assert ("ptrace_scope" in text) == bool(scope)
    assert ("SYS_PTRACE" in text) == (scope != 3)


async def test_what_the_system_refuses_is_told_from_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that says what py-spy says (0.4) where it may not: which systems do so can't be had here."""
    program = tmp_path / "py-spy"
    program.write_text("#!/bin/sh\necho 'Error: Permission denied (os error 13)' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("vedette.debug.recording.profiler", lambda: str(program))
    with pytest.raises(NoProfiler, match="SYS_PTRACE"):
        await record(os.getpid(), Wanted(seconds=1))
