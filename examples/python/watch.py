"""What a service tells without being asked again: its health, and what happens to people."""

from __future__ import annotations

from collections.abc import Sequence

from gongji.v1 import event_pb2, types_pb2
from grpc_health.v1 import health_pb2
from service import Service


def health_of(service: Service, name: str) -> str:
    """Return how a service is now: what a watcher is told first, each change comes later."""
    asked = health_pb2.HealthCheckRequest(service=name)
    said = service.metadata(asked)
    changes = service.health.Watch(asked, timeout=60, metadata=said)
    status = next(changes).status
    changes.cancel()
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


def events_of(
    service: Service, people: Sequence[types_pb2.PersonRef], cursor: str, most: int
) -> tuple[list[str], str]:
    """Return the kinds of events behind a cursor, so many at most, and where to go on.

    A cursor is kept when what came with it has been dealt with: whoever begins with it
    again misses nothing, after a broken connection too. "" is now.
    """
    request = event_pb2.WatchRequest(persons=people, cursor=cursor, until_now=True)
    said = tuple(service.metadata(request))
    messages = service.events.Watch(request, timeout=60, metadata=said)
    kinds = []
    for message in messages:
        if message.HasField("event"):
            kinds.append(event_pb2.EventKind.Name(message.event.kind))
        cursor = message.cursor
        if len(kinds) >= most:
            break
    messages.cancel()
    return kinds, cursor
