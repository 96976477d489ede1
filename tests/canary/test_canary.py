"""Nothing personal outside: what is planted is in no output, and each mask is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gongji.audit.commitment import Commitments, RowForm
from gongji.cities.city import RefusedPlugin
from gongji.rpc import calls, outcome, services
from gongji.rpc.calls import Calls
from gongji.rpc.convert import mask
from gongji.rpc.services import exporting
from gongji.rpc.services.registry import RegistryService
from gongji.serve import logs, stray
from gongji.serve.metrics.cells import ProcessMetrics
from gongji.settlement import packet
from gongji.store.seal import Vault
from gongji.store.table import RecordTable

from tests.canary.planted import (
    HOLDER,
    NUMBERS,
    PLANTED,
    SAID_BY_PLUGINS,
    found,
)
from tests.canary.run import CALLER, outputs_of
from tests.canary.walked import repeatable, where


@pytest.fixture(autouse=True)
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one method fail, and a library complain, with what is a person's."""
    fault = RuntimeError(PLANTED["the holder's name"])

    async def fails(*_: object) -> None:
        said = "Key (%s)=(%s) already exists"
        name, phone = PLANTED["the member's name"], PLANTED["the member's phone"]
        logging.getLogger("driver").warning(said, name, phone)
        logging.getLogger("asyncio").error("never retrieved", exc_info=fault)
        raise fault

    monkeypatch.setattr(RegistryService, "GetInstitution", fails)


AT_REST = {"files while serving", "files afterwards", "backup at rest"}

TO_ITS_CALLER = {"refusals", "replies", "packet", "member's copy"}
"""What is answered to whoever asked, who knows the numbers."""

ASKED_FOR = {
    *("packet: a filing number", "packet: why it was reversed"),
    *(f"member's copy: the member's {what}" for what in ("name", "phone")),
    *("member's copy: the member's certificate", "member's copy: a filing number"),
    *("member's copy: a material's reference", "member's copy: a consent's reference"),
    "member's copy: why it was reversed",
}
"""What a referee is to judge, and what a person's own data are."""

OPEN_AT_REST = {"batch", "invoice_no", "msgid", "name", "person_no"}
"""Fields that lie open in the database (SECURITY.md): keys, and an institution's name."""

ECHOED = {"person_no", "givers"}
"""Numbers of which a refusal says that nobody is known by them."""

IN_THE_LOG = {"ImportInstitutions institution.name"}
"""What the exported log says of what callers sent: the registry of institutions."""


async def test_nothing_personal_is_in_any_output(
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No name, certificate, phone, reference or remark, in whatever form, and nothing
    that was written into any field of any request, into metadata or a path."""
    outputs, plants = await outputs_of(
        tmp_path, capfdbinary, monkeypatch, walk=True, plugins=True
    )
    assert found(outputs, PLANTED) == ASKED_FOR
    spoken = {k: v for k, v in outputs.items() if k not in AT_REST | TO_ITS_CALLER}
    del spoken["told"]
    assert set() == found(spoken, NUMBERS)
    unasked = {k: v for k, v in outputs.items() if k not in AT_REST | {"doctor"}}
    assert set() == found(unasked, SAID_BY_PLUGINS)
    assert set() == found({"page": outputs["metrics"]}, {"caller": CALLER})
    assert set() == found({"copy": outputs["member's copy"]}, {"number": HOLDER})
    check_marks(where(outputs, plants))


def check_marks(marks: dict[str, set[str]]) -> None:
    """Check where the marks of all fields are, and that they were seen at all."""
    assert {"name", "msgid"} <= last_parts(marks["files afterwards"])
    for name in AT_REST:
        assert last_parts(marks.pop(name)) <= OPEN_AT_REST
    told = marks.pop("told")
    assert {"person_no", "day", "channel"} <= last_parts(told)
    assert last_parts(told - repeatable()) == ECHOED
    for name in ("texts of rows", "export"):
        assert marks.pop(name) == IN_THE_LOG
    assert {} == {name: fields for name, fields in marks.items() if fields}


def last_parts(fields: set[str]) -> set[str]:
    """Return the fields' own names."""
    return {field.replace(" ", ".").rpartition(".")[2] for field in fields}


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


def _of_libraries_in_words(patch: pytest.MonkeyPatch) -> None:
    """Let the log tell what a library says."""
    patch.setattr(stray, "told", str)


def _of_library_faults_in_words(patch: pytest.MonkeyPatch) -> None:
    """Let the log tell what a fault says of itself that a library has caught."""
    patch.setattr(logs, "places_of", str)


def _any_request_id(patch: pytest.MonkeyPatch) -> None:
    """Take whatever is sent as an id for one."""
    patch.setattr(calls, "enforce", lambda _: None)


def _columns_in_clear(patch: pytest.MonkeyPatch) -> None:
    """Let the log tell every column as it is."""
    form: Any = RecordTable.__dict__["form"]

    def clear(table: RecordTable[Any]) -> RowForm:
        told = form.fget(table)
        return RowForm(told.table, (*told.clear, *told.hidden), ())

    patch.setattr(RecordTable, "form", property(clear))


def _facts_whole(patch: pytest.MonkeyPatch) -> None:
    """Show in a packet who a person is."""
    patch.setattr(packet, "_SHOWN", {})


def _others_by_number(patch: pytest.MonkeyPatch) -> None:
    """Let a person's copy name others as they are."""
    encode = lambda _, content: msgspec.json.encode(content).decode()  # noqa: E731
    patch.setattr(exporting.PersonExport, "_masked", encode)


def _any_label(patch: pytest.MonkeyPatch) -> None:
    """Let callers make labels of metrics."""
    patch.setattr(ProcessMetrics, "_is_allowed", lambda *_: True)


def _plugins_in_words(patch: pytest.MonkeyPatch) -> None:
    """Let the log and replies tell what a plugin says."""
    patch.setattr(RefusedPlugin, "told", property(lambda plugin: plugin.problem))


MASKS: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "sealing": (_sealed_in_clear, "files afterwards: the holder's name"),
    "names": (_shown_whole("name"), "replies: the member's name"),
    "certificates": (_shown_whole("certificate"), "replies: the holder's certificate"),
    "phones": (_shown_whole("phone"), "replies: the holder's phone"),
    "subjects": (_subject_by_number, "log: the holder's number"),
    "faults": (_fault_in_words, "log: the holder's name"),
    "libraries": (_of_libraries_in_words, "log: the member's phone"),
    "libraries' faults": (_of_library_faults_in_words, "log: the holder's name"),
    "request ids": (_any_request_id, "log: the holder's phone"),
    "commitments": (_committed_in_clear, "export: the holder's number"),
    "columns": (_columns_in_clear, "texts of rows: the holder's number"),
    "facts": (_facts_whole, "packet: the member's name"),
    "others' numbers": (_others_by_number, "member's copy: the holder's number"),
    "plugins": (_plugins_in_words, "log: a plugin's name"),
    "labels": (_any_label, "metrics: a caller's name"),
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
    outputs, _ = await outputs_of(
        tmp_path, capfdbinary, monkeypatch, plugins=name == "plugins"
    )
    hidden = {**PLANTED, **NUMBERS, **SAID_BY_PLUGINS, "a caller's name": CALLER}
    assert shown in found(outputs, hidden)
