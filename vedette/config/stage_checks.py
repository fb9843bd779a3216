"""What of a cascade's stages contradicts itself, whatever the models are; `inference/check.py` looks at their cards."""

from collections.abc import Iterator

from vedette.config.config import Config
from vedette.config.pipeline_settings import IdentitiesStage, Pipeline, Stage
from vedette.config.problems import Problem

MOST_BUDGET_MS = 4000
"""Of a live frame that waits for further models: its token is gone after 5 s, and the camera's next frame would be
served beside it."""
RESERVED = ("name", "similarity")
"""Attributes that identities set."""


def problems(config: Config) -> list[Problem]:
    """Of all pipelines."""
    found = [
        Problem(("pipelines", name, "stages", index, *key), text)
        for name, pipeline in config.pipelines.items()
        for index, key, text in _of(pipeline)
    ]
    if config.inference.budget_ms > MOST_BUDGET_MS and any(pipeline.further for pipeline in config.pipelines.values()):
        text = f"may be {MOST_BUDGET_MS} at most where a pipeline has several stages: a frame holds its camera's place"
        found.append(Problem(("inference", "budget_ms"), text))
    return found


def _of(pipeline: Pipeline) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Place of the stage, key in it, text."""
    first = pipeline.stages[0]
    if isinstance(first, IdentitiesStage):
        yield 0, ("identities",), "can't be the first stage, which is a detector: it sees the whole frame"
        return
    if first.on is not None:
        yield 0, ("on",), "is for later stages; the first sees the whole frame"
    if first.as_ is not None:
        yield 0, ("as",), "is for later stages that classify; the first one's answers are the detections"
    named: dict[str, int] = {}
    for index, stage in enumerate(pipeline.stages[1:], 1):
        if stage.on is None:
            yield index, ("on",), "is missing: which detections' crops does this stage see?"
        elif len(set(stage.on)) < len(stage.on):
            yield index, ("on",), "names a label twice"
        if stage.name in named:
            yield index, (), f"has the name {stage.name} of stages[{named[stage.name]}]: say another one with as:"
        named.setdefault(stage.name, index)
        yield from ((index, key, text) for key, text in _in_its_place(pipeline, index, stage))


def _in_its_place(pipeline: Pipeline, index: int, stage: Stage | IdentitiesStage) -> Iterator[tuple[tuple[str], str]]:
    if isinstance(stage, Stage):
        if stage.as_ in RESERVED:
            yield ("as",), f"{stage.as_} is what an identities stage sets"
        return
    if sum(isinstance(other, IdentitiesStage) for other in pipeline.stages[: index + 1]) > 1:
        yield ("identities",), "a pipeline has one identities stage at most: there is one name for a face"
    before = [other for other in pipeline.stages[1:index] if isinstance(other, Stage) and other.on is not None]
    for label in stage.on:
        if not any(other.on is not None and label in other.on for other in before):
            yield ("on",), f"no stage before this one has on: {label}; identities need an embedding of it"
