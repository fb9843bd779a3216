"""Log lines carry no credentials, can be read by machines, and don't flood."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from vedette.process import logs
from vedette.process.logs import (
    JsonFormatter,
    RepeatFilter,
    TextFormatter,
    current_camera,
    current_model,
    set_up_logging,
)

URL = "rtsp://operator:hunter2@10.0.0.5/1"


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1000.0]
    monkeypatch.setattr(logs, "monotonic", lambda: clock[0])
    return clock


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO, logging.Handler]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RepeatFilter())
    logger = logging.getLogger("gateway.fleet.camera")
    logger.propagate, logger.level = False, logging.DEBUG
    logger.addHandler(handler)
    yield logger, stream, handler
    logger.removeHandler(handler)
    logger.propagate, logger.level = True, logging.NOTSET


Written = tuple[logging.Logger, io.StringIO, logging.Handler]


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_credentials_are_in_no_message_argument_or_traceback(written: Written, formatter: logging.Formatter) -> None:
    logger, stream, handler = written
    handler.setFormatter(formatter)
    try:
        raise OSError(f"{URL}: refused")
    except OSError:
        logger.exception("cannot open %s", URL)
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("rtsp://***@10.0.0.5/1") >= 2


def test_json_lines_are_json_and_say_whose_they_are(written: Written) -> None:
    logger, stream, handler = written
    handler.setFormatter(JsonFormatter())
    camera, model = current_camera.set("gate"), current_model.set("coco")
    logger.warning('a "quoted"\nline %s', "é")
    current_camera.reset(camera)
    current_model.reset(model)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["message"] == 'a "quoted"\nline é'
    assert (entry["level"], entry["logger"], entry["camera"], entry["model"]) == (
        "warning",
        "gateway.fleet.camera",
        "gate",
        "coco",
    )
    assert "error" not in entry


def test_text_lines_say_whose_they_are(written: Written) -> None:
    logger, stream, handler = written
    handler.setFormatter(TextFormatter())
    token = current_camera.set("gate")
    logger.warning("no picture")
    current_camera.reset(token)
    assert stream.getvalue().endswith("WARNING gateway.fleet.camera [gate]: no picture\n")


def test_a_repeated_warning_is_told_once_a_period_with_its_count(written: Written, now_s: list[float]) -> None:
    logger, stream, _ = written
    for _ in range(5):
        logger.warning("100%% of %s", "frames")
    now_s[0] += 31
    logger.warning("100%% of %s", "frames")
    assert stream.getvalue().splitlines() == ["100% of frames", "100% of frames (and 4 times before)"]


def test_the_same_warning_of_another_camera_is_told(written: Written, now_s: list[float]) -> None:
    logger, stream, _ = written
    for camera in ("gate", "yard", "gate"):
        token = current_camera.set(camera)
        logger.warning("no picture")
        current_camera.reset(token)
    assert len(stream.getvalue().splitlines()) == 2


def test_information_is_never_held_back(written: Written, now_s: list[float]) -> None:
    logger, stream, _ = written
    for _ in range(3):
        logger.info("live")
    assert len(stream.getvalue().splitlines()) == 3


def test_what_was_told_is_forgotten_before_it_fills_the_memory(written: Written, now_s: list[float]) -> None:
    logger, _, handler = written
    for number in range(3000):
        logger.warning("number %s", number)
    (repeats,) = handler.filters
    assert isinstance(repeats, RepeatFilter)
    assert len(repeats._seen) <= 1001


@pytest.mark.parametrize("as_json", [True, False])
def test_setting_up_replaces_what_was_there(as_json: bool) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        root.handlers = []
        set_up_logging(as_json, logging.WARNING)
        set_up_logging(as_json, logging.WARNING)
        (handler,) = root.handlers
        assert isinstance(handler.formatter, JsonFormatter if as_json else TextFormatter)
    finally:
        logging.captureWarnings(False)
        root.handlers, root.level = before, level
