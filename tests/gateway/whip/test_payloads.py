"""What RTP payloads of H.264 and VP8 hold, and RTP packets themselves."""

from base64 import b64encode
from pathlib import Path

import av
import pytest
from aiortc.codecs.h264 import H264Encoder
from aiortc.rtp import RtpPacket as TheirPacket
from hypothesis import given
from hypothesis import strategies as st

from gateway.whip.h264 import H264Payloads
from gateway.whip.rtp import Reception, RtpPacket
from gateway.whip.vp8 import Vp8Payloads

START = b"\x00\x00\x00\x01"
SPS, PPS, IDR, SLICE, FILLER = b"\x67sps", b"\x68pps", b"\x65idr", b"\x41slice", b"\x0c\xff"


def stap(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def fragments(unit: bytes, size: int) -> list[bytes]:
    indicator, kind, body = (unit[0] & 0xE0) | 28, unit[0] & 0x1F, unit[1:]
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    flags = [0x80 if n == 0 else 0x40 if n == len(parts) - 1 else 0 for n in range(len(parts))]
    return [bytes((indicator, flag | kind)) + part for flag, part in zip(flags, parts, strict=True)]


def test_h264_units_aggregates_and_fragments_become_annex_b() -> None:
    payloads = H264Payloads()
    keyframe = payloads.assemble([stap(SPS, PPS), *fragments(IDR * 100, 120)])
    assert keyframe == (START + SPS + START + PPS + START + IDR * 100, True)
    assert payloads.assemble([SLICE, FILLER]) == (START + SLICE + START + FILLER, False)


def test_h264_parameter_sets_of_the_offer_go_before_keyframes_that_have_none() -> None:
    payloads = H264Payloads(",".join(b64encode(unit).decode() for unit in (SPS, PPS)))
    sets = START + SPS + START + PPS
    assert payloads.assemble([IDR]) == (sets + START + IDR, True)
    assert payloads.assemble([SPS, PPS, IDR]) == (sets + START + IDR, True)
    assert payloads.assemble([SLICE]) == (START + SLICE, False)
    assert H264Payloads("%%%,").assemble([IDR]) == (START + IDR, True)


def test_h264_of_another_packetizer_is_what_went_in() -> None:
    with av.open(str(Path(__file__).parents[2] / "media" / "walk-320.mp4")) as container:
        stream = container.streams.video[0]
        whole = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        units = [bytes(one) for packet in container.demux(stream) if packet.size for one in whole.filter(packet)]
    payloads, keyframes = H264Payloads(), 0
    for unit in units[:50]:
        data, keyframe = payloads.assemble(H264Encoder._packetize(H264Encoder._split_bitstream(unit)))
        assert data.replace(START, b"\x00\x00\x01") == unit.replace(START, b"\x00\x00\x01")
        keyframes += keyframe
    assert keyframes


@pytest.mark.parametrize(
    "payload", [b"\x78\x00\xff1", b"\x78\x00\x00", b"\x1d\x01", b"\x7c\x05rest", b"", b"\x7c"], ids=repr
)
def test_h264_that_is_cut_off_or_of_another_mode_is_said_to_be_none(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        H264Payloads().assemble([payload])


def test_vp8_descriptors_are_taken_off() -> None:
    payloads = Vp8Payloads()
    assert payloads.assemble([b"\x10\x00key", b"\x00frame"]) == (b"\x00keyframe", True)
    assert payloads.assemble([b"\x10\x01inter"]) == (b"\x01inter", False)
    long_descriptor = b"\x90\xf0\x81\x23\x07\x45"  # 15 bits of picture id, TL0PICIDX, TID and KEYIDX
    assert payloads.assemble([long_descriptor + b"\x00key", b"\x80\x80\x12rest"]) == (b"\x00keyrest", True)
    assert payloads.begins(long_descriptor)
    assert not payloads.begins(b"\x11\x00")  # of another partition


@pytest.mark.parametrize("parts", [[b"\x00rest"], [b"\x90"], [b"\x90\x80"], [b"\x10"], []], ids=repr)
def test_vp8_without_beginning_or_end_is_said_to_be_none(parts: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Vp8Payloads().assemble(parts)


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_nonsense_gives_a_value_error_or_data(parts: list[bytes]) -> None:
    for payloads in (Vp8Payloads(), H264Payloads()):
        try:
            data, _ = payloads.assemble(parts)
        except ValueError:
            continue
        assert 0 < len(data) <= 5 * sum(map(len, parts)), "at most a start code before each byte"


def test_rtp_packets_are_read_as_others_write_them() -> None:
    theirs = TheirPacket(payload_type=96, marker=1, sequence_number=65_535, timestamp=2**32 - 1, ssrc=7, payload=b"abc")
    theirs.csrc = [1, 2]
    theirs.padding_size = 5
    assert RtpPacket.read(theirs.serialize()) == RtpPacket(96, 65_535, 2**32 - 1, 7, True, b"abc")
    with_extension = bytes.fromhex("90e00001000000020000000 3bede00011000ff00".replace(" ", "")) + b"payload"
    assert RtpPacket.read(with_extension).payload == b"payload"


@given(st.binary(max_size=40))
def test_what_is_no_rtp_packet_gives_a_value_error(data: bytes) -> None:
    try:
        RtpPacket.read(data)
    except ValueError:
        return
    assert data[0] & 0xC0 == 0x80


def test_a_packet_that_is_sent_again_is_the_one_that_was_lost() -> None:
    again = RtpPacket(97, 5, 3600, 8, True, b"\xff\xfepayload")
    assert again.original(96) == RtpPacket(96, 65_534, 3600, 8, True, b"payload")
    assert RtpPacket(97, 5, 3600, 8, False, b"").original(96) is None


def test_a_report_counts_what_was_lost_over_a_wrap() -> None:
    def packet(number: int) -> RtpPacket:
        return RtpPacket(96, (65_530 + number) & 0xFFFF, number * 900, 1, False, b"")

    reception = Reception(packet(0), 90_000)
    for number in range(100):
        if number % 4:
            reception.add(packet(number), number * 0.01)
    assert reception.highest == 65_530 + 99
    assert reception.lost == 25
    assert reception.fraction_lost() == 64
    assert reception.jitter == 0
    reception.add(packet(100), 1.0)
    assert reception.fraction_lost() == 0
    reception.add(packet(101), 1.1)  # 90 ms late: 8100 ticks
    assert reception.jitter == 8100 // 16
