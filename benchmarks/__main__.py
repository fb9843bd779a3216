"""`python -m benchmarks [NAME …] [--quick]`: run them, print them, keep them in `benchmarks/results/`."""

import argparse
import importlib
import sys

NAMES = (
    "footprint",
    "pipeline",
    "ingest",
    "loop_filter",
    "overload",
    "adaptive",
    "latency",
    "memory",
    "reload",
    "camera_memory",
    "activity",
    "idle_fleet",
    "gate",
    "webrtc",
    "guard",
    "fuzz_decoders",
    "versions",
    "serving",
    "tracking",
    "crops",
    "events_latency",
    "takeover",
    "handover",
    "snapshots",
    "scrape",
    "tracing",
    "cut_link",
    "scale",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="short, for a look; nothing is kept")
    parser.add_argument("--only", metavar="SERVER,…", help="of serving: which servers; nothing is kept")
    args = parser.parse_args()
    unknown = set(args.names) - set(NAMES)
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))} (known: {', '.join(NAMES)})")
    for name in args.names or NAMES:
        options = {"only": args.only.split(",")} if args.only and name == "serving" else {}
        result = importlib.import_module(f"benchmarks.{name}").run(args.quick, **options)
        print(result.text(), flush=True)
        if not args.quick and not options:
            result.save()


if __name__ == "__main__":
    main()
