"""Messages between a gateway and its decode processes, through bytes and back."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.gate import GatePolicy
from gateway.pictures.sampled_frame import Output
from gateway.processes.messages import (
    Adjust,
    Beat,
    Close,
    Command,
    Ended,
    Open,
    Opened,
    ReaderPlan,
    Report,
    Run,
    Said,
    Sampled,
    Stalled,
    Usage,
)
from gateway.processes.wire import BrokenWire, Decoder, encode
from gateway.reading.interface import DecodeOptions, ReaderStats, ReadOptions, StreamInfo
from gateway.reading.sampler import Sampling
from gateway.sources.tls import Tls
from tests.gateway.run_gateway import sampled

PLAN = ReaderPlan(
    "rtsp://admin:s3cret@camera/1",
    (Output("people", 640, 85, Sampling(2.0)), Output("cars", 320, 70, Sampling(keyframes=True))),
    ReadOptions(
        transport="udp",
        media_start=1.5,
        tls=Tls(ca=Path("/etc/cameras.pem")),
        decode=DecodeOptions(loop_filter=False),
        gate=GatePolicy(ignore=(((0.0, 0.0), (0.5, 0.25), (1.0, 0.0)),)),
    ),
    (((0.0, 0.0), (0.5, 0.25), (1.0, 1.0)),),
    "bt709",
)
COMMANDS = [Open(1, "gate", PLAN), Run(1), Adjust(1, "set_fps", ("people", 0.5)), Close(1)]
REPORTS = [
    Sampled(3, sampled(b"\xff\xd8 a picture \x00"), superseded=2),
    Opened(3, ReaderStats(packets=7), StreamInfo("h264", 640, 360, None, "tcp")),
    Stalled(3, ReaderStats(), 5.5),
    Ended(3, ReaderStats(keyframe_gap_s=2.0), Reason.UNAUTHORIZED, "wrong user name or password"),
    Ended(3, ReaderStats(), defect="ZeroDivisionError"),
    Beat(12.5, 3.25, (Usage(3, 1.5, ReaderStats(decoded=9)), Usage(4, 0.0, ReaderStats()))),
    Said("gateway.reading.reader", 30, "täxt\n", None),
]


def decoded(kinds: Any, data: bytes, at_once: int) -> list[object]:
    """What comes out when so many bytes are received at a time."""
    decoder, messages = Decoder[object](kinds), list[object]()
    while data:
        room = decoder.room()
        part = data[: min(at_once, len(room))]
        room[: len(part)] = part
        messages.extend(decoder.received(len(part)))
        data = data[len(part) :]
    return messages


@pytest.mark.parametrize("at_once", [1, 100, 10**9])
def test_what_is_sent_comes_however_it_is_cut(at_once: int) -> None:
    assert decoded(Command, b"".join(map(encode, COMMANDS)), at_once) == COMMANDS
    assert decoded(Report, b"".join(map(encode, REPORTS)), at_once) == REPORTS


def test_pictures_larger_than_the_room_come_whole() -> None:
    frames = [Sampled(n, sampled(bytes([n]) * n * 700_000)) for n in (1, 2, 3)]
    assert decoded(Report, b"".join(map(encode, frames)), 10**9) == frames


@pytest.mark.parametrize(
    "text",
    [b"[", b'["Nonsense", {}]', b'["Run", {"reader": 1}]', b'["Live", {}]', b'["Live", 5]', b'["Live", []]', b"7"],
)
def test_what_is_no_message_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(BrokenWire):
        decoded(Report, struct.pack("<II", len(text), 0) + text, 10**9)


def test_a_length_beyond_reason_takes_no_memory() -> None:
    with pytest.raises(BrokenWire, match="bytes"):
        decoded(Report, struct.pack("<II", 2, 2**32 - 1), 10**9)


def test_a_command_shows_no_password() -> None:
    assert "s3cret" not in repr(COMMANDS)
    assert "s3cret" in json.dumps(encode(COMMANDS[0]).decode("latin-1"))
