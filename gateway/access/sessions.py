"""Sessions of browsers that have signed in: in this process' memory, so a restart ends them."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from gateway.access.accounts import Caller

COOKIE, CSRF_HEADER = "vedette_session", "X-CSRF-Token"
UNUSED_FOR_S = 12 * 3600.0
"""A session that nobody uses for so long has ended."""
_MOST = 1000


@dataclass(slots=True)
class Session:
    """One browser's."""

    caller: Caller
    csrf: str
    """A page of another origin can make a browser send the cookie, but can't read this, which changes need too."""
    used_s: float
    open: bool = True
    """False: signed out, or forgotten."""

    def has(self, csrf: str) -> bool:
        """Whether this is its `csrf`."""
        return hmac.compare_digest(csrf.encode("utf-8", "surrogatepass"), self.csrf.encode())


class Sessions:
    """At most 1000; the one that was not used for the longest time makes place."""

    def __init__(self, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        self._sessions: dict[bytes, Session] = {}
        """By the digest of the cookie: a look-up's time says nothing of what is in it. Least used first."""

    def begin(self, caller: Caller) -> tuple[str, Session]:
        """A new session, and its cookie's value."""
        cookie = secrets.token_urlsafe(32)
        session = Session(caller, secrets.token_urlsafe(24), self._now_s())
        self._sessions[_key(cookie)] = session
        while len(self._sessions) > _MOST:
            self._end(next(iter(self._sessions)))
        return cookie, session

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, while it lasts; it was used now."""
        key = _key(cookie or "")
        session = self._sessions.pop(key, None)
        if session is None:
            return None
        if not self.lasts(session):
            session.open = False
            return None
        session.used_s = self._now_s()
        self._sessions[key] = session
        return session

    def lasts(self, session: Session) -> bool:
        """Whether it has not ended; asking is no use of it."""
        return session.open and self._now_s() - session.used_s <= UNUSED_FOR_S

    def end(self, cookie: str | None) -> None:
        """Signed out."""
        self._end(_key(cookie or ""))

    def _end(self, key: bytes) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.open = False


def _key(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()
