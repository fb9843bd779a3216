"""Reads the configuration file: YAML 1.2 → `${…}` put in → `Config`, with file, line and key in every error.

`${NAME}` takes an environment variable, `${file:/path}` a file's text without its last line break. They are put
into parsed scalars, never into the text of the file; in the user part of a URL they are percent-encoded.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vedette.config.camera_settings import Camera
from vedette.config.checks import contradictions
from vedette.config.config import Config
from vedette.config.problems import KeyPath, Problem, explain
from vedette.config.sinks_settings import Sink
from vedette.config.tls_settings import ClientTls, ServerTls
from vedette.errors import ConfigError
from vedette.secrets.secret import SecretUrl

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_USER_PART = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*(?=@)", re.IGNORECASE)
_MAX_NODES = 100_000
_MAX_BYTES = 2 * 2**20
_QUOTED_VALUE = re.compile(r"'(?!<)[^']{2,}'|\"[^\"]{2,}\"")
_WORDS: dict[str, object] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,30})")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*|(?=[eE])))([eE][-+]?[0-9]+)?")


def load_config(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check `path`; files that it names are made absolute against its folder.

    Raises:
        ConfigError: with a line a problem: `file:line: key: what is wrong and what would be right`.
    """
    reader = _Reader(environ)
    try:
        data = reader.read(_compose(path, _text(path)))
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply (an alias that contains itself, perhaps)") from None
    except _TooManyValues:
        raise ConfigError(f"{path}: has over {_MAX_NODES} values (aliases of aliases, perhaps)") from None
    problems = reader.problems
    config: Config | None = None
    if not problems:
        try:
            config = Config.model_validate(data)
            problems = contradictions(config)
        except ValidationError as error:
            problems = explain(error, data)
    if problems or config is None:
        raise ConfigError("\n".join(f"{path}:{reader.line(problem.key)}: {problem}" for problem in problems))
    return _with_absolute_paths(config, path.resolve().parent)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(f"{path}: is over {_MAX_BYTES >> 20} MiB: no configuration file")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None


def _compose(path: Path, text: str) -> Node | None:
    yaml = YAML(pure=True)
    yaml.version = "1.2"
    try:
        node: Node | None = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = _without_values(error.problem or error.context or "is no YAML")
        raise ConfigError(f"{path}:{line}: {problem}{_hint(text, line)}") from None
    except YAMLError:
        raise ConfigError(f"{path}: is no YAML text (it has control characters)") from None
    return node


def _without_values(problem: str) -> str:
    """What the parser found wrong, without names it quotes: a password that begins with `*` or `!` would be one."""
    return _QUOTED_VALUE.sub("'…'", problem)


def _hint(text: str, line: int) -> str:
    around = "\n".join(text.splitlines()[max(0, line - 2) : line])
    return '; ${…} inside braces or brackets must be quoted: "${NAME}"' if "${" in around else ""


class _TooManyValues(Exception):
    pass


class _Reader:
    """Turns YAML nodes into plain data, remembers the line of every key, and collects problems."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lines: dict[KeyPath, int] = {(): 1}
        self._nodes = 0
        self.problems: list[Problem] = []

    def read(self, node: Node | None, key: KeyPath = ()) -> Any:
        """`node` as dict, list or scalar."""
        if node is None:
            return {}
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _TooManyValues
        self._lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, key)
        if isinstance(node, SequenceNode):
            return [self.read(item, (*key, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, key) if isinstance(node, ScalarNode) else None

    def line(self, key: KeyPath) -> int:
        """The line of `key`, or of the nearest key above it that is in the file."""
        while key not in self._lines:
            key = key[:-1]
        return self._lines[key]

    def _mapping(self, node: MappingNode, key: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value) if isinstance(name_node, ScalarNode) else "?"
            path = (*key, name)
            if name in mapping:
                first = self._lines[path]
                self._lines[path] = name_node.start_mark.line + 1
                self.problems.append(Problem(path, f"is there twice; the first is in line {first}"))
            self._lines[path] = name_node.start_mark.line + 1
            mapping[name] = self.read(value_node, path)
        return mapping

    def _scalar(self, node: ScalarNode, key: KeyPath) -> Any:
        text: str = node.value
        if "${" in text:
            return self._fill_in(text, key)
        return text if node.style in ("'", '"', "|", ">") else _resolve(text)

    def _fill_in(self, text: str, key: KeyPath) -> str:
        user_end = _end_of_user_part(text)

        def replacement(match: re.Match[str]) -> str:
            value = self._look_up(match[1], key)
            return quote(value, safe="") if match.end() <= user_end else value

        if "${" in PLACEHOLDER.sub("", text):
            self.problems.append(Problem(key, "has a ${ without its }"))
        return PLACEHOLDER.sub(replacement, text)

    def _look_up(self, name: str, key: KeyPath) -> str:
        try:
            if name.startswith("file:"):
                return Path(name.removeprefix("file:")).read_text(encoding="utf-8").removesuffix("\n")
            return self._environ[name]
        except KeyError:
            self.problems.append(Problem(key, f"the environment variable {name} is not set"))
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is not UTF-8 text"
            self.problems.append(Problem(key, f"{name.removeprefix('file:')}: {reason}"))
        return ""


def _end_of_user_part(text: str) -> int:
    """Where the `@` of `scheme://user:password@host` stands in a URL with placeholders; -1 where there is none."""
    bare = PLACEHOLDER.sub(lambda match: "x" * len(match[0]), text)
    found = _USER_PART.match(bare)
    return found.end() if found else -1


def _resolve(text: str) -> object:
    """A plain scalar by the core schema of YAML 1.2 (section 10.3.2); numbers with leading zeros stay text."""
    lower = text.lower()
    if lower in _WORDS:
        return _WORDS[lower]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def _placed_sink(sink: Sink, absolute: Callable[[Path], Path]) -> Sink:
    if sink.tls.ca is None:
        return sink
    return sink.model_copy(update={"tls": sink.tls.model_copy(update={"ca": absolute(sink.tls.ca)})})


_Tls = TypeVar("_Tls", ServerTls, ClientTls)
_Section = TypeVar("_Section", bound=BaseModel)


def _placed_files(tls: _Tls | None, absolute: Callable[[Path], Path]) -> _Tls | None:
    return tls and tls.model_copy(update={key: absolute(path) for key, path in tls if path is not None})


def _placed_camera(camera: Camera, absolute: Callable[[Path], Path]) -> Camera:
    if camera.is_file:
        return camera.model_copy(update={"url": SecretUrl(str(absolute(camera.path)))})
    if camera.tls.ca is not None:
        return camera.model_copy(update={"tls": camera.tls.model_copy(update={"ca": absolute(camera.tls.ca)})})
    return camera


def _with_absolute_paths(config: Config, folder: Path) -> Config:
    def absolute(path: Path) -> Path:
        return Path(os.path.normpath(folder / path))  # symbolic links stay: a camera may be named after one

    def placed(section: _Section, *keys: str) -> _Section:
        """The section with its files `keys`, and those of its `tls`."""
        files = {key: absolute(path) for key in keys if (path := getattr(section, key)) is not None}
        tls = getattr(section, "tls", None)
        return section.model_copy(update=files | ({"tls": _placed_files(tls, absolute)} if tls else {}))

    models, simulator = config.models, config.simulator
    if models.bucket is None and models.url is None:
        models = placed(models, "path")
    if simulator is not None:
        simulator = simulator.model_copy(update={"videos": tuple(absolute(video) for video in simulator.videos)})
    changed = {
        "cameras": {name: _placed_camera(camera, absolute) for name, camera in config.cameras.items()},
        "models": models,
        "gateway": placed(config.gateway, "key_file"),
        "identities": placed(config.identities, "key_file"),
        "simulator": simulator,
        "serving": placed(config.serving),
        "events": placed(config.events),
        "nats": config.nats and placed(config.nats, "roles"),
        "uplink": config.uplink and placed(config.uplink, "password_file"),
        "hub": config.hub and placed(config.hub),
        "sinks": {name: _placed_sink(sink, absolute) for name, sink in config.sinks.items()},
    }
    said = config.model_fields_set  # what the file leaves out stays so
    return config.model_copy(update={key: value for key, value in changed.items() if key in said or key == "models"})
