"""What the cards of models say against the stages of a pipeline, and which of them run."""

import json
from pathlib import Path

import pytest

from inference.cascade.plan import faults, plan_of
from inference.check import problems
from inference.errors import ModelError
from inference.repository.card import ModelCard
from inference.repository.folder import Repository
from vedette.config.config import Config
from vedette.config.models_settings import Models
from vedette.config.pipeline_settings import Pipeline

MODELS = Path(__file__).resolve().parents[3] / "models"
NAMES = ("coco-detector", "face-detector", "face-liveness", "face-embedding")
CARDS = {name: Repository(MODELS).card(name) for name in NAMES}
FACES: dict[str, object] = {"model": "face-detector@^1"}
LIVENESS: dict[str, object] = {"model": "face-liveness@^1", "on": "face"}
EMBEDDING: dict[str, object] = {"model": "face-embedding@^1", "on": "face"}
STAFF: dict[str, object] = {"identities": "staff", "on": "face"}


def pipeline(*stages: dict[str, object]) -> Pipeline:
    return Pipeline.model_validate({"stages": stages})


def test_the_access_pipeline_has_no_faults_and_takes_crops_and_attributes_from_the_cards() -> None:
    access = pipeline(FACES, LIVENESS, EMBEDDING, STAFF)
    assert faults(access, CARDS) == []
    plan = plan_of(access, CARDS)
    liveness, embedding = plan.steps
    assert (liveness.crop.enlarge, liveness.attribute) == (2.7, "liveness")
    assert embedding.crop.align == "face"
    assert plan.naming is not None
    assert plan.naming.sources == {"face": embedding}
    assert not plan.looks_again


@pytest.mark.parametrize(
    ("stages", "fault", "text"),
    [
        ((FACES, LIVENESS | {"on": "fase"}), (1, "on"), "finds 'fase', did you mean face?"),
        ((FACES | {"labels": []}, LIVENESS), (1, "on"), "finds 'face'"),
        ((FACES | {"labels": ["person"]},), (0, "labels"), "face-detector has no 'person'"),
        (({"model": "coco-detector"}, EMBEDDING | {"on": "person"}), (1, "on"), "gives none"),
        ((FACES, LIVENESS, STAFF), (2, "on"), "no stage before this one embeds 'face'"),
        ((FACES, EMBEDDING | {"as": "who"}), (1, "as"), "is for classifiers"),
        ((FACES, EMBEDDING | {"confidence": 0.5}), (1, "confidence"), "gives neither"),
        ((FACES, LIVENESS | {"labels": ["life"]}), (1, "labels"), "has no 'life', did you mean live?"),
        ((FACES, LIVENESS, LIVENESS | {"as": "liveness"}), (2, "as"), "liveness is what face-liveness sets"),
        (({"model": "face-liveness"}, EMBEDDING), (0, "model"), "it finds nothing to cut out"),
        (({"model": "coco-detector"}, FACES | {"on": "face"}, EMBEDDING), (1, "on"), "finds 'face'"),
    ],
)
def test_stages_that_the_models_cannot_serve_are_faults(
    stages: tuple[dict[str, object], ...], fault: tuple[int, str], text: str
) -> None:
    (found,) = faults(pipeline(*stages), CARDS)
    assert (found.index, found.key) == fault
    assert text in found.text


def test_a_further_detector_gives_labels_to_the_stages_after_it() -> None:
    stages = pipeline({"model": "coco-detector"}, FACES | {"on": "person"}, EMBEDDING, STAFF)
    assert faults(stages, CARDS) == []
    assert plan_of(stages, CARDS).looks_again


def test_a_stage_whose_card_is_not_known_does_not_run_and_the_others_do() -> None:
    cards = {name: card for name, card in CARDS.items() if name != "face-embedding"}
    stages = pipeline(FACES, LIVENESS, EMBEDDING, STAFF)
    assert faults(stages, cards) == []
    plan = plan_of(stages, cards)
    assert [step.name for step in plan.steps] == ["face-liveness"]
    assert [stage.name for stage in plan.unknown] == ["face-embedding"]
    assert plan.naming is not None
    assert plan.naming.sources == {}


def test_check_names_the_stage_at_fault() -> None:
    config = Config(
        pipelines={"access": pipeline(FACES, LIVENESS | {"on": "faec"}, {"model": "face-embeding", "on": "face"})},
        models=Models(path=MODELS),
    )
    one, other = problems(config)
    assert str(one).startswith("pipelines.access.stages[2].model: ")
    assert str(other).startswith("pipelines.access.stages[1].on: no stage before this one finds 'faec'")


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"crop": {"enlarge": 2.0, "align": "face"}}, "either enlarge or align"),
        ({"crop": {"enlarge": 0.5}}, "crop.enlarge"),
        ({"attribute": {"name": "liveness", "score": "alive"}}, "there is no label 'alive'"),
        ({"attribute": {"name": "Live ness"}}, "attribute.name"),
    ],
)
def test_a_card_that_can_not_be_followed_is_refused(keys: dict[str, object], text: str) -> None:
    card = CARDS["face-liveness"].model_dump(mode="json", exclude_unset=True) | keys
    with pytest.raises(ModelError, match=text):
        ModelCard.parse(json.dumps(card).encode(), "card")
