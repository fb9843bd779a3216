"""`sinks:` in the configuration: what is wrong is said with its line and key, and nothing secret is shown."""

from pathlib import Path

import pytest

from vedette.commands.check import explanation, missing_files
from vedette.config.config import Config
from vedette.config.file import load_config
from vedette.errors import ConfigError
from vedette.subjects import sink_subjects

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GOOD = {
    "webhook": "https://user:s3cret@hooks.example.com/services/T0/B0/t0ken",
    "kinds": "[zone.*, input.change, zone.enter]",
    "cameras": "gate",
    "labels": "[person]",
    "secret": f"[{SECRET}, {SECRET[:-1]}x]",
    "tls": "{ca: own.pem}",
}


def load(folder: Path, **changed: str | None) -> Config:
    settings = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    lines = "".join(f"    {key}: {value}\n" for key, value in settings.items())
    file = folder / "site.yaml"
    file.write_text(f"site: plant-1\nsinks:\n  alarm:\n{lines}")
    return load_config(file)


def test_a_sink_is_explained_without_its_secrets(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.sinks["alarm"].kinds == ("zone.enter", "zone.leave", "input.change")
    text = "alarm: zone.enter, zone.leave, input.change of person at gate → https://***@hooks.example.com/*** (signed)"
    assert f"sink       {text}\n" in explanation(config)
    for shown in (explanation(config), config.model_dump_json(), repr(config)):
        for secret in ("s3cret", "t0ken", SECRET):
            assert secret not in shown
    assert [str(problem) for problem in missing_files(config)] == [
        f"sinks.alarm.tls.ca: {tmp_path / 'own.pem'}: no such file"
    ]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"kinds": "[zone.entr]"}, "5: sinks.alarm.kinds: names no kind of event, did you mean zone.enter?"),
        ({"kinds": "[]"}, "5: sinks.alarm.kinds: "),
        ({"kinds": "['*']", "webhook": "https://h/"}, None),
        ({"webhook": "ftp://example.com/"}, "4: sinks.alarm.webhook: must be http://… or https://…, with a host"),
        ({"webhook": "https://u:p@x/@y"}, "4: sinks.alarm.webhook: has a space, or an @ after a / or ?"),
        ({"webhook": "https://h:123456/"}, "4: sinks.alarm.webhook: has a port that is no number"),
        ({"webhook": None}, "3: sinks.alarm.webhook: is missing"),
        ({"webhook": "http://h/"}, "9: sinks.alarm.tls: is for https://"),
        ({"tls": "{ca: own.pem, verify: false}"}, "9: sinks.alarm.tls.ca: is never looked at"),
        ({"secret": "whsec_short"}, "8: sinks.alarm.secret: must be whsec_ and 24 to 64 bytes in base64"),
        ({"authorization": '"Bearer x"'}, "10: sinks.alarm.authorization: there is a user in the URL already"),
        (
            {"authorization": '"Bearer x\\r\\nEvil: 1"', "webhook": "https://h/"},
            "10: sinks.alarm.authorization: must be one line of ASCII",
        ),
        ({"longest_wait_s": "0.5"}, "3: sinks.alarm.first_wait_s: must be at most longest_wait_s"),
        ({"webhok": "x"}, "10: sinks.alarm.webhok: unknown key, did you mean webhook?"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_key(
    tmp_path: Path, changed: dict[str, str | None], problem: str | None
) -> None:
    if problem is None:
        assert load(tmp_path, **changed).sinks
        return
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **changed)
    (line,) = [line for line in str(caught.value).splitlines() if f"site.yaml:{problem}" in line]
    for secret in ("s3cret", "t0ken", SECRET, "short", "Evil"):
        assert secret not in line


BROKER = {
    "url": "mqtts://user:s3cret@broker.example.com",
    "topic": '"site/{site}/{camera}/{noun}/{verb}"',
    "tls": "{ca: own.pem}",
    "kinds": "zone.enter",
}


def broker(folder: Path, **changed: str) -> Config:
    lines = "".join(f"    {key}: {value}\n" for key, value in {**BROKER, **changed}.items())
    file = folder / "site.yaml"
    file.write_text(f"sinks:\n  home:\n{lines}")
    return load_config(file)


def test_a_broker_is_explained_without_its_password(tmp_path: Path) -> None:
    config = broker(tmp_path)
    text = "home: zone.enter → mqtts://***@broker.example.com site/{site}/{camera}/{noun}/{verb} (QoS 1)"
    assert f"sink       {text}\n" in explanation(config)
    for shown in (explanation(config), config.model_dump_json(), repr(config)):
        assert "s3cret" not in shown
    assert [str(problem) for problem in missing_files(config)] == [
        f"sinks.home.tls.ca: {tmp_path / 'own.pem'}: no such file"
    ]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"url": "http://h"}, "3: sinks.home.url: must be mqtt://… or mqtts://…, with a host"),
        ({"url": "mqtt://u:s3cret@h/topic"}, "3: sinks.home.url: has more than user, password, host and port"),
        ({"url": "mqtt://u:s3cret@h:0/"}, "3: sinks.home.url: has a port that is no number"),
        ({"url": "mqtt://h"}, "5: sinks.home.tls: is for mqtts://"),
        ({"topic": '"a/{zone}"'}, "4: sinks.home.topic: knows no {zone} (known: {site}, {camera}, {noun}, {verb})"),
        ({"topic": '"a/#"'}, "4: sinks.home.topic: must be a topic to publish to"),
        ({"topic": "vedette/events/{camera}"}, "4: sinks.home.topic: vedette/events/… is what nats-server calls"),
        ({"qos": "0"}, "7: sinks.home.qos: must be 1"),
        ({"secret": "x"}, "7: sinks.home.secret: unknown key (known: kinds,"),
        ({"topik": "x"}, "7: sinks.home.topik: unknown key, did you mean topic?"),
    ],
)
def test_what_is_wrong_of_a_broker_is_said_with_line_and_key(
    tmp_path: Path, changed: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        broker(tmp_path, **changed)
    (line,) = [line for line in str(caught.value).splitlines() if f"site.yaml:{problem}" in line]
    assert "s3cret" not in line


def test_the_server_filters_by_camera_and_kind_unless_there_are_too_many() -> None:
    assert sink_subjects("s", (), ()) == ["vedette.events.s.*.*.*"]
    assert sink_subjects("s", ("a", "b"), ("zone.enter",)) == [
        *("vedette.events.s.a.zone.enter", "vedette.events.s.b.zone.enter"),
    ]
    many = [f"cam-{number}" for number in range(101)]
    assert sink_subjects("s", many, ()) == ["vedette.events.s.*.*.*"]
    assert sink_subjects("s", many[:60], ("zone.enter", "zone.leave")) == [
        *("vedette.events.s.*.zone.enter", "vedette.events.s.*.zone.leave"),
    ]
