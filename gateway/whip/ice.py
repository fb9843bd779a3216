"""ICE whose candidates change: more of them come while it connects, and a restart moves it to another path.

aiortc's own transport can't restart. This one takes its place below `RTCDtlsTransport`, which wants of it no more than
`_recv`, `_send` and `role`, and keeps one or two `aioice.Connection`s: DTLS and what follows it run on across a restart
(RFC 8445, section 9; RFC 9725, section 4.3.3).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aioice import Candidate, Connection

from gateway.whip.fragment import Credentials

logger = logging.getLogger(__name__)

_ROOM = 2048
"""Datagrams that wait to be looked at, at most; older ones are dropped, as the network would."""
_CANDIDATES = 64
"""Of a publisher, for one connection: each makes the gateway send a few packets there."""


@dataclass(frozen=True, slots=True)
class IceServers:
    """What candidates beyond the machine's own addresses come from; see `aioice.Connection`."""

    stun: tuple[str, int] | None = None
    turn: tuple[str, int] | None = None
    turn_transport: str = "udp"
    turn_tls: bool = False
    turn_username: str | None = None
    turn_credential: str | None = None


class IcePath:
    """The way to a publisher. `role`, `_recv` and `_send` are what aiortc's DTLS calls."""

    role = "controlled"

    def __init__(self, servers: IceServers) -> None:
        self._servers = servers
        self._datagrams: deque[bytes] = deque(maxlen=_ROOM)
        self._came = asyncio.Event()
        self._active: _Connection | None = None
        self._latest = self._connection()
        self._lost = False
        self.restarted = asyncio.Event()
        self.heard_s = monotonic()
        """When the last datagram came, of whatever kind."""

    @property
    def lost(self) -> bool:
        """The publisher gave no sign for 30 s (RFC 7675), or the path was closed."""
        return self._lost

    @property
    def local(self) -> Credentials:
        """Those of the latest connection: the one that is, or is to be."""
        return Credentials(self._latest.local_username, self._latest.local_password)

    @property
    def candidates(self) -> list[str]:
        """The latest connection's own candidates, as SDP has them."""
        return [candidate.to_sdp() for candidate in self._latest.local_candidates]

    async def gather(self) -> None:
        await self._latest.gather_candidates()

    async def add(self, candidates: Iterable[Candidate]) -> None:
        """The publisher's candidates, for the latest connection.

        Those that aren't UDP, and names of mDNS, are left out: a publisher that can be reached there reaches us first.
        """
        for candidate in candidates:
            usable = candidate.transport.lower() == "udp" and not candidate.host.endswith(".local")
            if usable and len(self._latest.remote_candidates) < _CANDIDATES:
                await self._latest.add_remote_candidate(candidate)

    def expect(self, remote: Credentials) -> None:
        """The publisher's credentials, for the first connection."""
        self._latest.expect(remote)

    async def connect(self) -> None:
        """Find a path; what was one before serves until then. Waits for candidates without end: bring a time-out.

        Raises:
            ConnectionError: closed, or restarted meanwhile.
        """
        connection = self._latest
        await connection.connect()
        if connection is not self._latest:
            raise ConnectionError("restarted in the last moment")
        before, self._active = self._active, connection
        if before is not None:
            await before.close()

    async def restart(self, remote: Credentials) -> None:
        """Begin another connection, with candidates of its own. `restarted` is set; then `connect`, or `give_up`.

        Raises:
            ConnectionError: closed or lost meanwhile.
        """
        fresh = self._connection()
        fresh.expect(remote)
        try:
            await fresh.gather_candidates()
            if self._lost:
                raise ConnectionError("the path is closed")
        except BaseException:  # nobody knows it yet
            await fresh.close()
            raise
        before, self._latest = self._latest, fresh
        self.restarted.set()
        if before is not self._active:
            await before.close()  # it was not connected yet

    async def give_up(self) -> None:
        """The restart found no path: the one there was goes on, or its end, if that has come already, is the end."""
        if self._active is None or self._active is self._latest:
            return
        failed, self._latest = self._latest, self._active
        if self._active.ended:
            self._end(self._active)
        await failed.close()

    async def close(self) -> None:
        self._lost = True
        self._came.set()
        await self._latest.close()
        if self._active is not None and self._active is not self._latest:
            await self._active.close()

    async def _recv(self) -> bytes:
        while not self._datagrams:
            if self._lost:
                raise ConnectionError("the path is closed")
            self._came.clear()
            await self._came.wait()
        return self._datagrams.popleft()

    async def _send(self, data: bytes) -> None:
        if self._active is None:
            raise ConnectionError("there is no path yet")
        await self._active.send(data)

    def _connection(self) -> "_Connection":
        servers = self._servers
        return _Connection(
            self._take,
            self._hear,
            self._end,
            ice_controlling=False,
            stun_server=servers.stun,
            turn_server=servers.turn,
            turn_username=servers.turn_username,
            turn_password=servers.turn_credential,
            turn_ssl=servers.turn_tls,
            turn_transport=servers.turn_transport,
        )

    def _take(self, data: bytes) -> None:
        if data:  # an empty one is sent by nobody who means well, and is more than aiortc can take
            self.heard_s = monotonic()
            self._datagrams.append(data)
            self._came.set()

    def _hear(self) -> None:
        self.heard_s = monotonic()

    def _end(self, connection: "_Connection") -> None:
        """Consent was not renewed for 30 s, or we closed it. While there is a restart, that may bring another path."""
        if connection is self._active and connection is self._latest:
            self._lost = True
            self._came.set()


class _Connection(Connection):
    """Hands over what comes, instead of keeping it in an unbounded queue."""

    def __init__(
        self,
        take: Callable[[bytes], None],
        hear: Callable[[], None],
        end: Callable[["_Connection"], None],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._take = take
        self._hear = hear
        self._end = end
        self.ended = False

    def expect(self, remote: Credentials) -> None:
        self.remote_username, self.remote_password = remote.username, remote.password

    def data_received(self, data: bytes, component: int) -> None:
        self._take(data)

    def request_received(self, *args: Any) -> None:
        self._hear()
        super().request_received(*args)

    async def close(self) -> None:
        await super().close()
        self.ended = True
        self._end(self)


def read_candidates(texts: Iterable[str]) -> list[Candidate]:
    """Candidates as SDP has them.

    Raises:
        ValueError: one is none.
    """
    candidates = []
    for text in texts:
        try:
            candidates.append(Candidate.from_sdp(text))
        except ValueError:
            raise ValueError(f"{text[:80]!r} is no candidate") from None
    return candidates
