"""What the stages of a pipeline mean, given the cards of their models. Pure."""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from inference.repository.card import ImageInput, ModelCard
from inference.repository.crop import AS_IT_IS, FACE_POINTS, Crop
from vedette.config.pipeline_settings import IdentitiesStage, Pipeline, Stage


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a stage."""

    index: int
    key: str
    """Of the stage's; empty: the stage."""
    text: str


@dataclass(frozen=True)
class Step:
    """A further model of the pipeline: what it is asked, and what of its answers counts."""

    stage: Stage
    card: ModelCard

    @property
    def name(self) -> str:
        """As a message's `incomplete` has it."""
        return self.stage.name

    @property
    def model(self) -> str:
        """The service that is asked."""
        return self.card.name

    @property
    def crop(self) -> Crop:
        """How its crops are cut."""
        return self.card.crop or AS_IT_IS

    @property
    def input(self) -> ImageInput:
        """What pictures it takes. Raises ModelError if it takes tensors, which `faults` says."""
        return self.card.input_of(next(iter(self.card.versions)))

    @cached_property
    def on(self) -> frozenset[str]:
        """The labels of detections that it sees."""
        return frozenset(self.stage.on or ())

    @cached_property
    def labels(self) -> frozenset[str] | None:
        """Those of its answers that count; None: all."""
        return None if self.stage.labels is None else frozenset(self.stage.labels)

    @property
    def confidence(self) -> float:
        """From which on its answers count."""
        return self.stage.confidence or 0.0

    @property
    def attribute(self) -> str:
        """Of a classifier."""
        return self.stage.as_ or (self.card.attribute.name if self.card.attribute else self.card.name)


@dataclass(frozen=True)
class Naming:
    """The identities stage of a pipeline."""

    stage: IdentitiesStage
    sources: Mapping[str, Step]
    """By label, the step whose vectors are compared."""

    @property
    def name(self) -> str:
        return self.stage.name


@dataclass(frozen=True)
class Plan:
    """The further stages of a pipeline, as far as they can be run."""

    steps: tuple[Step, ...] = ()
    naming: Naming | None = None
    unknown: tuple[Stage | IdentitiesStage, ...] = ()
    """Stages that can't be run now: their detections' messages name them in `incomplete`."""

    @property
    def looks_again(self) -> bool:
        """Whether a step finds further detections, from which crops are cut in turn."""
        return any(step.card.task == "detection" for step in self.steps)


def plan_of(pipeline: Pipeline, cards: Mapping[str, ModelCard]) -> Plan:
    """The stages that can be run with the cards that are known; the others are `unknown`."""
    faulty = {fault.index for fault in faults(pipeline, cards)}
    steps: list[Step] = []
    naming: Naming | None = None
    unknown: list[Stage | IdentitiesStage] = []
    for index, stage in enumerate(pipeline.stages[1:], 1):
        if isinstance(stage, IdentitiesStage):
            sources = {label: step for label in stage.on if (step := _embedding(steps, label)) is not None}
            naming = Naming(stage, sources)
        elif index in faulty or stage.model_name not in cards:
            unknown.append(stage)
        else:
            steps.append(Step(stage, cards[stage.model_name]))
    return Plan(tuple(steps), naming, tuple(unknown))


def faults(pipeline: Pipeline, cards: Mapping[str, ModelCard]) -> list[Fault]:
    """What the cards that are known say against the stages. All further stages have `on`."""
    if len(pipeline.stages) == 1 and pipeline.detector.labels is None:
        return []
    detector = cards.get(pipeline.detector.model_name)
    if detector is None:
        return []
    found = [Fault(0, "labels", text) for text in _labels(pipeline.detector, detector)]
    if pipeline.further and detector.task != "detection":
        return [*found, Fault(0, "model", f"{detector.name} is for {detector.task}: it finds nothing to cut out")]
    given = _Given(pipeline.detector, detector)
    steps: list[Step] = []
    for index, stage in enumerate(pipeline.stages[1:], 1):
        found += [Fault(index, "on", text) for text in given.missing(stage.on or ())]
        if isinstance(stage, IdentitiesStage):
            found += [Fault(index, "on", text) for text in _unembedded(stage, steps, pipeline, cards)]
        elif (card := cards.get(stage.model_name)) is None:
            given.everything = True  # it may be a detector
        else:
            found += [Fault(index, *fault) for fault in _of_step(stage, card, given, steps)]
            steps.append(Step(stage, card))
            if card.task == "detection":
                given.add(stage, card)
    return found


class _Given:
    """The labels that the stages so far give."""

    def __init__(self, stage: Stage, card: ModelCard) -> None:
        self.everything = False
        """A stage's card is not known."""
        self._landmarks: dict[str, int] = {}
        self.add(stage, card)

    def add(self, stage: Stage, card: ModelCard) -> None:
        for label in stage.labels if stage.labels is not None else card.labels:
            self._landmarks[label] = min(len(card.landmarks), self._landmarks.get(label, len(card.landmarks)))

    def missing(self, labels: Collection[str]) -> Iterator[str]:
        for label in labels:
            if label not in self._landmarks and not self.everything:
                near = difflib.get_close_matches(label, self._landmarks, n=1)
                there = ", ".join(list(self._landmarks)[:8]) + (", …" if len(self._landmarks) > 8 else "")
                hint = f", did you mean {near[0]}?" if near else ""
                yield f"no stage before this one finds {label!r}{hint} (found: {there})"

    def landmarks(self, label: str) -> int:
        return self._landmarks.get(label, FACE_POINTS)


def _of_step(stage: Stage, card: ModelCard, given: _Given, before: Sequence[Step]) -> Iterator[tuple[str, str]]:
    if card.task == "tensor":
        yield "model", f"{card.name} takes tensors, not crops"
    if card.task != "classification" and stage.as_ is not None:
        yield "as", f"is for classifiers; {card.name} is for {card.task}"
    if card.task == "embedding" and (stage.labels is not None or stage.confidence is not None):
        yield "labels" if stage.labels is not None else "confidence", f"{card.name} embeds: it gives neither"
    yield from (("labels", text) for text in _labels(stage, card))
    if card.crop is not None and card.crop.align is not None:
        for label in stage.on or ():
            if given.landmarks(label) != FACE_POINTS:
                yield "on", f"{card.name} wants faces with {FACE_POINTS} landmarks, and what finds {label!r} gives none"
    if card.task == "classification":
        own = Step(stage, card)
        for other in before:
            if other.card.task == "classification" and other.attribute == own.attribute and own.on & other.on:
                yield "as", f"{own.attribute} is what {other.name} sets: say another name"


def _labels(stage: Stage, card: ModelCard) -> Iterator[str]:
    if card.task in ("detection", "classification"):
        for label in stage.labels or ():
            if label not in card.labels:
                near = difflib.get_close_matches(label, card.labels, n=1)
                yield f"{card.name} has no {label!r}" + (f", did you mean {near[0]}?" if near else "")


def _embedding(steps: Sequence[Step], label: str) -> Step | None:
    """The latest one that embeds detections with this label."""
    return next((step for step in reversed(steps) if step.card.task == "embedding" and label in step.on), None)


def _unembedded(
    stage: IdentitiesStage, steps: Sequence[Step], pipeline: Pipeline, cards: Mapping[str, ModelCard]
) -> Iterator[str]:
    if all(name in cards for name in pipeline.model_names):
        for label in stage.on:
            if _embedding(steps, label) is None:
                yield f"no stage before this one embeds {label!r}, and identities are told by vectors"
