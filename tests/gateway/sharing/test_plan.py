"""Gateways come to one division of the cameras, in proportion to what they can, and then leave it alone."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.sharing.plan import Camera, Planner
from gateway.sharing.stand import Stand
from tests.gateway.sharing.fleet_model import Model
from vedette.fleet.rendezvous import ranking

GATEWAYS = some.dictionaries(
    some.from_regex(r"gateway-[0-9a-f]{6}", fullmatch=True),
    some.sampled_from([0.8, 1.6, 3.2, 6.4]),
    min_size=1,
    max_size=5,
)
CAMERAS = some.integers(1, 40).map(lambda count: {f"cam-{n}": 0.02 + 0.01 * (n % 5) for n in range(count)})
SETTLED = 60


def settled(cameras: dict[str, float], gateways: dict[str, float]) -> Model:
    model = Model(cameras, dict(gateways))
    model.run(SETTLED)
    return model


def test_shares_are_in_proportion_to_weights() -> None:
    weights = {"small": 0.8, "middle": 1.6, "big": 5.6}
    firsts = Counter(ranking(f"cam-{n}", weights)[0] for n in range(8000))
    for name, weight in weights.items():
        assert abs(firsts[name] - 1000 * weight) < 200  # five standard deviations of the biggest share


@given(some.integers(0, 500), GATEWAYS, some.floats(0.5, 4))
def test_a_weight_that_grows_takes_from_others_and_moves_nothing_between_them(
    camera: int, weights: dict[str, float], growth: float
) -> None:
    grown = next(iter(weights))
    before = ranking(f"cam-{camera}", weights)[0]
    after = ranking(f"cam-{camera}", weights | {grown: weights[grown] * growth})[0]
    assert after == before or (after if growth > 1 else before) == grown


@settings(max_examples=15)
@given(CAMERAS, GATEWAYS)
def test_each_camera_that_fits_gets_a_gateway_and_keeps_it(
    cameras: dict[str, float], gateways: dict[str, float]
) -> None:
    model = settled(cameras, gateways)
    if sum(cameras.values()) + 0.06 * len(gateways) < sum(gateways.values()):
        assert model.leases.keys() == cameras.keys()
    assert all(model.used(name) <= capacity + 1e-9 for name, capacity in gateways.items())
    model.moves.clear()
    model.run(20)
    assert model.moves == []


@settings(max_examples=15)
@given(CAMERAS, GATEWAYS, some.sampled_from([0.8, 3.2]))
def test_a_gateway_that_joins_takes_its_share_from_others_and_moves_nothing_between_them(
    cameras: dict[str, float], gateways: dict[str, float], capacity: float
) -> None:
    gateways = {name: capacity + 10 for name, capacity in gateways.items()}
    model = settled(cameras, gateways)
    before = dict(model.leases)
    model.moves.clear()
    model.dark.clear()
    model.capacities["gateway-joins"] = capacity + 10
    model.run(SETTLED)
    share = {name for name in cameras if ranking(name, model.capacities)[0] == "gateway-joins"}
    assert model.of("gateway-joins") == share
    assert {camera for camera, _, _ in model.moves} == share
    assert {camera: owner for camera, owner in model.leases.items() if camera not in share} == {
        camera: owner for camera, owner in before.items() if camera not in share
    }
    assert all(rounds == 0 for rounds in model.dark.values())  # it is let go when another one wants it, not before


@settings(max_examples=15)
@given(CAMERAS, GATEWAYS)
def test_the_cameras_of_a_gateway_that_dies_are_others_two_rounds_later(
    cameras: dict[str, float], gateways: dict[str, float]
) -> None:
    model = settled(cameras, gateways | {"gateway-dies": 20.0, "gateway-lives": 20.0})
    before = model.of("gateway-dies")
    model.moves.clear()
    del model.capacities["gateway-dies"]
    model.run(2)
    assert model.leases.keys() == cameras.keys()
    model.run(SETTLED)
    assert {camera for camera, _, _ in model.moves} == before


@settings(max_examples=25)
@given(CAMERAS, GATEWAYS, some.lists(some.sets(some.integers(0, 4)), max_size=30))
def test_gateways_that_stalled_in_any_order_have_their_shares_again(
    cameras: dict[str, float], gateways: dict[str, float], stalls: list[set[int]]
) -> None:
    gateways = {name: capacity + 10 for name, capacity in gateways.items()}
    model = settled(cameras, gateways)
    for stalled in stalls:
        model.stalled = frozenset(name for number, name in enumerate(gateways) if number in stalled)
        model.round()
    model.stalled = frozenset()
    model.run(SETTLED)
    shares = {name: {camera for camera in cameras if ranking(camera, gateways)[0] == name} for name in gateways}
    assert {name: model.of(name) for name in gateways} == shares


def test_what_no_gateway_has_room_for_is_said_once_and_taken_when_there_is_room() -> None:
    model = settled({f"cam-{n}": 0.1 for n in range(30)}, {"a": 1.0, "b": 1.0})
    said = [name for plan in model.plans.values() for name in plan.unassigned]
    assert len(said) == len(set(said)) == 10 == 30 - len(model.leases)
    why = next(why for plan in model.plans.values() for why in plan.unassigned.values())
    assert why == "no gateway has room: it needs about 0.10 cores, the freest of 2 has 0.00 left"
    model.moves.clear()
    model.capacities["c"] = 2.0
    model.run(SETTLED)
    assert len(model.leases) == 30
    assert not any(plan.unassigned for plan in model.plans.values())
    assert all(times <= 2 for times in Counter(camera for camera, _, _ in model.moves).values())


def test_costs_that_swing_around_the_limit_move_a_camera_once_at_most() -> None:
    model = settled({f"cam-{n}": 0.1 for n in range(30)}, {"a": 1.55, "b": 1.55, "c": 1.0})
    model.moves.clear()
    for swing in range(200):
        for camera in model.costs:
            model.costs[camera] = 0.1 + (0.02 if swing % 2 else -0.02)
        model.round()
    assert max(Counter(camera for camera, _, _ in model.moves).values(), default=0) <= 2


def test_a_camera_that_a_gateway_gave_away_goes_to_another_one_and_is_not_dark_meanwhile() -> None:
    model = settled({f"cam-{n}": 0.1 for n in range(10)}, {"a": 2.0, "b": 2.0})
    given = min(model.of("a"))
    model.dark.clear()
    model.refuses["a"] = frozenset({given})
    model.run(10)
    assert model.leases[given] == "b"
    assert model.dark[given] == 0


def test_a_gateway_that_has_room_and_takes_nothing_is_waited_for_five_seconds() -> None:
    planner, stands = Planner("me"), {"me": Stand(1.0, 1.0), "other": Stand(1000.0, 1000.0)}
    camera = next(f"cam-{n}" for n in range(99) if ranking(f"cam-{n}", {"me": 1.0, "other": 1000.0})[0] == "other")
    plans = [planner.plan(now_s, stands, [Camera(camera, 0.1)], (), ()) for now_s in (0.0, 4.9, 5.1)]
    assert [camera in plan.mine for plan in plans] == [False, False, True]
