"""Text that must not be shown: camera URLs with passwords, credentials."""

from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler, SerializationInfo
from pydantic_core import CoreSchema, PydanticSerializationUnexpectedValue, core_schema
from typing_extensions import TypeAliasType

from vedette.secrets.redaction import redact_url

SHOWN_AS = "shown_as"
"""Key of a serialization's context: how a secret is written, `Callable[[SecretText], object]`. Without it: masked."""


class SecretText:
    """Text whose `str`, `repr`, format and JSON hide what is secret in it; `reveal()` gives it to who needs it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the library that connects with it."""
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_after_validator_function(cls, core_schema.str_schema(min_length=1))
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), text]),
            serialization=core_schema.plain_serializer_function_ser_schema(_shown, info_arg=True),
        )


def _shown(secret: object, info: SerializationInfo[Any]) -> object:
    if not isinstance(secret, SecretText):
        raise PydanticSerializationUnexpectedValue("no secret")  # in a union it is one of the others
    shown_as: Callable[[SecretText], object] = (info.context or {}).get(SHOWN_AS, str)
    return shown_as(secret)


class SecretUrl(SecretText):
    """A URL (or path) that is shown without its user, password and what may be one in its path and query."""

    __slots__ = ()

    def __str__(self) -> str:
        return redact_url(self.reveal())


class WebhookUrl(SecretUrl):
    """A URL of which only scheme and host are shown: whoever knows the path of a webhook may often use it."""

    __slots__ = ()

    def __str__(self) -> str:
        scheme, separator, rest = redact_url(self.reveal()).partition("://")
        host, slash, path = rest.partition("/")
        host, mark, _ = host.partition("?")
        return f"{scheme}{separator}{host}{'/***' if path or mark else slash}"


SecretTree = TypeAliasType(
    "SecretTree", "SecretText | bool | int | float | list[SecretTree] | dict[str, SecretTree] | None"
)
"""Settings of a library, of which we don't know which are secret: every text is."""


def revealed(tree: Any) -> Any:
    """A `SecretTree`, or a dictionary or list of them, with its texts as they are."""
    if isinstance(tree, SecretText):
        return tree.reveal()
    if isinstance(tree, dict):
        return {key: revealed(value) for key, value in tree.items()}
    return [revealed(value) for value in tree] if isinstance(tree, list) else tree
