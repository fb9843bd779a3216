"""Cards changed as they are written: comments, order and quotes stay."""

from io import BytesIO
from typing import Any

from ruamel.yaml import YAML

from inference.repository.card import ModelCard

_SHARED = tuple(key for key in ModelCard.model_fields if key not in ("versions", "rollout"))


def with_version(text: bytes, version: str, other: bytes) -> bytes:
    """A card, with a version as another card has it. Both are known to be cards."""
    document, source = _read(text), _read(other)
    document["versions"][version] = source["versions"][version]
    return _written(document)


def without_version(text: bytes, version: str) -> bytes:
    """A card without one of its versions."""
    document = _read(text)
    del document["versions"][version]
    return _written(document)


def of_version(text: bytes, version: str) -> bytes:
    """A card with one of its versions alone, and without its roll-out: that is the site's."""
    document = _read(text)
    document.pop("rollout", None)
    for other in [key for key in document["versions"] if key != version]:
        del document["versions"][other]
    return _written(document)


def differences(one: ModelCard, other: ModelCard) -> list[str]:
    """The keys that hold for all versions, and that differ."""
    return [key for key in _SHARED if getattr(one, key) != getattr(other, key)]


def _yaml() -> YAML:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _read(text: bytes) -> Any:
    return _yaml().load(text.decode())


def _written(document: Any) -> bytes:
    buffer = BytesIO()
    _yaml().dump(document, buffer)
    return buffer.getvalue()
