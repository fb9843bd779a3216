"""`vedette inference` with a model that breaks when the file CHAOS_MODEL says so: once, then the file is empty.

`crash`: the process dies of a segmentation fault in the session's thread. `hang`: a run never returns.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from inference.runtime.model_session import ModelSession
from inference.runtime.rows import Row
from vedette.__main__ import main

_RUN = ModelSession.run


def _broken(session: ModelSession, batch: Sequence[NDArray[Any]]) -> list[Row]:
    file = Path(os.environ["CHAOS_MODEL"])
    word = file.read_text()
    if word:
        file.write_text("")
    if word == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if word == "hang":
        threading.Event().wait()
    return _RUN(session, batch)


if __name__ == "__main__":
    setattr(ModelSession, "run", _broken)  # noqa: B010 -- a type checker is right to refuse it
    sys.exit(main())
