"""What `vedette check` says of `identities:`. Pure."""

from collections.abc import Iterator, Mapping

from inference.repository.card import ModelCard
from vedette.config.config import Config
from vedette.config.pipeline_settings import IdentitiesStage
from vedette.config.problems import Problem


def problems(config: Config, cards: Mapping[str, ModelCard]) -> Iterator[Problem]:
    """Settings of galleries that no pipeline asks, and an enrolment by another model than the pipelines compare with.

    `cards` are of the pipelines' models, as far as they are known.
    """
    asked: set[str] = set()
    enrolling = config.identities.embedding.partition("@")[0]
    for name, pipeline in config.pipelines.items():
        galleries = [stage.identities for stage in pipeline.further if isinstance(stage, IdentitiesStage)]
        asked.update(galleries)
        comparing = [model for model in pipeline.model_names if model in cards and cards[model].task == "embedding"]
        if galleries and comparing and enrolling not in comparing:
            models = ", ".join(comparing)
            text = f"is {enrolling}, and the pipeline {name} compares vectors of {models}: it would find nobody"
            yield Problem(("identities", "embedding"), text)
    for gallery in config.identities.galleries:
        if gallery not in asked:
            yield Problem(("identities", "galleries", gallery), "no pipeline has a stage with this gallery")
