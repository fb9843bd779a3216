"""What a model says of a picture, by its task: objects, classes or a vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inference.detected import detected
from inference.preprocess import Placement, points_to_normalised, to_normalised
from inference.repository.card import ModelCard
from inference.runtime.batching import ModelFailed
from inference.runtime.rows import Row


class Found(NamedTuple):
    """One object as the model sees it; most are below what a pipeline asks for, and never become a message."""

    label: str
    confidence: float
    bbox: tuple[float, float, float, float]
    """x, y, width, height of the picture, 0 to 1."""
    landmarks: Sequence[tuple[float, float]] = ()
    """x and y of each of the card's landmarks, 0 to 1 inside the picture."""


class Scored(NamedTuple):
    """One class."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """One of the three, as the card's task says."""

    detections: Sequence[Found] = ()
    classes: Sequence[Scored] = ()
    """All of the card's labels, the likeliest first."""
    embedding: Sequence[float] = ()


def answer_of(row: Row, placement: Placement, card: ModelCard) -> PictureAnswer:
    """What the graph's outputs for one picture say.

    Raises ModelFailed for what can't be an answer: it would fail each time that the picture is served.
    """
    if card.task == "detection":
        return PictureAnswer(detections=_found(row, placement, card))
    values = np.asarray(row[0]).astype(np.float64).ravel()
    if not np.isfinite(values).all():
        raise ModelFailed("the model gave values that are no numbers")
    if card.task == "embedding":
        return PictureAnswer(embedding=values.round(7).tolist())
    if len(values) != len(card.labels):
        raise ModelFailed(f"the model gave {len(values)} scores for {len(card.labels)} labels")
    order = np.argsort(-values, kind="stable").tolist()
    scores = values.round(6).tolist()
    return PictureAnswer(classes=[Scored(card.labels[index], scores[index]) for index in order])


def _found(row: Row, placement: Placement, card: ModelCard) -> list[Found]:
    names = card.labels
    boxes, scores, labels = detected(row)
    sound = np.isfinite(boxes).all() and ((scores >= 0) & (scores <= 1)).all()
    if not sound or not ((labels >= 0) & (labels < len(names))).all():
        raise ModelFailed("the model gave boxes, scores or labels that are out of range")
    fractions = to_normalised(boxes, placement).astype(np.float64).round(5).tolist()
    confidences = scores.astype(np.float64).round(4).tolist()
    found = [
        Found(names[label], confidence, tuple(bbox))
        for bbox, confidence, label in zip(fractions, confidences, labels.tolist(), strict=True)
    ]
    if not found or not card.landmarks or len(row) < 5:
        return found
    return [one._replace(landmarks=points) for one, points in zip(found, _landmarks(row, placement), strict=True)]


def _landmarks(row: Row, placement: Placement) -> list[list[tuple[float, float]]]:
    """Of each detection: the graph's fifth output, [k, n * 2]."""
    points = np.asarray(row[4])[: int(row[3])]
    points = points.reshape(len(points), -1)
    if not np.isfinite(points).all():
        raise ModelFailed("the model gave landmarks that are no numbers")
    rows = points_to_normalised(points, placement).astype(np.float64).round(5).tolist()
    return [list(zip(flat[::2], flat[1::2], strict=True)) for flat in rows]
