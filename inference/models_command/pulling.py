"""`vedette models pull CONFIG [NAME[@VERSION] …] [--from PLACE]`."""

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from inference.models_command.noting import note_change
from inference.repository.changes import copy_version
from inference.repository.model import Model
from inference.repository.opening import cache_of, open_repository, store_of
from inference.repository.repository import ModelRepository
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.config.models_settings import Models
from vedette.errors import ConfigError
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_PATIENCE_S = 20.0
_EPILOG = """\
Examples:
  vedette models pull site.yaml                              what the pipelines of site.yaml use, into the cache
  vedette models pull site.yaml coco-detector@^1             this one alone
  vedette models pull edge.yaml coco-detector --from models  from a folder into the repository of edge.yaml

PLACE is a folder, a URL (s3://bucket/prefix; credentials from the environment), nats:BUCKET (on the bus of CONFIG), or
another configuration, CONFIG.yaml, whose repository is meant. What is there already stays as it is.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument(
        "references", metavar="NAME[@VERSION]", nargs="*", help="which models; default: those that the pipelines use"
    )
    parser.add_argument("--from", dest="source", metavar="PLACE", help="copy them from there into the repository")
    parser.add_argument("--json", action="store_true", help="one JSON object a model and line")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Fetch or copy them; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        references = args.references or _used(config)
        async with open_repository(config, patience_s=_PATIENCE_S) as repository:
            if args.source is None:
                await stop.unless_requested(_fetch_all(repository, references, args.json))
                return DONE
            async with await asyncio.to_thread(_source, config, args.source) as source:
                await stop.unless_requested(_copy_all(config, source, repository, references, args.json))
        return DONE

    return run_process(body, stopped=FAILED)


def _used(config: Config) -> list[str]:
    references = [stage.model for pipeline in config.pipelines.values() for stage in pipeline.models]
    if not references:
        raise ConfigError("NAME is needed: the configuration has no pipeline that uses a model")
    return list(dict.fromkeys(references))


def _source(config: Config, place: str) -> ModelRepository:
    if place.endswith((".yaml", ".yml")):
        other = load_config(Path(place))
        return ModelRepository(store_of(other, other.models), cache_of(config), _PATIENCE_S)
    bucket = re.fullmatch(r"nats:(.*)", place)
    try:
        if bucket:
            models = Models(bucket=bucket[1])
        else:
            models = Models.model_validate({"url" if "://" in place else "path": place})
    except ValidationError as error:
        text = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"--from: {text}") from None
    if models.bucket is None and models.url is None and not models.path.is_dir():
        raise ConfigError(f"--from: {models.path}: no such folder")
    return ModelRepository(store_of(config, models), cache_of(config), _PATIENCE_S)


async def _fetch_all(repository: ModelRepository, references: list[str], as_json: bool) -> None:
    for reference in references:
        model = await repository.resolve(reference)
        await asyncio.to_thread(model.read)  # of a folder, too, the digest is compared
        offline = f" (offline: {repository.offline})" if repository.offline else ""
        _tell(model, {"offline": repository.offline}, f"is at {model.path}{offline}", as_json)


async def _copy_all(
    config: Config, source: ModelRepository, target: ModelRepository, references: list[str], as_json: bool
) -> None:
    for reference in references:
        copied = await copy_version(source, target, reference)
        if not copied.was_there:
            await note_change(config, "pull", f"{copied.model.card.name}@{copied.model.version}")
        how = "was there already" if copied.was_there else f"copied from {source.where}"
        told = {"to": target.where, "from": source.where, "was_there": copied.was_there}
        _tell(copied.model, told, f"is in {target.where}: {how}", as_json)


def _tell(model: Model, more: dict[str, Any], words: str, as_json: bool) -> None:
    data = {"name": model.card.name, "version": model.version, "digest": model.digest, "path": str(model.path)}
    said = json.dumps({**data, **more}) if as_json else f"{model.card.name} {model.version} {words}"
    sys.stdout.write(said + "\n")
