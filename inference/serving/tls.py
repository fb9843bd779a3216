"""The server's certificate for gRPC, too, which has ways of its own (`vedette/tls/server.py` has those of HTTP)."""

from typing import TYPE_CHECKING

from vedette.config.problems import KeyPath
from vedette.config.tls_settings import ServerTls
from vedette.tls.files import Files
from vedette.tls.server import ServerCertificates, load

if TYPE_CHECKING:
    import grpc

PLACE: KeyPath = ("serving", "tls")


class Certificates(ServerCertificates):
    """Those in use. `follow` looks after the files."""

    def __init__(self, settings: ServerTls) -> None:
        """Raises ConfigError, which names key and file."""
        super().__init__(settings, PLACE)
        self._fetched = self.files

    def grpc_credentials(self) -> "grpc.ServerCredentials":
        """Those of the same files, always."""
        import grpc

        def configuration(files: Files) -> grpc.ServerCertificateConfiguration:
            pairs = [(files["server_key"], files["server_cert"])]
            return grpc.ssl_server_certificate_configuration(pairs, root_certificates=files.get("client_ca"))

        def fetch() -> grpc.ServerCertificateConfiguration | None:
            """In a thread of gRPC's, before each handshake; None: as before."""
            files = self.files
            if files is self._fetched:
                return None
            self._fetched = files
            return configuration(files)

        return grpc.dynamic_ssl_server_credentials(
            configuration(self.files),
            fetch,  # type: ignore[arg-type]  # it may return None, as its documentation says
            self.mutual,
        )


def check(settings: ServerTls) -> None:
    """Raises WrongFile."""
    load(settings, PLACE)
