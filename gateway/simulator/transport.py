"""The Transport header of SETUP (RFC 2326, 12.39)."""

import re
from dataclasses import dataclass

_PAIR = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True)
class TransportOffer:
    """One acceptable way to send, as a client offers it: a pair of channels, or of its UDP ports."""

    tcp: bool
    first: int
    second: int


def choose(header: str, tcp: bool, udp: bool) -> TransportOffer | None:
    """The first unicast offer which is allowed; ``None`` means 461."""
    for text in header.split(","):
        offer = _offer(text)
        if offer is not None and (tcp if offer.tcp else udp):
            return offer
    return None


def _offer(text: str) -> TransportOffer | None:
    profile, *parameters = [part.strip() for part in text.split(";")]
    values = dict(part.partition("=")[::2] for part in parameters)
    over_tcp = profile.upper() == "RTP/AVP/TCP"
    if "multicast" in values or not (over_tcp or profile.upper() in ("RTP/AVP", "RTP/AVP/UDP")):
        return None
    pair = _PAIR.fullmatch(values.get("interleaved", "0-1") if over_tcp else values.get("client_port", ""))
    if pair is None:
        return None
    first = int(pair[1])
    second = int(pair[2]) if pair[2] else first + 1
    lowest, highest = (0, 255) if over_tcp else (1, 65535)
    if lowest <= first < second <= highest and (second == first + 1 or not over_tcp):
        return TransportOffer(over_tcp, first, second)
    return None
