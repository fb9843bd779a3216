"""What `vedette check` asks of inference: are there the models that the pipelines name, and usable certificates?"""

from collections.abc import Mapping
from contextlib import suppress

from inference.cascade.plan import faults
from inference.errors import ModelError
from inference.identities import check as identities
from inference.repository.card import ModelCard
from inference.repository.folder import Repository
from inference.repository.references import Reference
from inference.repository.store import file_path
from inference.rollout.plan import Bounds, plan_of
from inference.serving.tls import check as check_tls
from vedette.config.config import Config
from vedette.config.pipeline_settings import IdentitiesStage
from vedette.config.problems import Problem
from vedette.tls.files import WrongFile


def problems(config: Config) -> list[Problem]:
    """Models that are not there, not in a version that fits, or not in one that fits all pipelines; and certificates.

    A distant repository is not asked: the site that it serves need not run yet.
    """
    models = config.models
    distant = models.bucket is not None or models.url is not None or models.at_hub
    repository = None if distant else Repository(models.path)
    return [*_of_certificates(config), *_of_models(config, repository), *_of_stages(config, repository)]


def _of_models(config: Config, repository: Repository | None) -> list[Problem]:
    found = []
    asked: dict[str, dict[str, str]] = {}
    for name, pipeline in config.pipelines.items():
        for index, stage in enumerate(pipeline.stages):
            if isinstance(stage, IdentitiesStage):
                continue
            place = f"{name}, stage {index + 1}" if index else name
            references = asked.setdefault(stage.model_name, {})
            references[place] = stage.model
            try:
                text = _against(repository, Bounds(stage.model_name, references))
            except ModelError as error:
                text = str(error)
            if text:
                del references[place]
                found.append(Problem(("pipelines", name, "stages", index, "model"), text))
    return found


def _of_stages(config: Config, repository: Repository | None) -> list[Problem]:
    """What the models' cards say against what the stages want of them."""
    cards: dict[str, ModelCard] = {}
    if repository is None:
        return list(identities.problems(config, cards))
    for model in config.model_names():
        with suppress(ModelError):  # said already
            cards[model] = repository.card(model)
    found = [
        Problem(("pipelines", name, "stages", fault.index, *([fault.key] if fault.key else [])), fault.text)
        for name, pipeline in config.pipelines.items()
        for fault in faults(pipeline, cards)
    ]
    return [*found, *_without_detector(config, cards), *identities.problems(config, cards)]


def _without_detector(config: Config, cards: Mapping[str, ModelCard]) -> list[Problem]:
    """Pipelines of one stage whose model finds nothing in a picture: all of their messages would be empty."""
    return [
        Problem(
            ("pipelines", name, "stages", 0, "model"),
            f"{card.name} is for {card.task}, and a pipeline begins with a model for detection",
        )
        for name, pipeline in config.pipelines.items()
        if not pipeline.further
        and (card := cards.get(pipeline.detector.model_name)) is not None
        and card.task != "detection"
    ]


def _of_certificates(config: Config) -> list[Problem]:
    try:
        if config.serving.tls is not None:
            check_tls(config.serving.tls)
    except WrongFile as error:
        return [Problem(error.key, error.why)]
    return []


def _against(repository: Repository | None, bounds: Bounds) -> str | None:
    """What speaks against the last reference, together with those before it. Raises ModelError."""
    for reference in bounds.references.values():
        Reference.parse(reference)
    if repository is None:
        return None
    card = repository.card(bounds.name)
    path = repository.path / file_path(bounds.name, plan_of(card, bounds, card.rollout).stable)
    return None if path.is_file() else f"{path}: no such file"
