"""`vedette audit CONFIG`: who changed what at a site, the oldest first."""

import argparse
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from pydantic import ValidationError

from vedette.audit.message import AuditEvent
from vedette.bus.access import bus_access
from vedette.bus.connection import Bus, describe
from vedette.commands.command_line import add_config, add_logging, begin_logging, read_config
from vedette.errors import BusUnavailable
from vedette.messages import rfc3339
from vedette.process.shell import DONE, FAILED, Stop
from vedette.process.shell import run as run_process
from vedette.streams import AUDIT
from vedette.subjects import audit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette audit`."""
    add_config(parser)
    parser.add_argument("--last", metavar="N", type=int, default=100, help="about the last N entries. Default 100")
    parser.add_argument("--json", action="store_true", help="one CloudEvent a line")
    add_logging(parser)
    parser.epilog = "Example: vedette audit site.yaml --last 20"


def run(args: argparse.Namespace) -> int:
    """Print the entries; returns the exit status."""
    begin_logging(args)
    config = read_config(args.config)

    async def body(stop: Stop) -> int:
        async with bus_access(config, "audit") as bus, aclosing(entries(bus, config.site, args.last)) as found:
            async for event in found:
                sys.stdout.write((event.model_dump_json(exclude_none=True) if args.json else _line(event)) + "\n")
                if stop.requested:
                    return FAILED
        return DONE

    return run_process(body, stopped=FAILED)


async def entries(bus: Bus, site: str, last: int) -> AsyncGenerator[AuditEvent, None]:
    """Those of a site among the `last` of the bus.

    Raises:
        BusUnavailable: the server doesn't answer.
    """
    try:
        state = (await bus.jetstream.stream_info(AUDIT)).state
        sequence = max(1, state.last_seq - max(0, last) + 1)
        while sequence <= state.last_seq:
            message = await bus.jetstream.get_msg(AUDIT, seq=sequence, subject=audit(site), next=True)
            try:
                yield AuditEvent.model_validate_json(message.data or b"")
            except ValidationError:
                sys.stderr.write(f"vedette: entry {message.seq} is of a version that this one does not know\n")
            sequence = (message.seq or state.last_seq) + 1
    except NotFoundError:
        return
    except (NatsError, TimeoutError) as error:
        raise BusUnavailable(f"{AUDIT}: {describe(error)}") from error


def _line(event: AuditEvent) -> str:
    said = event.data
    who = said.actor + (f" ({said.role})" if said.role else "") + (f" at {said.address}" if said.address else "")
    what = " ".join([said.action, *([said.target] if said.target else [])])
    keys = f" [{', '.join(said.keys)}]" if said.keys else ""
    return f"{rfc3339(event.time)} {who}: {what}{keys}: {said.outcome}{f' {said.status}' if said.status else ''}"
