"""`vedette sinks {list, dead, replay}`: how far the sinks are, what they would not take, and sending that again."""

import argparse
import json
import sys
from typing import Any

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from events.sinks.dead_letters import DeadLetter, dead_letters, number_of, remove
from events.sinks.receivers import receiver_of
from events.sinks.verdict import Outcome
from vedette.bus.access import bus_access
from vedette.bus.connection import Bus, describe
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.config.config import Config
from vedette.consumers import sink_name
from vedette.errors import BusUnavailable, ConfigError
from vedette.messages import rfc3339
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.streams import EVENTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette sinks`."""
    choices = parser.add_subparsers(title="subcommands", metavar="SUBCOMMAND", dest="subcommand", required=True)
    listing = choices.add_parser("list", help="say how many events wait for each sink, and how many are dead letters")
    dead = choices.add_parser("dead", help="print the dead letters of a sink, oldest first")
    replay = choices.add_parser("replay", help="send dead letters again, once; what is delivered is none any more")
    for subcommand in (listing, dead, replay):
        add_config(subcommand)
    for subcommand in (dead, replay):
        subcommand.add_argument("sink", metavar="SINK", help="its name in the configuration")
    for subcommand in (listing, dead):
        subcommand.add_argument("--json", action="store_true", help="one JSON object a line")
    replay.add_argument("--number", metavar="N", type=int, help="only this one, as `dead` says; default: all")
    for subcommand in (listing, dead, replay):
        add_logging(subcommand)
    parser.epilog = "Example: vedette sinks dead site.yaml alarm\n         vedette sinks replay site.yaml alarm"


def run(args: argparse.Namespace) -> int:
    """Run the subcommand; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        async with bus_access(config, "sinks") as bus:
            if args.subcommand == "list":
                return await stop.unless_requested(_list(bus, config, args.json))
            if args.sink not in config.sinks:
                known = ", ".join(config.sinks) or "none"
                raise ConfigError(f"{args.config}: there is no sink {args.sink} (sinks: {known})")
            if args.subcommand == "dead":
                return await stop.unless_requested(_dead(bus, config, args.sink, args.json))
            return await stop.unless_requested(_replay(bus, config, args.sink, args.number))

    return run_process(body, stopped=FAILED)


async def _list(bus: Bus, config: Config, as_json: bool) -> int:
    for name, sink in config.sinks.items():
        waiting, dead = await _waiting(bus, config.site, name), await number_of(bus, config.site, name)
        if as_json:
            _print(json.dumps({"name": name, "to": sink.to, "waiting": waiting, "dead": dead}))
        else:
            _print(f"{name}: {'no place yet' if waiting is None else f'{waiting} wait'}, {dead} dead → {sink.to}")
    if not config.sinks and not as_json:
        _print(f"no sinks at {config.site}")
    return DONE


async def _waiting(bus: Bus, site: str, name: str) -> int | None:
    """None: no events worker has run with this sink yet."""
    try:
        place = await bus.jetstream.consumer_info(EVENTS, sink_name(site, name))
    except NotFoundError:
        return None
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{EVENTS}: {describe(error)}") from error
    return (place.num_pending or 0) + (place.num_ack_pending or 0)


async def _dead(bus: Bus, config: Config, name: str, as_json: bool) -> int:
    async for letter in dead_letters(bus, config.site, name):
        _print(json.dumps(_as_data(letter)) if as_json else _line(letter))
    return DONE


async def _replay(bus: Bus, config: Config, name: str, number: int | None) -> int:
    """Stops at the first that the receiver did not answer for: the others would fare no better."""
    delivered = refused = 0
    async with receiver_of(config.sinks[name]) as receiver:
        async for letter in dead_letters(bus, config.site, name):
            if number not in (None, letter.sequence):
                continue
            verdict = await receiver.send(letter.event)
            if verdict.outcome is Outcome.DELIVERED:
                await remove(bus, letter)
                delivered += 1
                continue
            refused += 1
            sys.stderr.write(f"{letter.sequence} {letter.event.id}: {verdict.said}\n")
            if verdict.outcome is Outcome.FAILED:
                break
    _print(f"{delivered} delivered")
    return FAILED if refused or (number is not None and not delivered) else DONE


def _line(letter: DeadLetter) -> str:
    event, died_at = letter.event, rfc3339(letter.died_at)
    place = f"{event.lane.partition('.')[2]} {event.kind} {event.id}"
    return f"{letter.sequence} {died_at} {place}: {letter.reason} ({letter.last_error}; attempts: {letter.attempts})"


def _as_data(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.sequence,
        "died_at": rfc3339(letter.died_at),
        "reason": letter.reason,
        "attempts": letter.attempts,
        "last_error": letter.last_error,
        "stored_at": rfc3339(letter.event.stored_at),
        "event": json.loads(letter.event.payload),
    }


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
