"""An ONVIF device: answers WS-Discovery on a UDP port of loopback, and SOAP over HTTP."""

import asyncio
import base64
import datetime as dt
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from aiohttp import web

SOAP = "http://www.w3.org/2003/05/soap-envelope"
TDS, TRT, TR2 = (f"http://www.onvif.org/{name}/wsdl" for name in ("ver10/device", "ver10/media", "ver20/media"))
TT = "http://www.onvif.org/ver10/schema"
USER, PASSWORD = "operator", "s3cret & <more>"


class SimulatedDevice:
    """What is told can be changed; `requests` are the names of what was asked for."""

    def __init__(self, clock_ahead: dt.timedelta, media2: bool) -> None:
        self.port = 0
        self.probe_port = 0
        self.requests: list[str] = []
        self.bodies: list[str] = []
        self.reboots = 0
        self.answer: bytes | None = None
        """Sent in place of every answer."""
        self.match: bytes | None = None
        """Sent in place of every probe match."""
        self._ahead = clock_ahead
        self._media2 = media2

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/onvif/device_service"

    def probe_match(self, probe: bytes) -> bytes:
        message = re.search(r"MessageID[^>]*>([^<]+)<", probe.decode())
        assert message is not None and b"dn:NetworkVideoTransmitter" in probe
        if self.match is not None:
            return self.match
        scopes = (
            "onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/SIM-1 onvif://www.onvif.org/type/x"
        )
        return soap(
            '<d:ProbeMatches xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" '
            'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><d:ProbeMatch>'
            "<a:EndpointReference><a:Address>urn:uuid:1234</a:Address></a:EndpointReference>"
            f"<d:Scopes>{scopes}</d:Scopes><d:XAddrs>http://192.0.2.7/onvif/device_service {self.address}</d:XAddrs>"
            "</d:ProbeMatch></d:ProbeMatches>"
        )

    async def serve(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.bodies.append(text)
        if self.answer is not None:
            return web.Response(body=self.answer, content_type="application/soap+xml")
        match = re.search(r"<s:Body><(\w+)", text)
        assert match is not None
        name = match[1]
        self.requests.append(name)
        if name != "GetSystemDateAndTime" and not self._proven(text):
            return _answer(_fault("Sender not authorized", "ter:NotAuthorized"), 400)
        return _answer(soap(self._told(name, text)) if name else _fault("?", "?"))

    def _proven(self, text: str) -> bool:
        """WS-Security UsernameToken with a digest, made within 5 s of our own clock."""
        parts = [
            re.search(rf"<{tag}[^>]*>([^<]*)</{tag}>", text) for tag in ("Username", "Password", "Nonce", "Created")
        ]
        if None in parts:
            return False
        user, digest, nonce, created = (part[1] for part in parts if part)
        at = dt.datetime.strptime(created, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=dt.UTC)
        made = hashlib.sha1(
            base64.b64decode(nonce) + created.encode() + PASSWORD.encode(), usedforsecurity=False
        ).digest()
        fresh = abs(dt.datetime.now(dt.UTC) + self._ahead - at) < dt.timedelta(seconds=5)
        return user == USER and base64.b64decode(digest) == made and fresh

    def _told(self, name: str, text: str) -> str:
        now = dt.datetime.now(dt.UTC) + self._ahead
        inner = "http://192.0.2.7/onvif"  # behind NAT
        media2 = f"<Service><Namespace>{TR2}</Namespace><XAddr>{inner}/media2</XAddr></Service>" if self._media2 else ""
        match name:
            case "GetSystemDateAndTime":
                time = f"<Time><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute><Second>{now.second}</Second></Time>"
                date = f"<Date><Year>{now.year}</Year><Month>{now.month}</Month><Day>{now.day}</Day></Date>"
                both = f'<SystemDateAndTime xmlns="{TT}"><UTCDateTime>{time}{date}</UTCDateTime></SystemDateAndTime>'
                return f'<{name}Response xmlns="{TDS}">{both}</{name}Response>'
            case "GetServices":
                media = f"<Service><Namespace>{TRT}</Namespace><XAddr>{inner}/media</XAddr></Service>"
                return f'<{name}Response xmlns="{TDS}">{media}{media2}</{name}Response>'
            case "GetDeviceInformation":
                told = "<Manufacturer>Vedette</Manufacturer><Model>SIM-1</Model><FirmwareVersion>1.0</FirmwareVersion>"
                return f'<{name}Response xmlns="{TDS}">{told}<SerialNumber>7</SerialNumber></{name}Response>'
            case "GetProfiles":
                return self._profiles(TR2 if TR2 in text else TRT)
            case "GetStreamUri":
                token = re.search(r"<ProfileToken>([^<]*)<", text)
                assert token is not None
                uri = f"<Uri>rtsp://192.0.2.7:554/{token[1]}?profile=1&amp;password={'x' * 6}</Uri>"
                wrapped = uri if TR2 in text else f"<MediaUri>{uri}</MediaUri>"
                return f'<{name}Response xmlns="{TR2 if TR2 in text else TRT}">{wrapped}</{name}Response>'
            case "SystemReboot":
                self.reboots += 1
                return f'<{name}Response xmlns="{TDS}"><Message>Rebooting in 30 seconds</Message></{name}Response>'
        raise AssertionError(name)

    def _profiles(self, media: str) -> str:
        def profile(token: str, codec: str, width: int, height: int) -> str:
            size = f"<Resolution><Width>{width}</Width><Height>{height}</Height></Resolution>"
            rate = "<RateControl><FrameRateLimit>25</FrameRateLimit></RateControl>"
            inside = f'<Encoding xmlns="{TT}">{codec}</Encoding>{size}{rate}'
            if media == TR2:
                encoder = f"<Configurations><VideoEncoder>{inside}</VideoEncoder></Configurations>"
            else:
                encoder = f"<VideoEncoderConfiguration>{inside}</VideoEncoderConfiguration>"
            return f'<Profiles token="{token}"><Name>{token.title()}</Name>{encoder}</Profiles>'

        main = profile("main", "H265" if media == TR2 else "H264", 1920, 1080)
        return f'<GetProfilesResponse xmlns="{media}">{main}{profile("sub", "H264", 640, 360)}</GetProfilesResponse>'


def soap(body: str) -> bytes:
    return f'<?xml version="1.0"?><e:Envelope xmlns:e="{SOAP}"><e:Body>{body}</e:Body></e:Envelope>'.encode()


def _fault(text: str, code: str) -> bytes:
    value = f"<e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value>{code}</e:Value></e:Subcode></e:Code>"
    return soap(f"<e:Fault>{value}<e:Reason><e:Text>{text}</e:Text></e:Reason></e:Fault>")


def _answer(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/soap+xml")


class _Responder(asyncio.DatagramProtocol):
    def __init__(self, device: SimulatedDevice) -> None:
        self._device = device

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(b"noise", addr)
        self._transport.sendto(self._device.probe_match(data), addr)


@asynccontextmanager
async def simulated_device(
    clock_ahead: dt.timedelta = dt.timedelta(), media2: bool = False
) -> AsyncIterator[SimulatedDevice]:
    device = SimulatedDevice(clock_ahead, media2)
    app = web.Application()
    app.router.add_post("/onvif/{service}", device.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    device.port = runner.addresses[0][1]
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Responder(device), local_addr=("127.0.0.1", 0))
    device.probe_port = transport.get_extra_info("sockname")[1]
    try:
        yield device
    finally:
        transport.close()
        await runner.cleanup()
