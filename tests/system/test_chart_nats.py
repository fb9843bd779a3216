"""The NATS servers of the chart, as it configures them: run on loopback, alone and as a cluster."""

import asyncio
import os
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import nats
import pytest

from tests.system.chart import Chart, one_of
from tests.waiting import until_async
from vedette.child import die_with_parent
from vedette.embedded_nats import server_binary
from vedette.roles.permissions import ROLES

VARIABLES = [f"NATS_{role.upper()}_PASSWORD" for role in (*ROLES, "route")]
pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


class Servers:
    """What the StatefulSet would run, with free ports in place of 4222, 6222 and 8222, and loopback of names."""

    def __init__(self, folder: Path, number: int) -> None:
        chart = Chart()
        manifests = chart.render({"nats": {"replicas": number, "memoryStore": "64Mi", "fileStore": "64Mi"}})
        chart.close()
        self.ports = free_ports(3 * number)
        self._folder = folder
        self._config: str = one_of(manifests, "ConfigMap", "site-nats")["data"]["nats.conf"]
        pod = one_of(manifests, "StatefulSet", "site-nats")["spec"]["template"]["spec"]
        self._routes = [said for said in pod["containers"][0]["args"] if said.startswith("--routes=")]
        self._children = [self._start(index) for index in range(number)]

    @property
    def url(self) -> str:
        return f"nats://events:p4ss@127.0.0.1:{self.ports[0]}"

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.wait()

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        folder = self._folder / str(index)
        folder.mkdir()
        text = self._config.replace("/data", str(folder / "data")).replace("/tmp/nats.pid", str(folder / "pid"))
        for usual, port in zip((4222, 6222, 8222), self.ports[3 * index :], strict=False):
            text = text.replace(f"0.0.0.0:{usual}", f"127.0.0.1:{port}")
        file = folder / "nats.conf"
        file.write_text(text)
        return subprocess.Popen(
            [str(server_binary()), f"--config={file}", *map(self._on_loopback, self._routes), "-l", folder / "log"],
            env={**os.environ, "POD_NAME": f"site-nats-{index}", **dict.fromkeys(VARIABLES, "p4ss")},
            preexec_fn=die_with_parent,
        )

    def _on_loopback(self, routes: str) -> str:
        for index, port in enumerate(self.ports[1::3]):
            routes = routes.replace(f"site-nats-{index}.site-nats-headless:6222", f"127.0.0.1:{port}")
        return routes.replace("$(NATS_ROUTE_PASSWORD)", "p4ss")


@pytest.mark.parametrize("number", [1, 3])
async def test_nats_runs_as_the_chart_configures_it(tmp_path: Path, number: int) -> None:
    servers = await asyncio.to_thread(Servers, tmp_path, number)
    try:
        await until_async(lambda: _stores(servers.url, number), "a stream with a copy on each server")
        assert b"Authorization Violation" in await _refusal(servers.ports[0])
    finally:
        await asyncio.to_thread(servers.close)


async def _refusal(port: int) -> bytes:
    """What the server says to a wrong password."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await reader.readline()
        writer.write(b'CONNECT {"user": "events", "pass": "wrong"}\r\nPING\r\n')
        return await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


async def _stores(url: str, copies: int) -> bool:
    """Whether a stream with so many copies can be made, and takes a message."""
    try:
        client = await nats.connect(url, allow_reconnect=False, connect_timeout=5, inbox_prefix="_INBOX.events")
    except (OSError, nats.errors.Error):
        return False
    try:
        await client.jetstream().add_stream(name="EVENTS", subjects=["vedette.events.>"], num_replicas=copies)
        return (await client.jetstream().publish("vedette.events.a.b.c.d", b"1")).stream == "EVENTS"
    except nats.errors.Error:
        return False
    finally:
        await client.close()


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on just now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
