"""What `docs/troubleshooting.md` quotes is said by the product, word for word."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "troubleshooting.md"
NO_MESSAGES = re.compile(r"[/a-z_]+|/[a-z]+|[a-z_]+=|vedette [a-z ]+|vedette\.events\.|vedette_.*")


def quoted() -> list[str]:
    """Code spans of the first column that are texts: they have a space."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    return [span for span in spans if " " in span and not NO_MESSAGES.fullmatch(span)]


def said() -> str:
    """All sources in one, with the joints of texts over several lines taken out."""
    files = [
        file for package in ("vedette", "gateway", "inference", "events") for file in (ROOT / package).rglob("*.py")
    ]
    text = "\n".join(file.read_text("utf-8") for file in files)
    return re.sub(r"\"\s*\n\s*f?\"", "", text).replace("\\\\", "\\")


def test_every_message_on_the_page_is_one_of_the_products() -> None:
    spans, text = quoted(), said()
    assert len(spans) > 30
    parts = {part.strip() for span in spans for part in span.split("…")}
    missing = {part for part in parts if len(part) > 3 and part not in text}
    assert not missing
