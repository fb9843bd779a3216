"""RTSP sessions (RFC 2326, 3.4): one client's stream of one camera, from SETUP to its end."""

import secrets
from collections.abc import Callable, Iterator

from gateway.simulator.camera import LiveCamera, Viewer
from gateway.simulator.outlet import Address, Outlet, UdpOutlet

MAX_SESSIONS = 1024


class Session:
    """Ready after SETUP, playing after PLAY (RFC 2326, A.2). ``expires`` tells those over UDP."""

    def __init__(self, camera: LiveCamera, outlet: Outlet, backlog_bytes: int, now_s: float) -> None:
        self.id = secrets.token_hex(8)
        self.camera = camera
        self.playing = False
        self.heard_s = now_s
        self.rtcp: Address | None = outlet.rtcp if isinstance(outlet, UdpOutlet) else None
        self._viewer = Viewer(outlet, backlog_bytes)

    @property
    def expires(self) -> bool:
        """Whether it needs keeping alive: an interleaved one lives and dies with its connection."""
        return self.rtcp is not None

    def play(self) -> None:
        """Watch the camera."""
        if not self.playing:
            self.camera.join(self._viewer)
        self.playing = True

    def pause(self) -> None:
        """Stop watching."""
        self.camera.leave(self._viewer)
        self.playing = False


class Sessions:
    """All sessions of a server, at most ``MAX_SESSIONS``."""

    def __init__(self, timeout_s: float, clock: Callable[[], float]) -> None:
        self.timeout_s = timeout_s
        self._clock = clock
        self._by_id: dict[str, Session] = {}
        self._by_rtcp: dict[Address, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, session_id: object) -> bool:
        return session_id in self._by_id

    @property
    def full(self) -> bool:
        """Whether no more can be opened."""
        return len(self._by_id) >= MAX_SESSIONS

    def open(self, camera: LiveCamera, outlet: Outlet, backlog_bytes: int) -> Session:
        """A session, ready to play."""
        session = Session(camera, outlet, backlog_bytes, self._clock())
        self._by_id[session.id] = session
        if session.rtcp is not None:
            self._by_rtcp[session.rtcp] = session
        return session

    def find(self, session_id: str | None) -> Session | None:
        """The session of that id, which is thereby kept alive."""
        session = self._by_id.get(session_id or "")
        if session is not None:
            session.heard_s = self._clock()
        return session

    def heard(self, sender: Address) -> None:
        """RTCP came from ``sender``: its session lives."""
        session = self._by_rtcp.get(sender)
        if session is not None:
            session.heard_s = self._clock()

    def end(self, session: Session) -> None:
        """Stop its stream and forget it."""
        session.pause()
        self._by_id.pop(session.id, None)
        if session.rtcp is not None and self._by_rtcp.get(session.rtcp) is session:
            del self._by_rtcp[session.rtcp]

    def expire(self) -> None:
        """End the UDP sessions of whose clients nothing was heard for the timeout."""
        oldest_s = self._clock() - self.timeout_s
        for session in self:
            if session.expires and session.heard_s < oldest_s:
                self.end(session)
