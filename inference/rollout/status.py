"""How a process stands in its model's roll-out: what its readiness and its heartbeat say."""

from inference.dataplane import DataPlane
from inference.rollout.follower import Follower
from vedette.bus.connection import Bus
from vedette.fleet.members import live_members


def detail_of(plane: DataPlane, follower: Follower) -> dict[str, object]:
    """As JSON has it. Of the versions, those are left out that are not loaded and were not tried."""
    shadow = plane.shadow
    return {
        "revision": follower.stored.revision,
        "stable": plane.stable.model.version,
        "candidate": plane.candidate.model.version if plane.candidate else None,
        "share": plane.share,
        "shadow": shadow.version.model.version if shadow else None,
        "versions": {
            state.version: {"state": state.state, "reason": state.reason}
            for state in plane.index()
            if state.roles or state.reason not in ("", "not loaded") or state.state != "unavailable"
        },
        "problems": list(follower.problems),
    }


async def replicas_of(bus: Bus, model: str) -> list[dict[str, object]]:
    """The live processes that serve a model, of every site, each with what it says of itself. Raises BusUnavailable."""
    members = await live_members(bus, None)
    return [
        {"name": member.name, "site": member.site, "http": member.http, **member.detail}
        for member in members
        if member.kind == "inference" and member.serves == model
    ]
