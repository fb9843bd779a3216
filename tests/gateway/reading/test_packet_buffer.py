"""The buffer of packets is bounded, counts what nobody took, and never gives out a GOP without its keyframe."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reading.packet_buffer import PacketBuffer


def filled(gops: int, sizes: str, max_bytes: int = 1000) -> PacketBuffer[str]:
    """Packets K0, P1, P2 … of 10 bytes, as `sizes` spells them."""
    buffer: PacketBuffer[str] = PacketBuffer(gops, max_bytes)
    for number, kind in enumerate(sizes):
        buffer.add(f"{kind}{number}", 10, kind == "K")
    return buffer


def rest(buffer: PacketBuffer[str]) -> list[str]:
    return list(iter(buffer.take, None))


def test_packets_are_taken_once_and_in_order() -> None:
    buffer = filled(2, "KPP")
    assert rest(buffer) == ["K0", "P1", "P2"]
    buffer.add("P3", 10, False)
    assert rest(buffer) == ["P3"]


def test_it_holds_the_current_gop_and_two_whole_ones() -> None:
    buffer = filled(2, "KPKPPKPKP")
    buffer.rewind(9)
    assert rest(buffer) == ["K2", "P3", "P4", "K5", "P6", "K7", "P8"]


def test_a_rewind_goes_to_the_keyframe_asked_for_also_after_everything_was_taken_or_skipped() -> None:
    buffer = filled(2, "KPKPKP")
    assert buffer.skip() == 6
    buffer.rewind(1)
    assert rest(buffer) == ["K2", "P3", "K4", "P5"]
    buffer.rewind(0)
    assert rest(buffer) == ["K4", "P5"]


def test_without_gops_to_keep_a_packet_goes_when_it_is_taken() -> None:
    buffer = filled(0, "KPPP")
    assert buffer.take() == "K0"
    assert buffer.size_bytes == 30
    assert buffer.skip() == 3
    assert (buffer.size_bytes, len(buffer)) == (0, 0)


def test_only_what_was_never_taken_counts_as_untaken() -> None:
    buffer = filled(1, "KP")
    buffer.take()
    buffer.skip()
    for number, kind in enumerate("KPKPK", 2):
        buffer.add(f"{kind}{number}", 10, kind == "K")
    buffer.clear()
    assert buffer.untaken == 6


def test_too_many_bytes_cost_the_oldest_gop_first() -> None:
    buffer = filled(2, "KPPKPPK", max_bytes=50)
    buffer.rewind(9)
    assert rest(buffer) == ["K3", "P4", "P5", "K6"]


def test_an_endless_gop_that_is_taken_as_it_comes_can_be_taken_for_ever() -> None:
    buffer: PacketBuffer[int] = PacketBuffer(2, 50)
    for number in range(100):
        buffer.add(number, 10, number == 0)
        assert buffer.take() == number
    assert buffer.size_bytes <= 50


def test_of_an_endless_gop_that_nobody_takes_nothing_can_be_taken_until_the_next_keyframe() -> None:
    buffer = filled(2, "KPPPPPPPP", max_bytes=50)
    buffer.rewind(0)
    assert rest(buffer) == []
    assert buffer.untaken == 9
    buffer.add("K", 10, True)
    assert rest(buffer) == ["K"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.sampled_from(["take", "skip", "rewind", ""]))))
def test_whatever_happens_it_keeps_its_bound_and_every_packet_is_accounted_for(
    steps: list[tuple[bool, int, str]],
) -> None:
    buffer: PacketBuffer[int] = PacketBuffer(2, 100)
    taken: set[int] = set()
    for number, (keyframe, size, action) in enumerate(steps):
        buffer.add(number, size, keyframe)
        assert buffer.size_bytes <= 100
        if action == "take":
            taken |= set(iter(buffer.take, None))
        elif action == "skip":
            buffer.skip()
        elif action == "rewind":
            buffer.rewind(1)
    buffer.clear()
    assert buffer.untaken + len(taken) == len(steps)
    assert buffer.size_bytes == 0
