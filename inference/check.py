"""What `vedette check` asks of inference: are there the models that the pipelines name, and usable certificates?"""

from inference.errors import ModelError
from inference.repository.folder import Repository
from inference.repository.references import Reference
from inference.repository.store import file_path
from inference.rollout.plan import Bounds, plan_of
from inference.serving.tls import WrongFile
from inference.serving.tls import check as check_tls
from vedette.config import Config
from vedette.config_problems import Problem


def problems(config: Config) -> list[Problem]:
    """Models that are not there, not in a version that fits, or not in one that fits all pipelines; and certificates.

    A distant repository is not asked: the site that it serves need not run yet.
    """
    found = _of_certificates(config)
    distant = config.models.bucket is not None or config.models.url is not None
    repository = None if distant else Repository(config.models.path)
    asked: dict[str, dict[str, str]] = {}
    for name, pipeline in config.pipelines.items():
        for index, stage in enumerate(pipeline.stages):
            references = asked.setdefault(stage.model_name, {})
            references[name] = stage.model
            try:
                text = _against(repository, Bounds(stage.model_name, references))
            except ModelError as error:
                text = str(error)
            if text:
                del references[name]
                found.append(Problem(("pipelines", name, "stages", index, "model"), text))
    return found


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
