"""Nothing personal outside: what is planted is in no output, and each mask is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from gongji.audit.commitment import Commitments
from gongji.rpc import outcome, services
from gongji.rpc.calls import Calls
from gongji.rpc.convert import mask
from gongji.rpc.services.registry import RegistryService
from gongji.store.seal import Vault

from tests.canary.planted import NUMBERS, PLANTED, found
from tests.canary.run import outputs_of


@pytest.fixture(autouse=True)
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one method fail with a person's name in what the fault says."""

    async def fails(*_: object) -> None:
        raise RuntimeError(PLANTED["the holder's name"])

    monkeypatch.setattr(RegistryService, "GetInstitution", fails)


AT_REST = {"files while serving", "files afterwards"}


async def test_nothing_personal_is_in_any_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """No name, certificate, phone, reference or remark, in whatever form."""
    outputs = await outputs_of(tmp_path, capfdbinary)
    assert set() == found(outputs, PLANTED)
    spoken = {name: text for name, text in outputs.items() if name not in AT_REST}
    del spoken["replies"]
    del spoken["refusals"]
    assert set() == found(spoken, NUMBERS)


def _sealed_in_clear(patch: pytest.MonkeyPatch) -> None:
    """Write what is to be sealed as it is."""
    for method in ("seal", "unseal"):
        patch.setattr(Vault, method, lambda *arguments: arguments[-1])


def _shown_whole(name: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(mask, name, lambda text: text)


def _subject_by_number(patch: pytest.MonkeyPatch) -> None:
    """Let the log name whoever a call is for."""

    def calls(*arguments: Any, pseudonym: object, **options: Any) -> Calls:
        del pseudonym
        return Calls(*arguments, pseudonym=str, **options)

    patch.setattr(services, "Calls", calls)


def _committed_in_clear(patch: pytest.MonkeyPatch) -> None:
    """Let the log tell what it commits to."""
    patch.setattr(Commitments, "of", lambda _, value: _in_words(value))


def _in_words(value: str | int | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _fault_in_words(patch: pytest.MonkeyPatch) -> None:
    """Let the log tell what a fault says of itself."""
    patch.setattr(outcome, "places_of", str)


MASKS: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "sealing": (_sealed_in_clear, "files afterwards: the holder's name"),
    "names": (_shown_whole("name"), "replies: the member's name"),
    "certificates": (_shown_whole("certificate"), "replies: the holder's certificate"),
    "phones": (_shown_whole("phone"), "replies: the holder's phone"),
    "subjects": (_subject_by_number, "log: the holder's number"),
    "commitments": (_committed_in_clear, "export: the holder's number"),
    "faults": (_fault_in_words, "log: the holder's name"),
}
"""Each mask, how it is taken away, and what is then found where."""


@pytest.mark.parametrize("name", MASKS)
async def test_each_mask_is_needed(
    name: str,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without it the run finds what it hides."""
    remove, shown = MASKS[name]
    remove(monkeypatch)
    outputs = await outputs_of(tmp_path, capfdbinary)
    assert shown in found(outputs, {**PLANTED, **NUMBERS})
