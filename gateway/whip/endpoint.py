"""WHIP over HTTP (RFC 9725): an offer is POSTed, ICE is PATCHed, a session is DELETEd."""

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.web.problem import HttpProblem
from gateway.web.request_body import read_text
from gateway.whip import fragment
from gateway.whip.ingest import MOVED
from gateway.whip.offer import ImpossibleOffer, MalformedOffer, read_offer
from gateway.whip.service import Busy, Place, PlaceGone, WhipService
from vedette.config.gateway_settings import WebRtc

if TYPE_CHECKING:
    from gateway.whip.session import Session

SDP = "application/sdp"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Location, Accept-Patch",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
    "Access-Control-Max-Age": "86400",
}
_NO_SESSION = "there is no such session (any more)"
_Handler = Callable[[web.Request], Awaitable[web.Response]]


def routes(service: WhipService) -> list[web.RouteDef]:
    """What the gateway's HTTP server is to serve."""
    endpoint = _Endpoint(service)
    return [
        web.post("/whip/{camera}", _open_to_browsers(endpoint.publish)),
        web.options("/whip/{camera}", _open_to_browsers(endpoint.options)),
        web.patch("/whip/{camera}/{session}", _open_to_browsers(endpoint.trickle)),
        web.delete("/whip/{camera}/{session}", _open_to_browsers(endpoint.leave)),
        web.options("/whip/{camera}/{session}", _open_to_browsers(endpoint.session_options)),
    ]


def _open_to_browsers(handler: _Handler) -> _Handler:
    """Pages of any origin may publish and read what is wrong; the token decides, and there are no cookies."""

    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.Response:
        try:
            response = await handler(request)
        except HttpProblem as problem:
            response = problem.response()
        response.headers.update(_CORS)
        return response

    return handle


class _Endpoint:
    def __init__(self, service: WhipService) -> None:
        self._service = service

    async def publish(self, request: web.Request) -> web.Response:
        """An offer for an answer. The newer publisher replaces the older one, as soon as it is connected."""
        place = self._place(request)
        if not place.ingest.owned():
            raise HttpProblem(409, MOVED, headers={"Retry-After": "1"})
        try:
            offer = read_offer(await _body(request, SDP))
            session, answer = await self._service.accept(place.ingest, offer)
        except ImpossibleOffer as error:
            raise HttpProblem(422, str(error)) from None
        except (MalformedOffer, ValueError) as error:
            raise HttpProblem(400, str(error)) from None
        except Busy as error:
            raise HttpProblem(503, str(error), headers={"Retry-After": "1"}) from None
        except PlaceGone as error:
            raise HttpProblem(409, str(error), headers={"Retry-After": "1"}) from None
        response = web.Response(status=201, body=answer.encode(), content_type=SDP)  # clients trip over a charset
        response.headers["Location"] = f"{request.path}/{session.id}"
        response.headers["ETag"] = session.etag
        response.headers["Accept-Patch"] = fragment.MEDIA_TYPE
        for link in ice_server_links(self._service.settings):
            response.headers.add("Link", link)
        return response

    async def options(self, request: web.Request) -> web.Response:
        """What a browser asks before it POSTs. STUN and TURN servers are told only to who may publish."""
        return web.Response(status=204, headers={"Accept-Post": SDP, **_PREFLIGHT})

    async def session_options(self, request: web.Request) -> web.Response:
        return web.Response(status=204, headers={"Accept-Patch": fragment.MEDIA_TYPE, **_PREFLIGHT})

    async def trickle(self, request: web.Request) -> web.Response:
        """More candidates of this ICE session (`If-Match: <its ETag>`), or a restart of ICE (`If-Match: *`)."""
        session = self._session(request)
        asked = request.headers.get("If-Match")
        if asked is None:
            raise HttpProblem(428, 'If-Match is needed: the ETag for candidates, "*" for an ICE restart')
        try:
            said = fragment.parse(await _body(request, fragment.MEDIA_TYPE))
            if asked.strip('"') == "*":
                text = await session.restart(said)
                response = web.Response(body=text.encode(), content_type=fragment.MEDIA_TYPE)
                response.headers["ETag"] = session.etag
                return response
            if session.etag not in (tag.strip() for tag in asked.split(",")):
                raise HttpProblem(412, "this ICE session is over: ICE was restarted")
            await session.add_candidates(said)
        except ValueError as error:
            raise HttpProblem(400, str(error)) from None
        except ConnectionError:
            raise HttpProblem(404, _NO_SESSION) from None
        return web.Response(status=204)

    async def leave(self, request: web.Request) -> web.Response:
        from gateway.whip.session import LEFT

        self._session(request).end(LEFT)
        return web.Response(status=200)

    def _place(self, request: web.Request) -> Place:
        """The camera's place, if whoever asks may publish there."""
        camera = request.match_info["camera"]
        place = self._service.places.get(camera)
        if place is None and self._service.is_elsewhere(camera):
            raise HttpProblem(409, f"{MOVED}, or none has room for it", headers={"Retry-After": "1"})
        if place is None and self._service.has_camera(camera):
            raise HttpProblem(409, f"the camera {camera!r} is not one to publish to: it has no `url: whip`")
        if place is None:
            raise HttpProblem(404, f"there is no camera {camera!r}")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not place.admits(token.strip() if scheme.lower() == "bearer" else ""):
            text = "this camera needs its token: Authorization: Bearer …"
            raise HttpProblem(401, text, headers={"WWW-Authenticate": "Bearer"})
        return place

    def _session(self, request: web.Request) -> "Session":
        session = self._service.session(self._place(request).ingest, request.match_info["session"])
        if session is None:
            raise HttpProblem(404, _NO_SESSION)
        return session


async def _body(request: web.Request, media_type: str) -> str:
    refusal = HttpProblem(415, f"the body must be {media_type}", headers={"Accept": media_type})
    return await read_text(request, (media_type,), refusal)


def ice_server_links(settings: WebRtc) -> list[str]:
    """`Link` headers with which a publisher learns its STUN and TURN servers (RFC 9725, section 4.6)."""
    links = [f'<{stun}>; rel="ice-server"' for stun in settings.stun]
    for turn in settings.turn:
        credential = turn.credential.reveal().replace("\\", "\\\\").replace('"', '\\"')
        account = f'username="{turn.username}"; credential="{credential}"; credential-type="password"'
        links.append(f'<{turn.url}>; rel="ice-server"; {account}')
    return links
