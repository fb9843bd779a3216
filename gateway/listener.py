"""What a camera's reader says in its thread, taken to the event loop."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec

from gateway.camera_status import LIVE, STALLED, CameraStatus
from gateway.reading import StreamInfo
from gateway.sampled_frame import SampledFrame

logger = logging.getLogger(__name__)

P = ParamSpec("P")


class Listener:
    """Takes to the loop what one reader says in its thread; nothing more once it is `deaf`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, status: CameraStatus, offer: Callable[[SampledFrame], None]
    ) -> None:
        self.deaf = False
        self._loop = loop
        self._status = status
        self._offer = offer

    def on_frame(self, frame: SampledFrame) -> None:
        self._call(self._offer, frame)

    def on_stream(self, info: StreamInfo) -> None:
        logger.info("%s %sx%s over %s", info.codec, info.width, info.height, info.transport)
        self._call(self._status.on_stream, info)

    def on_stalled(self, silent_s: float) -> None:
        self._call(self._status.change, STALLED, f"no frame for {silent_s:.0f} s")

    def on_live(self) -> None:
        self._call(self._status.change, LIVE)

    def _call(self, function: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        def call() -> None:
            if not self.deaf:
                function(*args, **kwargs)

        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(call)
