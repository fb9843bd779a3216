"""Pictures by URL, from hosts that the configuration lists.

A name may lead anywhere: to this machine, into the site's network, to the service that hands out a cloud machine's
credentials (169.254.169.254). So a connection is made only to addresses of the public Internet, and to those that are
listed themselves. The addresses that are checked are the ones that are connected to; redirects are not followed.
"""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from inference.guard.limits import USUAL
from inference.serving.refusal import Refused
from inference.serving.vision.pictures import Fetch

FETCH_S = 10.0
_MOST_CHARACTERS = 2000
_GATEWAYS = tuple(ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
"""Public by their numbers, and they lead to any IPv4 address: NAT64, 6to4, Teredo."""


class NotListed(OSError):
    """A name leads to addresses that may not be asked."""


class Listed:
    """The hosts from which pictures may be fetched: names, `*.domain`, addresses and networks."""

    def __init__(self, entries: Sequence[str]) -> None:
        networks, names = [], []
        for entry in entries:
            try:
                networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                names.append(entry)
        self._networks: list[IPv4Network | IPv6Network] = networks
        self._names = frozenset(name for name in names if not name.startswith("*."))
        self._domains = tuple(name[1:] for name in names if name.startswith("*."))

    def has_name(self, host: str) -> bool:
        """A name, in small letters."""
        return host in self._names or host.endswith(self._domains)

    def has_address(self, address: IPv4Address | IPv6Address) -> bool:
        """An address itself, listed."""
        return any(address in network for network in self._networks)

    def may_connect(self, text: str) -> bool:
        """To an address that a listed name leads to."""
        address = ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = address if mapped is None else mapped
        is_public = address.is_global and not address.is_multicast
        return self.has_address(address) or (is_public and not any(address in network for network in _GATEWAYS))


class _Resolver(AbstractResolver):
    """The system's, without what may not be connected to."""

    def __init__(self, listed: Listed) -> None:
        self._listed = listed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises NotListed."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        allowed = [entry for entry in found if self._listed.may_connect(str(entry[4][0]))]
        if not allowed:
            raise NotListed("it leads to an address that is not public, and not listed")
        return [
            ResolveResult(
                hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, address in allowed
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def fetcher(entries: Sequence[str]) -> Fetch | None:
    """What fetches from these hosts; None where there are none."""
    if not entries:
        return None
    listed = Listed(entries)

    async def fetch(url: str) -> bytes:
        _check(url, listed)
        try:
            async with asyncio.timeout(FETCH_S), _session(listed) as session:
                return await _fetched(session, url)
        except NotListed as error:
            raise Refused("forbidden", f"the URL's host: {error}") from None
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as error:
            if isinstance(error.__cause__, NotListed):
                raise Refused("forbidden", f"the URL's host: {error.__cause__}") from None
            raise Refused("invalid", f"the URL can't be fetched: {type(error).__name__}") from None

    return fetch


def _check(url: str, listed: Listed) -> None:
    try:
        parts = urlsplit(url) if len(url) <= _MOST_CHARACTERS else None
        host = (parts.hostname or "").rstrip(".") if parts else ""
    except ValueError:
        parts, host = None, ""
    if parts is None or parts.scheme not in ("http", "https") or not host:
        raise Refused("invalid", "the URL must be http://… or https://…, with a host")
    try:
        allowed = listed.has_address(ip_address(host))
    except ValueError:
        allowed = listed.has_name(host)
    if not allowed:
        raise Refused("forbidden", "the URL's host is not one of serving.urls")


def _session(listed: Listed) -> aiohttp.ClientSession:
    connector: Any = aiohttp.TCPConnector(resolver=_Resolver(listed), use_dns_cache=False, force_close=True)
    return aiohttp.ClientSession(connector=connector, auto_decompress=False, trust_env=False)


async def _fetched(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise Refused("invalid", f"the URL is answered with {response.status}, not 200")
        data = bytearray()
        async for piece in response.content.iter_any():
            data += piece
            if len(data) > USUAL.bytes:
                raise Refused("too_large", f"what the URL gives is over {USUAL.bytes} bytes")
        return bytes(data)
