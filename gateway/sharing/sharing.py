"""Keeps this gateway's fleet to its share of the cameras, as gateways and cameras come, go and change."""

import asyncio
import logging
from collections.abc import Mapping
from math import inf
from time import monotonic, process_time
from typing import Protocol

from gateway import metrics
from gateway.fleet.fleet import Fleet
from gateway.processes.placement import Meter
from gateway.sharing.admission import Admission
from gateway.sharing.capacity import Capacity
from gateway.sharing.costs import CameraCosts, Way
from gateway.sharing.plan import Camera, Plan, Planner
from gateway.sharing.stand import Stand, stand_of
from gateway.sharing.unassigned import Unassigned
from vedette.config.camera_settings import Camera as CameraConfig
from vedette.fleet.member_watch import MemberWatch
from vedette.fleet.members import Member

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2
_AT_MOST = 4
"""Times as long as a look took the next one is waited for, at least: thousands of cameras take their time."""
_READY_WITHIN_S = 10.0
"""Decode processes have time to start; then cameras are taken all the same, and their statuses say what is wrong."""
_REFUSED_S = 600.0
"""A camera that was given away, as there was too much to do, isn't wanted back before."""
_IMPORTANCE = {"high": 0, "normal": 1, "low": 2}


class Decoding(Protocol):
    """Who measures what cameras cost; in cores of this machine."""

    @property
    def used(self) -> float:
        """What all processes use."""

    def costs(self) -> dict[str, float]:
        """What each camera uses, as far as it was measured."""

    def begin(self, cameras: int) -> bool:
        """Get ready for so many cameras; whether it is."""


class Owned(Protocol):
    """Who knows which leases are ours."""

    def holds(self, name: str) -> bool:
        """Whether a camera's lease is ours now."""


class Sharing:
    """One gateway's part in the sharing; `run` beside the heartbeats, which say `detail()`."""

    def __init__(
        self,
        member: Member,
        members: MemberWatch,
        fleet: Fleet,
        owned: Owned,
        decoding: Decoding,
        capacity: Capacity,
        unassigned: Unassigned,
    ) -> None:
        self.said_anew = asyncio.Event()
        """Set when `detail` has changed so that others should know at once."""
        self._me = member.name
        self._members = members
        self._fleet = fleet
        self._owned = owned
        self._decoding = decoding
        self._admission = Admission(capacity.cores if capacity.limited else None)
        self._unassigned = unassigned
        self._speed = capacity.speed
        self._weight = capacity.weight
        self._planner = Planner(member.name)
        self._costs = CameraCosts()
        self._own_cpu = Meter()
        self._begun_s: float | None = None
        self._ready = False
        self._mine: frozenset[str] = frozenset()
        self._refused_until_s: dict[str, float] = {}
        self._stand = Stand(capacity.weight)
        metrics.GATEWAY_CAPACITY.set(capacity.cores if capacity.limited else inf)

    def detail(self) -> Mapping[str, object]:
        """For our heartbeats."""
        return self._stand.detail()

    async def run(self) -> None:
        """Want, take and let go, until cancelled."""
        while True:
            began_s = monotonic()
            if self._fleet.told and self._members.fresh and self._is_ready(began_s):
                plan = await self._look(began_s)
                await self._unassigned.tell(began_s, plan.unassigned)
            await asyncio.sleep(max(_LOOK_EVERY_S, _AT_MOST * (monotonic() - began_s)))

    def _is_ready(self, now_s: float) -> bool:
        """Whether cameras can be opened at once: before that none is taken from another gateway."""
        desired = len(self._fleet.desired())
        if desired and not self._ready:
            self._begun_s = now_s if self._begun_s is None else self._begun_s
            self._ready = self._decoding.begin(desired) or now_s - self._begun_s > _READY_WITHIN_S
        return self._ready or not desired

    async def _look(self, now_s: float) -> Plan:
        stands, desired = self._others(), self._fleet.desired()
        self._measure(now_s, stands, desired)
        if self._admission.is_overfull(now_s):
            self._give_away(now_s, stands, desired)
        held = self._held(desired)
        stands[self._me] = self._stand_now(now_s, desired, held, self._admission.room)
        # In a thread: with thousands of cameras it takes long when a gateway comes, and leases have to be renewed.
        plan = await asyncio.to_thread(self._planner.plan, now_s, stands, self._cameras(desired), self._mine, held)
        new = sum(self._cost(name, desired[name]) for name in plan.mine - self._mine)
        self._carry_out(plan, desired)
        room = max(0.0, self._admission.room - new / self._speed)
        self._say(self._stand_now(now_s, desired, held & plan.mine, room))
        return plan

    def _others(self) -> dict[str, Stand]:
        live = {one.name: stand_of(one.detail) for one in self._members.live("gateway") if one.name != self._me}
        return {name: stand for name, stand in live.items() if stand is not None}

    def _measure(self, now_s: float, stands: Mapping[str, Stand], desired: Mapping[str, CameraConfig]) -> None:
        self._costs.keep(desired.keys())
        for stand in stands.values():
            for camera, cost in stand.owns.items():
                if camera in desired and camera not in self._mine:
                    self._costs.told(camera, cost)
        for camera, cost in self._decoding.costs().items():
            if camera in self._mine:
                self._costs.measured(now_s, camera, cost * self._speed)
        self._own_cpu.feed(now_s, process_time())
        used = self._decoding.used + (self._own_cpu.rate or 0.0)
        ours = {name: self._cost(name, desired[name]) / self._speed for name in self._mine if name in desired}
        self._admission.measure(now_s, used, ours)
        metrics.GATEWAY_LOAD.set(self._admission.load)

    def _stand_now(self, now_s: float, desired: Mapping[str, CameraConfig], held: frozenset[str], room: float) -> Stand:
        """`room`: in cores of this machine."""
        self._refused_until_s = {name: end_s for name, end_s in self._refused_until_s.items() if end_s > now_s}
        owns = {name: self._cost(name, desired[name]) for name in held}
        refuses = frozenset((*self._refused_until_s, *self._fleet.impossible()))
        return Stand(self._weight, room * self._speed, owns, self._mine - held, refuses)

    def _say(self, stand: Stand) -> None:
        before, self._stand = self._stand, stand
        if (before.owns.keys(), before.wants, before.refuses) != (stand.owns.keys(), stand.wants, stand.refuses):
            self.said_anew.set()

    def _give_away(self, now_s: float, stands: Mapping[str, Stand], desired: Mapping[str, CameraConfig]) -> None:
        """There is too much to do: another gateway is to have the least important camera that it has room for."""
        most = max((stand.room for stand in stands.values()), default=0.0)
        fitting = [name for name in self._held(desired) if self._cost(name, desired[name]) < most]
        if fitting:
            least = max(fitting, key=lambda name: (_IMPORTANCE[desired[name].priority], name))
            logger.warning("%s is to go to a gateway that has room: %.2f cores are used", least, self._admission.load)
            self._refused_until_s[least] = now_s + _REFUSED_S

    def _carry_out(self, plan: Plan, desired: Mapping[str, CameraConfig]) -> None:
        if plan.mine != self._mine:
            logger.info("%s of %s cameras are to be this gateway's", len(plan.mine), len(desired))
        self._mine = plan.mine
        self._fleet.assign(plan.mine, {name: f"{heir} takes it over" for name, heir in plan.let_go.items()})

    def _held(self, desired: Mapping[str, CameraConfig]) -> frozenset[str]:
        return frozenset(name for name in self._mine if name in desired and self._owned.holds(name))

    def _cameras(self, desired: Mapping[str, CameraConfig]) -> list[Camera]:
        """The most important ones first, and in the same order in every gateway."""
        order = sorted(desired, key=lambda name: (_IMPORTANCE[desired[name].priority], name))
        return [Camera(name, self._cost(name, desired[name]), desired[name].is_whip) for name in order]

    def _cost(self, name: str, camera: CameraConfig) -> float:
        return self._costs.of(name, way_of(camera))


def way_of(camera: CameraConfig) -> Way:
    """How it is decoded, as far as the configuration tells."""
    sparse = camera.gate.mode != "off" or (camera.sampling is not None and camera.sampling.keyframes)
    return "sparse" if sparse else "whole"
