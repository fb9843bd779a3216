"""Which cameras a gateway is to want, and which to let go: decided from what all gateways say. Pure.

Every camera has an order of gateways, by weighted rendezvous hashing. It should be with the first of them that has room
for it. So a gateway

- wants a camera that nobody owns, if none before it in that order has room for it;
- wants one that a gateway behind it owns, if it has room to spare: a few at a time, and the owner still runs it;
- lets a camera go as soon as a gateway before it says that it wants it, and not earlier.

All this settles what should be. What may be is settled by leases alone: two gateways that see things differently for
a moment can want the same camera, but not both run it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.sharing.stand import Stand
from vedette.fleet.rendezvous import ranking

_PATIENCE_S = 5.0
"""A gateway that has room, and doesn't take a camera that is free for so long, isn't waited for."""
_AT_ONCE = 8
"""Cameras that a gateway wants from others at the same time: each of them has to be opened anew."""
_SPARE = 0.03
"""Of a gateway's weight: so much room must be left when a camera comes that has an owner already."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that is to run somewhere."""

    name: str
    cost: float
    """Cores of the reference machine, measured or expected."""
    stays: bool = False
    """It is not taken from an owner for the sake of order: a publisher would have to connect anew."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one gateway is to do."""

    mine: frozenset[str]
    """To be run here, as soon as we have their leases."""
    let_go: Mapping[str, str] = field(default_factory=dict)
    """Those that are not to be any more, and the gateway that takes them."""
    unassigned: Mapping[str, str] = field(default_factory=dict)
    """Those for which no gateway has room, and why, as far as this gateway is the one to say so."""


class Planner:
    """Plans for the gateway `me`; it remembers since when cameras are free."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._free_since_s: dict[str, float] = {}
        self._ranked: dict[str, tuple[str, ...]] = {}
        self._ranked_for: Mapping[str, float] = {}

    def plan(
        self,
        now_s: float,
        stands: Mapping[str, Stand],
        cameras: Sequence[Camera],
        mine: Collection[str],
        held: Collection[str],
    ) -> Plan:
        """`stands`: of all live gateways, ours too; `cameras`: most important ones first; `mine`: what the last plan
        gave us, of which we have the leases of those that are `held`."""
        weights = {name: stand.weight for name, stand in stands.items()}
        if weights != self._ranked_for:
            self._ranked, self._ranked_for = {}, weights
        others = {name: stand for name, stand in stands.items() if name != self._me}
        look = _Look(self._me, stands, _owners(others), {name: stand.room for name, stand in stands.items()})
        kept: set[str] = set()
        let_go: dict[str, str] = {}
        taken: list[Camera] = []
        for camera in cameras:
            if camera.name in mine:
                heir = look.heir(camera.name, self._rank(camera.name, stands), camera.name in held)
                if heir is None:
                    kept.add(camera.name)
                else:
                    let_go[camera.name] = heir
        free = [one for one in cameras if one.name not in mine and one.name not in look.owners]
        unassigned = self._take_free(now_s, look, free, taken)
        under_way = sum(name in look.owners for name in kept)
        owned = [one for one in cameras if one.name not in mine and one.name in look.owners and not one.stays]
        self._take_home(look, owned, taken, _AT_ONCE - under_way)
        return Plan(frozenset(kept | {camera.name for camera in taken}), let_go, unassigned)

    def _take_free(self, now_s: float, look: "_Look", free: Sequence[Camera], taken: list[Camera]) -> dict[str, str]:
        unassigned: dict[str, str] = {}
        since = self._free_since_s
        self._free_since_s = {}
        for camera in free:
            rank = self._rank(camera.name, look.stands)
            free_s = self._free_since_s[camera.name] = since.get(camera.name, now_s)
            if look.is_wanted_before_us(camera.name, rank):
                continue
            taker = look.first_with_room(camera, rank)
            if taker is None and rank and rank[0] == self._me:
                unassigned[camera.name] = look.why_unassigned(camera, rank)
            elif taker == self._me or (now_s - free_s > _PATIENCE_S and look.fits(camera, rank)):
                taken.append(camera)
                look.rooms[self._me] -= camera.cost
            elif taker is not None:
                look.rooms[taker] -= camera.cost
        return unassigned

    def _take_home(self, look: "_Look", owned: Sequence[Camera], taken: list[Camera], most: int) -> None:
        for camera in owned:
            if most <= 0:
                return
            rank = self._rank(camera.name, look.stands)
            before = rank[: rank.index(look.owners[camera.name])] if look.owners[camera.name] in rank else rank
            if self._me not in before or look.is_wanted_before_us(camera.name, rank):
                continue
            spare = _SPARE * look.stands[self._me].weight
            taker = look.first_with_room(camera, before)
            if taker == self._me and look.rooms[self._me] >= camera.cost + spare:
                taken.append(camera)
                look.rooms[self._me] -= camera.cost
                most -= 1

    def _rank(self, camera: str, stands: Mapping[str, Stand]) -> Sequence[str]:
        """The gateways that can have a camera, the one that should have it first."""
        if camera not in self._ranked:
            self._ranked[camera] = tuple(ranking(camera, self._ranked_for))
        return [name for name in self._ranked[camera] if camera not in stands[name].refuses]


@dataclass(slots=True)
class _Look:
    """What is seen at one moment."""

    me: str
    stands: Mapping[str, Stand]
    owners: Mapping[str, str]
    """Of the cameras that others own."""
    rooms: dict[str, float]
    """What is left of each gateway's room, while cameras are given out."""

    def heir(self, camera: str, rank: Sequence[str], held: bool) -> str | None:
        """The gateway before us that takes over a camera that is ours; None while there is none."""
        for name in self._before(rank):
            if camera in self.stands[name].wants or (not held and camera in self.stands[name].owns):
                return name
        return None

    def is_wanted_before_us(self, camera: str, rank: Sequence[str]) -> bool:
        """Whether a gateway before us takes it, or has it."""
        return any(camera in self.stands[name].wants or camera in self.stands[name].owns for name in self._before(rank))

    def first_with_room(self, camera: Camera, rank: Sequence[str]) -> str | None:
        return next((name for name in rank if self.rooms[name] >= camera.cost), None)

    def fits(self, camera: Camera, rank: Sequence[str]) -> bool:
        return self.me in rank and self.rooms[self.me] >= camera.cost

    def why_unassigned(self, camera: Camera, rank: Sequence[str]) -> str:
        """In words for the camera's status."""
        most = max(0.0, *(self.rooms[name] for name in rank))
        freest = "its only gateway" if len(rank) == 1 else f"the freest of {len(rank)}"
        return f"no gateway has room: it needs about {camera.cost:.2f} cores, {freest} has {most:.2f} left"

    def _before(self, rank: Sequence[str]) -> Sequence[str]:
        """All of `rank`, where we are not in it: we refuse the camera."""
        return rank[: rank.index(self.me)] if self.me in rank else rank


def _owners(others: Mapping[str, Stand]) -> dict[str, str]:
    return {camera: name for name, stand in others.items() for camera in stand.owns}
