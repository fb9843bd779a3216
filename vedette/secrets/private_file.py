"""Files with secrets in them: nobody but their owner may read them, at no moment."""

import os
import secrets
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Put `text` in the place of what is there, at once: a reader sees the old one or the new one.

    Raises:
        OSError
    """
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
