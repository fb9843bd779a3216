"""The SDP of a camera (RFC 4566), with the parameter sets of its stream."""

import base64

from gateway.simulator.bitstream import H264, Codec
from gateway.simulator.clip import Clip
from gateway.simulator.rtp import CLOCK_HZ

TRACK = "trackID=0"


def describe(name: str, clip: Clip, host: str, audio: bool = False) -> bytes:
    """A session with one video track, live: it has no end (RFC 2326, C.1.5)."""
    kind = clip.codec.payload_type
    version = 6 if ":" in host else 4
    lines = [
        "v=0",
        f"o=- 0 0 IN IP{version} {host}",
        f"s={name}",
        f"c=IN IP{version} {'::' if version == 6 else '0.0.0.0'}",
        "t=0 0",
        "a=control:*",
        "a=range:npt=now-",
        f"m=video 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} {clip.codec.encoding}/{CLOCK_HZ}",
        *([f"a=fmtp:{kind} {_format(clip.codec, clip.parameter_sets)}"] if clip.codec.has_nals else []),
        f"a=control:{TRACK}",
    ]
    if audio:
        lines += ["m=audio 0 RTP/AVP 0", "a=control:trackID=1"]
    return "\r\n".join([*lines, ""]).encode()


def _format(codec: Codec, parameter_sets: tuple[bytes, ...]) -> str:
    """The format parameters of RFC 6184, 8.1 or RFC 7798, 7.1."""
    by_type = {kind: [nal for nal in parameter_sets if codec.type_of(nal) == kind] for kind in codec.parameter_types}
    if codec is H264:
        profile = f"profile-level-id={by_type[7][0][1:4].hex()};" if by_type[7] else ""
        return f"packetization-mode=1;{profile}sprop-parameter-sets={_encoded(parameter_sets)}"
    names = zip(("sprop-vps", "sprop-sps", "sprop-pps"), codec.parameter_types, strict=True)
    return ";".join(f"{name}={_encoded(tuple(by_type[kind]))}" for name, kind in names if by_type[kind])


def _encoded(nals: tuple[bytes, ...]) -> str:
    return ",".join(base64.b64encode(nal).decode() for nal in nals)
