"""A channel's backend of one page: it passes the form on to the page, and the application back.

It knows no city, no channel, no question: what the page asks comes from DescribeForm alone.
GONGJI_TARGET names the server, GONGJI_TOKEN_FILE a file with a token; FORM_PORT the port.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import grpc
from gongji.v1 import binding_pb2, binding_pb2_grpc, city_pb2, city_pb2_grpc
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

PAGE: Final = Path(__file__).with_name("page.html")

DEADLINE_S: Final = 10.0

LARGEST: Final = 64 * 1024
"""Bytes of the largest request a page sends."""

LOCAL: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")
"""The targets on this very machine: a token is sent in clear to no other."""

UNKNOWN: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
"""Executed or not: the same request with the same id finds out."""


class Backend:
    """The calls the page makes: JSON in, JSON out, as protobuf writes it."""

    def __init__(self, target: str) -> None:
        if os.environ.get("GONGJI_TOKEN_FILE") and not LOCAL.fullmatch(target):
            msg = f"GONGJI_TOKEN_FILE：令牌不加密时只发往本机，{target} 不是"
            raise ValueError(msg)
        channel = grpc.insecure_channel(target)
        self.cities = city_pb2_grpc.CityServiceStub(channel)
        self.bindings = binding_pb2_grpc.BindingServiceStub(channel)

    def list_cities(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Return the cities to choose from."""
        return self._call(self.cities.ListCities, city_pb2.ListCitiesRequest())

    def describe(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the form."""
        request = ParseDict(dict(asked), binding_pb2.DescribeFormRequest())
        return self._call(self.bindings.DescribeForm, request)

    def submit(self, application: Mapping[str, Any]) -> dict[str, Any]:
        """Submit what was filled in, under the id the page has given it."""
        request = ParseDict(dict(application), binding_pb2.SubmitBindingRequest())
        return self._call(self.bindings.SubmitBinding, request)

    def _call(self, method: Callable[..., Any], request: Message) -> dict[str, Any]:
        try:
            reply = method(request, timeout=DEADLINE_S, metadata=self._metadata())
        except grpc.RpcError as error:
            return refusal_of(error)
        return MessageToDict(
            reply,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )

    def _metadata(self) -> list[tuple[str, str]]:
        caller = [("x-gongji-caller", "form-example")]
        path = os.environ.get("GONGJI_TOKEN_FILE")
        if not path:
            return caller
        token = Path(path).read_text(encoding="ascii").strip()
        return [*caller, ("authorization", f"Bearer {token}")]


def refusal_of(error: grpc.RpcError) -> dict[str, Any]:
    """Return what a refusal says: its sentence, and the paths of the fields at fault."""
    if not isinstance(error, grpc.Call):
        raise error
    said: dict[str, Any] = {"refused": error.details() or "没有答复", "fields": []}
    said["unknown"] = error.code() in UNKNOWN
    explained = binding_pb2.Explanation()
    malformed = error_details_pb2.BadRequest()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            for packed in status_pb2.Status.FromString(value).details:
                packed.Unpack(explained)
                packed.Unpack(malformed)
    said["fields"] += [f.path for c in explained.conditions for f in c.fields]
    said["fields"] += [violation.field for violation in malformed.field_violations]
    return said


class Handler(BaseHTTPRequestHandler):
    """Serves the page, and the three calls it makes."""

    backend: Backend

    def do_GET(self) -> None:
        """Serve the page."""
        self._answer(PAGE.read_bytes(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """Make a call of the page."""
        calls = {
            "/cities": self.backend.list_cities,
            "/form": self.backend.describe,
            "/submit": self.backend.submit,
        }
        try:
            length = int(self.headers.get("content-length") or 0)
            if self.path not in calls or not 0 <= length <= LARGEST:
                self.send_error(404)
                return
            said = calls[self.path](json.loads(self.rfile.read(length)))
        except (TypeError, ValueError, ParseError):
            said = {"refused": "报文不是这一调用的 JSON", "fields": []}
        self._answer(json.dumps(said).encode(), "application/json")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: what passes is personal."""


def main() -> None:
    """Serve until interrupted."""
    Handler.backend = Backend(os.environ["GONGJI_TARGET"])
    port = int(os.environ.get("FORM_PORT", "8080"))
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
