"""What a camera's configuration says of decoding, as its reader wants it."""

import zlib

from gateway.gate import GatePolicy
from gateway.reading.interface import DecodeOptions, Substream
from vedette.config.camera_settings import Camera
from vedette.view import View


def decode_options(camera: Camera) -> DecodeOptions:
    """How the camera's stream is decoded."""
    decode = camera.decode
    return DecodeOptions(decode.device, decode.loop_filter == "on", every_frame=decode.strategy == "all")


def gate_policy(camera: Camera, name: str) -> GatePolicy | None:
    """The gate of the camera of this name, if it has one; what is black for privacy's sake is not looked at."""
    if camera.gate.mode == "off":
        return None
    phase = zlib.crc32(name.encode()) / 2**32
    return GatePolicy(
        refresh_s=camera.gate.refresh_s,
        refresh_phase=phase,
        every_frame=camera.gate.idle == "all",
        ignore=(*camera.gate.ignore, *camera.privacy),
    )


def substream_of(camera: Camera) -> Substream | None:
    """The camera's second stream, if it has one."""
    if camera.substream is None:
        return None
    given = camera.substream.view
    view = None if given is None else View(*given.offset, *given.scale)
    return Substream(camera.substream.url.reveal(), view, camera.substream.snapshots == "main")
