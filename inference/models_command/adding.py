"""`vedette models add CONFIG FILE --name NAME`."""

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from inference.build.entry import enter
from inference.build.heads import HEADS
from inference.build.labels import read_labels
from inference.build.onnx_file import OnnxFile, read_onnx
from inference.build.recipe import Made, Wishes, make
from inference.errors import ModelError
from inference.models_command.noting import note_change
from inference.repository.card import VERSION, ModelCard
from inference.repository.opening import open_repository
from inference.repository.repository import ModelRepository
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.errors import ConfigError
from vedette.ids import is_id
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_PATIENCE_S = 20.0
_EPILOG = """\
Examples:
  vedette models add site.yaml yolov8n.onnx --name gate-detector
  vedette models add site.yaml yolox.onnx --name yard-detector --head yolox --labels coco.txt --score 0.3
  vedette models add site.yaml resnet.onnx --name pallets --labels pallets.txt
  vedette models add site.yaml reid.onnx --name person-embedding --head embedding --colour RGB --deviation 255

The file is inspected, its outputs are recognised, and what turns pictures into tensors and tensors into detections is
built around it into one graph, which is run before it is entered. What can't be known from the file is asked for.
docs/models.md has the heads and their options.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("file", metavar="FILE", type=Path, help="the ONNX file, as it was published or exported")
    parser.add_argument("--name", type=_name, required=True, help="of the model: lower case letters, digits, - and _")
    parser.add_argument("--version", type=_version, default="1.0.0", metavar="X.Y.Z", help="default: 1.0.0")
    parser.add_argument(
        "--head", choices=list(HEADS), metavar="HEAD", help=f"what its outputs mean: {', '.join(HEADS)}"
    )
    parser.add_argument("--options", type=_object, default={}, metavar="JSON", help="of the head")
    parser.add_argument("--task", choices=["detection", "classification", "embedding", "tensor"], metavar="TASK",
                        help="tensor: served as it is, to clients that send tensors")  # fmt: skip
    parser.add_argument("--labels", type=Path, metavar="FILE", help="the names of its classes, one a line, in order")
    parser.add_argument("--input-size", type=_size, default=(), metavar="N|HxW",
                        help="the longest side, or height and width; default: the file's")  # fmt: skip
    parser.add_argument("--multiple", type=int, metavar="N", help="both sides are multiples of it; default: 32")
    parser.add_argument("--colour", choices=["BGR", "RGB"], help="the order of its channels")
    parser.add_argument("--fit", choices=["letterbox", "stretch", "crop"], help="how pictures of other aspects fit")
    parser.add_argument("--anchor", choices=["centre", "top-left"], help="where letterboxed pictures lie")
    parser.add_argument("--pad", type=int, metavar="0-255", help="what is beside them")
    parser.add_argument("--mean", type=_channels, default=(), metavar="A,B,C", help="subtracted, of 0 to 255")
    parser.add_argument("--deviation", type=_channels, default=(), metavar="A,B,C", help="divided by, after that")
    parser.add_argument("--score", type=float, metavar="0-1", help="the least score of a detection")
    parser.add_argument("--iou", type=float, metavar="0-1", help="of two boxes that overlap more, the weaker goes")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures at a time, at most; default: 8")
    parser.add_argument("--origin", metavar="TEXT", help="where it comes from, for the card; default: the file's name")
    parser.add_argument("--licence", default="not stated", metavar="TEXT", help="for the card")
    parser.add_argument("--accuracy", metavar="TEXT", help="what is known of it, and by whom, for the card")
    parser.add_argument("--dry-run", action="store_true", help="enter nothing")
    parser.add_argument("--json", action="store_true", help="print the card and what was found as one JSON object")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Inspect, build, run and enter it; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)
    try:
        file, wishes = read_onnx(args.file), _wishes(args)
    except ModelError as error:
        sys.stderr.write(f"vedette: {error}\n")
        return error.exit_status

    async def body(stop: Stop) -> int:
        async with open_repository(config, patience_s=_PATIENCE_S) as repository:
            there = await stop.unless_requested(_card(repository, args.name))
            if there is not None and args.version in there.versions:
                raise ConfigError(f"--version: {args.name} has {args.version} already: give it another number")
            made = await stop.unless_requested(asyncio.to_thread(make, file, wishes, there))
            if not args.dry_run:
                await stop.unless_requested(enter(made, repository))
                await note_change(config, "add", f"{args.name}@{args.version}")
            _tell(args, file, made, repository.where)
        return DONE

    return run_process(body, stopped=FAILED)


async def _card(repository: ModelRepository, name: str) -> ModelCard | None:
    return await repository.card(name) if name in await repository.names() else None


def _wishes(args: argparse.Namespace) -> Wishes:
    picture = {key: getattr(args, key) for key in ("colour", "fit", "anchor", "pad")}
    return Wishes(
        name=args.name,
        version=args.version,
        head=args.head,
        options=args.options,
        task=args.task,
        labels=read_labels(args.labels) if args.labels else (),
        size=args.input_size,
        multiple=args.multiple,
        picture={key: value for key, value in picture.items() if value is not None},
        mean=args.mean,
        deviation=args.deviation,
        score=args.score,
        iou=args.iou,
        batch=args.batch,
        origin=args.origin or args.file.name,
        licence=args.licence,
        accuracy=args.accuracy,
    )


def _tell(args: argparse.Namespace, file: OnnxFile, made: Made, where: str) -> None:
    (version,) = made.card.versions
    release = made.card.versions[version]
    found = {
        "inputs": [str(tensor) for tensor in file.inputs],
        "outputs": [str(tensor) for tensor in file.outputs],
        "opset": file.opset,
        "producer": file.producer,
        "nodes": file.nodes,
        "size_bytes": file.size_bytes,
    }
    if args.json:
        card = made.card.model_dump(mode="json", exclude_none=True)
        entered = None if args.dry_run else where
        told = {"file": found, "card": card, "entered": entered, "run_s": round(made.outcome.seconds, 4)}
        sys.stdout.write(json.dumps(told) + "\n")
        return
    lines = [
        f"{args.file}: {file.nodes} nodes, opset {file.opset}, {file.size_bytes} bytes, made by {file.producer}",
        *(f"  takes {tensor}" for tensor in file.inputs),
        *(f"  gives {tensor}" for tensor in file.outputs),
        f"head {release.build.head}" if release.build else "served as it is",
        f"a run took {made.outcome.seconds * 1000:.1f} ms at one thread",
        f"{made.card.name}@{version}: sha256 {release.sha256}",
    ]
    if made.card.batch.max == 1:
        lines.append("takes one picture at a time: export it with a free batch axis for batches")
    lines.append("not entered" if args.dry_run else f"entered in {where}")
    sys.stdout.write("\n".join(lines) + "\n")


def _name(text: str) -> str:
    if not is_id(text):
        raise argparse.ArgumentTypeError("must be lower case letters, digits, - and _, 63 at most")
    return text


def _version(text: str) -> str:
    if re.fullmatch(VERSION, text) is None:
        raise argparse.ArgumentTypeError("must be three numbers with dots between them, as in 1.0.0")
    return text


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object")
    return value


def _size(text: str) -> tuple[int, ...]:
    match = re.fullmatch(r"([1-9]\d{0,3})(?:x([1-9]\d{0,3}))?", text)
    if match is None:
        raise argparse.ArgumentTypeError("must be 640, the longest side, or 480x640, height and width")
    return tuple(int(side) for side in match.groups() if side)


def _channels(text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in (1, 3):
        raise argparse.ArgumentTypeError("must be one number, or three with commas between them")
    return values * 3 if len(values) == 1 else values
