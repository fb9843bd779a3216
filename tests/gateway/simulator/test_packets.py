"""The simulator's arithmetic: NAL units, fragments, timing. No network."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator import VideoError
from gateway.simulator.bitstream import H264, H265, Codec, read_format, split
from gateway.simulator.clip import load
from gateway.simulator.payload import payloads
from gateway.simulator.playhead import Playhead
from gateway.simulator.rtp import Garbler, RtpStream
from gateway.simulator.transport import choose
from tests.gateway.simulator.test_clients import PEDESTRIANS, WALK


def reassembled(codec: Codec, fragments: list[bytes]) -> bytes:
    """RFC 6184, 5.8 and RFC 7798, 4.4.3, read backwards."""
    head, size = fragments[0], codec.header_bytes
    kind = head[size] & (0x1F if codec is H264 else 0x3F)
    first = head[0] & 0xE0 | kind if codec is H264 else head[0] & 0x81 | kind << 1
    return bytes([first]) + head[1:size] + b"".join(fragment[size + 1 :] for fragment in fragments)


@given(st.binary(min_size=2, max_size=300), st.integers(20, 60), st.sampled_from([H264, H265]))
def test_fragments_fit_and_make_the_unit_again(nal: bytes, limit: int, codec: Codec) -> None:
    fragments = payloads(codec, nal, limit)
    assert max(map(len, fragments)) <= limit
    if len(fragments) == 1:
        assert fragments == [nal]
    else:
        edges = [fragment[codec.header_bytes] & 0xC0 for fragment in fragments]
        assert edges == [0x80, *[0] * (len(edges) - 2), 0x40]
        assert reassembled(codec, fragments) == nal


@given(st.binary(max_size=200), st.sampled_from([H264, H265]), st.sampled_from([None, 1, 2, 4]))
def test_damaged_bitstreams_are_value_errors(data: bytes, codec: Codec, length_bytes: int | None) -> None:
    for read in (lambda: split(data, length_bytes), lambda: read_format(codec, data)):
        try:
            read()
        except ValueError as error:
            assert str(error)


def test_no_picture_is_sent_before_it_is_seen_and_none_out_of_order() -> None:
    clip = load(PEDESTRIANS)
    assert all(unit.send_s >= unit.capture_s >= 0 for unit in clip.units)
    assert min(unit.capture_s for unit in clip.units) == 0
    assert clip.period_s == pytest.approx(40)
    assert (clip.fps, len(clip.units)) == (10, 400)
    sent = [unit.send_s for unit in clip.units]
    assert sent == sorted(sent)


def test_a_file_over_the_limit_is_played_in_part(tmp_path: Path) -> None:
    clip = load(PEDESTRIANS, max_bytes=500_000)
    assert not clip.whole
    assert 0 < sum(len(payload) for unit in clip.units for payload in unit.payloads) < 520_000


def test_a_damaged_file_is_a_video_error(tmp_path: Path) -> None:
    whole = WALK.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[:1000])
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        load(tmp_path / "cut.mp4")


def test_playhead_repeats_evenly_at_the_rate_asked_for() -> None:
    head = Playhead(load(WALK), fps=20)
    head.rewind(100)
    steps = [head.step(100) for _ in range(70)]
    assert [step.due_s for step in steps] == pytest.approx([100 + n / 20 for n in range(70)])
    assert [step.captured_s for step in steps] == pytest.approx([step.due_s for step in steps])


def test_playhead_left_behind_jumps_ahead_instead_of_bursting() -> None:
    head = Playhead(load(WALK))
    head.rewind(0)
    head.step(0)
    dues = [head.step(60).due_s for _ in range(3)]
    assert dues == pytest.approx([60, 60.1, 60.2])


def test_slow_playhead_delays_and_catches_up_in_one_step() -> None:
    head = Playhead(load(WALK))
    head.rewind(0)
    slow = [head.step(0, rate=0.5) for _ in range(4)]
    assert [step.due_s for step in slow] == pytest.approx([0, 0.2, 0.4, 0.6])
    assert [step.captured_s for step in slow] == pytest.approx([0, 0.1, 0.2, 0.3])
    head.catch_up()
    after = head.step(0.6)
    assert (after.due_s, after.captured_s) == pytest.approx((0.7, 0.7))


def test_garbler_repeats_itself_and_leaves_headers() -> None:
    packets = RtpStream("gate", seed=1).packets([bytes(100)] * 20, 0)
    damaged = [Garbler(3, 0.5).damage(packet) for packet in packets[:1]]
    one, two = Garbler(3, 0.5), Garbler(3, 0.5)
    first = [one.damage(packet) for packet in packets]
    assert first == [two.damage(packet) for packet in packets]
    assert damaged[0] == first[0]
    assert 3 < sum(a != b for a, b in zip(first, packets, strict=True)) < 17
    assert all(len(a) == len(b) and a[:15] == b[:15] for a, b in zip(first, packets, strict=True))


def test_sequence_numbers_and_timestamps_wrap() -> None:
    stream = RtpStream("gate", seed=1)
    packets = stream.packets([b"x"] * 70_000, 0)
    numbers = [int.from_bytes(packet[2:4], "big") for packet in packets]
    assert all((b - a) % 65536 == 1 for a, b in pairwise(numbers))
    assert [packet[1] >> 7 for packet in packets[-2:]] == [0, 1]
    (late,) = stream.packets([b"x"], 100_000)
    assert (int.from_bytes(late[4:8], "big") - int.from_bytes(packets[0][4:8], "big")) % (1 << 32) == 9_000_000_000 % (
        1 << 32
    )


def test_the_first_possible_offer_is_chosen() -> None:
    offers = "RTP/AVP;multicast,RTP/AVP/UDP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=2-3"
    both, only_tcp = choose(offers, tcp=True, udp=True), choose(offers, tcp=True, udp=False)
    assert both is not None
    assert (both.tcp, both.first) == (False, 5000)
    assert only_tcp is not None
    assert (only_tcp.tcp, only_tcp.first, only_tcp.second) == (True, 2, 3)
    for bad in (
        "",
        "RTP/AVP;client_port=0-1",
        "RTP/AVP;client_port=70000-70001",
        "RTP/AVP/TCP;interleaved=1-7",
        ";;=;",
    ):
        assert choose(bad, tcp=True, udp=True) is None
