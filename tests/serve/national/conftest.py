"""A sandbox of the sample population, and the national interface in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import grpc
import pytest
from gongji.client.connection import connect
from gongji.rules.codes import SHANGHAI
from gongji.serve.settings import Settings

from tests.scaffold.cities import shipped
from tests.scaffold.running import running
from tests.serve.national.sender import Sender, sender_over


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[grpc.Channel]:
    """A channel to a sandbox that all tests of this folder share."""
    settings = Settings(
        address="127.0.0.1:0",
        data=tmp_path_factory.mktemp("national") / "var",
        sample=True,
        sandbox=True,
    )
    with running(settings, shipped()) as address, connect(address) as open_channel:
        yield open_channel


@pytest.fixture
def sender(channel: grpc.Channel, tmp_path: Path) -> Iterator[Sender]:
    """The national interface over the sandbox, nothing checked at its gate."""
    with sender_over(channel, tmp_path) as made:
        yield made


@pytest.fixture
def today() -> str:
    """Return the day of a bill that is settled whatever day it is."""
    return datetime.now(SHANGHAI).date().isoformat()
