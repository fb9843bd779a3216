"""The decoder that is asked for: FFmpeg's own on the CPU, or one on a device."""

import av
from av.codec.codec import UnknownCodecError
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext

from gateway.errors import Reason, SourceError
from gateway.reading.interface import DecodeOptions
from gateway.sources.opening import Source

_OWN_DECODERS = {"qsv": "{}_qsv"}
"""Devices whose decoders FFmpeg has beside its own, rather than behind them."""
_DEVICES_HERE = ", ".join(sorted({"cuda", "vaapi", "qsv"} & set(hwdevices_available()))) or "none"


def codec_context(source: Source, options: DecodeOptions) -> VideoCodecContext:
    """A decoder for the source's video, as `options` say; the one on the CPU is the source's own.

    Raises:
        SourceError: no_device, when the device is not there or can't decode this codec.
    """
    context = source.stream.codec_context
    if options.device != "cpu":
        context = _on_device(context, options.device)
        context.copy_opaque = True
    if not options.loop_filter:
        context.options = {**context.options, "skip_loop_filter": "all"}
    return context


def _on_device(stream: VideoCodecContext, device: str) -> VideoCodecContext:
    if device not in hwdevices_available():
        raise _missing(device, f"this build of FFmpeg has no {device} (it has {_DEVICES_HERE})")
    name = _OWN_DECODERS.get(device, "{}").format(stream.codec.canonical_name)
    try:
        context = av.CodecContext.create(name, "r", hwaccel=HWAccel(device, allow_software_fallback=False))
        if not context.is_hwaccel:  # PyAV says nothing then, and would decode on the CPU
            HWAccel(device).create(context.codec)
    except av.FFmpegError as error:
        raise _missing(device, f"it can't be opened: {error.strerror} (are device and driver there?)") from None
    except (UnknownCodecError, NotImplementedError):
        raise _missing(device, f"it decodes no {stream.name}") from None
    assert isinstance(context, VideoCodecContext)  # noqa: S101 -- for the type checker
    context.extradata = stream.extradata
    context.width, context.height = stream.width, stream.height
    return context


def _missing(device: str, why: str) -> SourceError:
    return SourceError(Reason.NO_DEVICE, f"decode: {{device: {device}}}: {why}")
