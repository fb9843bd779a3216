import pytest

from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.rollout.plan import Bounds, Plan, plan_of
from inference.rollout.settings import Rollout
from tests.inference.worker import MODEL, ROOT

ANY = Bounds("coco-detector", {"people": "coco-detector"})
ONES = Bounds("coco-detector", {"people": "coco-detector@^1", "access": "coco-detector@1"})


def card(*versions: str) -> ModelCard:
    release = MODEL.card.versions["1.0.0"]
    return MODEL.card.model_copy(update={"versions": dict.fromkeys(versions, release)})


def test_the_newest_version_that_all_pipelines_ask_for_serves() -> None:
    there = card("1.0.0", "1.2.0", "1.10.0", "2.0.0")
    assert plan_of(there, ONES, None) == Plan("1.10.0")
    exact = Bounds("coco-detector", {"a": "coco-detector@^1", "b": "coco-detector@1.2.0"})
    assert plan_of(there, exact, None) == Plan("1.2.0")


@pytest.mark.parametrize(
    ("references", "says"),
    [
        (
            {"a": "coco-detector@1.0.0", "b": "coco-detector@^2"},
            r"pipeline asks for \(coco-detector@1.0.0 in a, ",
        ),
        ({"a": "coco-detector@^9"}, r"has no version for 'coco-detector@\^9'; there are: 1.0.0, 2.0.0"),
    ],
)
def test_pipelines_that_no_version_suits_are_told(references: dict[str, str], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        plan_of(card("1.0.0", "2.0.0"), Bounds("coco-detector", references), None)


def test_beside_a_candidate_the_newest_older_version_serves_though_a_newer_one_comes() -> None:
    rollout = Rollout(candidate="1.1.0", share=0.1)
    there = card("0.9.0", "1.0.0", "1.1.0", "1.2.0")
    assert plan_of(there, ANY, rollout) == Plan("1.0.0", "1.1.0", 0.1)
    assert plan_of(there, ANY, Rollout(shadow="1.2.0", sample=0.5)) == Plan("1.1.0", shadow="1.2.0", sample=0.5)


def test_what_the_pipelines_do_not_ask_for_is_left_out_and_said() -> None:
    there = card("1.0.0", "1.1.0", "2.0.0")
    plan = plan_of(there, ONES, Rollout(stable="1.0.0", candidate="2.0.0", share=0.5))
    assert (plan.stable, plan.candidate, plan.share) == ("1.0.0", None, 0.0)
    assert plan.faults == (
        "2.0.0 is not what the pipelines ask for: coco-detector@^1 in people, coco-detector@1 in access",
    )


def test_a_stable_version_that_is_gone_leaves_the_one_that_serves() -> None:
    there = card("1.0.0", "1.1.0", "1.2.0")
    plan = plan_of(there, ANY, Rollout(stable="1.0.5"), serving="1.0.0")
    assert plan.stable == "1.0.0"
    assert plan.faults == ("coco-detector has no version 1.0.5; there are: 1.0.0, 1.1.0, 1.2.0",)
    assert plan_of(there, ANY, Rollout(stable="1.0.5"), serving="0.1.0").stable == "1.2.0"


def test_without_a_roll_out_a_newer_version_takes_the_place_of_the_one_that_serves() -> None:
    assert plan_of(card("1.0.0", "1.1.0"), ANY, None, serving="1.0.0").stable == "1.1.0"


def test_the_next_older_version_is_one_that_the_pipelines_ask_for() -> None:
    there = card("0.9.0", "1.0.0", "1.1.0", "2.0.0")
    assert ONES.older(there, "1.1.0") == "1.0.0"
    assert ONES.older(there, "1.0.0") is None


def test_a_card_rolls_out_only_what_it_has() -> None:
    text = (ROOT / "models/coco-detector/model.yaml").read_text() + "\nrollout: {candidate: 1.1.0, share: 0.1}\n"
    with pytest.raises(ModelError, match=r"here: the card: rollout: there is no version 1\.1\.0"):
        ModelCard.parse(text.encode(), "here")
    good = text.replace("candidate: 1.1.0, share: 0.1", "stable: 1.0.0")
    assert ModelCard.parse(good.encode(), "here").rollout == Rollout(stable="1.0.0")
