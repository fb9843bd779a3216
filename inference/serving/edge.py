"""What HTTP and gRPC have in common at the edge of the process: certificates, tokens, limits."""

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from inference.dataplane import DataPlane
from inference.identities import routes as identities
from inference.rollout import routes as rollouts
from inference.serving.access import Access
from inference.serving.audit import ChangeLog
from inference.serving.connections import ConnectionLimits
from inference.serving.http import Service, serve_http
from inference.serving.limits import Limits
from inference.serving.load import Load
from inference.serving.tls import Certificates
from inference.serving.v2 import rest
from inference.serving.v2.repository import ModelControl
from vedette.background import background
from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.fleet.worker_addresses import WorkerAddress
from vedette.process.health import Health

ADMIN = rest.ADMIN | rollouts.ADMIN | identities.ADMIN
"""Methods and paths that need the role admin; those that are no GET change something."""


class Edge:
    """Of one process."""

    def __init__(self, config: Config, listen: WorkerAddress) -> None:
        """Raises ConfigError: a certificate can't be used."""
        self._settings = settings = config.serving
        self._listen = listen
        self._certificates = Certificates(settings.tls) if settings.tls is not None else None
        self.access = Access(settings, listen)
        self.changes = ChangeLog(config.site, self.access.who)
        self.limits = Limits.of(config.inference, settings)
        self.load = Load(settings.requests, settings.bodies_mib << 20, settings.header_s, settings.least_kib_s * 1024)
        self.access.warn(self._certificates is not None)

    @property
    def scheme(self) -> str:
        """Of HTTP."""
        return "http" if self._certificates is None else "https"

    @asynccontextmanager
    async def http(self, health: Health, services: Iterable[Service]) -> AsyncIterator[Address]:
        """Serve health and the services' routes while the body runs. Raises StartFailed: the port is taken."""
        settings, certificates = self._settings, self._certificates
        serving = serve_http(
            health,
            services,
            self._listen.http,
            [self.access.middleware(ADMIN, self.changes.around)],
            self.load,
            ConnectionLimits(settings.connections, settings.header_s, settings.idle_s),
            None if certificates is None else certificates.context,
        )
        async with serving as address, background(*([certificates.follow()] if certificates else [])):
            yield address

    def grpc(self, plane: DataPlane, control: ModelControl) -> AbstractAsyncContextManager[Address]:
        """The same of gRPC, imported when health is served already: its libraries take 0.2 s."""
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its library logs to stderr by itself; what fails is raised
        from inference.serving.grpc_access import AccessInterceptor
        from inference.serving.v2.grpc_server import ADMIN as METHODS
        from inference.serving.v2.grpc_server import GrpcV2, serve_grpc

        credentials = None if self._certificates is None else self._certificates.grpc_credentials()
        interceptors = [AccessInterceptor(self.access.check, METHODS, self.changes.note)]
        service = GrpcV2(plane, control, self.limits, self.load, self.changes.note)
        return serve_grpc(service, self._listen.grpc, self.limits, credentials, interceptors)
