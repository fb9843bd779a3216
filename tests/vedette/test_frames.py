"""Frame headers survive their way over the bus; what breaks the contract is malformed, nothing worse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.vedette.samples import NOON, moments
from vedette.bus.connection import HEADERS_AT_MOST_BYTES
from vedette.errors import MalformedMessage
from vedette.frames import FrameHeaders
from vedette.view import WHOLE, View


def _places(value: float) -> float:
    return round(value, 5) + 0.0


counts = some.integers(0, 2**62)
durations = some.floats(0, 1e7).map(lambda value: round(value, 1))
every_headers = some.builds(
    FrameHeaders,
    epoch=counts,
    seq=counts,
    pts=some.none() | some.floats(0, 1e8).map(lambda value: round(value, 6)),
    captured_at=moments,
    clock=some.sampled_from(["rtcp", "arrival", "media", "atomic"]),
    age_ms=durations,
    budget_ms=some.none() | durations,
    width=some.integers(1, 10_000),
    height=some.integers(1, 10_000),
    gate=some.sampled_from(["open", "onset", "refresh", "later"]),
    decode_ms=some.none() | durations,
    encode_ms=some.none() | durations,
    final=some.booleans(),
    view=some.just(WHOLE)
    | some.builds(View, *[some.floats(-2, 2).map(_places)] * 2, *[some.floats(0.1, 4).map(_places)] * 2),
)
GOOD = FrameHeaders(7, 3, 1.5, NOON, "rtcp", 12.3, 1000.0, 1920, 1080).encode()


@given(every_headers)
def test_any_headers_are_the_same_after_their_way_over_the_bus(headers: FrameHeaders) -> None:
    assert FrameHeaders.decode(headers.encode()) == headers


@given(every_headers)
def test_headers_leave_room_in_what_the_bus_allows_for_them(headers: FrameHeaders) -> None:
    size = sum(len(name) + len(value) + 4 for name, value in headers.encode().items())
    recordings = len(f"Nats-Msg-Id: {'s' * 63}/{'c' * 63}/{'p' * 63}/{headers.epoch}-{headers.seq}\r\n")
    traceparent, frame = 70, len("NATS/1.0\r\n\r\n")
    assert size + recordings + traceparent + frame <= HEADERS_AT_MOST_BYTES


def test_what_is_unknown_has_no_header() -> None:
    headers = FrameHeaders(7, 3, None, NOON, "arrival", 0.0, None, 64, 48).encode()
    assert not {"Vedette-Pts", "Vedette-Budget-Ms", "Vedette-Decode-Ms", "Vedette-Final"} & headers.keys()


def test_unknown_headers_are_ignored() -> None:
    assert FrameHeaders.decode({**GOOD, "traceparent": "00-ab", "Vedette-Mood": "fine"}).seq == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Vedette-View", "0 0 1"),
        ("Vedette-View", "0 0 0 1"),
        ("Vedette-View", "nan 0 1 1"),
        ("Vedette-View", "0 0 1e300 1"),
        ("Vedette-Contract", "2"),
        ("Vedette-Epoch", "x"),
        ("Vedette-Epoch", "-1"),
        ("Vedette-Epoch", "9" * 5000),
        ("Vedette-Seq", "1.5"),
        ("Vedette-Pts", "nan"),
        ("Vedette-Age-Ms", "inf"),
        ("Vedette-Budget-Ms", ""),
        ("Vedette-Size", "1920"),
        ("Vedette-Size", "1920x1080x3"),
        ("Vedette-Size", "-1x5"),
        ("Vedette-Captured-At", "yesterday"),
        ("Vedette-Captured-At", "2026-11-22T12:00:00"),
    ],
)
def test_a_wrong_header_is_malformed(name: str, value: str) -> None:
    with pytest.raises(MalformedMessage):
        FrameHeaders.decode({**GOOD, name: value})


@pytest.mark.parametrize(
    "name", [name for name in GOOD if name not in ("Vedette-Pts", "Vedette-Budget-Ms", "Vedette-Gate")]
)
def test_a_missing_header_is_malformed(name: str) -> None:
    with pytest.raises(MalformedMessage):
        FrameHeaders.decode({key: value for key, value in GOOD.items() if key != name})


@given(some.dictionaries(some.sampled_from(list(GOOD)), some.text(max_size=12)))
def test_no_headers_raise_anything_else(headers: dict[str, str]) -> None:
    try:
        decoded = FrameHeaders.decode({**GOOD, **headers})
    except MalformedMessage:
        return
    assert math.isfinite(decoded.age_ms)


def test_a_reference_says_what_the_headers_say() -> None:
    reference = FrameHeaders.decode(GOOD).reference(NOON, picture=5)
    assert (reference.epoch, reference.seq, reference.pts, reference.picture) == (7, 3, 1.5, 5)
    assert (reference.width, reference.height, reference.captured_at) == (1920, 1080, NOON)
