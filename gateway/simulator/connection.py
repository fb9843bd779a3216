"""One client's RTSP connection: its requests, answered one after the other (RFC 2326, 10)."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from gateway.simulator.authentication import Guard
from gateway.simulator.camera import LiveCamera
from gateway.simulator.description import TRACK, describe
from gateway.simulator.outlet import Outlet, TcpOutlet, UdpOutlet, UdpPorts
from gateway.simulator.request import Refusal, Request, Response, read_request
from gateway.simulator.session import Session, Sessions
from gateway.simulator.settings import SimulatorSettings
from gateway.simulator.transport import TransportOffer, choose
from gateway.simulator.tunnel import GRANTED, Tunnels

_SEND_BUFFER_BYTES = 256 << 10
_FLUSH_S = 1.0
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"


@dataclass(frozen=True)
class Stage:
    """What all connections of a server share."""

    cameras: Mapping[str, LiveCamera]
    settings: SimulatorSettings
    sessions: Sessions
    udp: UdpPorts | None
    tunnels: Tunnels


class Connection:
    """Serves one client until either side ends the connection. Its interleaved sessions end with it."""

    def __init__(self, stage: Stage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.paths: set[str] = set()
        self.heard_s = asyncio.get_running_loop().time()
        self._stage = stage
        self._reader = reader
        self._writer = writer
        self._guard = Guard(stage.settings.credentials)
        self._own: dict[str, Session] = {}
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    @property
    def idle(self) -> bool:
        """Whether no session which it opened is alive."""
        return not any(session.id in self._stage.sessions for session in self._own.values())

    async def serve(self) -> None:
        """Answer until the end of the connection."""
        try:
            while await self._exchange():
                self.heard_s = asyncio.get_running_loop().time()
        except (EOFError, OSError):
            pass
        except asyncio.CancelledError:
            self._writer.transport.abort()
            raise
        finally:
            self._end()
        await self._flush()

    def reset(self) -> None:
        """End it with a TCP reset, as a camera does whose power was cut and came back."""
        linger = struct.pack("ii", 1, 0)
        with suppress(OSError):
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def _exchange(self) -> bool:
        """One request and its answer; False when the connection cannot go on."""
        cseq, silent, go_on = None, False, True
        try:
            request = await read_request(self._reader)
            if request.version.startswith("HTTP/"):
                return await self._tunnel(request)
            cseq, silent = request.cseq, self._silenced()
            response = self._answer(request)
        except Refusal as refusal:
            response, go_on = Response(refusal.status, refusal.headers), not refusal.close
        if not silent:
            self._writer.write(response.encode(cseq))
            await self._writer.drain()
        return go_on

    async def _tunnel(self, request: Request) -> bool:
        """The client's GET begins a tunnel here; its POST, another connection, ends when the tunnel does."""
        if request.method == "GET":
            self._reader = self._stage.tunnels.open(request)
            self._writer.write(GRANTED)
            return True
        await self._stage.tunnels.carry(request, self._reader)
        return False

    async def _flush(self) -> None:
        """Let the last answer out, if the client takes it."""
        try:
            async with asyncio.timeout(_FLUSH_S):
                await self._writer.wait_closed()
        except OSError:  # TimeoutError is one
            self._writer.transport.abort()

    def _silenced(self) -> bool:
        return any(session.playing and session.camera.faults.stalled for session in self._own.values())

    def _end(self) -> None:
        self._stage.tunnels.close(self._reader)
        for session in self._own.values():
            if not session.expires:
                self._stage.sessions.end(session)
        self._writer.close()

    def _answer(self, request: Request) -> Response:
        if request.version != "RTSP/1.0":
            raise Refusal(505)
        if request.method == "OPTIONS":
            self._stage.sessions.find(request.session)
            return Response(headers={"Public": _METHODS})
        self._guard.check(request)
        match request.method:
            case "DESCRIBE":
                return self._describe(request)
            case "SETUP":
                return self._setup(request)
            case "PLAY" | "PAUSE" | "TEARDOWN":
                return self._control(request, self._session(request))
            case "GET_PARAMETER" | "SET_PARAMETER":
                return self._keep_alive(request)
            case "ANNOUNCE" | "RECORD" | "REDIRECT":
                raise Refusal(405, {"Allow": _METHODS})
        raise Refusal(501)

    def _describe(self, request: Request) -> Response:
        path, camera = self._camera(request)
        host = self._writer.get_extra_info("sockname")[0]
        base = request.url.rstrip("/") + "/"
        headers = {"Content-Base": base, "Content-Type": "application/sdp", "Cache-Control": "no-cache"}
        return Response(headers=headers, body=describe(path, camera.clip, host, camera.audio))

    def _setup(self, request: Request) -> Response:
        _, camera = self._camera(request)
        if request.session is not None:
            raise Refusal(455, {"Allow": _METHODS}) if self._session(request).playing else Refusal(459)
        settings = self._stage.settings
        offer = choose(request.headers.get("transport", ""), settings.tcp, settings.udp)
        if offer is None:
            raise Refusal(461)
        if self._stage.sessions.full:
            raise Refusal(453)
        outlet, transport = self._outlet(offer)
        session = self._stage.sessions.open(camera, outlet, settings.backlog_bytes)
        self._own = {key: own for key, own in self._own.items() if key in self._stage.sessions}
        self._own[session.id] = session
        return Response(headers={"Transport": transport, **self._name(session)})

    def _outlet(self, offer: TransportOffer) -> tuple[Outlet, str]:
        """The way out, and the Transport header that tells of it (RFC 2326, 12.39)."""
        if offer.tcp:
            channels = f"interleaved={offer.first}-{offer.second}"
            return TcpOutlet(self._writer.transport, offer.first), f"RTP/AVP/TCP;unicast;{channels}"
        if self._stage.udp is None:
            raise Refusal(461)
        peer = self._writer.get_extra_info("peername")
        if peer is None:
            raise ConnectionResetError("the client has gone already")
        rtp, rtcp = self._stage.udp.numbers
        ports = f"client_port={offer.first}-{offer.second};server_port={rtp}-{rtcp}"
        return UdpOutlet(self._stage.udp, peer[0], offer.first, offer.second), f"RTP/AVP;unicast;{ports}"

    def _control(self, request: Request, session: Session) -> Response:
        """PLAY, PAUSE and TEARDOWN by the state machine of RFC 2326, A.2."""
        self._camera(request)
        if request.method == "TEARDOWN":
            self._stage.sessions.end(session)
            return Response()
        if request.method == "PAUSE":
            if not session.playing:
                raise Refusal(455, {"Allow": "SETUP, PLAY, TEARDOWN"})
            session.pause()
            return Response(headers=self._name(session))
        session.play()
        return Response(headers={"Range": "npt=now-", **self._name(session)})

    def _keep_alive(self, request: Request) -> Response:
        return Response(headers=self._name(self._session(request)) if request.session is not None else {})

    def _camera(self, request: Request) -> tuple[str, LiveCamera]:
        path = request.path.removesuffix(TRACK).rstrip("/")
        camera = self._stage.cameras.get(path)
        if camera is None or camera.faults.vanished:
            raise Refusal(404)
        self.paths.add(path)
        return path, camera

    def _session(self, request: Request) -> Session:
        session = self._stage.sessions.find(request.session)
        if session is None:
            raise Refusal(454)
        return session

    def _name(self, session: Session) -> dict[str, str]:
        return {"Session": f"{session.id};timeout={max(1, round(self._stage.settings.session_timeout_s))}"}
