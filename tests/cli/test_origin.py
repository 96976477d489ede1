"""`--origin`: the name of a log is chosen before its first checkpoint, and stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from gongji.audit.checkpoint import SignedNote
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.serve import service
from gongji.serve.settings import Settings
from gongji.store import open_store
from gongji.store.databases import database_at

from tests.cli.command import gongji
from tests.store.conftest import Clock
from tests.store.test_checkpoints import KEY

NAME = "gongji.example.cn/3408"


async def serve(data: Path, origin: str) -> None:
    """Start a service, and end it."""
    settings = Settings(address="127.0.0.1:0", data=data, sandbox=True, origin=origin)
    async with service.running(settings, Cities(()), Workdays()):
        pass


async def names(data: Path) -> set[str]:
    """The names on the checkpoints of its log."""
    settings = Settings(address="", data=data)
    store = database_at(settings.database_address).open(Clock())
    checkpoints = await store.checkpoints.checkpoints()
    await store.close()
    return {SignedNote.parse(one.note).body().origin for one in checkpoints}


async def test_a_log_keeps_the_name_it_was_given(tmp_path: Path) -> None:
    """Whoever starts it later need not say it; another than is recorded is refused."""
    await serve(tmp_path, NAME)
    for again in ("", NAME):
        await serve(tmp_path, again)
    with pytest.raises(ValueError, match=f"取定为 {NAME}，不能改为 other.example"):
        await serve(tmp_path, "other.example")
    assert {NAME} == await names(tmp_path)


async def test_a_log_without_a_name_has_one_of_its_own(tmp_path: Path) -> None:
    """It cannot be given another later."""
    await serve(tmp_path, "")
    (name,) = await names(tmp_path)
    assert name.startswith("gongji/")
    with pytest.raises(ValueError, match="不能改为"):
        await serve(tmp_path, NAME)


async def test_whoever_signs_first_gives_the_name() -> None:
    """An auditor who asks for a checkpoint at once, too."""
    store = open_store(":memory:", Clock())
    store.log_origin = NAME
    await store.reset()
    await store.checkpoints.check_origin()
    made = await store.checkpoints.sign(KEY)
    await store.close()
    assert made
    assert made.note.startswith(f"{NAME}\n")


@pytest.mark.parametrize("name", ["a b", "a+b", "a\nb", "\t"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    """A note would be read otherwise."""
    result = gongji("serve", "--origin", name)
    assert 1 == result.exit_code
    assert "不能含空白与加号" in result.stderr
