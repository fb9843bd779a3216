"""What a client accepts: JSON at once or line by line, of which version of the model. RFC 9110, 12.5.1.

application/json, application/*, */*               JSON, of the stable version
application/x-ndjson                               a line for each picture, as they are ready
application/vnd.vedette.vision.v2.1+json           JSON, of the newest 2.1.x that is loaded
application/vnd.vedette.vision.v2.1.0+x-ndjson     lines, of 2.1.0
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

Form = Literal["json", "x-ndjson"]
Numbers = tuple[int, ...]

_VERSIONED = re.compile(r"application/vnd\.vedette\.vision\.v(\d{1,6}(?:\.\d{1,6}){0,2})\+(json|x-ndjson)")
_PLAIN: dict[str, Form] = {
    "*/*": "json",
    "application/*": "json",
    "application/json": "json",
    "application/x-ndjson": "x-ndjson",
}
_MOST_CHARACTERS = 2000


class Wanted(NamedTuple):
    """One form that would do."""

    form: Form
    version: Numbers | None
    """One to three numbers; None: the stable one."""


@lru_cache(64)
def wanted(accept: str) -> tuple[Wanted, ...]:
    """What would do, the best first; empty: nothing that is made here. Nothing asked for: JSON."""
    if not accept.strip():
        return (Wanted("json", None),)
    ranges = [_range(text) for text in accept[:_MOST_CHARACTERS].split(",")]
    ordered = sorted((entry for entry in ranges if entry[0] > 0), key=lambda entry: -entry[0])
    return tuple(found for _, name in ordered if (found := _known(name)) is not None)


def newest(numbers: Numbers, versions: Iterable[str]) -> str | None:
    """The newest of `versions` that begins with `numbers`."""
    fitting = {
        parts: version
        for version in versions
        if (parts := tuple(int(part) for part in version.split(".")))[: len(numbers)] == numbers
    }
    return fitting[max(fitting)] if fitting else None


def media_type(form: Form, version: str | None) -> str:
    """Of an answer; `version` where the client asked for one by media type."""
    return f"application/{form}" if version is None else f"application/vnd.vedette.vision.v{version}+{form}"


def _range(text: str) -> tuple[float, str]:
    """Quality and name, small letters."""
    name, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return float(quality), name
    except ValueError:
        return 0.0, name


def _known(name: str) -> Wanted | None:
    if name in _PLAIN:
        return Wanted(_PLAIN[name], None)
    if (match := _VERSIONED.fullmatch(name)) is None:
        return None
    return Wanted("json" if match[2] == "json" else "x-ndjson", tuple(int(part) for part in match[1].split(".")))
