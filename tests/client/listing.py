"""A service that lists no city, with or without TLS, and files of callers that reach it."""

# ruff: noqa: N802 - methods are named by the proto

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc
from gongji.cli.devcerts.authority import IssuedPair, TrialAuthority
from gongji.v1 import city_pb2, city_pb2_grpc


class ListingService(city_pb2_grpc.CityServiceServicer):
    """Lists no city and remembers what each call brought."""

    def __init__(self) -> None:
        self.brought: list[dict[str, str | bytes]] = []
        self.names: list[bytes] = []

    def ListCities(
        self, request: city_pb2.ListCitiesRequest, context: grpc.ServicerContext
    ) -> city_pb2.ListCitiesResponse:
        self.brought.append(dict(context.invocation_metadata()))
        self.names += [*context.auth_context().get("x509_common_name", ())]
        return city_pb2.ListCitiesResponse()

    def GetCity(
        self, request: city_pb2.GetCityRequest, context: grpc.ServicerContext
    ) -> city_pb2.GetCityResponse:
        raise NotImplementedError

    def GetGuide(
        self, request: city_pb2.GetGuideRequest, context: grpc.ServicerContext
    ) -> city_pb2.GetGuideResponse:
        raise NotImplementedError


@contextmanager
def listing(
    service: ListingService, credentials: grpc.ServerCredentials | None = None
) -> Iterator[str]:
    """Serve on a free port of the loopback; yield its address."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    city_pb2_grpc.add_CityServiceServicer_to_server(service, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def list_cities(channel: grpc.Channel) -> None:
    city_pb2_grpc.CityServiceStub(channel).ListCities(city_pb2.ListCitiesRequest())


def secret(path: Path, content: str | bytes) -> Path:
    """Write a file that its owner alone may read."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(0o600)
    return path


def written(folder: Path, name: str, pair: IssuedPair) -> tuple[Path, Path]:
    """Write a certificate and its key."""
    return (
        secret(folder / f"{name}.pem", pair.certificate_pem()),
        secret(folder / f"{name}.key", pair.key_pem()),
    )


def server_credentials(
    authority: TrialAuthority, *names: str
) -> grpc.ServerCredentials:
    """Return those of a server that demands a certificate."""
    own = authority.server(names) if names else authority.server()
    return grpc.ssl_server_credentials(
        [(own.key_pem(), own.certificate_pem())],
        root_certificates=authority.root.certificate_pem(),
        require_client_auth=True,
    )
