"""RTP packets to access units, whatever the network does to them."""

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.whip.access_unit import AccessUnit
from gateway.whip.reassembly import Reassembly
from gateway.whip.rtp import RtpPacket
from gateway.whip.vp8 import Vp8Payloads

BEGIN, MIDDLE = b"\x10", b"\x00"
KEY, INTER = b"\x00", b"\x01"


def stream(units: int, first_sequence: int = 65_500, first_timestamp: int = 2**32 - 9000) -> list[list[RtpPacket]]:
    """Access units of one to four packets; each tenth is a keyframe. Sequence and time stamps wrap."""
    packets, sequence = [], first_sequence
    for number in range(units):
        size = 1 + number % 4
        unit = []
        for part in range(size):
            head = BEGIN + (INTER if number % 10 else KEY) if part == 0 else MIDDLE
            payload = head + number.to_bytes(2, "big") + bytes([part])
            timestamp = (first_timestamp + number * 3600) & 0xFFFFFFFF
            unit.append(RtpPacket(96, sequence & 0xFFFF, timestamp, 1, part == size - 1, payload))
            sequence += 1
        packets.append(unit)
    return packets


def fed(packets: list[RtpPacket], reassembly: Reassembly | None = None, step_s: float = 0.01) -> list[AccessUnit]:
    """What comes of packets, one each 10 ms, and of half a second after them."""
    reassembly, units = reassembly or Reassembly(Vp8Payloads()), []
    for number, packet in enumerate(packets):
        units += reassembly.add(packet, number * step_s)
        units += reassembly.expire(number * step_s)
    return units + reassembly.expire(len(packets) * step_s + 0.5)


def numbers(units: list[AccessUnit]) -> list[int]:
    return [int.from_bytes(unit.data[1:3], "big") for unit in units]


def flat(units: list[list[RtpPacket]]) -> list[RtpPacket]:
    return [packet for unit in units for packet in unit]


def test_an_undisturbed_stream_comes_whole_each_unit_with_its_last_packet() -> None:
    packets, reassembly = stream(100), Reassembly(Vp8Payloads())
    for number, unit in enumerate(packets):
        *before, last = unit
        assert [reassembly.add(packet, 0.0) for packet in before] == [[]] * len(before)
        (whole,) = reassembly.add(last, 0.0)
        assert whole.keyframe == (number % 10 == 0)
        assert whole.timestamp == 2**32 - 9000 + number * 3600  # past 32 bits
    assert (reassembly.counts.units, reassembly.counts.lost, reassembly.counts.dropped) == (100, 0, 0)


@given(seed=st.integers(0, 10_000), span=st.integers(2, 15))
@example(seed=296, span=15)
@settings(max_examples=50, deadline=None)
def test_packets_in_another_order_and_twice_change_nothing(seed: int, span: int) -> None:
    chance, packets = random.Random(seed), flat(stream(60))
    order = sorted(range(1, len(packets)), key=lambda number: number + chance.random() * span)
    shuffled = [packets[0], *(packets[number] for number in order)]
    twice = [packet for packet in shuffled for _ in range(chance.choice((1, 1, 2)))]
    # At most 60 packets, 240 ms, come while one is missed: less than it is waited for.
    assert numbers(fed(twice, step_s=0.004)) == list(range(60))


@given(lost=st.sets(st.integers(1, 140), max_size=20))
@settings(max_examples=100, deadline=None)
def test_after_a_loss_nothing_is_handed_on_until_a_keyframe_and_then_all_is_again(lost: set[int]) -> None:
    units = stream(100)
    packets = flat(units)
    gone = {packets[number].sequence for number in lost}
    reassembly = Reassembly(Vp8Payloads())
    got = numbers(fed([packet for packet in packets if packet.sequence not in gone], reassembly))
    whole = [not gone & {packet.sequence for packet in unit} for unit in units]
    expected, good = [], False
    for number, intact in enumerate(whole):
        good = intact and (good or number % 10 == 0)
        expected += [number] if good else []
    # Where a unit's last packet is lost, the next one can be dropped with it: never more, and never a damaged one.
    assert set(got) <= set(expected)
    assert got == sorted(got)
    if not lost:
        assert got == expected
    behind = max((number for number, intact in enumerate(whole) if not intact), default=-1) // 10 * 10 + 20
    assert [number for number in got if number >= behind] == list(range(behind, 100))
    assert reassembly.counts.lost == len(lost)


def test_what_is_missing_is_asked_for_at_once_again_after_100_ms_and_never_after_it_came() -> None:
    packets, reassembly = flat(stream(10)), Reassembly(Vp8Payloads())
    reassembly.add(packets[0], 0.0)
    reassembly.add(packets[3], 0.0)
    both = [packets[1].sequence, packets[2].sequence]
    assert reassembly.missing(0.0) == both
    assert reassembly.missing(0.05) == []
    assert reassembly.missing(0.1) == both
    reassembly.add(packets[1], 0.15)
    assert reassembly.missing(0.2) == both[1:]
    reassembly.expire(0.3)
    assert reassembly.missing(0.4) == []
    assert reassembly.counts.lost == 1


def test_a_stream_that_begins_in_the_middle_begins_with_its_first_keyframe() -> None:
    reassembly = Reassembly(Vp8Payloads())
    assert numbers(fed(flat(stream(30)[3:]), reassembly)) == list(range(10, 30))
    assert not reassembly.keyframe_wanted
    assert fed(flat(stream(3)[2:])) == []


def test_another_stream_in_its_place_is_taken_for_a_loss() -> None:
    reassembly = Reassembly(Vp8Payloads())
    first = fed(flat(stream(15)), reassembly)
    then = fed(flat(stream(25, first_sequence=20_000, first_timestamp=77)[5:]), reassembly)
    assert numbers(first) == list(range(15))
    assert numbers(then) == list(range(10, 25))
    assert reassembly.counts.damaged == 1


def test_what_waits_is_bounded() -> None:
    reassembly = Reassembly(Vp8Payloads())
    packets = flat(stream(4000))
    reassembly.add(packets[0], 0.0)
    for packet in packets[2:]:
        reassembly.add(packet, 0.0)  # the clock stands still: nothing is given up for its age
        assert len(reassembly._waiting) <= 2048
        assert len(reassembly._gaps) <= 2048
    assert reassembly.counts.lost == 1
    assert reassembly.counts.units > 3000


@given(st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 2**32 - 1), st.booleans(), st.binary(max_size=12))))
@settings(max_examples=200, deadline=None)
def test_nonsense_gives_no_errors_and_stays_bounded(packets: list[tuple[int, int, bool, bytes]]) -> None:
    reassembly = Reassembly(Vp8Payloads())
    fed(
        [RtpPacket(96, sequence, stamp, 1, marker, payload) for sequence, stamp, marker, payload in packets], reassembly
    )
    assert len(reassembly._waiting) <= 2048
    assert len(reassembly._gaps) <= 4096
