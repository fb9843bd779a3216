"""Where cameras are placed and when they are moved."""

import pytest

from gateway.processes.placement import Balance, BalancePolicy, Meter, Move, expected_cost, least_loaded

POLICY = BalancePolicy(hot=0.8, cool=0.7, patience_s=10, gain=0.1, settle_s=30, pinned_s=600)
UNEVEN = [{"a": 0.5, "b": 0.3, "c": 0.1}, {"d": 0.2}]


def test_a_camera_goes_where_the_others_cost_least_not_where_they_are_fewest() -> None:
    assert least_loaded([{"a": 0.5}, {"b": 0.1, "c": 0.1}]) == 1
    assert least_loaded([{"a": 0.1}, {}, {}]) == 1
    assert least_loaded([{"a": 0.0, "b": 0.0}, {"c": 0.0}]) == 1


def test_a_camera_that_was_not_measured_costs_what_others_do() -> None:
    assert expected_cost([0.1, 0.3]) == pytest.approx(0.2)
    assert expected_cost([]) > 0


def moves(balance: Balance[str], used: list[float], costs: list[dict[str, float]], seconds: range) -> list[Move[str]]:
    """What is moved while all stays as it is."""
    found = (balance.next_move(float(now_s), used, costs) for now_s in seconds)
    return [move for move in found if move is not None]


def test_a_process_that_stays_hot_gives_away_the_camera_that_evens_it_out_most() -> None:
    balance = Balance[str](POLICY)
    assert moves(balance, [0.9, 0.2], UNEVEN, range(10)) == []
    assert balance.next_move(10.0, [0.9, 0.2], UNEVEN) == Move("b", 1)


def test_one_that_is_hot_now_and_then_keeps_its_cameras() -> None:
    balance = Balance[str](POLICY)
    for now_s in range(200):
        assert balance.next_move(float(now_s), [0.9 if now_s % 8 else 0.5, 0.2], UNEVEN) is None


def test_between_hot_and_cool_it_is_still_hot() -> None:
    balance = Balance[str](POLICY)
    for now_s in range(10):
        assert balance.next_move(float(now_s), [0.9 if now_s % 8 else 0.75, 0.2], UNEVEN) is None or now_s > 9
    assert balance.next_move(11.0, [0.75, 0.2], UNEVEN) == Move("b", 1)


def test_moves_come_one_after_another_and_never_the_same_camera_again() -> None:
    balance = Balance[str](POLICY)
    found = moves(balance, [0.9, 0.2], UNEVEN, range(500))  # as if it helped nothing
    assert [move.camera for move in found] == ["b", "a", "c"]
    first = moves(Balance(POLICY), [0.9, 0.2], UNEVEN, range(39))
    assert len(first) == 1


def test_nothing_moves_where_it_would_help_nothing() -> None:
    for costs in ([{"a": 0.9}, {}], [{"a": 0.5, "b": 0.4}, {"c": 0.8}], [{"a": 0.5, "b": 0.4}]):
        assert moves(Balance(POLICY), [0.95] * len(costs), costs, range(100)) == []


def test_what_was_moved_to_and_fro_would_be_hot_is_not_moved_back() -> None:
    balance, costs, where = Balance[str](POLICY), {"a": 0.45, "b": 0.45, "c": 0.45}, {"a": 0, "b": 0, "c": 0}
    history = []
    for now_s in range(3600):
        processes = [{name: costs[name] for name in costs if where[name] == n} for n in range(2)]
        used = [sum(process.values()) for process in processes]
        move = balance.next_move(float(now_s), used, processes)
        if move is not None:
            where[move.camera] = move.target
            history.append(move.camera)
    assert len(history) == 1


def test_a_meter_follows_the_rate_and_forgets_what_it_was_not_to_see() -> None:
    assert Meter().rate is None
    meter = Meter()
    for second in range(60):
        meter.feed(second, second * 0.25)
    assert meter.rate == pytest.approx(0.25)
    meter.pause()
    meter.feed(1000.0, 500.0)
    meter.feed(1001.0, 500.25)
    assert meter.rate == pytest.approx(0.25)
    meter.feed(1002.0, 0.0)  # another count
    assert meter.rate is not None
    assert 0 <= meter.rate < 0.25
