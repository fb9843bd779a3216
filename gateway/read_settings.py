"""What a camera's configuration says of decoding, as its reader wants it."""

from gateway.gate import GatePolicy
from gateway.reading import DecodeOptions
from vedette.config import Camera


def decode_options(camera: Camera) -> DecodeOptions:
    """How the camera's stream is decoded."""
    decode = camera.decode
    return DecodeOptions(decode.device, decode.loop_filter == "on", every_frame=decode.strategy == "all")


def gate_policy(camera: Camera) -> GatePolicy | None:
    """The camera's gate, if it has one; what is black for privacy's sake is not looked at."""
    if camera.gate.mode == "off":
        return None
    return GatePolicy(refresh_s=camera.gate.refresh_s, ignore=(*camera.gate.ignore, *camera.privacy))
