"""What the endpoint refuses, and how it says so; and what a browser and a publisher are told in headers."""

import asyncio

import pytest
from aiohttp import ClientResponse

from gateway.whip.ice import IceServers
from tests.gateway.whip.peer import peer
from tests.gateway.whip.run_whip import whip
from tests.waiting import until
from vedette.config.gateway_settings import WebRtc

OFFER = {"Content-Type": "application/sdp"}


async def problem(response: ClientResponse) -> tuple[int, str]:
    """The status of a refusal, and what it says; a page of any origin may read it."""
    assert response.content_type == "application/problem+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return response.status, str((await response.json())["detail"])


async def offer_of_a_peer() -> str:
    async with peer("VP8") as publisher:
        return await publisher.make_offer()


async def test_codecs_that_are_not_possible_are_named_beside_those_that_are() -> None:
    offer = (await offer_of_a_peer()).replace("VP8/90000", "VP9/90000").replace("a=rtpmap:98 rtx", "a=rtpmap:98 AV1")
    async with whip() as endpoint:
        response = await endpoint.http.post(endpoint.url(), data=offer, headers=OFFER)
        text = "no codec in common: VP9, AV1 offered, H264 and VP8 possible"
        assert await problem(response) == (422, text)
        assert not endpoint.service.sessions_of(endpoint.ingest)


@pytest.mark.parametrize(
    ("old", "new", "status", "text"),
    [
        ("m=video", "m=audio", 422, "no video is offered"),
        ("a=sendonly", "a=recvonly", 422, "not offered to be sent"),
        ("a=rtcp-mux", "a=nothing", 422, "a=rtcp-mux is needed"),
        ("a=fingerprint:", "a=nothing:", 422, "a=fingerprint with sha-256"),
        ("a=ice-pwd:", "a=nothing:", 400, "ice-ufrag or ice-pwd"),
        ("v=0", "x=0", 400, "this is no SDP"),
        ("m=video", "m=", 400, "is no m= line"),
        ("m=video", "m=audio 9 UDP/TLS/RTP/SAVPF abc\r\na=mid:aud\r\nm=video", 400, "'abc' is no payload type"),
        (" typ host", "", 400, "is no candidate"),
    ],
)
async def test_an_offer_that_cannot_be_accepted_is_refused_with_the_reason(
    old: str, new: str, status: int, text: str
) -> None:
    offer = (await offer_of_a_peer()).replace(old, new)
    async with whip() as endpoint:
        refused = await problem(await endpoint.http.post(endpoint.url(), data=offer, headers=OFFER))
        assert refused[0] == status
        assert text in refused[1]


async def test_requests_for_nothing_that_is_there_are_refused() -> None:
    async with whip() as endpoint:
        http = endpoint.http
        assert await problem(await http.post(endpoint.url("/whip/attic"), data="", headers=OFFER)) == (
            404,
            "there is no camera 'attic'",
        )
        refused = await problem(await http.post(endpoint.url("/whip/gate"), data="", headers=OFFER))
        assert refused == (409, "the camera 'gate' is not one to publish to: it has no `url: whip`")
        assert (await problem(await http.post(endpoint.url(), json={})))[0] == 415
        assert (await problem(await http.post(endpoint.url(), data=b"\xff\xfe", headers=OFFER)))[0] == 400
        assert (await problem(await http.delete(endpoint.url("/whip/lobby/none"))))[0] == 404
        assert (await http.get(endpoint.url())).status == 405
        assert (await http.post(endpoint.url(), data="v" * 70_000, headers=OFFER)).status == 413


async def test_only_who_has_the_camera_s_token_publishes_changes_and_ends() -> None:
    async with whip(token="tell-nobody") as endpoint, peer() as publisher:
        for wrong in ({}, {"Authorization": "Bearer tell-nobody-else"}, {"Authorization": "Basic tell-nobody"}):
            response = await endpoint.http.post(endpoint.url(), data="v=0", headers={**OFFER, **wrong})
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert await problem(response) == (401, "this camera needs its token: Authorization: Bearer …")
        assert (await publisher.post(endpoint.http, endpoint.url(), token="tell-nobody")).status == 201
        await until(lambda: publisher.state == "connected", "connected")
        session = endpoint.url(publisher.location)
        assert (await endpoint.http.delete(session)).status == 401
        assert (await endpoint.http.patch(session)).status == 401
        right = {"Authorization": "bearer tell-nobody"}
        assert (await endpoint.http.delete(session, headers=right)).status == 200


async def test_a_token_that_is_no_text_is_a_wrong_one() -> None:
    async with whip(token="tell-nobody") as endpoint:
        host, _, port = endpoint.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /whip/lobby HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
        writer.close()


async def test_a_browser_s_question_is_answered_without_a_token_and_without_secrets() -> None:
    turn = {"url": "turn:turn.example:3478?transport=udp", "username": "vedette", "credential": 'tell"nobody'}
    settings = WebRtc.model_validate({"stun": ["stun:stun.example:3478"], "turn": [turn]})
    async with whip(token="tell-nobody", settings=settings) as endpoint:
        asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
        response = await endpoint.http.options(endpoint.url(), headers=asked)
        assert response.status == 204
        assert response.headers["Accept-Post"] == "application/sdp"
        assert {"POST", "PATCH", "DELETE"} <= set(response.headers["Access-Control-Allow-Methods"].split(", "))
        assert {"Authorization", "Content-Type", "If-Match"} <= set(
            response.headers["Access-Control-Allow-Headers"].split(", ")
        )
        assert "Link" not in response.headers
        response = await endpoint.http.options(endpoint.url("/whip/lobby/any"), headers=asked)
        assert response.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"


async def test_publishers_are_told_of_the_stun_and_turn_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = {"url": "turn:127.0.0.1:9?transport=tcp", "username": "vedette", "credential": 'tell"nobody'}
    settings = WebRtc.model_validate({"stun": ["stun:127.0.0.1:9", "stun:stun.example"], "turn": [turn]})
    monkeypatch.setattr("gateway.whip.service._ice_servers", lambda settings: IceServers())
    async with whip(settings=settings) as endpoint, peer() as publisher:
        response = await publisher.post(endpoint.http, endpoint.url())
        assert response.headers.getall("Link") == [
            '<stun:127.0.0.1:9>; rel="ice-server"',
            '<stun:stun.example>; rel="ice-server"',
            '<turn:127.0.0.1:9?transport=tcp>; rel="ice-server"; username="vedette"; '
            'credential="tell\\"nobody"; credential-type="password"',
        ]
        await until(lambda: publisher.state == "connected", "connected")
        exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Location", "ETag", "Link"} <= set(exposed)
