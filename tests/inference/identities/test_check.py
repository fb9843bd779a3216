"""What `vedette check` finds wrong with identities."""

from typing import Any

import pytest

from inference.check import problems
from tests.inference.worker import ROOT
from vedette.config.config import Config

STAGES = [
    {"model": "face-detector@^1"},
    {"model": "face-embedding@^1", "on": "face"},
    {"identities": "staff", "on": "face"},
]


def said(identities: Any, stages: Any = STAGES) -> list[str]:
    models = {"path": str(ROOT / "models")}
    data = {"models": models, "pipelines": {"access": {"stages": stages}}, "identities": identities}
    return [str(problem) for problem in problems(Config.model_validate(data))]


@pytest.mark.parametrize("identities", [{}, {"galleries": {"staff": {"threshold": 0.5}}}])
def test_galleries_that_a_pipeline_asks_are_good(identities: Any) -> None:
    assert said(identities) == []


def test_a_gallery_that_no_pipeline_asks_is_a_slip_of_the_pen() -> None:
    (problem,) = said({"galleries": {"stuff": {"threshold": 0.5}}})
    assert problem == "identities.galleries.stuff: no pipeline has a stage with this gallery"


def test_another_model_for_enrolment_than_the_pipelines_is_said() -> None:
    (problem,) = said({"embedding": "coco-detector"})
    assert problem.startswith(
        "identities.embedding: is coco-detector, and the pipeline access compares vectors of face"
    )


def test_a_gallerys_own_threshold_counts_before_that_of_all() -> None:
    settings = Config.model_validate({"identities": {"threshold": 0.4, "galleries": {"staff": {"threshold": 0.6}}}})
    assert settings.identities.threshold_of("staff") == 0.6
    assert settings.identities.threshold_of("guests") == 0.4
