"""The answer to an offer: the chosen stream is received, sound is inactive, all else is rejected. Pure."""

from collections.abc import Iterable, Sequence

from gateway.whip.fragment import Credentials
from gateway.whip.offer import Codec, Media, Offer


def written_answer(
    offer: Offer, session: int, local: Credentials, candidates: Sequence[str], fingerprints: Sequence[tuple[str, str]]
) -> str:
    """The SDP; `session` is any number of this session's own.

    Sound is accepted as inactive: then nothing of it is sent, while OBS, which always offers some, would take a
    rejected stream for a failure. What else there is (data, a second video) has port 0 (RFC 3264, section 6).
    """
    transport = [
        f"a=ice-ufrag:{local.username}",
        f"a=ice-pwd:{local.password}",
        *(f"a=fingerprint:{digest} {value}" for digest, value in fingerprints),
        f"a=setup:{offer.role}",
        "a=rtcp-mux",
    ]
    ours = [*(f"a=candidate:{candidate}" for candidate in candidates), "a=end-of-candidates"]
    sections: list[str] = []
    for number, media in enumerate(offer.media):
        if number == offer.taken:
            sections += [*_received(media, offer.codec), *transport]
        elif media.mid in offer.bundle:
            sections += [*_inactive(media), *transport]
        else:
            sections += _section(media, 0, media.formats, "inactive")
            continue
        sections += ours  # of the whole bundle, in its first section (RFC 9143, section 7.3)
        ours = []
    bundle = [f"a=group:BUNDLE {' '.join(offer.bundle)}"] if offer.bundle else []
    lines = ["v=0", f"o=- {session} 1 IN IP4 0.0.0.0", "s=-", "t=0 0", *bundle, "a=ice-options:trickle", *sections]
    return "\r\n".join(lines) + "\r\n"


def _received(media: Media, codec: Codec) -> list[str]:
    number, again = codec.payload_type, codec.retransmission
    return [
        *_section(media, 9, [str(number)] if again is None else [str(number), str(again)], "recvonly"),
        *_described(media, number, codec.feedback),
        *([] if again is None else _described(media, again, ())),
    ]


def _inactive(media: Media) -> list[str]:
    return [*_section(media, 9, media.formats[:1], "inactive"), *_described(media, int(media.formats[0]), ())]


def _section(media: Media, port: int, formats: Iterable[str], direction: str) -> list[str]:
    return [
        f"m={media.kind} {port} {media.protocol} {' '.join(formats)}",
        "c=IN IP4 0.0.0.0",
        *([f"a=mid:{media.mid}"] if media.mid is not None else []),
        f"a={direction}",
    ]


def _described(media: Media, payload_type: int, feedback: Iterable[str]) -> list[str]:
    """A format as it was offered, with what of its feedback both sides know."""
    return [
        *(f"a=rtpmap:{payload_type} {encoding}" for encoding in media.of_format("rtpmap", payload_type)),
        *(f"a=rtcp-fb:{payload_type} {kind}" for kind in feedback),
        *(f"a=fmtp:{payload_type} {parameters}" for parameters in media.of_format("fmtp", payload_type)),
    ]
