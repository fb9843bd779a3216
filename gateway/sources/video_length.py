"""How long a video file is, from its header."""

from pathlib import Path

import av

from gateway.errors import Reason, SourceError


def video_length_s(video: Path) -> float:
    """Seconds; 0 where the file doesn't say.

    Raises SourceError: it is no video.
    """
    try:
        with av.open(str(video)) as container:
            if not container.streams.video:
                raise SourceError(Reason.NO_VIDEO, f"{video}: there is no video in it")
            return (container.duration or 0) / av.time_base
    except av.FFmpegError as error:
        raise SourceError(Reason.UNDECODABLE, f"{video}: is no video file ({error.strerror})") from None


def video_frames(video: Path) -> int | None:
    """How many frames it has, about; None where the file doesn't say.

    Raises SourceError: it is no video.
    """
    length_s = video_length_s(video)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        return stream.frames or (round(length_s * float(stream.average_rate)) if stream.average_rate else None)
