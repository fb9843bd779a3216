"""SDP fragments of trickle ICE (RFC 8840): the body of WHIP's PATCH, and of its answer. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MEDIA_TYPE = "application/trickle-ice-sdpfrag"
_USERNAME = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """One side's user name fragment and password (RFC 8445, section 5.3)."""

    username: str
    password: str

    def __post_init__(self) -> None:
        if not (_USERNAME.fullmatch(self.username) and _PASSWORD.fullmatch(self.password)):
            raise ValueError("ice-ufrag or ice-pwd is not as RFC 8839 has it")

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***)"


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a publisher says of its ICE."""

    credentials: Credentials
    candidates: tuple[str, ...]
    """As SDP has them, without `a=candidate:`."""


def parse(text: str) -> Fragment:
    """Read a fragment.

    Raises:
        ValueError: it has no `ice-ufrag` and `ice-pwd`, or they are no such.
    """
    values: dict[str, str] = {}
    candidates = []
    for line in text.splitlines():
        name, colon, value = line.strip().removeprefix("a=").partition(":")
        if name == "candidate" and colon:
            candidates.append(value)
        else:
            values.setdefault(name, value)
    if "ice-ufrag" not in values or "ice-pwd" not in values:
        raise ValueError("a=ice-ufrag and a=ice-pwd are needed")
    return Fragment(Credentials(values["ice-ufrag"], values["ice-pwd"]), tuple(candidates))


def written(credentials: Credentials, mid: str, candidates: Iterable[str]) -> str:
    """The fragment that answers a restart."""
    lines = [
        f"a=ice-ufrag:{credentials.username}",
        f"a=ice-pwd:{credentials.password}",
        "m=video 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{mid}",
        *(f"a=candidate:{candidate}" for candidate in candidates),
        "a=end-of-candidates",
    ]
    return "\r\n".join(lines) + "\r\n"
