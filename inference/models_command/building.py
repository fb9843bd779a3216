"""`vedette models build CONFIG NAME[@VERSION] FILE`: a version made again from the raw file."""

import argparse
import asyncio
import hashlib
import sys
from pathlib import Path

from inference.build.entry import replace_file
from inference.build.fused_graph import fuse
from inference.build.onnx_file import inspect, read_onnx
from inference.build.proof import prove
from inference.models_command.noting import note_change
from inference.repository.card import ModelCard
from inference.repository.folder import no_version
from inference.repository.opening import open_repository
from inference.repository.references import Reference
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_PATIENCE_S = 20.0
_EPILOG = """\
Example: vedette models build site.yaml gate-detector@1.0.0 yolov8n.onnx

The card's build section says which file it was, and how. The same file and card give the same bytes, if Vedette and
onnx are the same; what differs from the card's digest is not entered (exit status 1), but --output writes it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    add_config(parser)
    parser.add_argument("reference", metavar="NAME[@VERSION]", help="which version; default: the newest")
    parser.add_argument("file", metavar="FILE", type=Path, help="the raw ONNX file")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the graph there, not into the repository")
    add_logging(parser)
    parser.epilog = _EPILOG


def run(args: argparse.Namespace) -> int:
    """Build, check and enter it; returns the exit status, 1 if it is not what the card says."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        wanted = Reference.parse(args.reference)
        async with open_repository(config, patience_s=_PATIENCE_S) as repository:
            card = await stop.unless_requested(repository.card(wanted.name))
            version = wanted.newest(card.versions)
            if version is None:
                raise no_version(repository.where, wanted, card)
            graph = await stop.unless_requested(asyncio.to_thread(_built, args.file, card, version))
            digest = hashlib.sha256(graph).hexdigest()
            same = digest == card.versions[version].sha256
            if args.output is not None:
                await asyncio.to_thread(args.output.write_bytes, graph)
            elif same:
                await stop.unless_requested(replace_file(repository, card.name, version, graph))
                await note_change(config, "build", f"{card.name}@{version}")
        sys.stdout.write(f"{card.name}@{version}: sha256 {digest}\n")
        if not same:
            sys.stderr.write(f"vedette: the card says {card.versions[version].sha256}\n")
        return DONE if same else FAILED

    return run_process(body, stopped=FAILED)


def _built(path: Path, card: ModelCard, version: str) -> bytes:
    """The graph, proven. Raises ModelError."""
    graph = fuse(read_onnx(path), card, version)
    prove(inspect(graph, f"{path}, as it is built"), card, version)
    return graph
