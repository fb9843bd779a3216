"""One picture of each of a camera's two streams, and what they say of one another."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic
from typing import Literal

import av

from gateway.errors import Reason, SourceError
from gateway.pictures.geometry import picture_size
from gateway.pictures.luma import LumaScaler
from gateway.pictures.orientations import Orientations
from gateway.reading.interface import ReadOptions, StreamInfo, Substream, SubstreamInfo
from gateway.reading.reader_threads import beside
from gateway.sources.opening import Source, open_source
from gateway.sources.packets import VideoPacket, packets
from gateway.substream.view_matching import Luma, match
from vedette.view import WHOLE, View

_WITHIN_S = 15.0
"""For a keyframe; cameras that save bits send one every twelve seconds."""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A stream, and one picture of it."""

    info: StreamInfo
    size: Size
    """Of the displayed picture, in pixels."""
    luma: Luma


@dataclass(frozen=True, slots=True)
class Sight:
    """What both streams are, and which part of the main picture the substream shows."""

    main: StreamInfo | None
    """None: it could not be read."""
    main_size: Size
    """Of its displayed picture; where it could not be read, as it follows from the view."""
    substream: StreamInfo
    substream_size: Size
    view: View
    known: Literal["given", "measured", "assumed"]
    reason: str | None = None
    """Why the view is assumed, in words."""
    failure: SourceError | None = None
    """Why the main stream could not be read."""

    def info(self, pipelines: Sequence[str]) -> StreamInfo:
        """For the camera's status; `pipelines` are fed from the substream."""
        small = self.substream
        said = SubstreamInfo(small.codec, small.width, small.height, self.view, self.known, self.reason, pipelines)
        return replace(self.main or small, substream=said)


def sight(url: str, substream: Substream, options: ReadOptions, stop: threading.Event) -> Sight | None:
    """Open both streams, take a picture of each at about the same time, and close them; None when stopped.

    Raises:
        SourceError: the substream can't be read. That the main one can't is told.
    """
    with ThreadPoolExecutor(2, thread_name_prefix="sight") as threads:
        small, large = (threads.submit(beside(_glimpse), each, options, stop) for each in (substream.url, url))
        failure: SourceError | None = None
        try:
            main = large.result()
        except SourceError as error:
            main, failure = None, error
        seen = small.result()
    if stop.is_set() or seen is None or (main is None and failure is None):
        return None
    return _sight(substream.view, seen, main, failure)


def _sight(given: View | None, seen: Glimpse, main: Glimpse | None, failure: SourceError | None) -> Sight:
    known: Literal["given", "measured", "assumed"] = "given"
    view, reason = given or WHOLE, None
    if given is None and main is not None:
        found = match(seen.luma, main.luma)
        view, reason = (found.view, None) if found.doubt is None else (WHOLE, found.doubt)
        known = "measured" if found.doubt is None else "assumed"
    elif given is None:
        known, reason = "assumed", f"the main stream can't be read: {failure}"
    width, height = seen.size
    size = (round(width / view.width), round(height / view.height)) if main is None else main.size
    return Sight(main.info if main else None, size, seen.info, seen.size, view, known, reason, failure)


def _glimpse(url: str, options: ReadOptions, stop: threading.Event) -> Glimpse | None:
    """One picture; None when stopped. Raises SourceError."""
    source = open_source(url, options.transport, options.open_timeout_s, stop, options.tls)
    if source is None:
        return None
    try:
        frame = _picture(url, source, stop)
        if frame is None:
            return None
        size = picture_size((frame.width, frame.height), source.aspect, Orientations().of(frame), frame.width)
        info = source.info(frame.width, frame.height)
        return Glimpse(info, (size.display_width, size.display_height), LumaScaler().luma(frame))
    except av.FFmpegError as error:
        failure = SourceError(Reason.UNDECODABLE, f"{url}: no picture can be made of it: {error.strerror}")
    finally:
        source.close()
    raise failure


def _picture(url: str, source: Source, stop: threading.Event) -> av.VideoFrame | None:
    """The first sound one, from a keyframe on; None when stopped."""
    until_s, begun = monotonic() + _WITHIN_S, False
    for packet in packets(source, stop):
        if packet is not None and packet.size:
            begun |= packet.is_keyframe
            sound = [frame for frame in _decoded(source, packet) if not frame.is_corrupt] if begun else []
            if sound:
                return sound[0]
        if monotonic() > until_s:
            raise SourceError(Reason.UNDECODABLE, f"{url}: no picture in {_WITHIN_S:.0f} s")
    if stop.is_set():
        return None
    raise SourceError(Reason.ENDED, f"{url}: the camera ended the stream")


def _decoded(source: Source, packet: VideoPacket) -> list[av.VideoFrame]:
    try:
        return source.stream.codec_context.decode(packet)
    except av.FFmpegError:
        return []  # the next one, perhaps
