"""What the query of a request says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from multidict import MultiMapping
from pydantic import ValidationError

from inference.guard.inspection import Inspection
from inference.serving.refusal import Refused
from vedette.config.guard_settings import Guard
from vedette.config.pipeline_settings import Pipeline

DEFAULT_PRIORITY = 5
"""As in Open Inference Protocol requests; the lowest goes first."""
_MOST_PRIORITY = 1 << 31
_OWN = frozenset({"confidence", "labels", "timeout", "priority", "pixels", "pipeline"})
_PAIRS, _LISTS = frozenset({"min_size", "max_size", "aspect", "luminance"}), frozenset({"reject"})
_FLAGS = {"true": True, "1": True, "": True, "false": False, "0": False}
GUARD = frozenset({*_PAIRS, *_LISTS, "sharpness", "infer_rejected", "squeeze"})
"""Keys of the input guard, as in a pipeline's `guard`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of each picture of a request."""

    confidence: float = 0.0
    labels: frozenset[str] | None = None
    timeout_s: float | None = None
    priority: int = DEFAULT_PRIORITY
    pixels: bool = False
    """Whether boxes are given in pixels too."""
    inspection: Inspection | None = None


USUAL = Asked()


def read_query(query: MultiMapping[str], pipelines: Mapping[str, Pipeline], known_labels: Collection[str]) -> Asked:
    """What a request asks for, of a model with such labels; `pipeline` names one whose labels, confidence and guard are
    meant. Raises Refused."""
    if not query:
        return USUAL
    if unknown := sorted(set(query) - _OWN - GUARD):
        known = ", ".join(sorted(_OWN | GUARD))
        raise Refused("invalid", f"{unknown[0][:40]} is no key of the query; there are: {known}")
    pipeline = _pipeline(query, pipelines)
    stage = pipeline.detector if pipeline else None
    labels = [label for text in query.getall("labels", []) for label in text.split(",") if label]
    if strange := sorted(set(labels) - set(known_labels)):
        raise Refused("invalid", f"labels: the model has no {strange[0][:64]!r}")
    confidence = _number(query, "confidence", 0, 1)
    floor = confidence if confidence is not None else ((stage.confidence if stage else None) or 0.0)
    timeout_s = _number(query, "timeout", 0, 3600)
    return Asked(
        floor,
        frozenset(labels or (stage.labels if stage and stage.labels else ())) or None,
        timeout_s or None,
        _priority(query),
        _flag(query, "pixels"),
        _inspection(query, pipeline, floor),
    )


def _pipeline(query: MultiMapping[str], pipelines: Mapping[str, Pipeline]) -> Pipeline | None:
    name = query.get("pipeline")
    if name is None:
        return None
    if name not in pipelines:
        raise Refused("invalid", f"pipeline: there is no {name[:64]!r} of this model; there is: {', '.join(pipelines)}")
    return pipelines[name]


def _inspection(query: MultiMapping[str], pipeline: Pipeline | None, floor: float) -> Inspection | None:
    squeezed, infer_rejected = _flag(query, "squeeze"), _flag(query, "infer_rejected")
    off = {key for key, is_on in (("squeeze", squeezed), ("infer_rejected", infer_rejected)) if not is_on}
    said = {key: _guard_value(key, query.getall(key)) for key in GUARD - off if key in query}
    if not said:
        return None if pipeline is None or pipeline.guard is None else Inspection(pipeline.guard, False, floor)
    base = pipeline.guard.model_dump(exclude_unset=True) if pipeline and pipeline.guard else {}
    if "squeeze" in said:
        said["squeeze"] = {**(base.get("squeeze") or {}), "share": 1}
    try:
        guard = Guard.model_validate({**base, **said})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise Refused("invalid", f"{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}") from None
    return Inspection(guard, squeezed, floor)


def _guard_value(key: str, texts: list[str]) -> Any:
    words = [word for text in texts for word in text.replace("x", ",").split(",")] if key in _PAIRS else texts
    if key in _LISTS:
        return [word for text in texts for word in text.split(",") if word]
    return words if key in _PAIRS else texts[0]


def _number(query: MultiMapping[str], key: str, least: float, most: float) -> float | None:
    text = query.get(key)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise Refused("invalid", f"{key} is a number from {least:g} to {most:g}")
    return value


def _priority(query: MultiMapping[str]) -> int:
    text = query.get("priority", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 11 and int(text) < _MOST_PRIORITY):
        raise Refused("invalid", "priority is a whole number, 0 or more; the lowest goes first, 0 is the usual one")
    return int(text) or DEFAULT_PRIORITY


def _flag(query: MultiMapping[str], key: str) -> bool:
    text = query.get(key, "false").lower()
    if text not in _FLAGS:
        raise Refused("invalid", f"{key} is true or false")
    return _FLAGS[text]
