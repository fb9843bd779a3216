"""Each packet ends once, with the best that happened to it."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.reading.account import FATES, Account
from gateway.reading.interface import ReaderStats


def ended(stats: ReaderStats) -> dict[str, int]:
    return {fate: count for fate in FATES if (count := getattr(stats, f"ended_{fate}"))}


def test_a_keyframe_that_was_looked_at_and_then_sampled_counts_as_sampled_once() -> None:
    account = Account(stats := ReaderStats())
    account.enter(1.0, keyframe=True)
    account.mark(1.0, "sampled")
    account.mark(1.0, "held")
    account.mark(1.0, "sampled")
    assert ended(stats) == {}
    account.close()
    account.mark(1.0, "corrupt")
    account.close()
    assert ended(stats) == {"sampled": 1}


def test_a_packet_is_decided_only_when_no_buffer_can_hold_it_any_more() -> None:
    account = Account(stats := ReaderStats())
    for number in range(40):
        account.enter(float(number), keyframe=number % 10 == 0)
    assert ended(stats) == {}
    account.enter(40.0, keyframe=True)
    account.mark(9.0, "sampled")
    account.mark(10.0, "gated")
    assert ended(stats) == {"unsampled": 10}
    account.close()
    assert ended(stats) == {"unsampled": 40, "gated": 1}


def test_a_stream_without_keyframes_is_bounded() -> None:
    account = Account(stats := ReaderStats())
    for number in range(10_000):
        account.enter(float(number), keyframe=False)
    assert ended(stats)["unsampled"] > 7_000


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.sampled_from(FATES)), max_size=300))
def test_every_packet_ends_once_whatever_is_said_of_it(steps: list[tuple[bool, int, str]]) -> None:
    account = Account(stats := ReaderStats())
    for number, (keyframe, back, fate) in enumerate(steps):
        account.enter(float(number), keyframe)
        account.mark(float(number - back), fate)
    account.close()
    assert sum(ended(stats).values()) == len(steps)
