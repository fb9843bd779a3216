"""Where a camera may be that somebody adds through the API: not at what only the gateway itself should reach.

A name is looked up, and each of its addresses looked at; it is looked up again when the camera is opened, by FFmpeg,
which no check of ours stands before: a name whose address changes is for network policies (docs/threat-model.md).
"""

import asyncio
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from vedette.config.camera_settings import WHIP

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LOOK_UP_S = 3.0
_AT_A_TIME = 4
_HOST = re.compile(r"[A-Za-z0-9._~%:-]+")
_NEVER: Sequence[Network] = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "::/128"),  # this host
            *("169.254.0.0/16", "fe80::/10"),  # link-local: cloud metadata among them
            *("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128"),  # metadata of clouds, elsewhere
            *("224.0.0.0/4", "ff00::/8", "240.0.0.0/4"),  # multicast, reserved
        ),
    )
)
_NAT64 = ip_network("64:ff9b::/96")


class CameraNetworks:
    """What is allowed."""

    def __init__(self, allowed: Sequence[Network] | None, on_loopback: bool) -> None:
        """`allowed` None: what is usual. `on_loopback`: the gateway listens there alone, and cameras may be there."""
        self._allowed = allowed
        self._on_loopback = on_loopback
        self._looking = asyncio.Semaphore(_AT_A_TIME)

    async def problem_of(self, url: str) -> str | None:
        """What speaks against a URL of the network; None: nothing. A name that is not known yet may be, where nothing
        was said of networks."""
        if url == WHIP:
            return None
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return "is no URL"
        if not _HOST.fullmatch(host):
            return "must name a host, in letters, digits, dots and dashes"
        addresses = await self._addresses_of(host)
        if not addresses and self._allowed is not None:
            return "names a host that is not known; gateway.camera_networks says where cameras may be"
        return next((text for address in addresses if (text := self._against(address))), None)

    def _against(self, address: Address) -> str | None:
        inner = _unwrapped(address)
        if self._allowed is not None:
            allowed = any(inner in network for network in self._allowed)
            return None if allowed else "is outside of gateway.camera_networks"
        if inner.is_loopback:
            return None if self._on_loopback else "is on the gateway's machine; gateway.camera_networks may allow it"
        if any(inner in network for network in _NEVER):
            return "is at an address where no camera is (link-local, metadata, multicast, reserved)"
        return None

    async def _addresses_of(self, host: str) -> list[Address]:
        """None where the name is not known."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            try:
                async with asyncio.timeout(_LOOK_UP_S):
                    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError, TimeoutError):
                return []
        return [ip_address(str(place[0]).partition("%")[0]) for *_, place in found]


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that is in an IPv6 one: mapped (RFC 4291), 6to4 (RFC 3056) or NAT64 (RFC 6052)."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
