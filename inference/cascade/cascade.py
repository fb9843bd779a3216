"""One frame's further stages: crops asked of their models until all answers are in or the budget is over.

    wave 1    crops of what the detector found, to every stage that sees their labels; all at once
    wave 2…   where a stage finds further detections, crops of those
    at last   the vectors of all against the gallery

What is missing is named, and costs an attribute. A frame has `MOST_CROPS` at most, of the surest detections; the stages
that had to leave some out are named too.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from time import monotonic

import numpy as np

from inference import metrics
from inference.cascade.answer import Answer
from inference.cascade.attributes import Seen, Value, classified, found_in_crop
from inference.cascade.cutting import Cut, Cutting, cut_all
from inference.cascade.matching import Gallery
from inference.cascade.plan import Plan, Step
from inference.cascade.question import CropLane
from inference.cascade.questions import Asked, Questions, Unanswered
from inference.errors import UndecodableImage
from vedette.messages import Detection, Model
from vedette.subjects import Feed
from vedette.view import View

logger = logging.getLogger(__name__)

MOST_CROPS = 32
MOST_DETECTIONS = 256
"""In a message: a bus takes no larger ones. Stages that found more are named as missing."""
PATIENCE_S = 20.0
"""How long a frame without a budget waits for its answers."""
_MATCH_WITHIN_S = 0.5
"""Matching is in this process: a budget that others have used up is no reason to leave it out."""


@dataclass(slots=True)
class StepTime:
    """How long a frame's crops were with one of the further models; monotonic seconds."""

    name: str
    model: str
    began_s: float
    ended_s: float
    """The last answer that came."""
    asked: int = 0
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Looked:
    """What the further stages made of a frame."""

    detections: tuple[Detection, ...]
    incomplete: tuple[str, ...]
    """Stages of which something is missing, in their order."""
    models: tuple[Model, ...]
    """Those that have answered."""
    waited_s: float
    steps: tuple[StepTime, ...] = ()


@dataclass
class _Object:
    seen: Seen
    step: Step | None = None
    """Which found it; None: the first stage."""
    attributes: dict[str, Value] = field(default_factory=dict)
    vectors: dict[str, Answer] = field(default_factory=dict)
    """By the step that embedded it."""


@dataclass
class _Frame:
    """One frame under way."""

    feed: Feed
    jpeg: bytes
    view: View
    deadline_s: float
    lane: CropLane
    plan: Plan
    objects: list[_Object]
    missing: set[str] = field(default_factory=set)
    models: dict[tuple[str, str], Model] = field(default_factory=dict)
    """By name and digest: two models may be one file."""
    crops: int = 0
    steps: dict[str, StepTime] = field(default_factory=dict)
    waiting: dict[asyncio.Future[Answer], tuple[_Object, Step, Cut, Asked]] = field(default_factory=dict)

    @property
    def left_s(self) -> float:
        return self.deadline_s - monotonic()


class Cascade:
    """The further stages of a pipeline."""

    def __init__(
        self, plan: Callable[[], Plan], questions: Questions, threads: Executor, galleries: Mapping[str, Gallery]
    ) -> None:
        """`plan` is asked at each frame; crops are cut and vectors matched in `threads`."""
        self._plan = plan
        self._questions = questions
        self._threads = threads
        self._galleries = galleries

    async def look(
        self, feed: Feed, jpeg: bytes, seen: Sequence[Seen], view: View, deadline_s: float | None, lane: CropLane
    ) -> Looked:
        """Look closer at what was found in a frame; `deadline_s` is in monotonic seconds. Raises nothing of its own."""
        began_s, plan = monotonic(), self._plan()
        until_s = began_s + PATIENCE_S if deadline_s is None else min(deadline_s, began_s + PATIENCE_S)
        frame = _Frame(feed, jpeg, view, until_s, lane, plan, [_Object(one) for one in seen])
        frame.missing.update(stage.name for stage in plan.unknown if _concerns(stage.on or (), frame.objects))
        try:
            await self._ask(frame, frame.objects)
            while frame.waiting:
                # Where a step finds more, its answers are looked at as they come.
                when = asyncio.FIRST_COMPLETED if plan.looks_again else asyncio.ALL_COMPLETED
                done, _ = await asyncio.wait(frame.waiting, timeout=max(0.0, frame.left_s), return_when=when)
                found = [new for future in done for new in self._take(frame, *frame.waiting.pop(future), future)]
                room = MOST_DETECTIONS - len(frame.objects)
                frame.missing.update(new.step.name for new in found[room:] if new.step is not None)
                frame.objects += found[:room]
                await self._ask(frame, found[:room])
                if frame.left_s <= 0:
                    break
        finally:
            left = list(frame.waiting.values())
            frame.missing.update(step.name for _, step, _, _ in left)
            self._questions.forget([asked for *_, asked in left], in_vain=frame.left_s <= 0)
        await self._name(frame)
        return self._looked(frame, began_s)

    async def _ask(self, frame: _Frame, objects: Sequence[_Object]) -> None:
        """Cut and send the crops of objects that were just found."""
        wanted = []
        for one, step in _in_turn(frame.plan, objects):
            if frame.crops == MOST_CROPS:
                self._leave_out(frame, step, "beyond")
            elif not self._questions.may_ask(step.model):
                self._leave_out(frame, step, "silent")
            else:
                frame.crops += 1
                wanted.append((one, step))
        for (one, step), cut in zip(wanted, await self._cuts(frame, wanted), strict=True):
            if cut is None:
                self._leave_out(frame, step, "uncut")
                continue
            try:
                asked = await self._questions.ask(step.card, frame.feed, cut.jpeg, max(0.0, frame.left_s), frame.lane)
            except Unanswered as error:
                self._leave_out(frame, step, error.outcome)
            else:
                frame.waiting[asked.answer] = one, step, cut, asked
                began = StepTime(step.name, step.model, asked.asked_s, asked.asked_s)
                frame.steps.setdefault(step.name, began).asked += 1

    async def _cuts(self, frame: _Frame, wanted: Sequence[tuple[_Object, Step]]) -> Sequence[Cut | None]:
        if not wanted:
            return ()
        try:
            cuttings = [Cutting(step.crop, one.seen.found, step.input) for one, step in wanted]
            return await asyncio.get_running_loop().run_in_executor(self._threads, cut_all, frame.jpeg, cuttings)
        except UndecodableImage as error:
            logger.warning("no crops: %s", error)
        except Exception:  # a task's boundary: a crop that can't be cut costs no detection
            logger.exception("no crops")
        return [None] * len(wanted)

    def _leave_out(self, frame: _Frame, step: Step, outcome: str) -> None:
        frame.missing.add(step.name)
        metrics.CROPS_ASKED.labels(step.model, frame.feed.pipeline, outcome).inc()

    def _take(
        self, frame: _Frame, one: _Object, step: Step, cut: Cut, asked: Asked, future: asyncio.Future[Answer]
    ) -> Iterable[_Object]:
        """What an answer says of its object; the detections that it adds."""
        if future.cancelled() or future.exception() is not None:
            frame.missing.add(step.name)
            return ()
        answer = future.result()
        time = frame.steps[step.name]
        time.ended_s, time.answered = max(time.ended_s, asked.answered_s or 0.0), time.answered + 1
        frame.models[step.model, answer.model.digest] = answer.model
        if step.card.task == "embedding":
            one.vectors[step.name] = answer
        elif step.card.task == "classification":
            one.attributes |= classified(step, answer)
        else:
            return [_Object(new, step) for new in found_in_crop(step, answer, cut.box, frame.view)]
        return ()

    async def _name(self, frame: _Frame) -> None:
        """The identities stage."""
        naming = frame.plan.naming
        if naming is None:
            return
        vectors: dict[tuple[str, int], list[tuple[_Object, Answer]]] = {}
        for one in frame.objects:
            if (label := one.seen.detection.label) not in naming.stage.on:
                continue
            source = naming.sources.get(label)
            answer = one.vectors.get(source.name) if source is not None else None
            if answer is None:
                frame.missing.add(naming.name)
            else:
                vectors.setdefault((answer.model.digest, len(answer.embedding)), []).append((one, answer))
        for (digest, _), faces in vectors.items():
            if not await self._match(naming.stage.identities, digest, faces, max(_MATCH_WITHIN_S, frame.left_s)):
                frame.missing.add(naming.name)

    async def _match(self, name: str, digest: str, faces: list[tuple[_Object, Answer]], within_s: float) -> bool:
        """Name those that the gallery knows; whether it could be asked."""
        gallery = self._galleries.get(name)
        if gallery is None or not gallery.ready:
            return False
        try:
            stacked = np.array([answer.embedding for _, answer in faces], np.float32)
            async with asyncio.timeout(within_s):
                matches = await asyncio.get_running_loop().run_in_executor(
                    self._threads, gallery.match, stacked, digest
                )
            for (one, _), match in zip(faces, matches, strict=True):
                if match is not None:
                    one.attributes |= {"name": match.name, "similarity": round(float(match.similarity), 4)}
        except TimeoutError:
            logger.warning("identities %s: no match in %.1f s", name, within_s)
            return False
        except Exception:  # a task's boundary: whatever is wrong with a gallery costs names alone
            logger.exception("identities %s", name)
            return False
        return True

    def _looked(self, frame: _Frame, began_s: float) -> Looked:
        order = [stage.name for stage in (*(step.stage for step in frame.plan.steps), *frame.plan.unknown)]
        order += [frame.plan.naming.name] if frame.plan.naming is not None else []
        incomplete = tuple(name for name in order if name in frame.missing)
        for name in incomplete:
            metrics.INCOMPLETE.labels(frame.feed.pipeline, name).inc()
        waited_s = monotonic() - began_s
        metrics.CASCADE_TIME.labels(frame.feed.pipeline).observe(waited_s)
        detections = tuple(
            one.seen.detection.model_copy(update={"attributes": one.attributes})
            if one.attributes
            else one.seen.detection
            for one in frame.objects
        )
        return Looked(detections, incomplete, tuple(frame.models.values()), waited_s, tuple(frame.steps.values()))


def _concerns(labels: Iterable[str], objects: Sequence[_Object]) -> bool:
    return not {one.seen.detection.label for one in objects}.isdisjoint(labels)


def _in_turn(plan: Plan, objects: Sequence[_Object]) -> Iterator[tuple[_Object, Step]]:
    """Who asks what: the surest first. A step sees what was found before it, never what itself has found."""
    for one in sorted(objects, key=lambda one: -one.seen.detection.confidence):
        first = 0 if one.step is None else plan.steps.index(one.step) + 1
        yield from ((one, step) for step in plan.steps[first:] if one.seen.detection.label in step.on)
