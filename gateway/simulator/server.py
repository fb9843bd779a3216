"""The RTSP server: it listens, takes connections in, and ends what has gone quiet."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping

from gateway.simulator.camera import LiveCamera
from gateway.simulator.connection import Connection, Stage
from gateway.simulator.errors import AddressTaken
from gateway.simulator.outlet import UdpPorts
from gateway.simulator.request import MAX_HEAD_BYTES
from gateway.simulator.session import Sessions
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.tunnel import Tunnels

MAX_CONNECTIONS = 1024
_BACKLOG = 128

logger = logging.getLogger(__name__)


class Server:
    """Serves ``cameras`` once: ``bind``, then ``run`` until it is cancelled, then ``close``."""

    def __init__(self, cameras: Mapping[str, LiveCamera], settings: SimulatorSettings) -> None:
        self._cameras = cameras
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._sessions = Sessions(settings.session_timeout_s, self._loop.time)
        self._connections: set[Connection] = set()
        self._group: asyncio.TaskGroup | None = None
        self._udp: UdpPorts | None = None
        self._listener: asyncio.Server
        self._stage: Stage

    async def bind(self, port: int) -> int:
        """Take the ports, and tell the RTSP one: clients that connect now are served by ``run``.

        Raises ``AddressTaken``.
        """
        host = self._settings.host
        try:
            found = (await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
            address = str(found[4][0])
            if self._settings.udp:
                self._udp = await UdpPorts.bind(address, self._sessions.heard)
            listening = socket.create_server((address, port), family=found[0], backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            self._close_udp()
            raise AddressTaken(host, port, _reason(error)) from error
        self._listener = await asyncio.start_server(
            self._accept, sock=listening, limit=MAX_HEAD_BYTES, start_serving=False
        )
        self._stage = Stage(self._cameras, self._settings, self._sessions, self._udp, Tunnels())
        return int(listening.getsockname()[1])

    async def run(self) -> None:
        """Serve until cancelled; then every connection is dropped."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for path, camera in self._cameras.items():
                group.create_task(camera.run(), name=f"camera {path}")
            await self._serve()

    async def refuse(self) -> None:
        """Accept no more connections. asyncio loses the socket of one that is half accepted when its server closes."""
        for listening in self._listener.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)

    def close(self) -> None:
        """Give the ports back; ``run`` must have ended."""
        self._listener.close()
        self._close_udp()

    def drop(self, path: str) -> None:
        """Reset the connections that asked for the camera, and end all its sessions."""
        for connection in self._connections:
            if path in connection.paths:
                connection.reset()
        for session in self._sessions:
            if session.camera is self._cameras[path]:
                self._sessions.end(session)

    async def _serve(self) -> None:
        try:
            await self._listener.start_serving()
            while True:
                await asyncio.sleep(min(1.0, self._settings.session_timeout_s / 4))
                self._end_quiet_ones()
        finally:
            self._group = None
            self._listener.close()

    def _end_quiet_ones(self) -> None:
        self._sessions.expire()
        oldest_s = self._loop.time() - self._settings.session_timeout_s
        for connection in self._connections:
            if connection.idle and connection.heard_s < oldest_s:
                connection.reset()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._group is None or len(self._connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
        else:
            attending = self._group.create_task(self._attend(Connection(self._stage, reader, writer)))
            attending.add_done_callback(lambda _: writer.close())  # cancelled before it began, it has closed nothing

    async def _attend(self, connection: Connection) -> None:
        self._connections.add(connection)
        try:
            await connection.serve()
        except Exception:
            logger.exception("a connection was dropped by an error of the simulator")
            connection.reset()
        finally:
            self._connections.discard(connection)

    def _close_udp(self) -> None:
        if self._udp is not None:
            self._udp.close()


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, socket.gaierror) or not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return os.strerror(error.errno)
