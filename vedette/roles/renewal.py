"""A connection's credentials and certificates, read again when their files change: it is then made anew with these.

Nothing is lost by that which a lost connection does not lose either: subscriptions are made again, what is published
meanwhile fails at once, and who publishes events tries again.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client, RawCredentials
from nats.aio.msg import Msg
from nats.errors import AuthorizationError
from nats.errors import Error as NatsError

from vedette.bus.address import BusAddress
from vedette.errors import VedetteError
from vedette.roles.login import Login, read_login
from vedette.tls.client import ClientCertificates, load_client

logger = logging.getLogger(__name__)

LOOKS_S = 1.0
_REFUSED = ("authorization violation", "authentication expired", "authentication revoked", "user authentication")


@dataclass(frozen=True, slots=True)
class Access:
    """What a connection is made with."""

    login: Login
    certificates: ClientCertificates | None

    def same_as(self, other: "Access") -> bool:
        """Whether the files say the same."""
        ours, theirs = (one.certificates.files if one.certificates else None for one in (self, other))
        return self.login == other.login and ours == theirs


def read_access(address: BusAddress) -> Access:
    """As the files are now. Not for the event loop.

    Raises:
        BusUnavailable, ConfigError: a file can't be used.
    """
    login = Login(address.user, address.password, address.credentials)
    if address.logins is not None and address.role is not None:
        login = read_login(address.logins, address.role)
    return Access(login, load_client(address.tls) if address.tls is not None else None)


def is_renewed(address: BusAddress) -> bool:
    """Whether there are files to look at."""
    return address.logins is not None or address.tls is not None


async def renewing(client: Client, address: BusAddress, access: Access) -> None:
    """Look at the files; never returns. `access` is what the client was connected with."""
    logged = ""
    while True:
        await asyncio.sleep(LOOKS_S)
        try:
            found = await asyncio.to_thread(read_access, address)
        except VedetteError as error:  # perhaps one file was replaced and the other one will be
            if str(error) != logged:
                logger.error("%s; what was there before stays in use", error)
            logged = str(error)
            continue
        logged = ""
        if not found.same_as(access):
            access = found
            set_access(client, access)
            logger.info("new credentials or certificates for the bus: connecting again")
            await client.force_reconnect()  # where it is connected


def set_access(client: Client, access: Access) -> None:
    """What the client's next connection is made with."""
    login = access.login
    if login.credentials is not None:
        client._user_credentials = RawCredentials(login.credentials.reveal())
        client._setup_nkeys_connect()
    elif login.user is not None:
        client.options["user"] = login.user
        client.options["password"] = login.password.reveal() if login.password else None
    if access.certificates is not None:
        client.options["tls"] = access.certificates.context


class RenewedClient(Client):
    """Comes back where a server ends the connection of a user that has changed; keeps to TLS; reads whatever comes;
    swallows no cancellation."""

    renewed = False
    """Whether credentials may change: otherwise being refused is for good."""

    async def _process_err(self, err_msg: str) -> None:
        refused = any(words in err_msg.lower() for words in _REFUSED)
        if self.renewed and refused and (self.is_connected or self.is_reconnecting):
            logger.warning("the server does not let us in any more; trying again, in case there are new credentials")
            await self._process_op_err(AuthorizationError())
            return
        await super()._process_err(err_msg)

    async def request(self, *arguments: Any, **options: Any) -> Msg:
        """As the library's."""
        with _cancellation_kept():
            return await super().request(*arguments, **options)

    async def flush(self, *arguments: Any, **options: Any) -> None:
        """As the library's."""
        with _cancellation_kept():
            await super().flush(*arguments, **options)

    async def _process_connect_init(self) -> None:
        """A connection that failed is closed and forgotten. The library leaves it open while it tries again, and after
        a failed TLS handshake waits for its end for ever (nats-py 2.16)."""
        try:
            await super()._process_connect_init()
        except BaseException:
            transport, self._transport = self._transport, None
            if transport is not None:
                transport.close()  # type: ignore[no-untyped-call]
                plain = getattr(transport, "_bare_io_writer", None)
                if plain is not None:  # the TCP connection under TLS, which would wait for the server's last word
                    plain.close()
            raise

    async def _process_info(self, info: dict[str, object], initial_connection: bool = False) -> None:
        """Before anything is sent. The library goes on in plain text where the server asks for that (nats-py 2.16)."""
        server = self._current_server
        if initial_connection and server and server.uri.scheme == "tls" and not info.get("tls_required"):
            raise NatsError("the server offers no TLS, and the URL is tls://")
        await super()._process_info(info, initial_connection)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        """At a subject that is no UTF-8 the library stops reading until its pings go unanswered (nats-py 2.16). The
        server takes and stores such a message, which would cut off each of its readers again and again."""
        await super()._process_msg(sid, _readable(subject), _readable(reply), data, headers)


@contextmanager
def _cancellation_kept() -> Iterator[None]:
    """A cancellation that came while the body ran is raised behind it. The library waits by `asyncio.wait_for`, which
    before Python 3.12 swallows one that comes at the moment of the result (github.com/python/cpython/issues/86296):
    the task would run on, and who ends it would wait."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError


def _readable(text: bytes) -> bytes:
    return text if not text or text.isascii() else text.decode(errors="replace").encode()
