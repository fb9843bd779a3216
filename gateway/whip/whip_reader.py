"""The reader of a camera that is published to: it reads while somebody publishes, and waits while nobody does."""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from gateway.errors import Reason, SourceError
from gateway.fleet.camera import CameraReader, Decoding
from gateway.fleet.camera_status import CONNECTING, OFFLINE
from gateway.processes.messages import ReaderPlan
from gateway.processes.remote_reader import Listener
from gateway.whip.ingest import Ingest
from gateway.whip.service import WhipService
from vedette.fleet.leases import Lease
from vedette.secrets.secret import SecretText

_NO_PICTURE = "the publisher sends no picture"


class Status(Protocol):
    """Who is told how it goes."""

    def change(self, state: str, reason: str | None = None) -> None:
        """The camera's state is this now, and why."""


class WhipDecoding:
    """Gives a camera its reader, and publishers a place: enter it for as long as the camera runs."""

    def __init__(
        self, service: WhipService, camera: str, token: SecretText | None, lease: Lease, status: Status, inner: Decoding
    ) -> None:
        """`inner` gives the readers that read the publisher's stream."""
        self._service = service
        self._place: AbstractAsyncContextManager[Ingest] = service.place(camera, token, lambda: lease.held)
        self._status = status
        self._inner = inner
        self._ingest: Ingest | None = None

    async def __aenter__(self) -> None:
        self._ingest = await self._place.__aenter__()

    async def __aexit__(self, *about: object) -> None:
        await self._place.__aexit__(None, None, None)

    def reader(self, camera: str, plan: ReaderPlan, listener: Listener) -> CameraReader:
        """A reader of what is published; `plan` has everything of it but the URL."""
        if self._ingest is None:
            raise RuntimeError("it is not entered")
        reader = self._inner.reader(camera, replace(plan, url=self._ingest.url), listener)
        return WhipReader(self._service, self._ingest, self._status, reader)


class WhipReader:
    """Runs a reader anew for each publisher; what the camera's status says meanwhile is said here."""

    def __init__(self, service: WhipService, ingest: Ingest, status: Status, inner: CameraReader) -> None:
        """`inner` reads the publisher's stream."""
        self._service = service
        self._ingest = ingest
        self._status = status
        self._inner = inner

    async def run(self) -> None:
        """Read what is published, one publisher after another, until cancelled.

        Raises:
            SourceError: it can't be decoded, or there is no way to read it.
            GatewayError: of the reader.
        """
        await self._listen()
        reason = self._ingest.reason
        while True:
            self._status.change(OFFLINE, reason)
            await self._ingest.until_keyframe()
            self._status.change(CONNECTING)
            try:
                await self._inner.run()
            except SourceError as error:
                if self._ingest.published and error.reason not in (Reason.STALLED, Reason.TIMEOUT, Reason.ENDED):
                    text = str(error).removeprefix(f"{self._ingest.url}: ")
                    raise SourceError(error.reason, f"what is published can't be read: {text}") from None
            reason = _NO_PICTURE if self._ingest.published else self._ingest.reason

    def set_fps(self, pipeline: str, fps: float) -> None:
        """Sample so often for a pipeline from now on."""
        self._inner.set_fps(pipeline, fps)

    def hint(self, until_s: float) -> None:
        """An object moves before the camera until then; `time.monotonic`."""
        self._inner.hint(until_s)

    async def still(self, arrived_at: float) -> bytes:
        """There is no other stream than what is published."""
        return b""

    def close(self) -> None:
        """It will not be run again."""
        self._inner.close()

    async def _listen(self) -> None:
        try:
            await self._service.listen(self._ingest)
        except OSError as error:
            raise SourceError(Reason.UNREADABLE, f"no socket for what is published: {error}") from None
