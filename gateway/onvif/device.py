"""One ONVIF device: who made it, which streams it has, and its restart."""

import datetime as dt
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape

import aiohttp

from gateway.onvif.envelope import (
    MAX_BYTES,
    Credentials,
    Element,
    OnvifError,
    envelope,
    number_of,
    parse,
    security,
    text_of,
)

_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_TIMEOUT = aiohttp.ClientTimeout(total=8.0)
_MOST_PROFILES = 64
_YEARS = (1900, 9000)
"""Of a clock that can be told, and run on from, without leaving what `datetime` can hold."""
_STREAM = (
    f'<StreamSetup><Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
    f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Who made it."""

    manufacturer: str | None
    model: str | None
    firmware: str | None
    serial: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """One of a device's streams."""

    token: str
    name: str | None
    codec: str | None
    """As the device calls it: `H264`, `H265`, `JPEG`."""
    width: int | None
    height: int | None
    fps: float | None
    url: str | None
    """Of its RTSP stream, without credentials."""


class OnvifDevice:
    """Talks to a device's services. All methods raise OnvifError."""

    def __init__(
        self, session: aiohttp.ClientSession, address: str, user: str | None = None, password: str = ""
    ) -> None:
        """`address` is its device service's; a bare host gets the usual path."""
        self._session = session
        self._address = address if "://" in address else f"http://{address}/onvif/device_service"
        self._credentials = None if user is None else Credentials(user, password)
        self._ahead: dt.timedelta | None = None

    async def information(self) -> DeviceInfo:
        """Who made it."""
        answer = await self._ask(self._address, f'<GetDeviceInformation xmlns="{_DEVICE}"/>')
        told = answer.find("{*}GetDeviceInformationResponse")
        names = ("Manufacturer", "Model", "FirmwareVersion", "SerialNumber")
        return DeviceInfo(*(text_of(told, name) for name in names))

    async def profiles(self) -> list[Profile]:
        """Its streams, with their URLs."""
        services = await self._services()
        if _MEDIA2 in services:
            return await self._profiles2(services[_MEDIA2])
        return await self._profiles1(services.get(_MEDIA, self._address))

    async def reboot(self) -> str:
        """Restart it; what it says to that. Pictures are gone for a minute or so."""
        answer = await self._ask(self._address, f'<SystemReboot xmlns="{_DEVICE}"/>')
        told = answer.find("{*}SystemRebootResponse")
        if told is None:
            raise OnvifError(f"{self._address}: the device does not say that it restarts")
        return text_of(told, "Message") or "it restarts"

    async def _services(self) -> dict[str, str]:
        """Namespaces and addresses of its services; of an old device, those in its capabilities."""
        try:
            request = f'<GetServices xmlns="{_DEVICE}"><IncludeCapability>false</IncludeCapability></GetServices>'
            answer = await self._ask(self._address, request)
            listed = answer.iterfind("{*}GetServicesResponse/{*}Service")
            found = {text_of(service, "Namespace"): text_of(service, "XAddr") for service in listed}
        except OnvifError:
            request = f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
            answer = await self._ask(self._address, request)
            found = {_MEDIA: text_of(answer, "GetCapabilitiesResponse/Capabilities/Media/XAddr")}
        return {name: self._here(address) for name, address in found.items() if name and address}

    async def _profiles1(self, address: str) -> list[Profile]:
        answer = await self._ask(address, f'<GetProfiles xmlns="{_MEDIA}"/>')
        listed = list(answer.iterfind("{*}GetProfilesResponse/{*}Profiles"))[:_MOST_PROFILES]
        profiles = []
        for element in listed:
            token = f"<ProfileToken>{escape(element.get('token', ''))}</ProfileToken>"
            request = f'<GetStreamUri xmlns="{_MEDIA}">{_STREAM}{token}</GetStreamUri>'
            url = await self._stream_url(address, request, "GetStreamUriResponse/MediaUri/Uri")
            profiles.append(_profile(element, element.find("{*}VideoEncoderConfiguration"), url))
        return profiles

    async def _profiles2(self, address: str) -> list[Profile]:
        request = f'<GetProfiles xmlns="{_MEDIA2}"><Type>VideoEncoder</Type></GetProfiles>'
        answer = await self._ask(address, request)
        listed = list(answer.iterfind("{*}GetProfilesResponse/{*}Profiles"))[:_MOST_PROFILES]
        profiles = []
        for element in listed:
            token = f"<ProfileToken>{escape(element.get('token', ''))}</ProfileToken>"
            request = f'<GetStreamUri xmlns="{_MEDIA2}"><Protocol>RTSP</Protocol>{token}</GetStreamUri>'
            url = await self._stream_url(address, request, "GetStreamUriResponse/Uri")
            profiles.append(_profile(element, element.find("{*}Configurations/{*}VideoEncoder"), url))
        return profiles

    async def _stream_url(self, address: str, request: str, path: str) -> str | None:
        """None where this profile has none; the others are told all the same."""
        try:
            return text_of(await self._ask(address, request), path)
        except OnvifError:
            return None

    def _here(self, address: str) -> str:
        """A service's address at the host that the device was reached at: behind NAT devices tell their inner one, and
        none may send our token elsewhere."""
        try:
            return urlunsplit(urlsplit(self._address)._replace(path=urlsplit(address).path or "/"))
        except ValueError:
            return self._address

    async def _ask(self, address: str, body: str) -> Element:
        header = ""
        if self._credentials is not None:
            ahead = await self._clock()
            header = security(self._credentials, dt.datetime.now(dt.UTC) + ahead)
        return await self._post(address, envelope(body, header))

    async def _clock(self) -> dt.timedelta:
        """How far the device's clock is ahead; asked once, which needs no token (ONVIF Core, 8.1)."""
        if self._ahead is None:
            request = f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>'
            try:
                now = _utc(await self._post(self._address, envelope(request)))
            except OnvifError:
                now = None
            self._ahead = dt.timedelta() if now is None else now - dt.datetime.now(dt.UTC)
        return self._ahead

    async def _post(self, address: str, message: bytes) -> Element:
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = ()
        if self._credentials is not None:  # some want HTTP Digest, in place of the token or beside it
            middlewares = (aiohttp.DigestAuthMiddleware(self._credentials.user, self._credentials.password),)
        try:
            async with self._session.post(
                address,
                data=message,
                headers=headers,
                timeout=_TIMEOUT,
                allow_redirects=False,
                middlewares=middlewares,
            ) as answer:
                data = await answer.content.read(MAX_BYTES + 1)
                while len(data) <= MAX_BYTES and (more := await answer.content.read(MAX_BYTES + 1 - len(data))):
                    data += more
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise OnvifError(f"{address}: {_words(error)}") from None
        if len(data) > MAX_BYTES:
            raise OnvifError(f"{address}: an answer of over {MAX_BYTES >> 20} MiB")
        if status == 401:
            raise OnvifError(f"{address}: wrong user name or password")
        try:
            return parse(data)
        except OnvifError as error:
            raise OnvifError(f"{address}: {error}" + (f" (HTTP {status})" if status != 200 else "")) from None


def _profile(element: Element, encoder: Element | None, url: str | None) -> Profile:
    width, height = number_of(encoder, "Resolution/Width"), number_of(encoder, "Resolution/Height")
    return Profile(
        element.get("token", ""),
        text_of(element, "Name"),
        text_of(encoder, "Encoding"),
        None if width is None else int(width),
        None if height is None else int(height),
        number_of(encoder, "RateControl/FrameRateLimit"),
        url,
    )


def _utc(body: Element) -> dt.datetime | None:
    told = body.find("{*}GetSystemDateAndTimeResponse/{*}SystemDateAndTime/{*}UTCDateTime")
    names = ("Date/Year", "Date/Month", "Date/Day", "Time/Hour", "Time/Minute", "Time/Second")
    numbers = [number_of(told, name) for name in names]
    try:
        now = dt.datetime(*(int(number) for number in numbers if number is not None), tzinfo=dt.UTC)  # type: ignore[arg-type, misc]
    except (ValueError, TypeError, OverflowError):
        return None
    return now if _YEARS[0] <= now.year <= _YEARS[1] else None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return "can't be reached" if isinstance(error, aiohttp.ClientConnectionError) else type(error).__name__
