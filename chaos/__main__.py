"""`python -m chaos [soak]`: see docs/chaos.md. Exit status: 0 nothing is wrong, 1 something is, 2 wrong use."""

import argparse
import asyncio
import fnmatch
import logging
import signal
import sys
from collections.abc import Coroutine
from time import monotonic
from typing import Any

from chaos.campaign import Terms, campaign
from chaos.faults import FAULTS, SHORT
from chaos.report import result, table
from chaos.soak import soak

_SHORT_MINUTES, _SHORT_PATIENCE = 60.0, 5.0
"""A slow machine needs long, and leaves nothing out."""


def main() -> int:
    logging.basicConfig(level=logging.ERROR)
    options = _parser().parse_args()
    begun_s = monotonic()

    def say(text: str) -> None:
        print(f"{monotonic() - begun_s:6.0f} s  {text}", flush=True)

    names = options.only.split(",") if options.only else list(SHORT) if options.short else []
    known = {fault.name for fault in FAULTS}
    if unknown := [name for name in names if not fnmatch.filter(known, name)]:
        sys.stderr.write(f"no such fault: {', '.join(unknown)} (known: {', '.join(sorted(known))})\n")
        return 2
    if options.minutes <= 0:
        sys.stderr.write("--minutes must be above 0\n")
        return 2
    if options.what == "soak":
        return _run(soak(options.minutes, options.seed, not options.dry, say))
    chosen = [fault for fault in FAULTS if not names or any(fnmatch.fnmatch(fault.name, name) for name in names)]

    patient = Terms(minutes=_SHORT_MINUTES, seed=options.seed, keep=options.keep, patience=_SHORT_PATIENCE)
    terms = patient if options.short else Terms(options.minutes, options.seed, options.keep)

    async def body() -> int:
        outcome = await campaign(chosen, terms, say)
        print("\n" + table(outcome))
        if not (options.dry or options.short):
            result(outcome, options.minutes, options.seed).save()
        return 0 if outcome.passed else 1

    return _run(body())


def _run(body: Coroutine[Any, Any, int]) -> int:
    """Ctrl-C and SIGTERM end it, and no process is left."""

    async def interruptible() -> int:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await body

    try:
        return asyncio.run(interruptible())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("interrupted\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("faults", "soak"), default="faults", help="default: faults")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long; what does not fit is left out and named")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is left to chance; default 1")
    parser.add_argument("--only", metavar="NAME,…", help="faults of these names; kill-* are all that begin so")
    parser.add_argument("--short", action="store_true", help=f"{', '.join(SHORT)}; as long as it takes, no results")
    parser.add_argument("--keep", action="store_true", help="keep logs and stores, whatever comes out")
    parser.add_argument("--dry", action="store_true", help="write no results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
