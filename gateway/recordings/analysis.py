"""What `vedette analyze` does: bus and workers as they are or its own, the recording in, its detections out."""

import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from nats.errors import Error as NatsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.annotation.annotate import Annotator
from gateway.annotation.follower import Follow
from gateway.errors import GatewayError
from gateway.pictures.sampled_frame import Output
from gateway.reading.sampler import Sampling as GatewaySampling
from gateway.recordings.analysis_system import system
from gateway.recordings.recording import InOrder, Summary, publish_recording
from gateway.recordings.recording_events import recording_events
from gateway.recordings.recording_publisher import RecordingPublisher, withdraw
from gateway.sources.video_length import video_frames, video_length_s
from vedette.background import background
from vedette.bus.connection import Bus, describe
from vedette.config.config import Config
from vedette.config.sampling_settings import Sampling
from vedette.errors import BusError
from vedette.event_parser import Event
from vedette.ids import as_id
from vedette.messages import DetectionsEvent
from vedette.process.shell import DONE, FAILED, Stop
from vedette.streams import DETECTIONS
from vedette.subjects import Feed
from vedette.subscriber.subscribe import subscribe

logger = logging.getLogger(__name__)

_NO_WORKER_HINT_S = 15.0
_FORGET_AFTER_S = 600.0
"""What an analysis that was killed leaves on the bus ends after so long."""
_GIVE_UP_S = 120.0
"""Without any result of a frame that waits for one."""
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Annotate:
    """That an annotated video is wanted."""

    out: Path
    follow: Follow


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is asked for."""

    config: Config
    config_path: Path
    video: Path
    pipeline: str
    sampling: Sampling
    start_s: float
    """When the recording began, Unix seconds."""
    json_lines: Path | None
    workers: int | None
    annotate: Annotate | None = None


async def analyze(analysis: Analysis, summary: Summary, stop: Stop) -> int:
    """Run the recording through the system, counting in `summary`; returns the exit status.

    Raises SourceError, GatewayError, StartFailed, BusError, MessageTooLarge, Stopped.
    """
    annotator: Annotator | None = None
    models = analysis.config.pipelines[analysis.pipeline].model_names
    length_s = await asyncio.to_thread(video_length_s, analysis.video)
    async with system(analysis.config, analysis.config_path, models, analysis.workers, stop) as bus:
        run = int(time.time() * 1000)
        feed = Feed(analysis.pipeline, analysis.config.site, f"{as_id(analysis.video.stem)[:40]}-{run}")
        started_s = time.monotonic()
        try:
            if analysis.annotate is not None:
                annotator = Annotator(await stop.unless_requested(analysis.annotate.follow(bus, analysis.config, feed)))
            await stop.unless_requested(_run(analysis, bus, feed, run, length_s, summary, annotator))
        finally:
            await _leave_nothing(bus, feed)
        _report(analysis, summary, time.monotonic() - started_s, length_s)
    if annotator is not None:
        await _draw(analysis, annotator, stop)
    return DONE if not summary.errors else FAILED


async def _draw(analysis: Analysis, annotator: Annotator, stop: Stop) -> None:
    assert analysis.annotate is not None  # noqa: S101 -- else there were no annotator
    out = analysis.annotate.out
    total = await asyncio.to_thread(video_frames, analysis.video)
    with _progress(total, "annotated") as progress:
        task = progress.task_ids[0]
        frames = await annotator.draw(
            analysis.video, out, stop, lambda written: progress.update(task, completed=written)
        )
    _say(analysis, f"{out}: {frames} frames\n")


async def _run(
    analysis: Analysis,
    bus: Bus,
    feed: Feed,
    run: int,
    length_s: float,
    summary: Summary,
    annotator: Annotator | None,
) -> None:
    publisher = RecordingPublisher(bus, feed, traced=analysis.config.tracing is not None)
    await publisher.start()
    frame, sampling = analysis.config.pipelines[analysis.pipeline].frame, analysis.sampling
    output = Output(analysis.pipeline, frame.width, frame.quality, GatewaySampling(sampling.fps, sampling.keyframes))
    expected = int(length_s * sampling.fps) + 1 if sampling.fps and length_s else None
    with _progress(expected) as progress, _lines(analysis.json_lines) as out:
        results = subscribe(
            config=analysis.config_path,
            subject=feed.detections,
            durable=_durable(feed),
            forget_after_s=_FORGET_AFTER_S,
        )
        async with results as events:

            async def publish() -> None:
                frames = await publish_recording(analysis.video, output, analysis.start_s, run, publisher)
                if not frames:
                    raise GatewayError(f"{analysis.video}: no frame was sampled")
                progress.update(progress.task_ids[0], total=frames)

            async with background(
                bus.until_lost(), publish(), _hint(analysis, summary), _give_up(analysis, summary, publisher)
            ):
                await _collect(out, events, summary, progress, annotator)
        told = await recording_events(bus, feed, _GIVE_UP_S)
        for event in told:
            summary.count(event)
            _write(out, event)
        if annotator is not None:
            annotator.events(told)


async def _collect(
    out: TextIO | None,
    events: AsyncIterator[object],
    summary: Summary,
    progress: Progress,
    annotator: Annotator | None,
) -> None:
    in_order = InOrder()
    async for event in events:
        for ready in in_order.add(cast(DetectionsEvent, event)):
            summary.add(ready)
            if annotator is not None:
                annotator.see(ready)
            progress.advance(progress.task_ids[0])
            _write(out, ready)
        if in_order.complete:
            return


def _write(out: TextIO | None, event: Event) -> None:
    if out is not None:
        out.write(event.model_dump_json(exclude_none=True) + "\n")


async def _hint(analysis: Analysis, summary: Summary) -> None:
    """Say so when nothing comes."""
    await asyncio.sleep(_NO_WORKER_HINT_S)
    if summary.frames == 0:
        logger.warning(
            "no detections yet: does an inference process run for %s? --workers 1 starts one", _wanted(analysis)
        )
    await asyncio.Event().wait()


async def _give_up(analysis: Analysis, summary: Summary, publisher: RecordingPublisher) -> None:
    """Wait while results come, or no frame waits for one.

    Raises GatewayError: nobody serves this pipeline, or a frame was lost.
    """
    seen, moved_s = (0, 0), time.monotonic()
    while time.monotonic() - moved_s < _GIVE_UP_S:
        await asyncio.sleep(_LOOK_EVERY_S)
        now = (summary.frames, publisher.published)
        if now != seen or summary.frames >= publisher.published:
            seen, moved_s = now, time.monotonic()
    missing = f"frame {summary.frames} of {publisher.published} has had no result for {_GIVE_UP_S:.0f} s"
    raise GatewayError(f"{missing}: does an inference process run for {_wanted(analysis)}?")


def _wanted(analysis: Analysis) -> str:
    return f"pipeline {analysis.pipeline} with {analysis.config.pipelines[analysis.pipeline].model_name}"


async def _leave_nothing(bus: Bus, feed: Feed) -> None:
    """Take back the frames that nobody took, and forget the reader of the results."""
    for leave in (withdraw(bus, feed), bus.jetstream.delete_consumer(DETECTIONS, _durable(feed))):
        try:
            await leave
        except (BusError, NatsError, TimeoutError) as error:
            logger.warning("left on the bus: %s", describe(error))


def _durable(feed: Feed) -> str:
    return f"analyze-{feed.camera}"


def _lines(path: Path | None) -> AbstractContextManager[TextIO | None]:
    return nullcontext() if path is None else path.open("w", encoding="utf-8")


def _progress(expected: int | None, what: str = "frames") -> Progress:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
    progress.add_task("frames", total=expected)
    return progress


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _report(analysis: Analysis, summary: Summary, wall_s: float, length_s: float) -> None:
    """The summary; on stderr where standard output takes the events."""
    text = f"{summary.frames} frames in {wall_s:.1f} s, {length_s / wall_s:.1f} times real time\n"
    text += f"detections: {_counts(summary.labels)}\nevents: {_counts(summary.events)}\n"
    if summary.errors:
        text += f"{summary.errors} frame(s) gave no result; their messages say why\n"
    _say(analysis, text)


def _say(analysis: Analysis, text: str) -> None:
    stream: TextIO = sys.stderr if analysis.json_lines == Path("/dev/stdout") else sys.stdout
    stream.write(text)
