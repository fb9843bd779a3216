"""Sessions that come to nothing or end in the middle of something leave no socket behind, and end."""

import asyncio

import pytest
from aioice import Connection

from gateway.whip.session import Session
from tests.gateway.whip.peer import peer
from tests.gateway.whip.run_whip import Whip, whip
from tests.waiting import until

OFFER = {"Content-Type": "application/sdp"}
RESTART = {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"}
OF_NOBODY = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"


class Gathering:
    """The gateway's ICE connections, which have their sockets but wait until `go` is set, as for a STUN server."""

    def __init__(self) -> None:
        self.began: list[Connection] = []
        self.go = asyncio.Event()

    @property
    def sockets(self) -> int:
        return sum(len(connection._protocols) for connection in self.began)


@pytest.fixture
def gathering(monkeypatch: pytest.MonkeyPatch) -> Gathering:
    slow, gather = Gathering(), Connection.gather_candidates

    async def gather_slowly(connection: Connection) -> None:
        await gather(connection)
        if not connection.ice_controlling:  # the gateway's; not the peer's
            slow.began.append(connection)
            await slow.go.wait()

    monkeypatch.setattr(Connection, "gather_candidates", gather_slowly)
    return slow


async def offer_of_a_peer() -> str:
    async with peer() as publisher:
        return await publisher.make_offer()


def session_of(endpoint: Whip) -> Session:
    (session,) = endpoint.service.sessions_of(endpoint.ingest)
    return session


async def test_an_answer_that_cannot_be_written_leaves_no_socket(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> str:
        raise LookupError("a defect")

    gathering.go.set()
    monkeypatch.setattr("gateway.whip.session.written_answer", fail)
    async with whip() as endpoint:
        response = await endpoint.http.post(endpoint.url(), data=await offer_of_a_peer(), headers=OFFER)
        assert response.status == 500
        assert gathering.began
        assert gathering.sockets == 0


async def test_more_offers_at_a_time_than_can_be_answered_are_put_off(
    gathering: Gathering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.whip.service._AT_A_TIME", 1)
    offer = await offer_of_a_peer()
    async with whip() as endpoint:
        first = asyncio.create_task(endpoint.http.post(endpoint.url(), data=offer, headers=OFFER))
        await until(lambda: gathering.began, "the first one is being answered")
        second = await endpoint.http.post(endpoint.url(), data=offer, headers=OFFER)
        assert (second.status, second.headers["Retry-After"]) == (503, "1")
        gathering.go.set()
        assert (await first).status == 201
        assert (await endpoint.http.post(endpoint.url(), data=offer, headers=OFFER)).status == 201


async def test_nobody_publishes_to_a_camera_that_went_while_the_offer_was_answered(gathering: Gathering) -> None:
    offer = await offer_of_a_peer()
    async with whip() as endpoint:
        async with endpoint.service.place("gate", None, lambda: True) as ingest:
            url = endpoint.url("/whip/gate")
            asked = asyncio.create_task(endpoint.http.post(url, data=offer, headers=OFFER))
            await until(lambda: gathering.began, "it is being answered")
        gathering.go.set()
        assert (await asked).status == 409
        assert gathering.sockets == 0
        assert not endpoint.service.sessions_of(ingest)


async def test_a_session_that_ends_while_ice_is_restarted_leaves_no_socket(gathering: Gathering) -> None:
    gathering.go.set()
    async with whip() as endpoint, peer() as publisher:
        await publisher.post(endpoint.http, endpoint.url())
        url = endpoint.url(publisher.location)
        gathering.go.clear()
        restart = asyncio.create_task(endpoint.http.patch(url, data=OF_NOBODY, headers=RESTART))
        await until(lambda: len(gathering.began) == 2, "the restart gathers")
        assert (await endpoint.http.delete(url)).status == 200
        await until(lambda: not endpoint.service.sessions_of(endpoint.ingest), "the end of the session")
        gathering.go.set()
        assert (await restart).status == 404
        assert gathering.sockets == 0


@pytest.mark.parametrize("when", ["before the restart is given up", "after it"])
async def test_a_session_whose_restart_found_no_path_goes_on_and_ends_with_the_path_it_had(
    when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with whip() as endpoint, peer() as publisher:
        await publisher.post(endpoint.http, endpoint.url())
        await until(lambda: endpoint.ingest.published, "a publisher")
        path = session_of(endpoint)._path
        active = path._active
        assert active is not None
        monkeypatch.setattr("gateway.whip.session._CONNECT_S", 0.3)
        restarted = await endpoint.http.patch(endpoint.url(publisher.location), data=OF_NOBODY, headers=RESTART)
        assert restarted.status == 200
        failed = path._latest
        if when == "after it":
            await until(lambda: path._latest is active, "the path there was")
            await until(lambda: not failed._protocols, "the sockets of the restart are closed")
            assert endpoint.ingest.published
        await active.close()  # as without consent
        await until(lambda: not endpoint.service.sessions_of(endpoint.ingest), "the end of the session")
        await until(lambda: not failed._protocols, "the sockets of the restart are closed")
