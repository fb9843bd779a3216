"""A camera's picture, judged from what workers measured."""

import random
from collections.abc import Iterable

import pytest

from events.scene import Scene, SceneSettings
from tests.events.messages import message, scene, shown
from vedette.messages import Detections, Input
from vedette.object_messages import InputChange

VIEW, OTHER_VIEW = 0x3C7E_1F0F_A5C3_9678, 0xC381_E0F0_5A3C_6987


def measured(luminance: float, sharpness: float, bits: int) -> Input:
    return Input(verdict="ok", luminance=round(luminance, 2), sharpness=round(sharpness, 2), hash=f"{bits:016x}")


def good(chance: random.Random, view: int = VIEW) -> Input:
    """A still scene with a sensor's noise: now and then a bit flips."""
    flips = 1 << chance.randrange(64) if chance.random() < 0.5 else 0
    return measured(120 + chance.gauss(0, 2), 400 + chance.gauss(0, 20), view ^ flips)


def film(inputs: Iterable[Input], fps: float = 1.0, first: int = 0) -> list[Detections]:
    return [message(first + n, (first + n) / fps, measured=one) for n, one in enumerate(inputs)]


def changes(inputs: Iterable[Input], watched: Scene | None = None) -> list[tuple[int, tuple[str, ...]]]:
    """(seq, conditions) of every input.change."""
    events = shown(watched or scene(), film(inputs))
    return [(event.data.frame.seq, event.data.conditions) for event in events if isinstance(event.data, InputChange)]


def hour(seed: int = 1, frames: int = 60) -> list[Input]:
    chance = random.Random(seed)
    return [good(chance) for _ in range(frames)]


def test_a_good_picture_gives_no_event() -> None:
    assert changes(hour(frames=600)) == []


@pytest.mark.parametrize(
    ("condition", "bad"),
    [
        ("underexposed", lambda chance: measured(8 + chance.random(), 30, VIEW ^ chance.getrandbits(40))),
        ("overexposed", lambda chance: measured(250 + chance.random(), 30, VIEW ^ chance.getrandbits(40))),
        ("covered", lambda chance: measured(90 + chance.random(), 8 + chance.random(), chance.getrandbits(64))),
    ],
)
def test_a_bad_picture_is_said_after_its_time_and_taken_back_after_it(condition: str, bad: object) -> None:
    chance = random.Random(2)
    worse = [bad(chance) for _ in range(60)]  # type: ignore[operator]
    found = changes([*hour(), *worse, *hour(3)])
    assert [conditions for _, conditions in found] == [(condition,), ()]
    assert [seq for seq, _ in found] == [70, 130]


def test_a_short_disturbance_is_not_worth_an_event() -> None:
    chance = random.Random(2)
    flash = [measured(250, 30, chance.getrandbits(64)) for _ in range(5)]
    assert changes([*hour(), *flash, *hour(3)]) == []


def test_values_at_the_bound_do_not_make_an_event_each() -> None:
    chance = random.Random(2)
    dusk = [measured(20 + chance.uniform(-4, 4), 200, VIEW) for _ in range(400)]
    assert [conditions for _, conditions in changes([*hour(), *dusk])] in ([], [("underexposed",)])


def test_a_frozen_picture_is_told_from_a_still_scene() -> None:
    frozen = [measured(120.11, 400.22, VIEW)] * 90
    found = changes([*hour(), *frozen, *hour(3)])
    assert [conditions for _, conditions in found] == [("frozen",), ()]
    assert found[0][0] == 120 and found[1][0] == 150


def test_a_camera_that_was_turned_has_moved_once_and_then_learns_its_new_view() -> None:
    chance = random.Random(3)
    turned = [good(chance, OTHER_VIEW) for _ in range(200)]
    found = changes([*hour(), *turned])
    assert [conditions for _, conditions in found] == [("moved",), ()]
    back = [good(chance) for _ in range(60)]
    assert [c for _, c in changes([*hour(), *turned, *back])] == [("moved",), (), ("moved",), ()]


def test_things_that_always_move_do_not_make_the_camera_move() -> None:
    """A street: half of the bits are flipped by what passes, in every frame anew."""
    chance = random.Random(5)
    street = [
        measured(120 + chance.gauss(0, 5), 400 + chance.gauss(0, 60), VIEW ^ (chance.getrandbits(32) << 8))
        for _ in range(300)
    ]
    assert changes(street) == []


def test_without_measures_nothing_is_judged() -> None:
    assert changes([Input(verdict="ok"), Input(verdict="ok", luminance=1.0, sharpness=1.0, hash="nonsense")] * 30) == []


def test_the_event_has_the_id_of_its_message_and_another_worker_goes_on() -> None:
    chance = random.Random(2)
    dark = [measured(8, 30 + chance.random(), VIEW) for _ in range(40)]
    messages = film([*hour(), *dark])
    first = scene()
    assert shown(first, messages[:65]) == []
    second = Scene.restored("plant", "gate", "people", SceneSettings(), first.state())
    (event,) = shown(second, messages[65:])
    assert event.id == "plant/gate/people/1-70/input.change"
    assert isinstance(event.data, InputChange) and event.data.previous == ()
