"""Frames that were sampled late come in order, one by one, and their age counts from then on."""

from gateway.pictures.sampled_frame import Output, SampledFrame
from gateway.reading.account import Account
from gateway.reading.interface import ReaderStats
from gateway.reading.onset_queue import OnsetQueue
from gateway.reading.sampler import Sampling
from gateway.reading.tap import Tap


def frame(pts_s: float) -> SampledFrame:
    return SampledFrame("people", b"", pts_s, pts_s, "arrival", pts_s, 1.0, 1.0, 2, 2, 2, 2, False)


def let_out(queue: OnsetQueue, now_s: float, interval_s: float = 0.5) -> list[float | None]:
    return [one.pts_s for one in queue.due(now_s, interval_s)]


def test_what_is_held_comes_from_the_onset_on_at_a_pace() -> None:
    queue = OnsetQueue()
    for pts_s in (1.0, 1.5, 2.0, 2.5):
        queue.hold(frame(pts_s), pts_s)
    assert queue.release(1.4, None) == 2.5
    assert [let_out(queue, 100 + step / 10) for step in range(6)] == [[1.5], [], [2.0], [], [2.5], []]
    assert not queue.waiting


def test_the_pace_is_twice_that_of_the_sampling_at_least() -> None:
    queue = OnsetQueue()
    for number in range(4):
        queue.follow(frame(number))
    assert [let_out(queue, 100 + step * 0.06, interval_s=0.1) for step in range(4)] == [[0], [1], [2], [3]]


def test_unpaced_all_come_at_once() -> None:
    queue = OnsetQueue()
    queue.paced = False
    for number in range(4):
        queue.follow(frame(number))
    assert let_out(queue, 100) == [0, 1, 2, 3]


def test_frames_are_marked_and_their_age_counts_from_when_they_are_let_out() -> None:
    queue = OnsetQueue()
    queue.follow(frame(10.0))
    late = next(queue.due(14.0, 0.5))
    assert (late.gate, late.captured_at) == ("onset", 10.0)
    assert late.age_s(14.25) == 0.25
    assert frame(10.0).age_s(14.25) == 4.25


def test_what_is_held_too_long_or_forgotten_never_comes() -> None:
    queue = OnsetQueue()
    for pts_s in (1.0, 2.0, 8.0):
        queue.hold(frame(pts_s), pts_s)
    queue.release(0.0, None)
    assert let_out(queue, 100) == [8.0]
    queue.hold(frame(9.0), 9.0)
    queue.forget()
    queue.release(0.0, None)
    assert let_out(queue, 200) == []


def taps(given: list[SampledFrame]) -> Tap:
    tap = Tap(Output("people", 320, 85, Sampling(2)), given.append, stats := ReaderStats(), Account(stats))
    tap.begin(paced=False)
    return tap


def offer(tap: Tap, pts_s: float, fate: str) -> None:
    if tap.takes(pts_s, pts_s, False, 0.0, fate, pts_s):  # type: ignore[arg-type]
        tap.give(frame(pts_s), fate, pts_s, 100.0)  # type: ignore[arg-type]


def test_frames_that_are_gone_through_twice_are_given_once() -> None:
    given: list[SampledFrame] = []
    tap = taps(given)
    offer(tap, 2.0, "refresh")
    for pts_s in (2.0, 2.5, 3.0, 3.5):
        offer(tap, pts_s, "tentative")
    tap.release(0.0)
    tap.let_out(100.0)
    for pts_s in (3.5, 4.0):
        offer(tap, pts_s, "late")
    offer(tap, 4.5, "open")
    assert [one.pts_s for one in given] == [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    assert [one.gate for one in given] == ["open"] + ["onset"] * 4 + ["open"]  # a refresh is marked where it is made


def test_nothing_overtakes_frames_that_wait() -> None:
    given: list[SampledFrame] = []
    tap = taps(given)
    tap.begin(paced=True)
    for pts_s, fate in ((2.0, "late"), (2.5, "late"), (3.0, "open"), (9.0, "refresh")):
        offer(tap, pts_s, fate)
    for step in range(20):
        tap.let_out(101.0 + step / 10)
    assert [one.pts_s for one in given] == [2.0, 2.5, 3.0, 9.0]


def test_forgotten_samples_are_taken_again_when_the_stream_is_gone_through_again() -> None:
    given: list[SampledFrame] = []
    tap = taps(given)
    for pts_s in (2.0, 2.5, 3.0):
        offer(tap, pts_s, "tentative")
    tap.forget()
    for pts_s in (2.0, 2.5, 3.0):
        offer(tap, pts_s, "tentative")
    tap.release(2.4)
    tap.let_out(100.0)
    assert [one.pts_s for one in given] == [2.5, 3.0]


def test_another_rate_counts_from_the_frame_taken_last() -> None:
    given: list[SampledFrame] = []
    tap = taps(given)
    for number in range(10):
        if number == 4:
            tap.change(10)
        offer(tap, number / 10, "open")
    assert [one.pts_s for one in given] == [0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
