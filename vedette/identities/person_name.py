"""When two spellings are one person."""

import unicodedata


def folded(name: str) -> str:
    """What all spellings of a name have in common: capitals, space around it and variants of characters don't count."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()
