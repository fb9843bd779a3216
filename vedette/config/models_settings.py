"""Where models are, and how inference processes work with them."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from vedette.config.settings import Flag, Settings
from vedette.secrets.secret import SecretTree, SecretUrl
from vedette.secrets.url_scheme import scheme_of


def _repository_url(url: SecretUrl) -> SecretUrl:
    if not scheme_of(url) or "://" not in url.reveal() or "::" in url.reveal():
        raise ValueError("must be a URL, as in s3://bucket/prefix")
    return url


class Models(Settings):
    """The model repository: a folder (`path`), an object-store bucket on the bus (`bucket`), or a `url`."""

    path: Path = Path("models")
    """A folder, relative to the configuration file. Default models."""
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """An object-store bucket in NATS, `vedette-models`; `vedette models pull … --from` makes and fills it."""
    url: Annotated[SecretUrl, AfterValidator(_repository_url)] | None = None
    """`s3://bucket/prefix`, or another one that fsspec knows; wants `pip install 'vedette[s3]'`."""
    options: dict[str, SecretTree] = Field(default_factory=dict)
    """Of `url`, the arguments of its file system: `{key: "${S3_KEY}", secret: "${file:/run/secrets/s3}", endpoint_url:
    "http://10.0.0.9:9000"}`."""
    at_hub: Flag = False
    """This site sends its frames: what infers them, and its models, are at the hub. Default false."""
    cache_gib: Annotated[float, Field(ge=0, le=65536)] = 4
    """Bound of what is kept of a bucket or URL on this machine; models in use stay. Default 4."""
    poll_s: Annotated[float, Field(ge=0.1, le=86400)] = 5
    """How often the repository is looked at for new versions, in seconds. Default 5."""

    @model_validator(mode="after")
    def _one_place(self) -> "Models":
        places = {"path": self.path != Path("models"), "bucket": self.bucket is not None, "url": self.url is not None}
        places["at_hub"] = self.at_hub
        said = [key for key, is_said in places.items() if is_said]
        if len(said) > 1:
            raise ValueError(f"has {' and '.join(said)}: a repository is in one place")
        if self.options and self.url is None:
            raise ValueError("options are of a url, and there is none")
        return self

    @property
    def where(self) -> str:
        """The place, secrets masked."""
        if self.at_hub:
            return "at the hub"
        if self.bucket is not None:
            return f"the bucket {self.bucket} on the bus"
        return str(self.path if self.url is None else self.url)


class Inference(Settings):
    """How inference processes work."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|(cuda|tensorrt)(-fp32)?(:\d{1,3})?)$")] = "auto"
    """`auto` (CUDA if it works, else the CPU), `cpu`, `cuda`, `cuda:N`, `tensorrt`, `tensorrt:N`; `-fp32` behind the
    name keeps to float32. One that is named and not there is an error. Default auto."""
    sessions: Annotated[int, Field(ge=1, le=64)] = 2
    """ONNX Runtime sessions a process, each in a thread of its own. Default 2."""
    threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Threads a session; 0 shares the machine's cores out among the sessions. Default 0."""
    replicas: Annotated[int, Field(ge=0, le=64)] = 1
    """Processes a model that `vedette up` starts. Default 1."""
    budget_ms: Annotated[float, Field(gt=0)] = 1000
    """A live frame older than this is dropped, not inferred. Default 1000."""
    request_mib: Annotated[int, Field(ge=1, le=2047)] = 64
    """Bound of one request's body over HTTP, and message over gRPC. Default 64."""
    request_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10
    """How long a request waits for its answer that asks for no shorter time. Default 10."""
