"""The configuration: one YAML file for every service, read by `vedette/config/file.py` into these frozen classes.

Unknown keys are errors. Durations and sizes carry their unit in the name.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vedette.config.bus_settings import Nats, Retention
from vedette.config.camera_settings import Camera
from vedette.config.debug_settings import Debug
from vedette.config.events_settings import Events
from vedette.config.gateway_settings import Gateway, WebRtc
from vedette.config.identities_settings import Identities
from vedette.config.listen_settings import Address, Listen, address_field
from vedette.config.models_settings import Inference, Models
from vedette.config.pipeline_settings import Pipeline
from vedette.config.sampling_settings import Sampling
from vedette.config.serving_settings import Serving
from vedette.config.settings import Settings
from vedette.config.sinks_settings import Sink
from vedette.config.site_settings import Hub, Uplink
from vedette.config.tracing_settings import Tracing
from vedette.ids import Id, default_site


class Simulator(Settings):
    """An RTSP server that plays video files as cameras, started by `vedette up`: for demonstrations and tests."""

    listen: Address = address_field("127.0.0.1:8554")
    """Default 127.0.0.1:8554."""
    videos: Annotated[tuple[Path, ...], Field(min_length=1)]
    """Each is served as rtsp://<listen>/<file name without its ending>; relative to the configuration file."""


class Config(Settings):
    """The whole file."""

    site: Id = Field(default_factory=default_site)
    """Default: the host's name made to fit."""
    nats: Nats | None = None
    """Default: an embedded server."""
    uplink: Uplink | None = None
    """Default: none. With one, the embedded server is a leaf node of the hub's."""
    hub: Hub | None = None
    """Default: none. With one, what other sites detect is gathered here."""
    listen: Listen = Field(default_factory=Listen)
    cameras: dict[Id, Camera] = Field(default_factory=dict)
    pipelines: dict[Id, Pipeline] = Field(default_factory=dict)
    models: Models = Models()
    gateway: Gateway = Gateway()
    webrtc: WebRtc = WebRtc()
    inference: Inference = Inference()
    serving: Serving = Serving()
    events: Events = Events()
    sinks: dict[Id, Sink] = Field(default_factory=dict)
    """Who is told of events besides those that read them from NATS."""
    debug: Debug = Debug()
    identities: Identities = Identities()
    retention: Retention = Retention()
    tracing: Tracing | None = None
    """Default: no traces."""
    simulator: Simulator | None = None

    def sampling_of(self, camera: str, pipeline: str) -> Sampling:
        """The camera's own sampling, or the pipeline's."""
        return self.cameras[camera].sampling or self.pipelines[pipeline].sampling

    def model_names(self) -> tuple[str, ...]:
        """The models that the pipelines use, each once: those of first stages in order, then those of further ones."""
        pipelines = self.pipelines.values()
        first = [pipeline.model_name for pipeline in pipelines]
        return tuple(dict.fromkeys([*first, *(name for pipeline in pipelines for name in pipeline.model_names)]))
