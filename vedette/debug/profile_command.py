"""`vedette profile PROCESS`: a flame graph of a running process."""

import argparse
import asyncio
import re
import sys
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from vedette.commands.command_line import read_config
from vedette.config.config import Config
from vedette.debug.asking import ask
from vedette.debug.recording import ENDINGS, FASTEST_HZ, LONGEST_S, Wanted, record
from vedette.debug.targets import NoSuchProcess, Target, given, named
from vedette.errors import ConfigError, VedetteError
from vedette.http.get import token_of
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process

_NOT_OF_A_FILE = re.compile(r"[^A-Za-z0-9._-]+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette profile`."""
    parser.add_argument("process", metavar="PROCESS", help="a name as in gateway, a process id, or http://host:port")
    parser.add_argument("config", metavar="CONFIG", type=Path, nargs="?", help="the site's file; needed for a name")
    parser.add_argument("--seconds", metavar="N", type=int, default=10, help=f"1 to {LONGEST_S}; default 10")
    parser.add_argument("--rate", metavar="HZ", type=int, default=100, help=f"samples a second, to {FASTEST_HZ}; 100")
    parser.add_argument("--format", choices=tuple(ENDINGS), default="flamegraph", help="default: flamegraph, an SVG")
    parser.add_argument("--output", metavar="FILE", type=Path, help="default: profile-PROCESS.svg")
    parser.add_argument("--idle", action="store_true", help="threads that wait too")
    parser.add_argument("--native", action="store_true", help="frames of C and C++ too")
    parser.add_argument("--no-children", action="store_true", help="without the processes that it has started")
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="whose text is the token of an admin")
    parser.add_argument("--ca", metavar="FILE", type=Path, help="PEM of the authority that an https URL is checked by")
    parser.epilog = (
        "Example: vedette profile gateway site.yaml\n"
        "         vedette profile inference-coco-detector-0 site.yaml --seconds 30\n"
        "         vedette profile http://10.0.0.5:8090 --token-file token\n\n"
        "py-spy is needed where the process runs (pip install 'vedette[profile]'); docs/profiling.md says what it may."
    )


def run(args: argparse.Namespace) -> int:
    """Write it; returns the exit status."""
    config = read_config(args.config) if args.config is not None else None

    async def body(stop: Stop) -> int:
        return await stop.unless_requested(_profile(args, config))

    return run_process(body, stopped=FAILED)


async def _profile(args: argparse.Namespace, config: Config | None) -> int:
    wanted = _wanted(args)
    target = given(args.process) or await _named(config, args.process)
    output = args.output or Path(f"profile-{_NOT_OF_A_FILE.sub('-', target.name)}.{ENDINGS[wanted.format]}")
    await asyncio.to_thread(_check_folder, output)
    if target.pid is not None:
        making = record(target.pid, wanted)
    else:
        token = await asyncio.to_thread(token_of, args.token_file)
        if token is None and config is not None:
            token = config.debug.token
        making = ask(target.url, wanted, token, args.ca)
    made = await _with_progress(making, target, wanted.seconds)
    try:
        await asyncio.to_thread(output.write_bytes, made)
    except OSError as error:
        raise ConfigError(f"--output: {output}: {error.strerror}") from None
    sys.stdout.write(f"{output}: {wanted.seconds} s of {target.name}{_opened_by(args.format)}\n")
    return DONE


def _wanted(args: argparse.Namespace) -> Wanted:
    children = not args.no_children
    try:
        return Wanted(args.seconds, args.rate, args.format, children=children, idle=args.idle, native=args.native)
    except ValueError as error:
        raise ConfigError(f"--{error}") from None


async def _named(config: Config | None, word: str) -> Target:
    if config is None:
        raise NoSuchProcess(
            f"{word} is a name, for which the site's CONFIG is needed: vedette profile {word} site.yaml"
        )
    try:
        return await named(config, word)
    except NoSuchProcess:
        raise
    except VedetteError as error:
        raise type(error)(f"{error}; a process id or http://host:port needs no bus") from None


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise ConfigError(f"--output: {output}: there is no such folder")


def _opened_by(format: str) -> str:  # noqa: A002
    return {"flamegraph": " (a browser shows it)", "speedscope": " (speedscope.app shows it)"}.get(format, "")


async def _with_progress(making: Coroutine[Any, Any, bytes], target: Target, seconds: int) -> bytes:
    """A bar on a terminal; else a line."""
    console = Console(stderr=True)
    if not console.is_terminal:
        sys.stderr.write(f"recording {target.name} for {seconds} s\n")
        return await making
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f} of {task.total} s")
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task(f"recording {target.name}", total=seconds)
        task, began_s = asyncio.create_task(making), monotonic()
        try:
            while not (await asyncio.wait((task,), timeout=0.2))[0]:
                bar.update(line, completed=min(seconds, monotonic() - began_s))
            return task.result()
        finally:
            task.cancel()
