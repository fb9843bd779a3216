"""Publishers over WebRTC on real UDP: their pictures, their losses, their comings and goings."""

import asyncio
import operator
from functools import partial

import pytest
from aiohttp import ClientResponse

from gateway.whip.ingest import MOVED, NOBODY, REPLACED
from gateway.whip.session import LEFT, SILENT, Session
from tests.gateway.whip.peer import SIZE, peer
from tests.gateway.whip.run_whip import Viewer, viewer, whip
from tests.waiting import until


def has_damage(session: Session, times: int) -> bool:
    return session.counts.damaged >= times


def has_keyframe(reader: Viewer, after: int) -> bool:
    return sum(reader.keyframes) > after


FRAGMENT = "application/trickle-ice-sdpfrag"


async def problem(response: ClientResponse) -> str:
    """What a refusal says."""
    assert response.content_type == "application/problem+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    return str((await response.json())["detail"])


@pytest.mark.parametrize(("codec", "fourcc"), [("VP8", "VP80"), ("H264", "H264")])
async def test_what_a_peer_publishes_is_read_from_its_first_keyframe_until_it_leaves(codec: str, fourcc: str) -> None:
    async with whip() as endpoint, peer(codec, sound=True) as publisher, viewer(endpoint.ingest) as reader:
        response = await publisher.post(endpoint.http, endpoint.url())
        assert (response.status, response.content_type) == (201, "application/sdp")
        assert publisher.answer.count("a=inactive") == 1  # the sound: nothing of it is ever sent
        await until(lambda: len(reader.frames) >= 10, "frames")
        assert reader.codec == fourcc
        assert reader.keyframes[0]
        assert (reader.frames[0].width, reader.frames[0].height) == SIZE
        assert reader.timestamps == sorted(reader.timestamps)
        assert reader.frames[-1].to_ndarray(format="gray").max() > 180  # the square
        assert (await endpoint.http.delete(endpoint.url(publisher.location))).status == 200
        await until(lambda: reader.ended, "the end of the stream")
        assert (endpoint.ingest.published, endpoint.ingest.reason) == (False, LEFT)
        assert reader.errors == 0
        gone = await endpoint.http.delete(endpoint.url(publisher.location))
        assert (gone.status, await problem(gone)) == (404, "there is no such session (any more)")


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_packets_that_are_sent_again_leave_no_trace(codec: str) -> None:
    async with whip() as endpoint, peer(codec) as publisher, viewer(endpoint.ingest) as reader:
        publisher.lose = lambda number: number % 7 == 0
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: publisher.lost >= 10 and len(reader.frames) >= 50, "frames in spite of losses")
        (session,) = endpoint.service.sessions_of(endpoint.ingest)
        assert session.counts.lost <= 1  # one that nothing follows is not missed yet, or its copy got lost too
        assert reader.errors == 0


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_after_packets_that_never_come_it_goes_on_with_a_keyframe_that_was_asked_for(codec: str) -> None:
    async with whip() as endpoint, peer(codec) as publisher, viewer(endpoint.ingest) as reader:
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: len(reader.frames) >= 5, "frames")
        (session,) = endpoint.service.sessions_of(endpoint.ingest)
        publisher.resends = False
        for times in (1, 2):
            lost_at, keyframes = publisher.sent + 1, sum(reader.keyframes)
            publisher.lose = partial(operator.eq, lost_at)
            await until(partial(has_damage, session, times), "damage")
            await until(partial(has_keyframe, reader, keyframes), "another keyframe")
        seen = len(reader.frames)
        await until(lambda: len(reader.frames) >= seen + 5, "more frames")
        assert session.counts.lost == 2
        assert session.counts.dropped >= 2
        assert reader.errors == 0  # nothing damaged was handed on


async def test_a_publisher_that_vanishes_ends_the_stream_within_seconds() -> None:
    async with whip() as endpoint, peer() as publisher, viewer(endpoint.ingest) as reader:
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: len(reader.frames) >= 5, "frames")
        publisher.vanish()
        await until(lambda: reader.ended, "the end of the stream")
        assert (endpoint.ingest.published, endpoint.ingest.reason) == (False, SILENT)


async def test_the_newer_publisher_replaces_the_older_once_it_is_connected() -> None:
    async with whip() as endpoint, peer("VP8") as older, viewer(endpoint.ingest) as reader:
        await older.post(endpoint.http, endpoint.url())
        await until(lambda: len(reader.frames) >= 5, "frames")
        async with peer("H264") as newer, peer("H264") as pending:
            await pending.make_offer()  # and no more
            offer = pending.offer.replace("a=candidate", "x=candidate")
            headers = {"Content-Type": "application/sdp"}
            assert (await endpoint.http.post(endpoint.url(), data=offer, headers=headers)).status == 201
            assert len(endpoint.service.sessions_of(endpoint.ingest)) == 2
            await newer.post(endpoint.http, endpoint.url())
            await until(lambda: reader.ended, "the end of the older one")
            async with viewer(endpoint.ingest) as another:
                await until(lambda: len(another.frames) >= 5, "frames of the newer one")
                assert another.codec == "H264"
            assert len(endpoint.service.sessions_of(endpoint.ingest)) == 1
        assert endpoint.ingest.reason in (NOBODY, REPLACED, LEFT)


async def test_a_gateway_that_loses_the_camera_lets_its_publisher_go() -> None:
    async with whip() as endpoint, peer() as publisher, viewer(endpoint.ingest) as reader:
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: len(reader.frames) >= 2, "frames")
        endpoint.owned[0] = False
        await until(lambda: reader.ended, "the end of the stream")
        assert endpoint.ingest.reason == MOVED
        refused = await endpoint.http.post(endpoint.url(), data="v=0", headers={"Content-Type": "application/sdp"})
        assert (refused.status, await problem(refused)) == (409, MOVED)


async def test_candidates_may_come_later() -> None:
    async with whip() as endpoint, peer() as publisher, viewer(endpoint.ingest) as reader:
        response = await publisher.post(endpoint.http, endpoint.url(), trickle=True)
        assert response.headers["Accept-Patch"] == FRAGMENT
        url, body = endpoint.url(publisher.location), "\r\n".join([*publisher.ice_lines, *publisher.candidates])
        headers = {"Content-Type": FRAGMENT, "If-Match": publisher.etag}
        assert (await endpoint.http.patch(url, data=body, headers=headers)).status == 204
        await until(lambda: len(reader.frames) >= 5, "frames")
        for changed, status in (
            ({"If-Match": None}, 428),
            ({"If-Match": '"old"'}, 412),
            ({"Content-Type": "a/b"}, 415),
        ):
            wrong = {name: value for name, value in {**headers, **changed}.items() if value is not None}
            assert (await endpoint.http.patch(url, data=body, headers=wrong)).status == status
        for wrong_body in ("", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host", body + "\r\na=candidate:nonsense"):
            assert (await endpoint.http.patch(url, data=wrong_body, headers=headers)).status == 400


async def test_ice_is_restarted_without_an_end_of_the_stream() -> None:
    async with whip() as endpoint, peer() as publisher, viewer(endpoint.ingest) as reader:
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: len(reader.frames) >= 5, "frames")
        response = await publisher.restart_ice(endpoint.http, endpoint.url(publisher.location))
        assert (response.status, response.content_type) == (200, FRAGMENT)
        assert response.headers["ETag"] != publisher.etag
        seen = len(reader.frames)
        await until(lambda: len(reader.frames) >= seen + 10, "frames on the new path")
        (session,) = endpoint.service.sessions_of(endpoint.ingest)
        assert session._path._active is session._path._latest
        assert not reader.ended
        assert reader.errors == 0
        late = {"Content-Type": FRAGMENT, "If-Match": publisher.etag}
        body = "\r\n".join(publisher.ice_lines)
        assert (await endpoint.http.patch(endpoint.url(publisher.location), data=body, headers=late)).status == 412


async def test_datagrams_of_strangers_change_nothing() -> None:
    async with whip() as endpoint, peer() as publisher, viewer(endpoint.ingest) as reader:
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: len(reader.frames) >= 2, "frames")
        line = next(line for line in publisher.answer.splitlines() if line.startswith("a=candidate") and "." in line)
        host, port = line.split()[4:6]
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(host, int(port))
        )
        for datagram in (b"", b"\x80", b"\x16\xfe", b"\x90\xe0" + bytes(30), b"\x80\xc8" + bytes(30), bytes(40)):
            transport.sendto(datagram)
        seen = len(reader.frames)
        await until(lambda: len(reader.frames) >= seen + 5, "more frames")
        transport.close()
        assert reader.errors == 0
