"""The live view shows what is known now, and says so where nothing is."""

import io
import logging
from collections.abc import Iterable

from rich.console import Console

from tests.vedette import samples
from vedette.event_parser import Event, parse_event
from vedette.messages import CloudEvent, Detections, DetectionsEvent, Input, Status, StatusEvent, Timing
from vedette.process.notices import Notices
from vedette.watching.live_view import NO_CAMERAS, LiveView, one_line


def detected(camera: str = "gate", total_ms: float = 34.0) -> DetectionsEvent:
    event = samples.detections(camera=camera)
    timing = Timing(queue_ms=1, infer_ms=20, total_ms=total_ms, batch_size=1)
    return CloudEvent[Detections](**{**dict(event), "data": event.data.model_copy(update={"timing": timing})})


def stated(state: str = "live", **more: object) -> StatusEvent:
    event = samples.status(state)
    return CloudEvent[Status](**{**dict(event), "data": event.data.model_copy(update=more)})


def shown(view: LiveView, now_s: float) -> str:
    console = Console(record=True, width=160, file=io.StringIO())
    console.print(view.draw(now_s))
    return console.export_text()


def row(view: LiveView, camera: str, now_s: float) -> str:
    return next((line for line in shown(view, now_s).splitlines() if line.startswith(camera)), "")


def told(events: Iterable[tuple[Event, float]], cameras: Iterable[str] = ("gate",)) -> LiveView:
    view = LiveView("plant-1", cameras)
    for event, now_s in events:
        view.on_event(event, now_s)
    return view


def test_a_camera_of_which_nothing_is_known_is_unknown() -> None:
    line = row(told([]), "gate", 0.0)
    assert "unknown" in line
    assert "–" in line


def test_a_frames_age_is_shown_while_it_is_the_latest_and_then_how_long_there_was_none() -> None:
    view = told([(detected(), 100.0)])
    assert "34 ms" in row(view, "gate", 101.0)
    assert "1 person" in row(view, "gate", 101.0)
    later = row(view, "gate", 112.0)
    assert "34 ms" not in later
    assert "12 s ago" in later
    assert "person" not in later


def test_a_frame_that_the_guard_rejected_is_told_and_not_counted_as_inferred() -> None:
    event = samples.detections(camera="gate")
    rejected = {"timing": None, "detections": (), "input": Input(verdict="rejected", reasons=("blurred",))}
    view = told([(CloudEvent[Detections](**{**dict(event), "data": event.data.model_copy(update=rejected)}), 100.0)])
    assert view.lines(101.0) == ["gate: unknown, inferred 0.0 fps"]
    assert "rejected (blurred), nothing" in shown(view, 101.0)


def test_a_status_holds_for_30_seconds() -> None:
    view = told([(stated(codec="h264", width=768, height=576, source_fps=10.0), 100.0)])
    assert "live" in row(view, "gate", 129.0)
    assert "h264 768x576 10 fps" in row(view, "gate", 129.0)
    assert "unknown" in row(view, "gate", 131.0)
    assert "h264" not in row(view, "gate", 131.0)


def test_why_a_camera_is_not_live_is_shown() -> None:
    assert "offline: connection refused" in row(
        told([(stated("offline", reason="connection refused"), 1.0)]), "gate", 2
    )


def test_a_status_that_does_not_know_the_stream_is_shown_as_far_as_it_goes() -> None:
    assert "h264" in row(told([(stated(codec="h264"), 1.0)]), "gate", 2.0)
    assert "None" not in shown(told([(stated(codec="h264", sampled_fps=2.0), 1.0)]), 2.0)


def test_recordings_have_no_row_but_their_detections_are_seen() -> None:
    view = told([(detected("walk-1732262411482"), 1.0)])
    assert list(view.cameras) == ["gate"]
    assert "walk-1732262411482 1 person (34 ms)" in shown(view, 2.0)


def test_a_camera_that_is_not_configured_has_a_row_while_its_state_is_known() -> None:
    view = told([(stated(), 100.0)], cameras=())
    assert "live" in row(view, "gate", 110.0)
    assert row(view, "gate", 131.0) == ""
    assert view.cameras == {}


def test_events_of_other_kinds_change_nothing() -> None:
    unknown = parse_event(samples.encoded(samples.status()).replace(b"dev.vedette.status.v1", b"dev.vedette.other.v1"))
    assert "unknown" in row(told([(unknown, 1.0)]), "gate", 2.0)


def test_who_is_still_starting_is_said_and_that_there_are_no_cameras() -> None:
    view = told([], cameras=())
    view.starting = ("gateway", "coco-detector")
    assert shown(view, 0.0).splitlines() == ["starting: gateway, coco-detector", "", NO_CAMERAS]
    view.starting = ()
    assert shown(view, 0.0).splitlines() == [NO_CAMERAS]
    view.on_event(stated(), 1.0)
    assert NO_CAMERAS not in shown(view, 2.0)


def test_a_line_a_camera_says_the_same_without_a_terminal() -> None:
    view = told([(stated("stalled", reason="no picture for 5 s"), 1.0), (detected(), 1.0)])
    assert view.lines(2.0) == ["gate: stalled: no picture for 5 s, inferred 0.2 fps"]


def test_a_picture_that_is_not_as_it_should_be_is_told() -> None:
    data = samples.detections().data
    assert "rejected" not in one_line(data)
    assert "rejected" not in one_line(data.model_copy(update={"input": Input(verdict="ok")}))
    rejected = Input(verdict="rejected", reasons=("small", "aspect"))
    dark = data.model_copy(update={"input": rejected, "detections": ()})
    assert one_line(dark) == "12:00:00.482 gate rejected (small, aspect), nothing"


def test_frames_are_counted_without_being_read() -> None:
    view = told([(stated(), 1.0), (detected(), 1.0)])
    view.on_frame("gate", 1.5)
    view.on_frame("nobody", 1.5)
    assert view.lines(2.0) == ["gate: live, inferred 0.4 fps"]


def test_the_latest_warnings_are_shown_in_one_line_each() -> None:
    notices = Notices(keep=2)
    logger = logging.getLogger("vedette.up.stack")
    logger.addHandler(notices)
    logger.info("not of interest")
    for number in (1, 2, 3):
        logger.warning("gateway ended with status %s\nand more", number)
    logger.removeHandler(notices)
    text = shown(LiveView("plant-1", ["gate"], notices.lines), 0.0)
    assert "status 1" not in text
    assert "WARNING vedette.up.stack: gateway ended with status 2" in text
    assert "gateway ended with status 3" in text
    assert "and more" not in text
    assert "not of interest" not in text
