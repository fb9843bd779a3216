"""What feature squeezing catches and what it misses: two attacks on the real model, found by `benchmarks/attacks.py`
and recorded in `attacked.json` (pixels of a slot: row, column, blue, green, red), as a search takes hundreds of
inferences. Beside them the searches themselves, on models that cost nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.attacks import Area, Image, Search, noise, patch_attack, pixel_attack, square_attack
from benchmarks.guard import FLOOR, THRESHOLD, answer, frames, seen
from inference.guard.squeezing import SQUEEZERS, disagreement, smoothed
from inference.picture_answer import Found

RECORDED = json.loads((Path(__file__).parent / "attacked.json").read_text())
GREY = np.full((40, 60, 3), 128, np.uint8)


def attacked(kind: str) -> tuple[Image, Image, Found]:
    """The frame, the same attacked, and the person who was to be hidden."""
    record = RECORDED[kind]
    slot = frames(8)[record["frame"]]
    changed = slot.copy()
    for row, column, *colour in record["changed"]:
        changed[row, column] = colour
    return slot, changed, Found("0", 1.0, tuple(record["target"]))


def disagreements(picture: Image) -> float:
    found = answer(picture)
    return max(disagreement(found, answer(squeeze(picture)), FLOOR) for squeeze in SQUEEZERS.values())


def test_a_person_hidden_by_sixty_pixels_comes_back_when_the_picture_is_smoothed() -> None:
    slot, changed, person = attacked("pixels")
    assert len(RECORDED["pixels"]["changed"]) <= 60
    assert seen(slot, person) > 0.7
    assert seen(changed, person) < FLOOR
    assert seen(smoothed(changed), person) > 0.7
    assert disagreements(slot) < THRESHOLD < disagreements(changed)


def test_a_person_hidden_by_a_sticker_of_coarse_cells_is_missed() -> None:
    slot, changed, person = attacked("sticker")
    assert seen(slot, person) > 0.7
    assert seen(changed, person) < FLOOR
    assert disagreements(changed) < THRESHOLD


def search(loss: Callable[[Image], float], queries: int = 300, goal: float = 0.0) -> Search:
    return Search(loss, goal, queries, np.random.default_rng(0))


def test_the_square_attack_keeps_its_bound_and_lowers_the_loss() -> None:
    """The loss: how bright the picture is on the left and dark on the right."""

    def loss(picture: Image) -> float:
        return float(picture[:, :30].mean() - picture[:, 30:].mean())

    first, last = (square_attack(GREY, search(loss, queries, goal=-100), bound=8) for queries in (1, 1000))
    assert np.abs(last.astype(int) - GREY).max() == 8
    assert loss(last) < loss(first) - 2
    assert np.abs(noise(GREY, 8, np.random.default_rng(1)).astype(int) - GREY).min() == 8


@pytest.mark.parametrize("cell", [1, 4])
def test_pixels_and_stickers_stay_in_their_area(cell: int) -> None:
    area, calls = Area(5, 10, 20, 33), []

    def loss(picture: Image) -> float:
        calls.append(picture)
        return float(picture[5:20, 10:33].mean())

    for found in (pixel_attack(GREY, search(loss), area), patch_attack(GREY, search(loss), area, cell)):
        changed = (found != GREY).any(axis=2)
        assert changed[5:20, 10:33].any()
        changed[5:20, 10:33] = False
        assert not changed.any()
        assert found.mean() < GREY.mean()
    assert len(calls) == 600


def test_an_attack_ends_when_it_has_reached_its_goal() -> None:
    calls: list[Image] = []

    def loss(picture: Image) -> float:
        calls.append(picture)
        return 2.0 - len(calls)

    square_attack(GREY, search(loss), bound=8)
    assert len(calls) == 2
