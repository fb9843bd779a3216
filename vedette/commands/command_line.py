"""What the commands have in common: the configuration argument, and how they log."""

import argparse
import importlib
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.config.lines import line_of
from vedette.config.listen_settings import Address
from vedette.config.problems import Problem
from vedette.errors import ConfigError
from vedette.process.logs import set_up_logging
from vedette.process.shell import MISUSED


def add_config(parser: argparse.ArgumentParser) -> None:
    """The argument CONFIG."""
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the YAML file, as in configs/demo.yaml")


def add_logging(parser: argparse.ArgumentParser) -> None:
    """The options of a process that logs."""
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--verbose", action="store_true", help="log what is of use only when something is wrong")


def add_watch(parser: argparse.ArgumentParser) -> None:
    """The option of a process that takes edits of its configuration."""
    parser.add_argument("--watch", action="store_true", help="register the cameras anew when CONFIG is edited")


def logging_options(args: argparse.Namespace) -> list[str]:
    """The same options, for a process that this one starts."""
    return ["--log-format", args.log_format, *(["--verbose"] if args.verbose else [])]


def begin_logging(args: argparse.Namespace) -> None:
    """Log as the options say."""
    set_up_logging(args.log_format == "json", logging.DEBUG if args.verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def address(text: str) -> Address:
    """An argument `host:port`."""
    try:
        return Address.model_validate(text)
    except ValueError:
        raise argparse.ArgumentTypeError("must be host:port, as in 127.0.0.1:8080") from None


def read_config(path: Path) -> Config:
    """The configuration; if it is wrong, say why on stderr and leave with status 2."""
    try:
        return load_config(path)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(MISUSED)


def found_by(checks: Iterable[str], config: Config) -> list[Problem]:
    """What the services' own checks (`CHECKS` of the command line) say against a configuration."""
    return [problem for name in checks for problem in importlib.import_module(name).problems(config)]


def refuse(path: Path, problems: Iterable[Problem]) -> None:
    """Say on stderr what is wrong, with file, line and key, and leave with status 2; if nothing is, return."""
    lines = [f"{path}:{line_of(path, problem.key)}: {problem}\n" for problem in problems]
    if lines:
        sys.stderr.write("".join(lines))
        sys.exit(MISUSED)
