"""Members are followed by their heartbeats, and who falls silent is not alive, whatever the server says."""

from time import monotonic

from tests.nats_server import NatsServer
from tests.waiting import until
from vedette.background import background
from vedette.bus import Bus, connect
from vedette.member_watch import MemberWatch
from vedette.members import announce, new_member


async def test_members_are_seen_at_once_and_not_once_they_leave_or_are_silent(
    nats_server: NatsServer, bus: Bus
) -> None:
    ahead_s = 0.0
    watch = MemberWatch(bus, "plant-1", lambda: monotonic() + ahead_s)
    own, other = (new_member("gateway", "plant-1", "127.0.0.1:1") for _ in range(2))
    assert not watch.fresh

    def seen() -> set[str]:
        return {member.name for member in watch.live("gateway")}

    async with background(announce(bus, own), watch.run()), await connect(nats_server.address, "other") as second:
        async with background(announce(second, other)):
            await until(lambda: seen() == {own.name, other.name}, "both are seen")
        await until(lambda: seen() == {own.name}, "one has left")
        ahead_s = 10.0  # we were paused
        await until(lambda: watch.fresh and seen() == {own.name}, "it is known again who lives")
        nats_server.kill()
        await until(lambda: not watch.fresh, "without a bus nothing is known")
