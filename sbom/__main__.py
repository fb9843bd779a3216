"""`cyclonedx-py environment .venv/bin/python | python -m sbom` writes `docs/sbom.json`: `make sbom`."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

from sbom.bill import bill, needed, text

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "sbom.json"


def main() -> None:
    """Read what the tool says on standard input, and write the bill."""
    content = bill(json.load(sys.stdin), needed(ROOT / "pyproject.toml"), ROOT / "models", version("vedette"))
    FILE.write_text(text(content), encoding="utf-8")


if __name__ == "__main__":
    main()
