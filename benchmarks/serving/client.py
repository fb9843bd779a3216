"""The one client of all servers: many callers, each on a connection of its own, each waiting for its answer.

Run as a process of its own; its CPU is nobody's. It reads a `Job` as JSON on stdin and prints lines of JSON:
`{"begun": …}` when the warm-up is over, `{"ended": …}` with the outcome. Raw `asyncio.Protocol`: a client library would
take the cores from the servers.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

RECONNECT_S = 0.05


@dataclass(frozen=True)
class Job:
    """What to send. Caller number k sends `requests[k % len(requests)]`, files with whole HTTP requests."""

    port: int
    requests: list[str]
    callers: int
    warm_up_s: float
    seconds: float


@dataclass
class Outcome:
    """What came of it, in the time after the warm-up."""

    latencies_ms: list[float] = field(default_factory=list)
    """Of the answers with status 200."""
    statuses: dict[int, int] = field(default_factory=dict)
    failures: int = 0
    """Connections that ended before their answer."""
    example: str = ""
    """The beginning of an answer's body that was no 200."""


class Caller(asyncio.Protocol):
    """Sends its request again as soon as the answer is there."""

    def __init__(self, request: bytes, record: "Recorder") -> None:
        self._request = request
        self._record = record
        self._buffer = bytearray()
        self._sent_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._record.callers.add(self)
        self._send()

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = parse(self._buffer)
        if answer is None:
            return
        status, body, _ = answer
        self._record.answered(self._sent_s, status, body)
        self._buffer.clear()
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        self._record.callers.discard(self)
        self._record.lost(self._request)

    def end(self) -> None:
        self._transport.abort()


class Recorder:
    def __init__(self, port: int) -> None:
        self.outcome = Outcome()
        self.counting = False
        self.callers: set[Caller] = set()
        """Who is connected."""
        self._ended = False
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    def answered(self, sent_s: float, status: int, body: bytes) -> None:
        if not self.counting:
            return
        self.outcome.statuses[status] = self.outcome.statuses.get(status, 0) + 1
        if status == 200:
            self.outcome.latencies_ms.append((time.perf_counter() - sent_s) * 1000)
        elif not self.outcome.example:
            self.outcome.example = body[:200].decode(errors="replace")

    def lost(self, request: bytes) -> None:
        """A server that closes a connection gets a new one."""
        if self._ended:
            return
        self.outcome.failures += self.counting
        task = asyncio.create_task(self.connect(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def connect(self, request: bytes) -> None:
        while not self._ended:
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: Caller(request, self), "127.0.0.1", self._port
                )
            except OSError:
                await asyncio.sleep(RECONNECT_S)
            else:
                return

    async def end(self) -> None:
        """Close all connections."""
        self._ended = True
        await asyncio.gather(*self._tasks)  # who is connecting just now ends with the others
        for caller in self.callers:
            caller.end()
        while self.callers:
            await asyncio.sleep(0)


def parse(buffer: bytearray) -> tuple[int, bytes, dict[str, str]] | None:
    """Status, body and headers (lower case) of a whole answer with Content-Length; None while it isn't whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    size = int(headers.get("content-length", 0))
    body = buffer[end + 4 :]
    return (int(first.split(" ")[1]), bytes(body), headers) if len(body) >= size else None


async def call(job: Job) -> Outcome:
    requests = [Path(name).read_bytes() for name in job.requests]
    recorder = Recorder(job.port)
    await asyncio.gather(*(recorder.connect(requests[k % len(requests)]) for k in range(job.callers)))
    await asyncio.sleep(job.warm_up_s)
    print(json.dumps({"begun": True}), flush=True)
    recorder.counting = True
    await asyncio.sleep(job.seconds)
    recorder.counting = False
    await recorder.end()
    return recorder.outcome


def main() -> None:
    outcome = asyncio.run(call(Job(**json.load(sys.stdin))))
    print(json.dumps({"ended": asdict(outcome)}), flush=True)


if __name__ == "__main__":
    main()
