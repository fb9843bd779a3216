import pytest
from pydantic import ValidationError

from inference.guard.measures import Measures
from inference.guard.verdict import checked, judge
from vedette.config.guard_settings import Guard

FINE = Measures(luminance=120.126, sharpness=300.0, hash=0xAB)
STRICT = Guard(min_size=(320, 180), max_size=(640, 480), aspect=(1.3, 1.8), luminance=(10, 240), sharpness=50)


def test_a_picture_as_expected_is_ok_and_carries_its_measures() -> None:
    message = judge(640, 360, FINE, STRICT).message()
    assert message.model_dump(exclude_none=True) == {
        "verdict": "ok",
        "reasons": (),
        "luminance": 120.13,
        "sharpness": 300.0,
        "hash": "00000000000000ab",
    }


@pytest.mark.parametrize(
    ("size", "reasons"),
    [
        ((320, 180), ()),
        ((640, 480), ()),
        ((319, 180), ("small",)),
        ((320, 179), ("small",)),
        ((641, 480), ("large",)),
        ((640, 481), ("large",)),
        ((480, 480), ("aspect",)),
        ((640, 350), ("aspect",)),
        ((200, 481), ("small", "large", "aspect")),
    ],
)
def test_a_size_that_is_not_expected_is_rejected(size: tuple[int, int], reasons: tuple[str, ...]) -> None:
    verdict = judge(*size, FINE, STRICT)
    assert (verdict.verdict, verdict.reasons) == ("rejected" if reasons else "ok", reasons)


@pytest.mark.parametrize(
    ("luminance", "sharpness", "reasons"),
    [
        (10, 50, ()),
        (240, 50, ()),
        (9.9, 50, ("dark",)),
        (240.1, 50, ("bright",)),
        (100, 49.9, ("blurred",)),
        (0, 0, ("dark", "blurred")),
    ],
)
def test_bad_light_and_blur_are_suspect_unless_the_pipeline_rejects_them(
    luminance: float, sharpness: float, reasons: tuple[str, ...]
) -> None:
    measures = Measures(luminance, sharpness, 0)
    verdict = judge(640, 360, measures, STRICT)
    assert (verdict.verdict, verdict.reasons) == ("suspect" if reasons else "ok", reasons)
    rejecting = judge(640, 360, measures, STRICT.model_copy(update={"reject": ("dark", "bright", "blurred")}))
    assert (rejecting.verdict, rejecting.reasons) == ("rejected" if reasons else "ok", reasons)


def test_without_bounds_everything_is_ok() -> None:
    assert judge(1, 5000, Measures(0, 0, 0), Guard()).verdict == "ok"


def test_answers_that_disagree_make_a_picture_suspect_and_leave_a_rejected_one_rejected() -> None:
    fine, rejected = judge(640, 360, FINE, STRICT), judge(1, 1, FINE, STRICT)
    assert checked(fine, 0.49, 0.5).message().model_dump()["disagreement"] == 0.49
    assert checked(fine, 0.49, 0.5).verdict == "ok"
    assert checked(fine, 0.5, 0.5).verdict == "suspect"
    assert checked(fine, 0.5, 0.5).reasons == ("disagreement",)
    assert checked(rejected, 0.5, 0.5).verdict == "rejected"


@pytest.mark.parametrize(
    "settings",
    [
        {"aspect": [1.8, 1.3]},
        {"luminance": [245, 10]},
        {"luminance": [0, 256]},
        {"reject": ["disagreement"]},
        {"min_size": [0, 1]},
        {"squeeze": {"share": 1.1}},
        {"squeeze": {"threshold": 0}},
        {"blur": 3},
    ],
)
def test_a_guard_that_makes_no_sense_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Guard.model_validate(settings)
