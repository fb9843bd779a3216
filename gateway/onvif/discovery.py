"""Which ONVIF devices there are on the network (WS-Discovery, April 2005, as ONVIF Core section 7 wants it)."""

import asyncio
import uuid
from dataclasses import dataclass
from typing import cast
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from gateway.onvif.envelope import Element, OnvifError, envelope, parse, plain, text_of

MULTICAST = ("239.255.255.250", 3702)
_PROBE_EVERY_S = 1.0
"""UDP loses things; devices answer each probe after up to half a second."""
_MOST = 4096
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_DEVICE = "http://www.onvif.org/ver10/network/wsdl"


@dataclass(frozen=True, slots=True)
class Found:
    """A device that answered."""

    endpoint: str
    """`urn:uuid:…`; stays the same over changes of address."""
    address: str
    """Of its device service: `http://10.0.0.5/onvif/device_service`."""
    name: str | None
    hardware: str | None
    location: str | None


async def discover(
    within_s: float = 4.0, interface: str | None = None, target: tuple[str, int] = MULTICAST
) -> list[Found]:
    """Ask who is there, and wait `within_s` for answers; each device once, in the order of addresses.

    `interface` is the address of the interface to ask on; default: where the system sends multicast.

    Raises:
        OnvifError: the network can't be asked.
    """
    loop = asyncio.get_running_loop()
    message = f"urn:uuid:{uuid.uuid4()}"
    answers = _Answers(message)
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: answers, local_addr=(interface or "0.0.0.0", 0))
    except OSError as error:
        raise OnvifError(f"no UDP on {interface or 'any interface'}: {error.strerror}") from None
    try:
        async with asyncio.timeout(within_s):
            while True:
                transport.sendto(_probe(message), target)
                await asyncio.sleep(_PROBE_EVERY_S)
    except TimeoutError:
        pass
    finally:
        transport.close()
    if answers.failure is not None and not answers.found:
        raise OnvifError(f"the network can't be asked: {answers.failure.strerror or 'no route'}")
    return sorted(answers.found.values(), key=lambda found: found.address)


class _Answers(asyncio.DatagramProtocol):
    """Collects the matches to one probe; what is anything else is left."""

    def __init__(self, message: str) -> None:
        self.found: dict[str, Found] = {}
        self.failure: OSError | None = None
        self._message = message

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        try:
            body = parse(data)
        except OnvifError:
            return
        for match in body.iterfind("{*}ProbeMatches/{*}ProbeMatch"):
            found = _found(match, str(addr[0]))
            if found is not None and len(self.found) < _MOST:
                self.found.setdefault(found.endpoint, found)

    def error_received(self, exc: Exception) -> None:
        self.failure = cast(OSError, exc)


def _found(match: Element, sender: str) -> Found | None:
    """What a match says; of several addresses the one that is the sender's."""
    endpoint = text_of(match, "EndpointReference/Address")
    addresses = [word for word in (text_of(match, "XAddrs") or "").split() if word.startswith(("http://", "https://"))]
    if not endpoint or not addresses:
        return None
    own = [address for address in addresses if _host(address) == sender]
    scopes = (text_of(match, "Scopes") or "").split()
    return Found(
        endpoint, (own or addresses)[0], _scope(scopes, "name"), _scope(scopes, "hardware"), _scope(scopes, "location")
    )


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _scope(scopes: list[str], kind: str) -> str | None:
    """`onvif://www.onvif.org/name/Front%20door` is `Front door`."""
    prefix = f"onvif://www.onvif.org/{kind}/"
    return next((plain(unquote(scope[len(prefix) :])) for scope in scopes if scope.lower().startswith(prefix)), None)


def _probe(message: str) -> bytes:
    header = (
        f'<a:Action xmlns:a="{_ADDRESSING}">{_DISCOVERY}/Probe</a:Action>'
        f'<a:MessageID xmlns:a="{_ADDRESSING}">{escape(message)}</a:MessageID>'
        f'<a:To xmlns:a="{_ADDRESSING}">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>'
    )
    types = f'<d:Types xmlns:dn="{_DEVICE}">dn:NetworkVideoTransmitter</d:Types>'
    return envelope(f'<d:Probe xmlns:d="{_DISCOVERY}">{types}</d:Probe>', header)
