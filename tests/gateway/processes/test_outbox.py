"""What a decode process keeps while nobody takes it."""

from gateway.processes.messages import Beat, Ended, Live, Said, Sampled, Stalled
from gateway.processes.outbox import Outbox
from gateway.reading.interface import ReaderStats
from tests.gateway.run_gateway import sampled

STATS = ReaderStats()


def taken(outbox: Outbox) -> list[object]:
    """All that waits, but for the beat without which it would be waited for."""
    outbox.put(Beat(0.0, 0.0, ()))
    return [report for report in outbox.take() if not isinstance(report, Beat)]


def test_the_latest_frame_of_a_pipeline_takes_the_place_of_the_others_which_are_counted() -> None:
    outbox, frames = Outbox(), [sampled(b"%d" % n) for n in range(5)]
    for frame in frames[:4]:
        outbox.put_frame(1, frame)
    outbox.put_frame(1, other := sampled(pipeline="cars"))
    outbox.put_frame(2, frames[4])
    assert taken(outbox) == [Sampled(1, frames[3], 3), Sampled(1, other, 0), Sampled(2, frames[4], 0)]
    outbox.put_frame(1, frames[0])
    assert taken(outbox) == [Sampled(1, frames[0], 0)]


def test_a_camera_that_has_much_to_say_does_not_pass_over_one_that_has_little() -> None:
    outbox = Outbox()
    outbox.put_frame(1, sampled())
    outbox.put_frame(2, last := sampled())
    for _ in range(10):
        outbox.put_frame(1, newest := sampled())
    assert taken(outbox) == [Sampled(1, newest, 10), Sampled(2, last, 0)]


def test_of_a_cameras_health_the_latest_counts() -> None:
    outbox = Outbox()
    for report in (Live(1, STATS), Stalled(1, STATS, 5.0), Live(2, STATS), Live(1, STATS), Ended(1, STATS)):
        outbox.put(report)
    assert taken(outbox) == [Live(1, STATS), Live(2, STATS), Ended(1, STATS)]


def test_of_the_log_a_hundred_lines_wait() -> None:
    outbox = Outbox()
    for number in range(250):
        outbox.put(Said("x", 20, str(number), None))
    assert {report.text for report in taken(outbox) if isinstance(report, Said)} == {str(n) for n in range(150, 250)}


def test_nothing_is_said_of_a_reader_that_was_forgotten() -> None:
    outbox = Outbox()
    outbox.put_frame(1, sampled())
    outbox.put_frame(2, kept := sampled())
    outbox.put(Ended(1, STATS))
    outbox.forget(1)
    assert taken(outbox) == [Sampled(2, kept, 0)]
