"""`vedette models show CONFIG NAME[@VERSION]`."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass

from inference.models_command.listing import size_of
from inference.repository.card import ImageInput, ModelCard
from inference.repository.folder import no_version
from inference.repository.opening import open_repository
from inference.repository.references import Reference, in_order
from inference.repository.repository import ModelRepository
from inference.repository.store import file_path
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_LABELS_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("reference", metavar="NAME[@VERSION]", help="the model, and which version; default: the newest")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as one JSON object: the card, and the version it is of")
    form.add_argument("--labels", action="store_true", help="its labels alone, one a line, as `models add` takes them")
    add_logging(parser)
    parser.epilog = """\
Example: vedette models show configs/demo.yaml coco-detector@^1
"""


def run(args: argparse.Namespace) -> int:
    """Print one version's card; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    wanted = args.reference

    async def body(stop: Stop) -> int:
        async with open_repository(config) as repository:
            shown = await stop.unless_requested(find(repository, wanted))
        if args.json:
            said = {**asdict(shown), "card": shown.card.model_dump(mode="json", exclude_unset=True)}
            sys.stdout.write(json.dumps(said) + "\n")
        elif args.labels:
            sys.stdout.writelines(f"{label}\n" for label in shown.card.labels)
        else:
            sys.stdout.writelines(f"{key:12} {value}\n" for key, value in explained(shown).items())
        return DONE

    return run_process(body, stopped=FAILED)


@dataclass(frozen=True, slots=True)
class Shown:
    """A version, with the card that it is in."""

    card: ModelCard
    version: str
    size_bytes: int | None
    """None: not known, for the place can't be reached, or has no such file."""
    local: bool
    """It is on this machine."""
    where: str
    offline: str | None


async def find(repository: ModelRepository, reference: str) -> Shown:
    """The newest version that fits. Raises ModelError, RepositoryUnavailable."""
    wanted = Reference.parse(reference)
    card = await repository.card(wanted.name)
    version = wanted.newest(card.versions)
    if version is None:
        raise no_version(repository.where, wanted, card)
    found = (await repository.objects()).get(file_path(card.name, version))
    return Shown(
        card=card,
        version=version,
        size_bytes=found.size_bytes if found else None,
        local=await repository.is_local(card, version),
        where=repository.where,
        offline=repository.offline,
    )


def explained(shown: Shown) -> dict[str, str]:
    """The same in words, by topic."""
    card, version = shown.card, shown.version
    release = card.versions[version]
    rows = {
        "model": f"{card.name} {version}",
        "versions": ", ".join(in_order(card.versions)),
        "task": card.task,
        "input": _input(release.input or card.input),
        "output": _output(card),
        "labels": _some(card.labels),
        "landmarks": _some(card.landmarks),
        "thresholds": f"score {card.thresholds.score:g}, IoU {card.thresholds.iou:g}" if card.thresholds else "",
        "batches": f"up to {card.batch.max}, waiting up to {card.batch.max_delay_ms:g} ms",
        "built": f"from a raw file with the head {release.build.head}" if release.build else "",
        "origin": release.origin,
        "licence": release.licence,
        "accuracy": release.accuracy or "unknown",
        "digest": f"sha256:{release.sha256}",
        "size": size_of(shown.size_bytes),
        "where": f"{shown.where}{', on this machine too' if shown.local else ''}",
        "offline": shown.offline or "",
    }
    return {key: value for key, value in rows.items() if value}


def _input(image: ImageInput | None) -> str:
    if image is None:
        return "tensors, as in the file"
    kind = f"uint8 {image.layout}, {image.colour}"
    if image.size is None:
        size, fit = f"{image.width}x{image.height}", image.fit
    else:
        size, fit = f"longest side {image.size}, both sides multiples of {image.multiple}", "letterbox"
    border = f" ({image.anchor}, border {image.pad})" if fit == "letterbox" else ""
    return f"pictures: {kind}; {size}; {fit}{border}"


def _output(card: ModelCard) -> str:
    landmarks = f", {len(card.landmarks)} landmarks" if card.landmarks else ""
    return {
        "detection": f"detections: box, score, label (of {len(card.labels)}){landmarks}",
        "classification": f"a score for each of {len(card.labels)} labels",
        "embedding": "a vector",
        "tensor": "tensors, as in the file",
    }[card.task]


def _some(labels: tuple[str, ...]) -> str:
    more = len(labels) - _LABELS_SHOWN
    return ", ".join(labels[:_LABELS_SHOWN]) + (f" and {more} more (--labels has all)" if more > 0 else "")
