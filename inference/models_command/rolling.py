"""`vedette models rollout | promote | rollback CONFIG MODEL`."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from pydantic import ValidationError

from inference.repository.opening import open_repository
from inference.rollout.available import AvailableVersions
from inference.rollout.control import RolloutControl, Shown
from inference.rollout.record import RolloutRefused, faults
from inference.rollout.settings import Rollout
from inference.rollout.starting import bounds_of
from inference.rollout.status import replicas_of
from inference.rollout.store import RolloutStore
from vedette.audit.commands import note_command
from vedette.bus.access import bus_access
from vedette.bus.connection import Bus
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_EPILOGS = {
    "rollout": """\
Without options it says how the roll-out stands.
vedette models rollout configs/demo.yaml coco-detector --candidate 1.1.0 --share 0.1
vedette models rollout configs/demo.yaml coco-detector --shadow 1.1.0 --sample 0.2
vedette models rollout configs/demo.yaml coco-detector --stable 1.0.0     hold it, though newer versions come
vedette models rollout configs/demo.yaml coco-detector --end              the card decides again, or the newest serves
""",
    "promote": "Example: vedette models promote configs/demo.yaml coco-detector\n",
    "rollback": "Example: vedette models rollback configs/demo.yaml coco-detector\n",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the three."""
    add_config(parser)
    subcommand = parser.prog.rpartition(" ")[2]
    parser.add_argument("model", metavar="MODEL", help="its name")
    if subcommand == "rollout":
        parser.add_argument("--stable", metavar="VERSION", help="serves what no other version serves")
        parser.add_argument("--candidate", metavar="VERSION", help="serves a share of the cameras")
        parser.add_argument("--share", type=float, metavar="0..1", help="of the cameras; each stays with its version")
        parser.add_argument("--shadow", metavar="VERSION", help="is compared with the stable one, and serves nobody")
        parser.add_argument("--no-shadow", action="store_true", help="end the shadow")
        parser.add_argument("--sample", type=float, metavar="0..1", help="share of the frames that the shadow sees")
        parser.add_argument("--retry", action="store_true", help="try again to load what failed")
        parser.add_argument("--end", action="store_true", help="no roll-out any more")
    parser.add_argument("--revision", type=int, help="refuse to change anything if it is not at this revision any more")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_logging(parser)
    parser.set_defaults(action=subcommand)
    parser.epilog = _EPILOGS.get(subcommand)


def run(args: argparse.Namespace) -> int:
    """Change it, or say how it is; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        async with _access(config, args.model) as (control, bus):
            shown = await stop.unless_requested(_act(control, args))
            if _changes(args):
                keys = ["end"] if getattr(args, "end", False) else list(_given(args))
                await note_command(bus, config.site, f"models {args.action}", args.model, keys)
            replicas = await stop.unless_requested(replicas_of(bus, args.model))
        body = {**shown.as_json(), "replicas": replicas}
        sys.stdout.write(json.dumps(body) + "\n" if args.json else "\n".join(told(body)) + "\n")
        return DONE

    return run_process(body, stopped=FAILED)


@asynccontextmanager
async def _access(config: Config, model: str) -> AsyncIterator[tuple[RolloutControl, Bus]]:
    bounds = bounds_of(config, model)
    async with bus_access(config, "models") as bus, open_repository(config, bus) as repository:
        yield RolloutControl(AvailableVersions(repository, bounds), RolloutStore(bus)), bus


async def _act(control: RolloutControl, args: argparse.Namespace) -> Shown:
    if args.action == "promote":
        return await control.promote(args.revision)
    if args.action == "rollback":
        return await control.rollback(args.revision)
    if args.end:
        return await control.end(args.revision)
    shown = await control.show()
    if not _changes(args):
        return shown
    return await control.set(_changed(shown, _given(args)), shown.revision if args.revision is None else args.revision)


def _changes(args: argparse.Namespace) -> bool:
    """Whether anything is to be changed; else it is looked at."""
    return args.action != "rollout" or args.end or args.retry or bool(_given(args))


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of the roll-out that were given."""
    found = {key: getattr(args, key, None) for key in ("stable", "candidate", "share", "shadow", "sample")}
    found = {key: value for key, value in found.items() if value is not None}
    return {**found, "shadow": None} if getattr(args, "no_shadow", False) else found


def _changed(shown: Shown, given: Mapping[str, Any]) -> Rollout:
    """As it is now, with what is given; a stable version that is not given is left to be found."""
    plan = shown.plan
    now = {"candidate": plan.candidate, "share": plan.share, "shadow": plan.shadow}
    if plan.shadow is not None:
        now["sample"] = plan.sample
    try:
        return Rollout.model_validate({**now, **given})
    except ValidationError as error:
        raise RolloutRefused(faults(error)) from None


def told(body: Mapping[str, Any]) -> list[str]:
    """The same in words: what is wanted, and a line a process."""
    rollout = body["rollout"]
    says = {"bucket": f"revision {body['revision']}", "card": "as the card says", "default": "no roll-out: the newest"}
    lines = [f"{body['model']}  {says[body['source']]}", f"  stable     {rollout['stable']}"]
    if rollout["candidate"]:
        lines.append(f"  candidate  {rollout['candidate']}, {rollout['share']:.1%} of the cameras")
    if rollout["shadow"]:
        lines.append(f"  shadow     {rollout['shadow']}, {rollout['sample']:.1%} of the frames")
    if body["previous"]:
        lines.append(f"  previous   {body['previous']}")
    lines += [f"  fault      {fault}" for fault in body["faults"]]
    return [*lines, "", *_table(body["replicas"]), *_behind(body)]


def _behind(body: Mapping[str, Any]) -> list[str]:
    """A change takes a process seconds, as it may have to load a version: what the table says is of before."""
    if all(replica.get("revision") == body["revision"] for replica in body["replicas"]):
        return []
    return ["", f"Not every process is at revision {body['revision']} yet: ask again in some seconds"]


def _table(replicas: list[dict[str, Any]]) -> list[str]:
    if not replicas:
        return ["no process serves it now"]
    rows = [("PROCESS", "REVISION", "STABLE", "CANDIDATE", "SHADOW", "PROBLEMS")]
    for replica in replicas:
        candidate = f"{replica['candidate']} ({replica['share']:.0%})" if replica.get("candidate") else "-"
        cells = (replica.get("revision", "?"), replica.get("stable", "?"), candidate, replica.get("shadow") or "-")
        rows.append((replica["name"], *map(str, cells), "; ".join(replica.get("problems", ())) or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
