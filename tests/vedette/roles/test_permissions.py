"""Each role tries what it must not do, on the server as `vedette up` configures it; and the bus works with each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.msg import Msg

from tests.vedette.roles.server import CONFIG, client_of, embedded
from tests.vedette.samples import detections, encoded
from vedette.bus.address import STATE_VARIABLE, address_of
from vedette.bus.connection import Bus, connect
from vedette.bus.embedded_nats import EmbeddedNats
from vedette.roles.permissions import ROLES, Role
from vedette.snapshots.store import STREAM
from vedette.subscriber.subscribe import Subscription, _Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAME, WORK = "vedette.frame.people.plant-1.gate", "vedette.work.people.plant-1.gate"
DETECTIONS, STATUS = "vedette.detections.plant-1.gate.people", "vedette.status.plant-1.gate"
EVENT, PICTURE = "vedette.events.plant-1.gate.object.new", "vedette.picture.people.plant-1.gate"
CAMERA, LEASE = "$KV.vedette-cameras.plant-1.gate", "$KV.vedette-leases.plant-1.gate"
PERSON, ROLLOUT = "$KV.vedette-identities.staff.a1", "$KV.vedette-rollouts.coco-detector"
SNAPSHOT, SCENES = "$O.vedette-snapshots.C.ab", "$KV.vedette-scenes.p1"
STREAMS = (
    *("FRAMES", "WORK", "CLIPS", "CROPS", "PICTURES", "DETECTIONS", "STATUS", "EVENTS", "DEAD", "AUDIT"),
    *(f"KV_vedette-{name}" for name in ("cameras", "members", "leases", "rollouts", "scenes", "identities")),
    STREAM,
)


def api(verb: str, *streams: str) -> list[str]:
    return [f"$JS.API.{verb}.{stream}" for stream in streams]


def reading(*streams: str) -> list[str]:
    """All ways to what is in a stream."""
    ways = [
        *("CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.MSG.NEXT"),
        *("DIRECT.GET", "STREAM.MSG.GET"),
    ]
    told = [f"$JS.API.{way}.{stream}" for way in ways for stream in streams]
    return [*told, *(f"{subject}.x" for subject in told if "MSG.GET" not in subject)]


NOBODY_MAY = [
    *api("STREAM.DELETE", *STREAMS),
    *api("STREAM.PURGE", "EVENTS", "DETECTIONS", "AUDIT", "KV_vedette-cameras", "KV_vedette-leases"),
    *api("STREAM.MSG.DELETE", "EVENTS", "DETECTIONS", "AUDIT", STREAM),
    *api("STREAM.CREATE", "OTHER", "OBJ_other"),
    "$SYS.REQ.SERVER.PING",
    "other",
]
MUST_NOT_PUBLISH: dict[Role, list[str]] = {
    "gateway": [
        *(DETECTIONS, EVENT, PICTURE, PERSON, ROLLOUT, SNAPSHOT, SCENES),
        *("vedette.frame.people.plant-2.gate", "$KV.vedette-cameras.plant-2.gate", "vedette.dead.plant-1.alarm"),
        *api("STREAM.UPDATE", *STREAMS),
        *reading("AUDIT", "WORK", "CLIPS", "CROPS", "DEAD", "KV_vedette-scenes"),
        "$JS.ACK.WORK.w-people.1.2.3.4.5",
    ],
    "inference": [
        *(FRAME, WORK, EVENT, STATUS, CAMERA, LEASE, SNAPSHOT, SCENES),
        *("vedette.detections.plant-2.gate.people", "vedette.clip.people.plant-1.gate"),
        *api("STREAM.UPDATE", *STREAMS),
        *reading("AUDIT", "EVENTS", "DETECTIONS", "DEAD", "KV_vedette-cameras", "KV_vedette-scenes"),
    ],
    "events": [
        *(FRAME, WORK, DETECTIONS, STATUS, PICTURE, CAMERA, LEASE, PERSON, ROLLOUT, "vedette.audit.plant-1"),
        *reading("FRAMES", "WORK", "CLIPS", "CROPS", "AUDIT", "DEAD", "KV_vedette-identities"),
    ],
    "subscriber": [
        *(FRAME, WORK, DETECTIONS, EVENT, STATUS, PICTURE, CAMERA, LEASE, PERSON, ROLLOUT, SNAPSHOT, SCENES),
        *("vedette.audit.plant-1", "vedette.hint.plant-1.gate", "vedette.served.people.plant-1.gate"),
        "vedette.still.plant-1.gate",
        *(subject for verb in ("CREATE", "UPDATE", "PURGE") for subject in api(f"STREAM.{verb}", *STREAMS)),
        *api("STREAM.INFO", STREAM, "FRAMES", "KV_vedette-identities", "AUDIT"),
        *reading(*(name for name in STREAMS if name not in ("DETECTIONS", "STATUS", "EVENTS"))),
        *("$JS.API.CONSUMER.MSG.NEXT.EVENTS.s-plant-1-alarm", "$JS.ACK.EVENTS.s-plant-1-alarm.1.2.3.4.5"),
        *("$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.s-plant-1-alarm", "$JS.API.CONSUMER.DELETE.EVENTS.x"),
        "$JS.API.CONSUMER.CREATE.EVENTS.s-plant-1-alarm",
    ],
    "operator": [
        *(FRAME, WORK, DETECTIONS, EVENT, STATUS, PICTURE, LEASE, SNAPSHOT, SCENES),
        *reading("FRAMES", "WORK", "CLIPS", "CROPS", "PICTURES"),
    ],
}
MUST_NOT_SUBSCRIBE = [
    *(">", "_INBOX.>", "$SYS.>", "$KV.>", "$JS.API.>", "vedette.>", "vedette.frame.>", "vedette.clip.>"),
    *("vedette.crop.>", "vedette.picture.>", "vedette.still.>", "$O.>", "$JS.ACK.>", "$KV.vedette-identities.>"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNats]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STATE_VARIABLE, str(tmp_path_factory.mktemp("state")))
        with embedded() as server:
            yield server


@pytest.fixture(autouse=True)
def same_state(server: EmbeddedNats, state_of_its_own: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(server.folder.parent))


@pytest_asyncio.fixture(loop_scope="module")
async def streams(server: EmbeddedNats) -> AsyncIterator[Bus]:
    """An events worker's connection: it has made the streams."""
    async with await connect(await asyncio.to_thread(address_of, CONFIG, "events"), "events", 60) as bus:
        yield bus


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_is_refused_what_it_must_not_publish(streams: Bus, role: Role) -> None:
    subjects = list(dict.fromkeys([*NOBODY_MAY, *MUST_NOT_PUBLISH[role]]))
    async with client_of(role) as of:
        for subject in subjects:
            await of.client.publish(subject, b"{}")
        await of.settle()
        let_through = [subject for subject in subjects if f'publish to "{subject.lower()}"' not in " ".join(of.refused)]
        assert not let_through


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_is_refused_what_it_must_not_listen_to(streams: Bus, role: Role) -> None:
    subjects = [*MUST_NOT_SUBSCRIBE, *(f"_INBOX.{other}.>" for other in ROLES if other != role)]
    async with client_of(role) as of:
        for subject in subjects:
            await of.client.subscribe(subject)
        await of.settle()
        let_through = [subject for subject in subjects if f'to "{subject.lower()}"' not in " ".join(of.refused)]
        assert not let_through


async def test_a_gateway_answers_whom_it_is_asked_by_and_writes_to_nobody_else(streams: Bus) -> None:
    asked = "vedette.still.plant-1.gate"
    async with client_of("gateway") as of, client_of("events") as worker:

        async def answer(message: Msg) -> None:
            await message.respond(b"picture")

        await of.client.subscribe(asked, cb=answer)
        await of.settle()
        assert (await worker.client.request(asked, b"", timeout=60)).data == b"picture"
        assert not any("_inbox" in one for one in of.refused)
        await of.client.publish("_INBOX.events.other", b"not asked for")
        await of.settle()
        assert any("_inbox" in one for one in of.refused)


@pytest.fixture
def new_server(same_state: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedNats]:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "new"))
    with embedded() as server:
        yield server


@pytest.mark.parametrize("role", ["gateway", "inference", "operator"])
async def test_each_makes_the_streams_where_there_are_none_and_is_refused_nothing(
    new_server: EmbeddedNats, role: Role
) -> None:
    async with await connect(await asyncio.to_thread(address_of, CONFIG, role), role, 60) as bus:
        for name in STREAMS:
            await bus.jetstream.stream_info(name)
        assert bus.refused is None


async def test_a_subscriber_reads_events_with_a_place_of_its_own(streams: Bus) -> None:
    sent = detections()
    async with await connect(await asyncio.to_thread(address_of, CONFIG, "inference"), "worker", 60) as worker:
        await worker.publish_confirmed(DETECTIONS, encoded(sent), {}, sent.id)
    address = await asyncio.to_thread(address_of, CONFIG, "subscriber")

    class Server(_Server):
        def address(self) -> object:  # type: ignore[override]
            return address

    subscription = Subscription(Server(None, None, None), "vedette.detections.>", "reader", 3600)
    async with subscription:
        assert (await asyncio.wait_for(anext(subscription), 60)).id == sent.id
