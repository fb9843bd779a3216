"""Classes whose attributes' docstrings are the descriptions in their JSON Schemas.

The source is read when a schema is made. Pydantic's own `use_attribute_docstrings` reads it whenever a class is
defined: of each process's start it took a quarter of a second, for texts that only schemas show. Validators, too, are
built when they are first used: most processes use few of the messages.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Documented(BaseModel):
    """What settings and messages have in common."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in _descriptions(cls).items():
            field = cls.model_fields.get(name)
            if field is not None and field.description is None:
                properties[field.alias or name]["description"] = text
        return schema


@cache
def _descriptions(kind: type[BaseModel]) -> dict[str, str]:
    """Attributes of the class and those that it is derived from, with their docstrings."""
    found: dict[str, str] = {}
    for origin in reversed(kind.__mro__):
        if origin is not Documented and issubclass(origin, Documented) and "[" not in origin.__name__:
            own = inspect.get_annotations(origin)
            found = {name: text for name, text in found.items() if name not in own} | dict(_docstrings(origin))
    return found


def _docstrings(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The strings behind the attributes in the source of the class."""
    (definition,) = ast.parse(dedent(inspect.getsource(kind))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for attribute, text in pairwise(body):
        if (
            isinstance(attribute, ast.AnnAssign)
            and isinstance(attribute.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            yield attribute.target.id, inspect.cleandoc(text.value.value)
