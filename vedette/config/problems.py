"""What is wrong with a configuration, said so that its author can mend it. Values may be secret: none is quoted."""

import difflib
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from vedette.config.config import Config
from vedette.config.pipeline_settings import IDENTITIES, MOST_STAGES, IdentitiesStage, Pipeline
from vedette.config.sinks_settings import MQTT, Mqtt

KeyPath = tuple[str | int, ...]

_PLAIN = {
    "missing": "is missing",
    "string_type": "must be text (put it in quotes)",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}
_NOT_IN_THIS_VERSION: dict[type[BaseModel], tuple[str, ...]] = {Pipeline: ("delivery",)}
"""Keys that the architecture has and this version hasn't."""
_SECOND_KINDS: dict[str, type[BaseModel]] = {IDENTITIES: IdentitiesStage, MQTT: Mqtt}
"""Of two that may stand at the same place, the one that is not the first."""
ID_RULE = "must be an id: lower case letters, digits, - and _, 63 at most, beginning with a letter or digit"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    key: KeyPath
    text: str

    def __str__(self) -> str:
        return f"{dotted(self.key)}: {self.text}" if self.key else self.text


def dotted(key: KeyPath) -> str:
    """A key as a person writes it: `cameras.gate.privacy[0]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def explain(error: ValidationError, data: Any) -> list[Problem]:
    """All that pydantic found, in plain words; not what only follows from a problem further down."""
    problems = {
        _key_in(data, tuple(item["loc"])): item for item in error.errors(include_input=False, include_url=False)
    }
    above = {key[:length] for key in problems for length in range(len(key))}
    return [Problem(key, _words(key, item)) for key, item in problems.items() if key not in above]


def _key_in(data: Any, loc: KeyPath) -> KeyPath:
    """`loc` without what pydantic adds to it (branches of unions, `[key]`)."""
    key: list[str | int] = []
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if isinstance(data, dict) and (part in data or last):
            key.append(part)
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int):
            key.append(part)
            data = data[part] if part < len(data) else None
    return tuple(key) if not key or key[-1] != "[key]" else tuple(key[:-1])


def _words(key: KeyPath, item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(key, next((found for kind, found in _SECOND_KINDS.items() if kind in item["loc"]), None))
    if kind == "string_pattern_mismatch" and "{0,62}$" in context["pattern"]:
        return ID_RULE
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind == "too_long" and key[-1] == "stages":
        return f"has more than {MOST_STAGES} stages"
    if kind == "value_error":
        return str(context["error"])
    return _PLAIN.get(kind) or _lower_first(item["msg"].replace("Input should", "must").replace("Tuple", "the list"))


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _unknown(key: KeyPath, found: type[BaseModel] | None = None) -> str:
    kind = found or _settings_at(key[:-1])
    if kind is not None and key[-1] in _NOT_IN_THIS_VERSION.get(kind, ()):
        return "is not in this version"
    known = [field.alias or name for name, field in kind.model_fields.items()] if kind is not None else []
    near = difflib.get_close_matches(str(key[-1]), known, n=1)
    return f"unknown key{f', did you mean {near[0]}?' if near else ''} (known: {', '.join(known)})"


def _settings_at(key: KeyPath) -> type[BaseModel] | None:
    """The settings class that stands at `key`."""
    kind: type[BaseModel] | None = Config
    parts = iter(key)
    for part in parts:
        if kind is None or part not in kind.model_fields:
            return None
        annotation = kind.model_fields[str(part)].annotation
        kind = _settings_in(annotation)
        if kind is not None and get_origin(annotation) in (dict, tuple):
            next(parts, None)  # a name or a place in a list, which may be called like a key
    return kind


def _settings_in(annotation: Any) -> Any:
    """The settings class inside `dict[Id, Camera]`, `Nats | None`, `tuple[Stage, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _settings_in(part)) is not None), None)
