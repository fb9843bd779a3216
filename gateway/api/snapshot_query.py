"""The query of a request for snapshots, and what is answered when it is wrong. Pure.

What is deleted can't be had back, so a word that is not known is an error, and so is no word at all.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from gateway.web.problem import HttpProblem
from vedette.snapshots.record import Query

MOST_AT_ONCE = 1000
_FILTERS = ("camera", "from", "to", "label", "person", "object")
_PAGING = ("limit", "begin")
_AT_ONCE = 100
_MOST_CHARACTERS = 255
_ONE_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
"""A camera or object is a word of a subject: no wildcard, and nothing that ends it."""


def read_query(given: Mapping[str, Sequence[str]], site: str, paged: bool = True) -> Query:
    """What a request asks for, by all values of each name; `paged`: it is a list, and may ask for everything.

    Raises:
        HttpProblem: 422.
    """
    errors = {name: "is given twice" for name, values in given.items() if len(values) > 1}
    words = {name: values[0] for name, values in given.items()}
    known = (*_FILTERS, *_PAGING) if paged else _FILTERS
    errors |= {name: f"is not known here (known: {', '.join(known)})" for name in words if name not in known}
    lengths = {name: len(words.get(name, "-")) for name in _FILTERS}
    errors |= {name: "is empty, or too long" for name, length in lengths.items() if not 0 < length <= _MOST_CHARACTERS}
    errors |= {name: "is no id" for name in ("camera", "object") if not _ONE_TOKEN.fullmatch(words.get(name, "-"))}
    since, before = (_moment(words, name, errors) for name in ("from", "to"))
    if not paged and not words:
        errors["camera"] = f"or another of {', '.join(_FILTERS)} has to say what is deleted"
    _refuse(errors)
    return Query(site, words.get("camera"), since, before, words.get("label"), words.get("person"), words.get("object"))


def read_paging(given: Mapping[str, Sequence[str]]) -> tuple[int, str | None]:
    """How many at once, and from where on, of a query that `read_query` has taken.

    Raises:
        HttpProblem: 422.
    """
    limit, begin = (given.get(name, [None])[0] for name in _PAGING)
    if limit is None:
        return _AT_ONCE, begin
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= MOST_AT_ONCE):
        _refuse({"limit": f"must be 1 to {MOST_AT_ONCE}"})
    return int(limit), begin


def _moment(words: Mapping[str, str], name: str, errors: dict[str, str]) -> dt.datetime | None:
    if name not in words:
        return None
    try:
        moment = dt.datetime.fromisoformat(words[name])
        if moment.tzinfo is None:
            raise ValueError("has no time zone")
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        errors[name] = "must be a time with its zone, as in 2026-11-22T08:00:00Z (a + is written %2B)"
        return None


def _refuse(errors: Mapping[str, str]) -> None:
    if errors:
        text = "; ".join(f"{name} {why}" for name, why in errors.items())
        raise HttpProblem(422, text, [{"key": name, "detail": why} for name, why in errors.items()])
