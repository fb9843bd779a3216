"""The latest warnings of a process, for a view that has the terminal to itself."""

import logging
from collections import deque

from vedette.process.logs import RepeatFilter, TextFormatter


class Notices(logging.Handler):
    """Keeps the first line of the latest records from WARNING on."""

    def __init__(self, keep: int = 4) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[str] = deque(maxlen=keep)
        self.setFormatter(TextFormatter())
        self.addFilter(RepeatFilter())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(self.format(record).partition("\n")[0])
