"""What `vedette check` asks of inference: does the repository have the models that the pipelines name?"""

from inference.errors import ModelError
from inference.repository.folder import Repository
from inference.repository.references import Reference
from vedette.config import Config
from vedette.config_problems import Problem


def problems(config: Config) -> list[Problem]:
    """Models that are not there, not in a version that fits, or in several versions at once.

    A distant repository is not asked: the site that it serves need not run yet.
    """
    distant = config.models.bucket is not None or config.models.url is not None
    repository, found = None if distant else Repository(config.models.path), []
    versions: dict[str, str] = {}
    for name, pipeline in config.pipelines.items():
        for index, stage in enumerate(pipeline.stages):
            try:
                text = _against(repository, stage.model, versions)
            except ModelError as error:
                text = str(error)
            if text:
                found.append(Problem(("pipelines", name, "stages", index, "model"), text))
    return found


def _against(repository: Repository | None, reference: str, versions: dict[str, str]) -> str | None:
    """What speaks against `reference`; `versions` are those that the models before it have. Raises ModelError."""
    if repository is None:
        Reference.parse(reference)
        return None
    model = repository.resolve(reference)
    if not model.path.is_file():
        return f"{model.path}: no such file"
    first = versions.setdefault(model.card.name, model.version)
    if first != model.version:
        return f"{reference} is {model.version}, but another pipeline has {first}; one process serves one version"
    return None
