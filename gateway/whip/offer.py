"""What a publisher offers (SDP, RFC 8866), and which of it is taken: one video stream that can be decoded. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.whip.fragment import Credentials

CODECS = ("H264", "VP8")
CLOCK_HZ = 90_000
_RTX = "RTX"
_FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb")
_DIGESTS = ("sha-256", "sha-384", "sha-512")
_MEDIA = re.compile(r"(\S+) (\d{1,5})(?:/\d+)? (\S+) (.+)", re.ASCII)
_PAYLOAD_TYPE = re.compile(r"[0-9]{1,3}")

Role = Literal["active", "passive"]


class MalformedOffer(ValueError):
    """It is no offer."""


class ImpossibleOffer(ValueError):
    """An offer of which nothing can be received here; the text says why."""


@dataclass(frozen=True, slots=True)
class Media:
    """A section of an offer: a stream."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    lines: tuple[str, ...] = field(repr=False)
    """Its attributes, without `a=`, and then the session's."""

    @property
    def mid(self) -> str | None:
        """Its name, if it has one."""
        return self.first("mid")

    def all(self, name: str) -> list[str]:
        """The values of all attributes of this name."""
        return [line.partition(":")[2] for line in self.lines if line.partition(":")[0] == name]

    def first(self, name: str) -> str | None:
        """The attribute's value, the stream's own before the session's."""
        return next(iter(self.all(name)), None)

    def of_format(self, name: str, payload_type: int) -> list[str]:
        """The values of attributes that begin with a payload type."""
        return [value.split(" ", 1)[1] for value in self.all(name) if re.match(rf"{payload_type} .", value)]


@dataclass(frozen=True, slots=True)
class Codec:
    """How the pictures will come."""

    name: str
    """One of `CODECS`."""
    payload_type: int
    parameters: str
    """Its `fmtp`, may be empty."""
    feedback: tuple[str, ...]
    """What of it both sides know."""
    retransmission: int | None
    """Payload type of packets that are sent again (RFC 4588); None: they come as they were."""

    def parameter(self, name: str) -> str:
        """A value out of `parameters`, or nothing."""
        found = re.search(rf"(?:^|;)\s*{name}=([^;\s]+)", self.parameters)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be accepted."""

    media: tuple[Media, ...]
    """All sections, in order; the answer has the same."""
    taken: int
    """Which of them."""
    codec: Codec
    credentials: Credentials
    candidates: tuple[str, ...]
    fingerprints: tuple[tuple[str, str], ...] = field(repr=False)
    """Digest and value, of the certificate that the publisher must show."""
    role: Role
    """Ours in DTLS: passive unless the publisher is so itself."""

    @property
    def bundle(self) -> tuple[str, ...]:
        """The sections that share our transport, by name: the video, and sound, which is then told to be inactive.

        Only what the publisher bundles may be (RFC 9143, section 7.3); none where the video is not.
        """
        video = self.media[self.taken]
        groups = [value.split() for value in video.all("group")]
        offered = next((names for kind, *names in groups if kind == "BUNDLE" and video.mid in names), [])
        return tuple(
            media.mid
            for number, media in enumerate(self.media)
            if media.mid in offered and (number == self.taken or (media.kind == "audio" and media.port))
        )


def read_offer(text: str) -> Offer:
    """Read an offer and choose of it.

    The publisher's first choice among the codecs that are possible is taken; all else is rejected in the answer.

    Raises:
        MalformedOffer: it is no offer.
        ImpossibleOffer: it has no video, or none in a codec that can be received.
    """
    sections = _sections(text)
    taken = _video(sections)
    media = sections[taken]
    if media.first("rtcp-mux") is None:
        raise ImpossibleOffer("a=rtcp-mux is needed: RTP and RTCP share a port")
    # A section that is only for the bundle leaves all of this to the bundle's first.
    tagged = media if media.first("ice-ufrag") is not None else sections[0]
    try:
        credentials = Credentials(tagged.first("ice-ufrag") or "", tagged.first("ice-pwd") or "")
    except ValueError as error:
        raise MalformedOffer(str(error)) from None
    fingerprints = tuple(
        (digest.lower(), value.strip())
        for digest, _, value in (line.partition(" ") for line in tagged.all("fingerprint"))
        if digest.lower() in _DIGESTS
    )
    if not fingerprints:
        raise ImpossibleOffer(f"a=fingerprint with {', '.join(_DIGESTS)} is needed")
    role: Role = "active" if tagged.first("setup") == "passive" else "passive"
    candidates = tuple(dict.fromkeys(candidate for section in sections for candidate in section.all("candidate")))
    return Offer(sections, taken, _codec(media), credentials, candidates, fingerprints, role)


def _sections(text: str) -> tuple[Media, ...]:
    lines = [line.strip() for line in text.splitlines()]
    if not lines or lines[0] != "v=0":
        raise MalformedOffer("it does not begin with v=0: this is no SDP")
    starts = [number for number, line in enumerate(lines) if line.startswith("m=")]
    if not starts:
        raise ImpossibleOffer("nothing is offered: there is no m= line")
    session = _attributes(lines[: starts[0]])
    ends = [*starts[1:], len(lines)]
    return tuple(_section(lines[start:end], session) for start, end in zip(starts, ends, strict=True))


def _section(lines: Sequence[str], session: tuple[str, ...]) -> Media:
    found = _MEDIA.fullmatch(lines[0][2:])
    if found is None:
        raise MalformedOffer(f"{lines[0][:80]!r} is no m= line")
    kind, formats = found[1], tuple(found[4].split())
    for name in formats if kind in ("audio", "video") else ():
        if _PAYLOAD_TYPE.fullmatch(name) is None:
            raise MalformedOffer(f"{name[:80]!r} is no payload type, as {kind} needs them")
    return Media(kind, int(found[2]), found[3], formats, _attributes(lines) + session)


def _attributes(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(line[2:] for line in lines if line.startswith("a="))


def _video(sections: Sequence[Media]) -> int:
    """Which section is a video that the publisher would send."""
    receiving = False
    for number, media in enumerate(sections):
        if media.kind == "video" and (media.port or media.first("bundle-only") is not None):
            if not {"recvonly", "inactive"} & set(media.lines):
                return number
            receiving = True
    raise ImpossibleOffer(
        "the video is not offered to be sent (a=sendonly is needed)" if receiving else "no video is offered"
    )


def _codec(media: Media) -> Codec:
    numbers = [int(number) for number in media.formats]
    maps = {number: (media.of_format("rtpmap", number) or [""])[0].upper() for number in numbers}
    for number, encoding in maps.items():
        name, _, clock = encoding.partition("/")
        if name in CODECS and clock == str(CLOCK_HZ):
            feedback = media.of_format("rtcp-fb", number)
            again = (other for other, encoding in maps.items() if encoding.startswith(f"{_RTX}/"))
            return Codec(
                name,
                number,
                (media.of_format("fmtp", number) or [""])[0],
                tuple(kind for kind in _FEEDBACK if kind in feedback),
                next((other for other in again if f"apt={number}" in media.of_format("fmtp", other)), None),
            )
    offered = [encoding.partition("/")[0] for encoding in maps.values()]
    real = dict.fromkeys(name for name in offered if name not in ("", _RTX, "RED", "ULPFEC", "FLEXFEC-03"))
    raise ImpossibleOffer(f"no codec in common: {', '.join(real) or 'none'} offered, {' and '.join(CODECS)} possible")
