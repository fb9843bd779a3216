"""`vedette check CONFIG`: is it good, and what does it resolve to?"""

import argparse
import json
import sys
from pathlib import Path

from vedette.commands.command_line import add_config, found_by, read_config, refuse
from vedette.commands.places_in_words import events_kept, places
from vedette.commands.snapshots_check import snapshots_kept
from vedette.config.config import Config
from vedette.config.pipeline_settings import IdentitiesStage, Stage
from vedette.config.problems import KeyPath, Problem
from vedette.config.sinks_settings import Mqtt
from vedette.process.shell import DONE
from vedette.site.check import link_may_be_away, sites
from vedette.site.check import missing_files as uplink_files
from vedette.tls.check import certificate_problems

_MEAN_EVENT_BYTES = 1900
"""A detections message with its headers, as the server counts it against its bounds (before it compresses): the mean
over the bundled video, nine objects a frame."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vedette check`."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print the resolved configuration as JSON, secrets masked")
    parser.epilog = "Example: vedette check configs/demo.yaml"


def run(args: argparse.Namespace) -> int:
    """Print what the file resolves to; a wrong one ends with status 2 and a line a problem."""
    config = read_config(args.config)
    refuse(
        args.config,
        [*missing_files(config), *certificate_problems(config), *uplink_files(config), *found_by(args.checks, config)],
    )
    if args.json:
        sys.stdout.write(json.dumps(config.model_dump(mode="json"), indent=2) + "\n")
    else:
        sys.stdout.write(f"{args.config} is good.\n\n" + explanation(config))
    return DONE


def missing_files(config: Config) -> list[Problem]:
    """Videos that a camera or the simulator is to play, and that are not there."""
    files: dict[KeyPath, Path] = {
        ("cameras", name, "url"): camera.path for name, camera in config.cameras.items() if camera.is_file
    }
    authorities = {name: camera.tls.ca for name, camera in config.cameras.items()}
    files |= {("cameras", name, "tls", "ca"): file for name, file in authorities.items() if file is not None}
    trusted = {name: sink.tls.ca for name, sink in config.sinks.items()}
    files |= {("sinks", name, "tls", "ca"): file for name, file in trusted.items() if file is not None}
    if config.tracing is not None and config.tracing.tls.ca is not None:
        files["tracing", "tls", "ca"] = config.tracing.tls.ca
    if config.simulator is not None:
        files |= {("simulator", "videos", index): video for index, video in enumerate(config.simulator.videos)}
    return [Problem(key, f"{file}: no such file") for key, file in files.items() if not file.is_file()]


def explanation(config: Config) -> str:
    """The configuration in words, secrets masked."""
    lines = [
        f"site       {config.site}",
        f"nats       {config.nats.url if config.nats else f'embedded, on {config.listen.nats}'}",
        *sites(config),
        *([f"mqtt       on {config.listen.mqtt}, events and status"] if config.listen.mqtt else []),
        f"models     {config.models.where}",
        f"inference  on {config.inference.device}, {_count(config.inference.replicas, 'process')} a model of"
        f" {_count(config.inference.sessions, 'session')}; budget {config.inference.budget_ms:g} ms",
        _serving(config),
        *(_camera(config, name) for name in config.cameras),
        *(_pipeline(config, name) for name in config.pipelines),
        _services(config),
        *(_sink(config, name) for name in config.sinks),
        *(["debug      /debug of each process for who has debug.token, and for admins"] if config.debug.token else []),
        *_tracing(config),
        _retention(config),
    ]
    return "\n".join(lines) + "\n"


def _serving(config: Config) -> str:
    """Where the first inference process is asked, and by whom."""
    tls, tokens = config.serving.tls, config.serving.tokens
    scheme = "http" if tls is None else "https"
    mutual = ", clients with certificates" if tls is not None and tls.client_ca is not None else ""
    who = f"{_count(len(tokens), 'token')}" if tokens else "no tokens"
    return f"serving    {scheme}://{config.listen.inference}{mutual}, {who}"


def _camera(config: Config, name: str) -> str:
    camera = config.cameras[name]
    rates = ", ".join(f"{pipeline} at {_rate(config, name, pipeline)}" for pipeline in camera.pipeline)
    extras = f"; substream {camera.substream.url}" if camera.substream else ""
    extras += f"; {_count(len(camera.privacy), 'privacy polygon')}" if camera.privacy else ""
    lines = [f"camera     {name}: {camera.url} → {rates}{extras}"]
    return "\n".join([*lines, *(f"{'':11}  {line}" for line in places(camera))])


def _count(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{'' if number == 1 else plural}"


def _rate(config: Config, camera: str, pipeline: str) -> str:
    sampling = config.sampling_of(camera, pipeline)
    return "its keyframes" if sampling.keyframes else f"{sampling.fps:g} fps"


def _pipeline(config: Config, name: str) -> str:
    pipeline = config.pipelines[name]
    guard = ", guarded" if pipeline.guard is not None else ""
    first = f"pipeline   {name}: {pipeline.frame.width} pixels wide → {_model(pipeline.detector)}{guard}"
    return "\n".join([first, *(f"           {_further(stage)}" for stage in pipeline.further)])


def _further(stage: Stage | IdentitiesStage) -> str:
    on = ", ".join(stage.on or ())
    if isinstance(stage, IdentitiesStage):
        return f"on {on}: → name and similarity, of the identities {stage.identities}"
    attribute = f" as {stage.as_}" if stage.as_ else ""
    return f"on {on}: crops → {_model(stage)}{attribute}"


def _model(stage: Stage) -> str:
    labels = ", ".join(stage.labels) if stage.labels else "all labels"
    confidence = f" from {stage.confidence:g}" if stage.confidence is not None else ""
    return f"{stage.model} ({labels}{confidence})"


def _services(config: Config) -> str:
    """Which models have processes of their own."""
    names = config.model_names()
    return f"services   {', '.join(names) if names else 'none: no pipeline'}"


def _sink(config: Config, name: str) -> str:
    sink = config.sinks[name]
    kinds = ", ".join(sink.kinds) if sink.kinds else "all events"
    of = f" of {', '.join(sink.labels)}" if sink.labels else ""
    at = f" at {', '.join(sink.cameras)}" if sink.cameras else ""
    how = f"QoS {sink.qos}" if isinstance(sink, Mqtt) else "signed" if sink.secret else "not signed"
    return f"sink       {name}: {kinds}{of}{at} → {sink.to} ({how})"


def _tracing(config: Config) -> list[str]:
    """Which frames' traces are sent where, if any are."""
    tracing = config.tracing
    if tracing is None:
        return []
    others = f" and {100 * tracing.share:g} % of the others" if tracing.share else ""
    frames = f"frames slower than {tracing.slower_than_ms:g} ms, failed ones{others}"
    return [f"traces     {frames} → {tracing.traces_url}"]


def _retention(config: Config) -> str:
    retention = config.retention
    rate = sum(
        config.sampling_of(name, pipeline).fps or 0.5
        for name, camera in config.cameras.items()
        for pipeline in camera.pipeline
    )
    hours = retention.detections_h
    if rate:
        hours = min(hours, retention.detections_gib * 2**30 / (rate * _MEAN_EVENT_BYTES) / 3600)
    frames = f"detections {hours:.3g} h at {rate:g} frames a second; pictures {retention.pictures_s:g} s"
    kept = [
        f"retention  {frames}",
        f"{'':11}{events_kept(config)}",
        snapshots_kept(config),
        *link_may_be_away(config, hours),
    ]
    return "\n".join(kept)
