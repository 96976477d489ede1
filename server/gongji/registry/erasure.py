"""Erase what no duty keeps of a person (删除), in every revision and staged row.

The phone is kept by no duty. Who a person is, and what the registry says of him, is kept
as long as a record points to it that must be kept; of whom there is none the whole file
goes. (《个人信息保护法》第四十七条)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.claim import Claim
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.filing import Filing
from gongji.model.people import Person
from gongji.model.refusals import PersonNotFound, StoreUnavailable
from gongji.model.registry import PHONE, WHOLE_FILE, without
from gongji.model.revisions import OWNER, PersonRevision
from gongji.model.settlement import Settlement
from gongji.model.staging import StagedPerson, Unmerged, staged_key
from gongji.model.statement import IssuedStatement
from gongji.model.wallet import WalletAccount


class KeptForDuty(Struct, frozen=True):
    """So many records that stay; `ground` says why, with the law, in Chinese."""

    what: str
    count: int
    ground: str


class Erased(Struct, frozen=True):
    """The fields erased, by this request or before, and what stays."""

    erased: tuple[str, ...]
    kept: tuple[KeptForDuty, ...]


class _Duty(NamedTuple):
    """A kind of record that must be kept, and on what ground."""

    what: str
    kind: type
    by: str
    ground: str


_BOOKS: Final = (
    "会计凭证与账簿保管 30 年（《会计档案管理办法》附表）；"
    "社会保险支付的记录须完整、准确、妥善保管（《社会保险法》第七十四条）"
)

_DUTIES: Final = (
    _Duty("settlements", Settlement, "patient", _BOOKS),
    _Duty("account", Account, "", _BOOKS),
    _Duty("wallet", WalletAccount, "", _BOOKS),
    _Duty("bindings_as_holder", Binding, "holder", f"绑定是账户支付的依据；{_BOOKS}"),
    _Duty("claims", Claim, "patient", _BOOKS),
    _Duty("filings", Filing, "person_no", f"备案是异地直接结算的依据；{_BOOKS}"),
    _Duty("bindings_as_member", Binding, "member", f"绑定是账户支付的依据；{_BOOKS}"),
    _Duty("statements", IssuedStatement, "person_no", f"查询单的存根；{_BOOKS}"),
)

_ENROLLED: Final = "参保人员的登记须完整、准确、妥善保管（《社会保险法》第七十四条）"

_IDENTITY: Final = "以上记录须能认出是谁的：姓名、证件与登记随之保存"

_ALWAYS: Final = (
    KeptForDuty(
        "accesses",
        0,
        "谁看过、动过资料的记录至少保存六个月（《网络安全法》第二十一条），其中没有所删除的内容",
    ),
    KeptForDuty(
        "requests",
        0,
        "请求编号与内容的带密钥摘要留存，使同一请求不被办理两次；由摘要读不出内容",
    ),
)


class Erase(Command[Erased], frozen=True, kw_only=True):
    """Erases what no duty keeps; with `lift` lets imports bring everything again.

    `staged_sets` are the imports that lay rows down, which may speak of the person.
    """

    answer_type = Erased

    wire = (("person_no", "person"),)

    person_no: str
    lift: bool
    staged_sets: tuple[str, ...]

    @classmethod
    def content_names(cls) -> list[str]:
        """Return the person and what is asked for: imports come and go."""
        return ["person_no", "lift"]

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the person in all revisions, staged rows, and what duties keep."""
        del facts
        yield by_key(Person, self.person_no)
        yield Need(PersonRevision, OWNER, self.person_no)
        yield by_key(Unmerged, "person")
        for set_id in self.staged_sets:
            yield by_key(StagedPerson, staged_key(set_id, self.person_no))
        for duty in _DUTIES:
            yield Need(duty.kind, duty.by, self.person_no)

    def decide(self, facts: Facts) -> Decision[Erased]:
        """Decide what to write. PersonNotFound; StoreUnavailable while an import is merged."""
        person = facts.get(Person, self.person_no)
        if person is None:
            raise PersonNotFound(
                f"person：登记库中没有编号为 {self.person_no} 的人", field="person"
            )
        unmerged = facts.get(Unmerged, "person")
        if unmerged is not None and unmerged.set_id:
            raise StoreUnavailable(
                "前一次导入尚未并入登记库，请稍后以同一请求编号重试。"
            )
        kept = tuple(_kept(person, facts))
        if self.lift:
            return Decision(Erased((), kept), (replace(person, erased=()),))
        whole = len(kept) == len(_ALWAYS)
        names = {*person.erased, WHOLE_FILE if whole else PHONE}
        erased = tuple(sorted(names))
        return Decision(
            Erased(erased, kept), tuple(self._written(person, erased, facts))
        )

    def _written(
        self, person: Person, erased: tuple[str, ...], facts: Facts
    ) -> Iterator[Any]:
        """Yield every record that says something of the person, without what is erased."""
        yield replace(without(person, erased), erased=erased)
        wallet = facts.get(WalletAccount, self.person_no)
        if wallet is not None:
            yield replace(wallet, phone="")
        for revision in facts.where(PersonRevision, OWNER, self.person_no):
            yield replace(revision, record=without(revision.record, erased))
        for set_id in self.staged_sets:
            staged = facts.get(StagedPerson, staged_key(set_id, self.person_no))
            if staged is not None:
                yield replace(staged, row=without(staged.row, erased))


def _kept(person: Person, facts: Facts) -> Iterator[KeptForDuty]:
    """Yield what stays of a person."""
    before = 0
    for what, count, ground in _counted(person, facts):
        if count:
            before += count
            yield KeptForDuty(what, count, ground)
    if before:
        yield KeptForDuty("identity", 1, _IDENTITY)
    yield from _ALWAYS


def _counted(person: Person, facts: Facts) -> Iterator[tuple[str, int, str]]:
    """Yield how many records each duty keeps."""
    current = [
        e for e in person.enrolments if e.until is None or e.until >= facts.today
    ]
    yield "enrolments", 0 if person.died_on else len(current), _ENROLLED
    for what, kind, by, ground in _DUTIES:
        if by:
            found = len(facts.where(kind, by, person.person_no))
        else:
            found = int(facts.get(kind, person.person_no) is not None)
        yield what, found, ground
