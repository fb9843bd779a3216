"""`python -m vedette.asyncapi [--check]`: writes `docs/asyncapi/vedette.json`."""

import argparse
import sys
from pathlib import Path

from vedette.asyncapi.document import text

FILE = Path(__file__).resolve().parents[2] / "docs" / "asyncapi" / "vedette.json"


def main(arguments: list[str] | None = None, file: Path = FILE) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m vedette.asyncapi", description="The AsyncAPI document.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file is stale")
    if not parser.parse_args(arguments).check:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text(), encoding="utf-8")
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == text():
        return 0
    sys.stderr.write(f"{file} is stale: run python -m vedette.asyncapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
