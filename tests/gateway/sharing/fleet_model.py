"""Gateways as plans alone: each looks at what the others said in the round before; leases are one dictionary."""

from dataclasses import dataclass, field

from gateway.sharing.plan import Camera, Plan, Planner
from gateway.sharing.stand import Stand

ROUND_S = 0.2


@dataclass
class Model:
    """A site. Camera costs and gateway capacities may be changed between rounds."""

    costs: dict[str, float]
    capacities: dict[str, float]
    """Of the gateways that live."""
    stalled: frozenset[str] = frozenset()
    """Those that do nothing and are not heard of: their leases end, and what they meant to run they still mean to."""
    leases: dict[str, str] = field(default_factory=dict)
    """Owner by camera."""
    moves: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Camera, owner before, owner now."""
    dark: dict[str, int] = field(default_factory=dict)
    """Rounds that a camera had no owner in."""
    refuses: dict[str, frozenset[str]] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    _planners: dict[str, Planner] = field(default_factory=dict)
    _said: dict[str, Stand] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _now_s: float = 0.0

    def round(self) -> None:
        """All look, one after another; then what was let go is free, and what is free goes to one who wants it."""
        self._now_s += ROUND_S
        live = [gateway for gateway in self.capacities if gateway not in self.stalled]
        self.leases = {camera: owner for camera, owner in self.leases.items() if owner in live}
        self.plans = {name: plan for name, plan in self.plans.items() if name in self.capacities}
        for gateway in live:
            self.plans[gateway] = self._plan(gateway)
        self._said = {gateway: self._stand(gateway) for gateway in live}
        for camera, owner in list(self.leases.items()):
            if camera not in self.plans[owner].mine:
                del self.leases[camera]
        for camera in self.costs:
            takers = [name for name in live if camera in self.plans[name].mine]
            if camera not in self.leases and takers:
                self.leases[camera] = takers[-1]  # whichever is faster
                self.moves.append((camera, self._last.get(camera), takers[-1]))
                self._last[camera] = takers[-1]
            self.dark[camera] = self.dark.get(camera, 0) + (camera not in self.leases)

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.round()

    def of(self, gateway: str) -> set[str]:
        return {camera for camera, owner in self.leases.items() if owner == gateway}

    def used(self, gateway: str) -> float:
        return sum(self.costs[camera] for camera in self.plans[gateway].mine if camera in self.costs)

    def _held(self, gateway: str) -> set[str]:
        return self.of(gateway) & set(self.plans[gateway].mine)

    def _stand(self, gateway: str) -> Stand:
        held, mine = self._held(gateway), self.plans[gateway].mine
        room = max(0.0, self.capacities[gateway] - self.used(gateway))
        owns = {camera: self.costs[camera] for camera in held if camera in self.costs}
        return Stand(self.capacities[gateway], room, owns, mine - held, self.refuses.get(gateway, frozenset()))

    def _plan(self, gateway: str) -> Plan:
        self.plans.setdefault(gateway, Plan(frozenset()))
        stands = {name: stand for name, stand in self._said.items() if name in self.capacities}
        stands[gateway] = self._stand(gateway)
        planner = self._planners.setdefault(gateway, Planner(gateway))
        cameras = [Camera(name, cost) for name, cost in sorted(self.costs.items())]
        return planner.plan(self._now_s, stands, cameras, self.plans[gateway].mine, self._held(gateway))
