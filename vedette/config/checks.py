"""What the types of a configuration can't say: names that must exist, keys that contradict each other."""

import difflib
from urllib.parse import urlsplit

from vedette.config.camera_settings import ENCRYPTED_SCHEMES, STREAM_SCHEMES, Camera
from vedette.config.config import Config
from vedette.config.problems import Problem
from vedette.config.sinks_settings import Mqtt, Sink, Webhook
from vedette.config.stage_checks import problems as of_stages

_UNCHECKED = "FFmpeg checks the certificate of the first server only, so it needs tls: {verify: false}"


def contradictions(config: Config) -> list[Problem]:
    """All that is wrong with a configuration whose types are right."""
    return [
        *_nats(config),
        *_mqtt(config),
        *_sites(config),
        *_undefined_pipelines(config),
        *_silence(config),
        *of_stages(config),
        *(problem for name, camera in config.cameras.items() for problem in _camera(name, camera)),
        *(problem for name, sink in config.sinks.items() for problem in _sink(name, sink)),
    ]


def _nats(config: Config) -> list[Problem]:
    url = config.nats.url.reveal() if config.nats else ""
    if config.nats is None or (url.partition("://")[0] in ("nats", "tls", "ws", "wss") and _has_host(url)):
        return []
    return [Problem(("nats", "url"), "must be nats://host:port or tls://host:port")]


def _mqtt(config: Config) -> list[Problem]:
    if config.nats is None or config.listen.mqtt is None:
        return []
    text = "is for the embedded nats-server; there is another one (nats.url), whose own configuration says it"
    return [Problem(("listen", "mqtt"), text)]


def _sites(config: Config) -> list[Problem]:
    uplink, hub, problems = config.uplink, config.hub, []
    if uplink is not None and hub is not None:
        problems.append(Problem(("uplink",), "and hub exclude each other: a hub is no leaf of another one here"))
    if uplink is not None and config.nats is not None:
        text = "is for the embedded nats-server; there is another one (nats.url), whose own configuration says it"
        problems.append(Problem(("uplink",), text))
    if uplink is not None and uplink.tls is not None and not uplink.url.reveal().startswith(("tls://", "wss://")):
        problems.append(Problem(("uplink", "tls"), "is for a url tls://…; this connection is not encrypted"))
    if hub is not None and config.nats is None and hub.tls is None and not config.listen.leaf.is_loopback:
        problems.append(Problem(("listen", "leaf"), "is not on loopback, so it needs hub.tls: passwords cross there"))
    if hub is not None and config.site in (*hub.sites, *hub.frames_from):
        problems.append(Problem(("hub",), f"names {config.site}, the hub itself"))
    return problems


def _silence(config: Config) -> list[Problem]:
    """An idle scene's frames are further apart than others'."""
    longest_s = max((one.gate.refresh_s for one in config.cameras.values() if one.gate.mode != "off"), default=0.0)
    if config.events.objects.silence_s >= 2 * longest_s:
        return []
    text = f"must be at least twice gate.refresh_s of every camera ({longest_s:g}): else an idle scene is a silent one"
    return [Problem(("events", "objects", "silence_s"), text)]


def _undefined_pipelines(config: Config) -> list[Problem]:
    problems = []
    for name, camera in config.cameras.items():
        for pipeline in camera.pipeline:
            if pipeline not in config.pipelines:
                near = difflib.get_close_matches(pipeline, config.pipelines, n=1)
                known = ", ".join(config.pipelines) or "none"
                hint = f", did you mean {near[0]}?" if near else ""
                text = f"the pipeline {pipeline} is not defined{hint} (defined: {known})"
                problems.append(Problem(("cameras", name, "pipeline"), text))
    return problems


def _camera(name: str, camera: Camera) -> list[Problem]:
    problems = []
    url = camera.url.reveal()
    if camera.loop and not camera.is_file:
        problems.append(Problem(("cameras", name, "loop"), "is for files; a network stream has no end to loop at"))
    if camera.token is not None and not camera.is_whip:
        problems.append(Problem(("cameras", name, "token"), "is for url: whip; other cameras are not published to"))
    if camera.decode.model_fields_set and camera.is_whip:
        problems.append(Problem(("cameras", name, "decode"), "is not for url: whip; its library decodes on the CPU"))
    problems += [Problem(("cameras", name, *key), text) for key, text in (*_connection(camera), *_substream(camera))]
    if not (camera.is_file or camera.is_device or camera.is_whip) and not _has_host(url):
        problems.append(Problem(("cameras", name, "url"), "has no host, or a port that is no number"))
    if len(set(camera.pipeline)) < len(camera.pipeline):
        problems.append(Problem(("cameras", name, "pipeline"), "names a pipeline twice"))
    return problems


def _connection(camera: Camera) -> list[tuple[tuple[str, ...], str]]:
    """What contradicts the kind of URL: keys of the camera's own, and texts."""
    problems: list[tuple[tuple[str, ...], str]] = []
    if camera.transport != "auto" and camera.scheme not in ("rtsp", "rtsps"):
        problems.append((("transport",), "is for rtsp:// and rtsps://; other sources have one way"))
    if camera.transport == "udp" and camera.scheme == "rtsps":
        problems.append((("transport",), "udp is not encrypted; rtsps:// needs tcp or http"))
    if camera.tls.model_fields_set and camera.scheme not in ENCRYPTED_SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in ENCRYPTED_SCHEMES)
        problems.append((("tls",), f"is for {schemes}; this connection is not encrypted"))
    if camera.tls.verify and camera.scheme == "rtsps" and camera.transport == "http":
        problems.append((("transport",), f"http of rtsps:// has two connections; {_UNCHECKED}"))
    if camera.tls.verify and camera.scheme == "https" and urlsplit(camera.url.reveal()).path.endswith(".m3u8"):
        problems.append((("url",), f"is HLS over HTTPS; {_UNCHECKED}"))
    if camera.tls.ca is not None and not camera.tls.verify:
        problems.append((("tls", "ca"), "is never looked at with verify: false"))
    return problems


def _sink(name: str, sink: Sink) -> list[Problem]:
    key, encrypted = ("url", "mqtts") if isinstance(sink, Mqtt) else ("webhook", "https")
    secret = sink.url if isinstance(sink, Mqtt) else sink.webhook
    url, problems = urlsplit(secret.reveal()), []
    if not _has_host(secret.reveal()):
        problems.append(Problem(("sinks", name, key), "has a port that is no number"))
    if sink.tls.model_fields_set and url.scheme != encrypted:
        problems.append(Problem(("sinks", name, "tls"), f"is for {encrypted}://; this connection is not encrypted"))
    if sink.tls.ca is not None and not sink.tls.verify:
        problems.append(Problem(("sinks", name, "tls", "ca"), "is never looked at with verify: false"))
    if isinstance(sink, Webhook) and sink.authorization is not None and url.username is not None:
        problems.append(Problem(("sinks", name, "authorization"), "there is a user in the URL already: one of both"))
    if sink.first_wait_s > sink.longest_wait_s:
        problems.append(Problem(("sinks", name, "first_wait_s"), "must be at most longest_wait_s"))
    return problems


def _substream(camera: Camera) -> list[tuple[tuple[str, ...], str]]:
    if camera.substream is None:
        return []
    problems: list[tuple[tuple[str, ...], str]] = []
    if camera.scheme not in STREAM_SCHEMES:
        problems.append((("substream",), "is for cameras whose url is a network stream"))
    if not _has_host(camera.substream.url.reveal()):
        problems.append((("substream", "url"), "has no host, or a port that is no number"))
    elif camera.substream.url == camera.url:
        problems.append((("substream", "url"), "is the same as url"))
    return problems


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
