"""A publisher: its ICE, DTLS and video, from its offer to its end. Imports aiortc, which takes 0.2 s."""

import asyncio
import logging
import secrets
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, cast

from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from gateway import metrics
from gateway.whip.access_unit import AccessUnit
from gateway.whip.answer import written_answer
from gateway.whip.fragment import Fragment, written
from gateway.whip.ice import IcePath, IceServers, read_candidates
from gateway.whip.ingest import MOVED, Ingest
from gateway.whip.offer import Offer
from gateway.whip.reassembly import Counts
from gateway.whip.receiver import Receiver
from vedette.background import background, end

if TYPE_CHECKING:
    from aiortc.rtcicetransport import RTCIceTransport

logger = logging.getLogger(__name__)

_CONNECT_S = 15.0
_SILENT_S = 5.0
"""Browsers check their consent every 2.5 s and report every second, even when they have no picture to send."""
_LOOK_S = 0.25

LEFT = "the publisher has left"
SILENT = "nothing comes from the publisher"
UNREACHED = "no path to the publisher was found (ICE); its or our STUN and TURN servers may help"
STRANGER = "the publisher did not prove that it made the offer (DTLS)"


class Session:
    """One publisher of one camera. Make it, `answer`, then `run` it; the other methods may be called meanwhile."""

    def __init__(self, ingest: Ingest, offer: Offer, servers: IceServers, bitrate_kbps: int) -> None:
        self.id = secrets.token_urlsafe(16)
        self.etag = _new_etag()
        """Names the ICE session (RFC 9725, section 4.3.1)."""
        self.codec = offer.codec.name
        self.connected = False
        self.ingest = ingest
        self._offer = offer
        self._path = IcePath(servers)
        self._path.expect(offer.credentials)
        self._certificate = RTCCertificate.generateCertificate()
        self._receiver = Receiver(offer.codec, self._deliver, self._send, bitrate_kbps)
        self._dtls = _Dtls(self._path, self._certificate, self._receiver)
        self._dtls._set_role("client" if offer.role == "active" else "server")
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._restarting = asyncio.Lock()
        self._lost = self._dropped = 0

    @property
    def counts(self) -> Counts:
        """Of what was received."""
        return self._receiver.counts

    async def answer(self) -> str:
        """The SDP for the publisher. Takes as long as STUN and TURN servers do, at most 5 s.

        Raises:
            ValueError: the offer has a candidate that is none.
        """
        candidates = read_candidates(self._offer.candidates)
        try:
            await self._path.gather()
            await self._path.add(candidates)
            return self._written_answer()
        except BaseException:  # nobody runs it then
            await self.abandon()
            raise

    async def abandon(self) -> None:
        """Close what `answer` has opened, instead of `run`."""
        await self._path.close()

    async def run(self) -> str:
        """Connect, receive and clean up, until the publisher leaves or `end` is called. Returns why it is over."""
        work = asyncio.create_task(self._work())
        reason = "internal error"
        try:
            await asyncio.wait((work, self._over), return_when=asyncio.FIRST_COMPLETED)
            reason = self._over.result() if self._over.done() else await work
        finally:
            self.ingest.end(self, reason)
            self._count()
            await self._dtls.stop()
            await self._path.close()  # first: in the middle of a handshake a cancellation alone can get lost
            await end((work,))
        return reason

    def end(self, reason: str) -> None:
        """Let the publisher go."""
        if not self._over.done():
            self._over.set_result(reason)

    @property
    def ending(self) -> bool:
        """`end` was called."""
        return self._over.done()

    def want_keyframe(self) -> None:
        self._receiver.want_keyframe()

    async def add_candidates(self, fragment: Fragment) -> None:
        """More of the publisher's candidates.

        Raises:
            ValueError: one is none.
        """
        await self._path.add(read_candidates(fragment.candidates))

    async def restart(self, fragment: Fragment) -> str:
        """Restart ICE; returns the fragment for the publisher, after which `etag` is another one.

        The path there was carries the video until there is a new one.

        Raises:
            ValueError: a candidate is none.
            ConnectionError: the session has ended meanwhile.
        """
        candidates = read_candidates(fragment.candidates)
        async with self._restarting:
            await self._path.restart(fragment.credentials)
            await self._path.add(candidates)
            self.etag = _new_etag()
            return written(self._path.local, next(iter(self._offer.bundle), "0"), self._path.candidates)

    def _written_answer(self) -> str:
        fingerprints = [(one.algorithm, one.value) for one in self._certificate.getFingerprints()[:1]]
        session = secrets.randbits(62)
        return written_answer(self._offer, session, self._path.local, self._path.candidates, fingerprints)

    async def _work(self) -> str:
        if not await self._connect():
            return UNREACHED
        prints = [RTCDtlsFingerprint(algorithm, value) for algorithm, value in self._offer.fingerprints]
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._dtls.start(RTCDtlsParameters(prints))
        except TimeoutError:
            return STRANGER
        if self._dtls.state != "connected":
            return STRANGER
        self.connected = True
        async with background(self._receiver.run(), self._follow_restarts()):
            return await self._watch()

    async def _connect(self) -> bool:
        """Find a path; whether there is one in time. A restart meanwhile begins anew."""
        while True:
            self._path.restarted.clear()
            try:
                async with asyncio.timeout(_CONNECT_S):
                    await self._path.connect()
                return True
            except TimeoutError:
                return False
            except ConnectionError:
                if not self._path.restarted.is_set():
                    return False

    async def _follow_restarts(self) -> None:
        while True:
            await self._path.restarted.wait()
            if not await self._connect() and not self._path.restarted.is_set():
                logger.info("an ICE restart found no path")
                await self._path.give_up()

    async def _watch(self) -> str:
        """Be the camera's publisher while anything comes; returns why that is over for good."""
        published = False
        while self._dtls.state == "connected":
            heard = monotonic() - self._path.heard_s < _SILENT_S
            if heard and not published:
                self.ingest.begin(self)
            elif published and not heard:
                self.ingest.pause(self, SILENT)
            published = heard
            if not self.ingest.owned():
                return MOVED
            self._count()
            await asyncio.sleep(_LOOK_S)
        return SILENT if self._path.lost else LEFT

    def _count(self) -> None:
        camera, counts = self.ingest.camera, self._receiver.counts
        metrics.WHIP_LOST.labels(camera).inc(counts.lost - self._lost)
        metrics.WHIP_DROPPED.labels(camera, "damage").inc(counts.dropped - self._dropped)
        self._lost, self._dropped = counts.lost, counts.dropped

    def _deliver(self, unit: AccessUnit) -> None:
        self.ingest.deliver(self, unit)

    async def _send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # the path is lost; `_watch` sees it
            await self._dtls._send_rtp(data)


class _Dtls(RTCDtlsTransport):
    """aiortc's DTLS-SRTP, with what it decrypts handed to our receiver instead of aiortc's."""

    def __init__(self, path: IcePath, certificate: RTCCertificate, receiver: Receiver) -> None:
        super().__init__(cast("RTCIceTransport", path), [certificate])
        self._receiver = receiver

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        await self._receiver.on_rtp(data)

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self._receiver.on_rtcp(data)


def _new_etag() -> str:
    return f'"{secrets.token_hex(8)}"'
