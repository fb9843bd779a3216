"""Clients of the simulator for its tests: FFmpeg, as PyAV brings it, and one that says whatever it is told to.

PyAV blocks, so it watches in threads; what it has seen so far can be read at any time.
"""

import asyncio
import hashlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import av
import av.error
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MEDIA = Path(__file__).parents[2] / "media"
WALK, WALK_H265, WALK_ODD = MEDIA / "walk-320.mp4", MEDIA / "walk-h265.mp4", MEDIA / "walk-odd.mp4"
PEDESTRIANS = Path(__file__).parents[3] / "media" / "pedestrians.mp4"


class Picture(NamedTuple):
    """A decoded picture: its size and a digest of its pixels."""

    pts: int | None
    width: int
    height: int
    digest: str
    corrupt: bool


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Watcher:
    """Decodes a stream in a thread until it is told to stop, or has seen ``enough`` pictures."""

    def __init__(self, url: str, transport: str = "tcp", enough: int = 1_000_000) -> None:
        self.pictures: list[Picture] = []
        self.silences = 0
        self.undecodable = 0
        self.ended = False
        self._url = url
        self._transport = transport
        self._enough = enough
        self._stop = threading.Event()

    @property
    def digests(self) -> list[str]:
        return [picture.digest for picture in self.pictures]

    def stop(self) -> None:
        self._stop.set()

    def watch(self) -> list[Picture]:
        options = {"rtsp_transport": self._transport, "fpsprobesize": "0"}
        with av.open(self._url, options=options, timeout=(5, 0.5)) as container:
            packets = container.demux(video=0)
            while not self._stop.is_set() and len(self.pictures) < self._enough:
                try:
                    self._decode(next(packets))
                except StopIteration:
                    self.ended = True
                    break
                except av.error.ExitError:
                    self.silences += 1
                    packets = container.demux(video=0)
        return self.pictures[: self._enough]

    def _decode(self, packet: "av.Packet[VideoStream]") -> None:
        try:
            self.pictures += [picture(frame) for frame in packet.decode()]
        except av.error.InvalidDataError:
            self.undecodable += 1


def picture(frame: VideoFrame) -> Picture:
    digest = hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
    return Picture(frame.pts, frame.width, frame.height, digest, frame.is_corrupt)


def recorded(video: Path) -> list[Picture]:
    """The pictures of a file, decoded directly."""
    with av.open(str(video)) as container:
        return [picture(frame) for frame in container.decode(video=0)]


async def watch(url: str, transport: str, enough: int) -> list[Picture]:
    return await asyncio.to_thread(Watcher(url, transport, enough).watch)


@asynccontextmanager
async def watching(url: str, transport: str = "tcp") -> AsyncIterator[Watcher]:
    """A watcher which has seen its first picture."""
    watcher = Watcher(url, transport)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.to_thread(watcher.watch))
        try:
            await until(lambda: watcher.pictures or task.done())
            yield watcher
        finally:
            watcher.stop()


async def until(condition: Callable[[], object], deadline_s: float = 60.0) -> None:
    """Wait for a condition, looking often."""
    end_s = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end_s, "the condition did not come true in time"
        await asyncio.sleep(0.01)


class RawClient:
    """An RTSP client without manners: it sends what it is given and reads what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.embedded: list[tuple[int, bytes]] = []
        self._cseq = 0

    async def ask(self, method: str, url: str, **headers: str) -> Answer:
        """Send a request and read its answer; underscores in the names of headers stand for hyphens."""
        self._cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._cseq}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await self.answer()
        assert answer.headers["cseq"] == str(self._cseq)
        return answer

    async def answer(self) -> Answer:
        """The next answer; packets before it go to ``embedded``."""
        async with asyncio.timeout(90):
            first = await self.reader.readexactly(1)
            while first == b"$":
                await self._embedded()
                first = await self.reader.readexactly(1)
            start, *lines = (first + await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            fields = (line.partition(": ") for line in lines if line)
            headers = {name.lower(): value for name, _, value in fields}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(start.split()[1]), headers, body)

    async def packet(self) -> tuple[int, bytes]:
        """The next embedded packet, with its channel."""
        async with asyncio.timeout(90):
            if not self.embedded:
                assert await self.reader.readexactly(1) == b"$"
                await self._embedded()
        return self.embedded.pop(0)

    async def play(self, url: str, transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1") -> str:
        """SETUP and PLAY; gives the session id."""
        setup = await self.ask("SETUP", f"{url}/trackID=0", Transport=transport)
        session = setup.headers["session"].partition(";")[0]
        assert (await self.ask("PLAY", url, Session=session)).status == 200
        return session

    async def _embedded(self) -> None:
        channel, high, low = await self.reader.readexactly(3)
        self.embedded.append((channel, await self.reader.readexactly(high << 8 | low)))


@asynccontextmanager
async def connected(host: str, port: int) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.transport.abort()
