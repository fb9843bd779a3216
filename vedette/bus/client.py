"""How the NATS library is set up for this system: credentials, time limits, no buffer, errors that are told to us."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Protocol
from urllib.parse import unquote, urlsplit

from nats.aio.client import Client, RawCredentials, Server
from nats.errors import Error as NatsError

from vedette.bus.address import BusAddress
from vedette.errors import BusMisfit
from vedette.retry import Backoff, Retry
from vedette.roles.login import Login
from vedette.roles.permissions import inbox_of
from vedette.roles.renewal import Access

RECONNECT = Backoff(first_s=0.1, cap_s=2.0)
_CONNECT_TIMEOUT_S = 2
_WRONG_CREDENTIALS = "authorization violation"


class ConnectionListener(Protocol):
    """Who is told what happens to the connection, and says when it is not wanted any more."""

    @property
    def closing(self) -> bool: ...
    async def disconnected(self) -> None: ...
    async def reconnected(self) -> None: ...
    async def ended(self) -> None: ...
    def failed(self, error: Exception) -> None: ...


class Attempts:
    """How long to wait before each attempt to connect again. After a connection that lasted it begins anew: a process
    that has been through many outages in its life is back as soon as one that has seen none."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._retry = Retry(RECONNECT)
        self._clock = clock
        self._since_s: float | None = None

    def succeeded(self) -> None:
        """There is a connection."""
        self._since_s = self._clock()

    def wait_s(self) -> float:
        """There is none any more, or still none."""
        lasted_s = 0.0 if self._since_s is None else self._clock() - self._since_s
        self._since_s = None
        return self._retry.wait_s(lasted_s)


class _Callbacks:
    """What the library calls."""

    def __init__(self, listener: ConnectionListener) -> None:
        self.established = False
        """There was a connection, or there will never be one."""
        self.attempts = Attempts()
        self._listener = listener

    async def on_error(self, error: Exception) -> None:
        # Until the first connect has succeeded the library would retry for ever on its own: raising here ends it.
        if not self.established:
            raise error
        self._listener.failed(error)

    def next_server(self, servers: list[Server], info: dict[str, object]) -> tuple[Server | None, float]:
        if self._listener.closing:
            # A connect that fails in the moment of its cancellation swallows that (asyncio.wait_for before Python
            # 3.12), and the library would reconnect for ever after `close`. This is what ends its loop.
            raise asyncio.CancelledError
        return None, self.attempts.wait_s()

    async def on_reconnect(self) -> None:
        self.attempts.succeeded()
        await self._listener.reconnected()


async def open_client(
    client: Client, address: BusAddress, access: Access, name: str, listener: ConnectionListener
) -> None:
    """Connect `client`, once. From then on it reconnects on its own, for ever, with full jitter.

    Raises:
        OSError, NatsError, TimeoutError: it did not succeed; the caller closes the client.
        BusMisfit: the credentials are wrong.
    """
    callbacks = _Callbacks(listener)
    login, certificates = access.login, access.certificates
    user, password, token = _login(login, address.url.reveal())
    try:
        await client.connect(
            servers=[address.url.reveal()],
            name=name,
            user=user,
            password=password,
            token=token,
            user_credentials=RawCredentials(login.credentials.reveal()) if login.credentials else None,
            tls=certificates.context if certificates else None,
            inbox_prefix=inbox_of(address.role) if address.role else "_INBOX",
            error_cb=callbacks.on_error,
            disconnected_cb=listener.disconnected,
            reconnected_cb=callbacks.on_reconnect,
            closed_cb=listener.ended,
            reconnect_to_server_handler=callbacks.next_server,
            max_reconnect_attempts=-1,
            connect_timeout=_CONNECT_TIMEOUT_S,
            ping_interval=5,
            max_outstanding_pings=2,
            # No buffer: what is published while disconnected would be delivered stale; and a full buffer makes the
            # library swallow cancellation (nats-py 2.16, Client._flush_pending).
            pending_size=0,
        )
    except NatsError as error:
        if _WRONG_CREDENTIALS in str(error).lower():
            raise BusMisfit(f"{address.url}: the server refuses these credentials") from error
        raise
    except ModuleNotFoundError as error:
        raise BusMisfit(f"nats.credentials needs the package {error.name}: pip install 'nats-py[nkeys]'") from error
    finally:
        callbacks.established = True
        callbacks.attempts.succeeded()


def _login(login: Login, url: str) -> tuple[str | None, str | None, str | None]:
    """User, password and token; those of a URL are decoded, which the library leaves out (nats-py 2.16)."""
    if login.user is not None:
        return login.user, login.password.reveal() if login.password else None, None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, None, None
    if parts.username is None:
        return None, None, None
    if parts.password is None:
        return None, None, unquote(parts.username)
    return unquote(parts.username), unquote(parts.password), None
