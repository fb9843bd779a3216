"""No credential survives in text that people or logs see."""

import pytest

from vedette.redaction import redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://operator:secret@10.0.0.5:554/stream1", "rtsp://***@10.0.0.5:554/stream1"),
        ("rtsp://operator@10.0.0.5/stream1", "rtsp://***@10.0.0.5/stream1"),
        ("rtsp://u:se%40c%2Fret@cam/1", "rtsp://***@cam/1"),
        ("rtsp://u:se@cret@cam/1", "rtsp://***@cam/1"),
        ("rtsp://u:se/cret@cam/1", "rtsp://***@cam/1"),
        ("rtsp://u:se@c/ret?x#@cam/1", "rtsp://***@cam/1"),
        ("rtsp://u:se'cret\"@cam/1", "rtsp://***@cam/1"),
        ("rtsp://:secret@cam/1", "rtsp://***@cam/1"),
        ("rtsp://u:12345@cam/1", "rtsp://***@cam/1"),
        ("http://cam/video?user=a&pwd=secret&x=1", "http://cam/video?user=a&pwd=***&x=1"),
        ("nats://u:secret@[::1]:4222", "nats://***@[::1]:4222"),
    ],
)
def test_credentials_are_replaced_and_the_rest_of_the_url_stays(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://10.0.0.5:554/stream1",
        "rtsp://cam:554/live@main",
        "rtsp://cam/live@main",
        "rtsp://[fe80::1]:554/live",
        "/videos/a@b.mp4",
        "mail me@example.org",
        "",
    ],
)
def test_text_without_credentials_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_every_url_of_a_text_is_redacted() -> None:
    text = "gate 'rtsp://a:secret@cam/1' failed, then rtsp://b:secret@cam/2: 401"
    assert redact(text) == "gate 'rtsp://***@cam/1' failed, then rtsp://***@cam/2: 401"


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("rtsp://u:p@ss@cam/1?token=abc")
    assert redact(once) == once
    assert "abc" not in once
