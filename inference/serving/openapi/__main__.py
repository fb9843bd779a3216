"""`python -m inference.serving.openapi [--check]`: writes `docs/openapi/inference.json`."""

import argparse
import sys
from pathlib import Path

from inference.serving.openapi.document import text

FILE = Path(__file__).resolve().parents[3] / "docs" / "openapi" / "inference.json"


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m inference.serving.openapi", description="The OpenAPI document.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the file is stale")
    if not parser.parse_args(arguments).check:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        FILE.write_text(text(), encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == text():
        return 0
    sys.stderr.write(f"{FILE} is stale: run python -m inference.serving.openapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
