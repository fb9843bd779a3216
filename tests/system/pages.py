"""A page of the documentation, followed as a reader would: what it says to type or to write is typed and written.

Its fenced blocks say by their first line what they are:

- `sh`: typed, and over with status 0.
- `sh stays`: typed in another terminal, where it stays until the page's end; Ctrl-C ends it with status 0. What is
  `vedette up` is waited for until all its processes are at work.
- `sh shows`: typed; when it has printed what the next block says, Ctrl-C.
- `sh elsewhere`: what can't be typed here.
- `text says`: what the block before prints.
- `yaml site.yaml`, and any other language with a name: a file.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until

AT_WORK = "all processes are at work"
_STEP_S = 600.0
_BLOCK = re.compile(r"^```([^\n]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    word: str
    """What stands behind the language."""
    text: str


def blocks(page: Path, instead: Mapping[str, str]) -> list[Block]:
    """Those of `page`, with what a reader has to put in place of the page's examples; each must be there."""
    text = page.read_text()
    for example, real in instead.items():
        assert example in text, f"{page.name} does not say {example!r}"
        text = text.replace(example, real)
    found = [(head.partition(" "), body) for head, body in _BLOCK.findall(text)]
    return [Block(language, word, body) for (language, _, word), body in found]


class Reader:
    """Follows pages in one folder with one environment."""

    def __init__(self, folder: Path, outputs: Path, environ: Mapping[str, str], preamble: str = "") -> None:
        """`outputs`: where what commands print is kept; `preamble`: what is typed in every terminal first."""
        self._folder = folder
        self._kept_in = outputs
        self._environ = environ
        self._preamble = preamble
        self._stays: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._said = Path()
        self._shows: subprocess.Popen[bytes] | None = None
        self._outputs = 0

    async def follow(self, block: Block) -> None:
        """One step."""
        if block.language == "sh":
            await self._type(block)
        elif block.word == "says":
            await self._expect(block.text.strip())
        elif block.word:
            (self._folder / block.word).write_text(block.text)

    async def end(self) -> None:
        """Ctrl-C to all that stays."""
        for process, output in reversed(self._stays):
            await self._interrupt(process, output)
        self._stays.clear()

    async def _type(self, block: Block) -> None:
        assert self._shows is None, "what shows something has to be followed by what it says"
        if block.word == "elsewhere":
            return
        process, self._said = self._begin(block.text)
        if block.word == "stays":
            self._stays.append((process, self._said))
            await self._until_said(process, AT_WORK)
        elif block.word == "shows":
            self._shows = process
        else:
            assert block.word == "", f"unknown: sh {block.word}"
            await until(lambda: process.poll() is not None, lambda: f"{block.text}{self._text()}", _STEP_S)
            assert process.returncode == 0, f"{block.text}{self._text()}"

    async def _expect(self, text: str) -> None:
        if self._shows is None:
            assert text in self._text(), self._text()
            return
        await self._until_said(self._shows, text)
        self._shows.send_signal(signal.SIGINT)
        await until(lambda: self._shows is not None and self._shows.poll() is not None, self._text)
        self._shows = None

    async def _interrupt(self, process: subprocess.Popen[bytes], output: Path) -> None:
        process.send_signal(signal.SIGINT)
        await until(lambda: process.poll() is not None, output.read_text)
        assert process.returncode == 0, output.read_text()
        assert "Traceback" not in output.read_text(), output.read_text()

    async def _until_said(self, process: subprocess.Popen[bytes], text: str) -> None:
        await until(lambda: text in self._text() or process.poll() is not None, lambda: f"{text}: {self._text()}", 120)
        assert text in self._text(), self._text()

    def _begin(self, script: str) -> tuple[subprocess.Popen[bytes], Path]:
        """What a single command is, the shell becomes: it gets the Ctrl-C."""
        self._outputs += 1
        output = self._kept_in / f"{self._outputs}.txt"
        single = script.strip().count("\n") == 0 and not re.search(r"[|;&<>]", script)
        with output.open("wb") as written:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", f"{self._preamble}\n{'exec ' if single else ''}{script}"],
                cwd=self._folder,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                preexec_fn=_alone,
            )
        return process, output

    def _text(self) -> str:
        return self._said.read_text(errors="replace")


def _alone() -> None:
    """Not to be ended by the Ctrl-C that ends the tests."""
    os.setpgid(0, 0)
