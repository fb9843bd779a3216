"""The configuration file: what is wrong with it is said with file, line and key, and nothing secret is ever shown."""

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.errors import ConfigError

GOOD = """\
site: plant-1
cameras:
  gate:
    url: rtsp://operator:${GATE_PASSWORD}@10.0.0.5:554/stream1
    pipeline: people
    privacy: [[[0.8, 0.0], [1.0, 0.0], [1.0, 0.2]]]
  "07":
    url: video.mp4
    pipeline: [people]
    sampling: {keyframes: true}
pipelines:
  people:
    frame: {width: 640}
    stages:
      - {model: coco-detector@^1, labels: [person, car], confidence: 0.4}
"""
SECRET = "p@ss/w:rd?#%ü"
ENVIRON = {"GATE_PASSWORD": SECRET, "PIN": "07"}

Load = Callable[..., Config]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str | bytes, environ: dict[str, str] = ENVIRON) -> Config:
        file = tmp_path / "site.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(file, environ)

    return load


def message_of(load: Load, text: str | bytes, environ: dict[str, str] = ENVIRON) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, environ)
    return str(caught.value)


def test_a_good_file_becomes_a_configuration_with_absolute_paths(load: Load, tmp_path: Path) -> None:
    config = load(GOOD)
    assert config.cameras["gate"].pipeline == ("people",)
    assert config.cameras["07"].path == tmp_path / "video.mp4"
    assert config.models.path == tmp_path / "models"
    assert config.sampling_of("gate", "people").fps == 2
    assert config.sampling_of("07", "people").keyframes
    assert config.model_names() == ("coco-detector",)


def test_every_kind_of_source_is_taken(load: Load, tmp_path: Path) -> None:
    sources = {
        "rtsps://cam/x\n    tls: {ca: cam.pem}": "rtsps",
        "rtsp://cam/x\n    transport: http": "rtsp",
        "http://cam/video.mjpg": "http",
        "https://cam/live.m3u8\n    tls: {verify: false}": "https",
        "rtmp://cam/live/x": "rtmp",
        "rtmps://cam/live/x": "rtmps",
        "v4l2:///dev/video0": "v4l2",
        "/dev/video0": "",
    }
    for url, scheme in sources.items():
        camera = load(GOOD.replace("url: video.mp4", f"url: {url}")).cameras["07"]
        assert (camera.scheme, camera.is_file) == (scheme, False)
        assert camera.tls.ca == (tmp_path / "cam.pem" if "cam.pem" in url else None)
        assert camera.is_device == ("/dev/video0" in url)


def test_a_substream_is_a_url_or_a_url_with_its_view(load: Load) -> None:
    for substream in (
        "rtsp://u:${PIN}@cam/2",
        "{url: 'rtsp://u:${PIN}@cam/2', view: {offset: [0, 0.1], scale: [1, 0.8]}}",
    ):
        camera = load(GOOD.replace("url: video.mp4", f"url: rtsp://cam/1\n    substream: {substream}")).cameras["07"]
        assert camera.substream is not None
        assert camera.substream.url.reveal() == "rtsp://u:07@cam/2"
        assert "07@" not in repr(camera)
        assert camera.substream.view is None or camera.substream.view.scale == (1, 0.8)


def test_an_empty_file_is_a_configuration_of_defaults(load: Load) -> None:
    assert load("").cameras == {}
    assert load("# only a comment\n").pipelines == {}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "    pipeline: people",
            "    pipelin: people",
            ":5: cameras.gate.pipelin: unknown key, did you mean pipeline?",
        ),
        ("    pipeline: people", "    pipeline: peeple", "did you mean people? (defined: people)"),
        ("    pipeline: people\n", "", ":3: cameras.gate.pipeline: is missing"),
        ("frame: {width: 640}", "frame: {width: wide}", ":13: pipelines.people.frame.width: must be a whole number"),
        ("frame: {width: 640}", "frame: {width: 640.5}", "must be a whole number"),
        ("frame: {width: 640}", "frame: 640", ":13: pipelines.people.frame: must be a mapping (key: value)"),
        ("frame: {width: 640}", "frame: {width: 8}", "must be greater than or equal to 32"),
        (
            "confidence: 0.4",
            "confidence: 1.4",
            "pipelines.people.stages[0].confidence: must be less than or equal to 1",
        ),
        ("    pipeline: people", "    pipeline: 7", ":5: cameras.gate.pipeline: must be text (put it in quotes)"),
        ("site: plant-1", "site: 07.5", "site: must be an id"),
        ("site: plant-1", "site: Plant 1", ":1: site: must be an id: lower case letters"),
        ("site: plant-1", "site: 7", ":1: site: must be text (put it in quotes)"),
        ('"07":', "gate:", ":7: cameras.gate: is there twice; the first is in line 3"),
        ('"07":', "Über:", "must be an id"),
        ("sampling: {keyframes: true}", "sampling: {}", "needs one of both: fps, or keyframes: true"),
        ("sampling: {keyframes: true}", "sampling: {keyframes: on}", "must be true or false"),
        ("sampling: {keyframes: true}", "sampling: {keyframes: 1}", "must be true or false"),
        ("url: video.mp4", "url: ftp://10.0.0.5/x", "ftp:// is not a source"),
        ("url: video.mp4", "url: video.mp4\n    token: x", "cameras.07.token: is for url: whip"),
        ("url: video.mp4", "url: rtsp://u:pa ss@cam/x", ":8: cameras.07.url: has a space, or an @ after a / or ?"),
        ("url: video.mp4", "url: rtsp://u:12/34@cam/x", "percent-encode it (or use ${NAME}, which does)"),
        ("url: video.mp4", "url: rtsp://u:12?34@cam/x", ":8: cameras.07.url: has a space, or an @ after a / or ?"),
        (
            "url: video.mp4",
            "url: video.mp4\n    recovery: {webhook: http://u:12/34@cam/x}",
            "07.recovery.webhook: has a space, or an @",
        ),
        ("url: video.mp4", "url: video.mp4\n    recovery: {reboot: 'http:///x'}", "recovery.reboot: must be http://"),
        ("url: video.mp4", "url: rtsp://:554/x", "has no host, or a port that is no number"),
        ("url: video.mp4", "url: rtsp://cam:port/x", "has no host, or a port that is no number"),
        ("url: video.mp4", "url: rtsp://cam/x\n    loop: true", "loop: is for files"),
        (
            "url: video.mp4",
            "url: video.mp4\n    substream: rtsp://cam/2",
            "07.substream: is for cameras whose url is a",
        ),
        ("url: video.mp4", "url: rtsp://cam/1\n    substream: small.mp4", "07.substream: must be a network stream"),
        ("url: video.mp4", "url: rtsp://cam/1\n    substream: rtsp:///2", "substream.url: has no host"),
        ("url: video.mp4", "url: rtsp://cam/1\n    substream: rtsp://cam/1", "substream.url: is the same as url"),
        ("url: video.mp4", "url: rtsp://cam/1\n    substream: {view: 1}", "07.substream.url: is missing"),
        (
            "url: video.mp4",
            "url: rtsp://cam/1\n    substream: {url: rtsp://cam/2, view: {offset: [0.5, 1], scale: [1, 1]}}",
            "07.substream.view: lies outside of the main stream's picture",
        ),
        (
            "url: video.mp4",
            "url: rtsp://cam/1\n    substream: {url: rtsp://cam/2, view: {offset: [0, 0], scale: [1, 0]}}",
            "07.substream.view.scale[1]: must be greater than or equal to 0.05",
        ),
        ("pipeline: [people]", "pipeline: [people, people]", "names a pipeline twice"),
        (
            "pipeline: [people]",
            "transport: carrier-pigeon\n    pipeline: people",
            "must be 'auto', 'tcp', 'udp' or 'http'",
        ),
        ("url: video.mp4", "url: srt://10.0.0.5:9000", ":8: cameras.07.url: srt:// is not possible, since the FFmpeg"),
        ("url: video.mp4", "url: v4l2:///dev/null", "cameras.07.url: must be v4l2:///dev/video and a number"),
        ("url: video.mp4", "url: /dev/video0\n    loop: true", "loop: is for files"),
        (
            "url: video.mp4",
            "url: http://cam/x\n    transport: tcp",
            ":9: cameras.07.transport: is for rtsp:// and rtsps",
        ),
        (
            "url: video.mp4",
            "url: rtsps://cam/x\n    transport: udp",
            "udp is not encrypted; rtsps:// needs tcp or http",
        ),
        ("url: video.mp4", "url: rtsps://cam/x\n    transport: http", "http of rtsps:// has two connections"),
        ("url: video.mp4", "url: https://cam/live.m3u8", "is HLS over HTTPS; FFmpeg checks the certificate of the"),
        ("url: video.mp4", "url: rtsp://cam/x\n    tls: {verify: false}", "cameras.07.tls: is for rtsps://, https://"),
        ("url: video.mp4", "url: rtsps://cam/x\n    tls: {verify: false, ca: a.pem}", "tls.ca: is never looked at"),
        ("    privacy: [[[0.8, 0.0], ", "    privacy: [[", "privacy[0]"),
        ("site: plant-1", "site: plant-1\nlisten: {nats: 4222}", "listen.nats: must be a mapping"),
        ("site: plant-1", 'site: plant-1\nlisten: {nats: "4222"}', "must be host:port, as in 127.0.0.1:8080"),
        ("site: plant-1", "site: plant-1\nlisten: {nats: localhost:²}", "must be host:port, as in 127.0.0.1:8080"),
        ("site: plant-1", "site: plant-1\nnats: {url: 127.0.0.1}", "nats.url: must be nats://host:port"),
        ("site: plant-1", 'site: plant-1\nnats: {url: "nats://u:p/w@hub"}', "nats.url: must be nats://host:port"),
        ("site: plant-1", "site: plant-1\ninference: {budget_ms: 1e999}", "must be a finite number"),
        ("site: plant-1", "site: plant-1\ninference: {budget_ms: nan}", "must be a finite number"),
        ("site: plant-1", f"site: plant-1\ninference: {{sessions: {'9' * 5000}}}", "inference.sessions"),
    ],
)
def test_each_mistake_is_named_with_its_line_and_key(load: Load, old: str, new: str, problem: str) -> None:
    assert old in GOOD
    assert problem in message_of(load, GOOD.replace(old, new))


def test_a_url_that_python_cannot_read_is_refused_without_a_word_of_its_password(load: Load) -> None:
    for key in ("webhook", "reboot"):
        text = GOOD.replace(
            "url: video.mp4", f"url: video.mp4\n    recovery: {{{key}: 'http://admin:s3cret\u2100@cam/x'}}"
        )
        problem = message_of(load, text)
        assert f"07.recovery.{key}: is no valid URL" in problem
        assert "s3cret" not in problem


def test_all_mistakes_are_told_at_once(load: Load) -> None:
    problems = message_of(load, GOOD.replace("width: 640", "width: x").replace("    pipeline: people", "    fps: 2"))
    keys = [line.split(": ")[1] for line in problems.splitlines()]
    assert sorted(keys) == ["cameras.gate.fps", "cameras.gate.pipeline", "pipelines.people.frame.width"]


def test_a_missing_variable_is_named_and_nothing_else_is_blamed(load: Load) -> None:
    text = message_of(load, GOOD, {})
    assert text.endswith(":4: cameras.gate.url: the environment variable GATE_PASSWORD is not set")


def test_a_placeholder_without_its_end_is_a_mistake(load: Load) -> None:
    assert "has a ${ without its }" in message_of(load, GOOD.replace("${GATE_PASSWORD}", "${GATE_PASSWORD"))


def test_an_unquoted_placeholder_inside_braces_gets_a_hint(load: Load) -> None:
    text = message_of(load, "cameras:\n  gate: {url: ${URL}, pipeline: people}\n")
    assert ":2: " in text
    assert 'must be quoted: "${NAME}"' in text


def test_keys_are_read_as_written_and_words_stay_words(load: Load) -> None:
    text = "pipelines: {07: {stages: [{model: on}]}, off: {stages: [{model: off, labels: [yes, no, 007, 0o7]}]}}"
    config = load(text)
    assert list(config.pipelines) == ["07", "off"]
    assert config.pipelines["07"].detector.model == "on"
    assert config.pipelines["off"].detector.labels == ("yes", "no", "007", "0o7")


def test_a_password_is_percent_encoded_in_the_user_part_of_a_url(load: Load) -> None:
    url = load(GOOD).cameras["gate"].url.reveal()
    assert url == "rtsp://operator:p%40ss%2Fw%3Ard%3F%23%25%C3%BC@10.0.0.5:554/stream1"


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        ("rtsp://${HOST}/live%40main", "rtsp://10.0.0.5:554/live%40main"),
        ("rtsp://u:${P}@${HOST}/${S}", "rtsp://u:a%40b@10.0.0.5:554/a:b"),
        ("rtsp://${FILE}@cam/1", "rtsp://c%2Fd@cam/1"),
        ("${URL}", "rtsp://u:a%40b@cam/1"),
    ],
)
def test_only_the_user_part_is_encoded(load: Load, tmp_path: Path, url: str, filled: str) -> None:
    (tmp_path / "secret").write_text("c/d\n")
    environ = {"HOST": "10.0.0.5:554", "P": "a@b", "S": "a:b", "URL": "rtsp://u:a%40b@cam/1"}
    url = url.replace("${FILE}", f"${{file:{tmp_path}/secret}}")
    config = load(GOOD.replace("video.mp4", url).replace("${GATE_PASSWORD}", "x"), environ)
    assert config.cameras["07"].url.reveal() == filled


def test_a_placeholder_can_take_a_files_text(load: Load, tmp_path: Path) -> None:
    (tmp_path / "nats.creds").write_text("-----BEGIN\nline\n")
    config = load(f'nats: {{url: "tls://hub", credentials: "${{file:{tmp_path}/nats.creds}}"}}\n')
    assert config.nats is not None
    assert config.nats.credentials is not None
    assert config.nats.credentials.reveal() == "-----BEGIN\nline"


def test_a_missing_file_of_a_placeholder_is_named(load: Load) -> None:
    text = message_of(load, 'nats: {url: "nats://hub", credentials: "${file:/not/there}"}')
    assert text.endswith(":1: nats.credentials: /not/there: No such file or directory")


def test_a_value_is_never_expanded_twice(load: Load) -> None:
    config = load(GOOD.replace("video.mp4", '"${A}"'), {"A": "${GATE_PASSWORD}", "GATE_PASSWORD": "x"})
    assert config.cameras["07"].path.name == "${GATE_PASSWORD}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff\xfe\x00garbage", "is not UTF-8 text"),
        (b"\x00\x01\x02", "is no YAML text"),
        (b"just words", ":1: must be a mapping"),
        (b"[1, 2]", ":1: must be a mapping"),
        (b"a: b: c", ":1: "),
        (b"cameras: {", ":1: "),
        (b"a: 1\n---\nb: 2\n", "document"),
        (b"- " * 1000, "nested too deeply"),
        (b"a: &a [*a]", "nested too deeply"),
        (b"x" * (3 * 2**20), "is over 2 MiB"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused_in_words(load: Load, content: bytes, problem: str) -> None:
    assert problem in message_of(load, content)


def test_an_alias_bomb_is_refused_before_it_fills_the_memory(load: Load) -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    assert "has over 100000 values" in message_of(load, "\n".join(lines))


def test_a_large_file_is_read(load: Load) -> None:
    comment = "# " + "x" * 1000 + "\n"
    assert load(comment * 1000 + GOOD).site == "plant-1"


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    for path, problem in ((tmp_path, "Is a directory"), (tmp_path / "none.yaml", "No such file")):
        with pytest.raises(ConfigError, match=problem):
            load_config(path)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("stream1", "stream1\n    fps: 2"),
        GOOD.replace("rtsp://operator:${GATE_PASSWORD}@10.0.0.5:554/stream1", "gopher://u:${GATE_PASSWORD}@h"),
        GOOD.replace("rtsp://operator:${GATE_PASSWORD}@10.0.0.5:554/stream1", "[${GATE_PASSWORD}]"),
        GOOD.replace("rtsp://operator:${GATE_PASSWORD}@", "rtsp://u:s3cret℀@"),
        GOOD.replace("rtsp://operator:${GATE_PASSWORD}@", "rtsp://u:s3cret/@"),
        GOOD.replace("rtsp://operator:${GATE_PASSWORD}@", "rtsp://u:12/s3cret@"),
        GOOD.replace("rtsp://operator:${GATE_PASSWORD}@", "rtsp://u:12 s3cret@"),
        "nats: {url: nats://hub, password: *s3cret}",
        "nats:\n  password: !s3cret!x y",
        "nats:\n  password: %s3cret\n",
        "nats:\n  url: 's3cret\n",
        "nats: {url: nats://u:s3cret@hub, replicas: s3cret}",
        "nats: {url: {a: s3cret}}",
        "nats: s3cret",
        "s3cret",
    ],
)
def test_no_error_shows_a_secret(load: Load, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    shown = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in shown
    assert SECRET not in shown
    assert "p%40ss" not in shown


def test_no_way_of_printing_a_configuration_shows_a_secret(load: Load) -> None:
    config = load(GOOD + 'nats: {url: "nats://u:s3cret@hub", credentials: s3cret}\n')
    shown = f"{config} {config!r} {config.model_dump_json()} {config.model_dump()} {config.nats} %s" % config.cameras
    assert "s3cret" not in shown
    assert "p%40ss" not in shown
    assert SECRET not in shown
    assert "rtsp://***@10.0.0.5:554/stream1" in shown
