"""The command line, and the only file that knows every service. Each command is a module, imported when it is used."""

import os
import signal
import sys
from typing import Any


def _leave(number: int, frame: Any) -> None:
    # Nothing has begun yet, and nothing is to be said: heavy imports may be under way. A service has done all it was
    # to do; what has a result of its own has failed to give it.
    with_results = (
        *("analyze", "apply", "cameras", "check", "identities"),
        *("models", "profile", "reseal", "roles", "sinks", "site"),
    )
    os._exit(int(sys.argv[1:2] in [[name] for name in with_results]))


# First of all: a Ctrl-C while the rest is imported must not print a traceback. `vedette.process.shell.run` takes over.
signal.signal(signal.SIGINT, _leave)
signal.signal(signal.SIGTERM, _leave)

import argparse  # noqa: E402
import importlib  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from importlib.metadata import version  # noqa: E402

COMMANDS = {
    "up": ("vedette.up.command", "run everything that a configuration needs on this machine"),
    "check": ("vedette.commands.check", "say whether a configuration is good, and what it resolves to"),
    "apply": ("vedette.commands.apply", "make the cameras of a running site what a configuration says"),
    "cameras": ("gateway.cameras_command", "list, add, change, remove and test cameras"),
    "models": ("inference.models_command", "add, list, verify, fetch and remove models, and roll out versions"),
    "identities": ("inference.identities_command", "enrol people, list, remove and export them"),
    "watch": ("vedette.watching.command", "print detections as they come"),
    "top": ("vedette.top.command", "show where the milliseconds go, in all processes of a site"),
    "analyze": ("gateway.recordings.analyze_command", "run a recording through the whole system"),
    "simulate": ("gateway.simulator.command", "serve videos as RTSP cameras"),
    "profile": ("vedette.debug.profile_command", "record a flame graph of a running process"),
    "gateway": ("gateway.command", "run a gateway: cameras to frames"),
    "inference": ("inference.command", "run an inference process: frames to detections"),
    "events": ("events.command", "run an events worker: detections to events"),
    "hub": ("vedette.site.hub_command", "gather what other sites detect, and say what of it is late or lost"),
    "site": ("vedette.site.site_command", "write the files of a new site; say how the hub stands to each"),
    "sinks": ("events.sinks_command", "say how far webhooks are, and what they would not take; send that again"),
    "reseal": ("vedette.commands.reseal", "seal all secrets in the KV buckets with the first key of their key files"),
    "audit": ("vedette.audit.command", "print the audit log: who changed what"),
    "roles": ("vedette.roles.command", "write the users of a nats-server, one a role, and new passwords for them"),
    "account": ("gateway.account_command", "make an account for the console and the API of gateways"),
    "token": ("inference.token_command", "make a token for clients of inference processes"),
}

CHECKS = ("inference.check",)
"""Modules whose `problems(config)` knows what is wrong with a configuration that `vedette` alone finds good."""

FOLLOWER = "events.follower"
"""The module whose `follow` says which object each of a recording's detections is: `analyze --annotate` draws it."""

_EPILOG = """\
Begin with:      vedette up configs/demo.yaml
See it happen:   vedette watch configs/demo.yaml
Each command explains itself: vedette COMMAND --help
Exit status: 0 done, 1 failed, 2 wrong use or configuration.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    if not words:
        parser.print_help()
        return 2
    name = next((word for word in words if not word.startswith("-")), None)
    if name in COMMANDS:  # only the one that is used is imported
        module = importlib.import_module(COMMANDS[name][0])
        module.add_arguments(parser.commands[name])
        parser.commands[name].set_defaults(checks=CHECKS, follower=FOLLOWER)
        parsed = parser.parse_args(words)
        return _status(module.run, parsed)
    parser.parse_args(words)
    return 2


def _status(run: Callable[[argparse.Namespace], int], parsed: argparse.Namespace) -> int:
    """What the command returns; where nobody reads its output any more (`vedette check … | head -1`), 1."""
    try:
        status = run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end goes nowhere
        return 1
    return status


class _Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of texts, and a line a command."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)
        self._action_max_length = 16  # argparse forgets that commands are indented more than options


class _Parser(argparse.ArgumentParser):
    """Keeps its subparsers by name."""

    commands: dict[str, argparse.ArgumentParser]


def _parser() -> _Parser:
    parser = _Parser(
        prog="vedette",
        description="Camera streams in, detection events out.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"vedette {version('vedette')}")
    choices = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    parser.commands = {
        name: choices.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=_Help,
        )
        for name, (_, summary) in COMMANDS.items()
    }
    return parser


if __name__ == "__main__":
    sys.exit(main())
