"""What sharing costs a gateway with many cameras: its plan, and the heartbeats from which it is made. Pure."""

import json
from dataclasses import asdict
from time import process_time
from typing import Any

from gateway.sharing.plan import Camera, Planner
from gateway.sharing.stand import Stand, stand_of
from vedette.fleet.members import Member, parse_member
from vedette.fleet.rendezvous import first

_COST = 0.04
_HEARTBEATS_A_S = 2


def sharing_of(cameras: int, gateways: int) -> dict[str, Any]:
    """CPU and bytes of a settled fleet, as one of its gateways has them."""
    every = [Camera(f"cam-{number}", _COST) for number in range(cameras)]
    names = [f"gateway-{number:06x}" for number in range(gateways)]
    weights = dict.fromkeys(names, 8.0)
    owners = {camera.name: first(camera.name, weights) for camera in every}
    shares = {name: frozenset(camera for camera, owner in owners.items() if owner == name) for name in names}
    stands = {name: Stand(8.0, 1e9, dict.fromkeys(sorted(shares[name]), _COST)) for name in names}
    me, planner = names[0], Planner(names[0])
    mine = shares[me]
    began_s = process_time()
    planner.plan(0.0, stands, every, mine, mine)
    first_s = process_time() - began_s
    began_s = process_time()
    for at in range(3):
        planner.plan(at, stands, every, mine, mine)
    again_s = (process_time() - began_s) / 3
    heartbeat = _heartbeat(me, stands[me])
    began_s = process_time()
    for _ in range(100):
        member = parse_member(heartbeat)
        assert member is not None
        stand_of(member.detail)
    read_s = (process_time() - began_s) / 100
    return {
        "plan_first_cpu_ms": round(first_s * 1000, 1),
        "plan_again_cpu_ms": round(again_s * 1000, 1),
        "heartbeat_bytes": len(heartbeat),
        "heartbeat_read_cpu_ms": round(read_s * 1000, 2),
        "heartbeats_to_all_mib_a_s": round(len(heartbeat) * _HEARTBEATS_A_S * gateways**2 / 2**20, 2),
    }


def _heartbeat(name: str, stand: Stand) -> bytes:
    member = Member(name, "gateway", "scale", "127.0.0.1:8080", 1, ready=True, detail=stand.detail())
    return json.dumps(asdict(member)).encode()
