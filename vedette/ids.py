"""Ids of sites, cameras, pipelines and models: one token of a NATS subject each."""

import re
import socket
from typing import Annotated

from pydantic import StringConstraints

ID_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"
Id = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]


def is_id(text: str) -> bool:
    """Whether `text` can name a site, a camera, a pipeline or a model."""
    return re.fullmatch(ID_PATTERN, text) is not None


def as_id(text: str) -> str:
    """The id nearest to `text`: lower case, other characters as `-`; `site` where nothing is left."""
    fitted = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).lstrip("-_")[:63].rstrip("-")
    return fitted or "site"


def default_site() -> str:
    """The host's name made to fit."""
    return as_id(socket.gethostname())
