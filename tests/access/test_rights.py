"""The table of rights has a row for every method there is, and for no other."""

from __future__ import annotations

from gongji.access.callers import Kind
from gongji.access.rights import RIGHTS, AccessScope, right_of
from gongji.v1 import (  # noqa: F401 - their services are read from the pool
    access_pb2,
    account_pb2,
    binding_pb2,
    city_pb2,
    consequence_pb2,
    event_pb2,
    log_pb2,
    packet_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    statement_pb2,
)
from google.protobuf import descriptor_pool

FILES = [
    "wallet",
    "access",
    "account",
    "binding",
    "city",
    "claim",
    "consequence",
    "event",
    "filing",
    "log",
    "packet",
    "statement",
    "registry",
    "sandbox",
    "settlement",
]


def methods() -> list[str]:
    """Return the name of every method of every service."""
    pool = descriptor_pool.Default()
    files = [pool.FindFileByName(f"gongji/v1/{name}.proto") for name in FILES]
    services = [s for file in files for s in file.services_by_name.values()]
    return [method.name for service in services for method in service.methods]


def test_every_method_has_a_row() -> None:
    """A method without a row could be called by nobody; a row without one means nothing."""
    assert sorted(methods()) == sorted(RIGHTS)


def test_nobody_but_an_operator_moves_money_of_a_month() -> None:
    """Credits, balances brought forward and corrections are the operator's alone."""
    for method in ("Credit", "CorrectCredit", "TakeBackCredit", "Resettle"):
        assert {Kind.OPERATOR} == set(RIGHTS[method])


def test_an_auditor_writes_nothing() -> None:
    """Of the methods that take a request id an auditor has none."""
    reads = {
        m for m in methods() if right_of(m, Kind.AUDITOR, sandbox=False) is not None
    }
    writes = {
        m for m in RIGHTS if m.startswith(("Submit", "Record", "Review", "Unbind"))
    }
    writes |= {"Settle", "Reverse", "Credit", "PayPremium", "RefundPremium", "Resettle"}
    writes |= {"ImportPersons", "ImportInstitutions", "SetClock", "Reset"}
    writes |= {"OrderFault", "OpenWallet", "ChangeWalletPlace", "Transfer"}
    writes |= {"AcceptTransfer", "DeclineTransfer"}
    writes |= {"File", "EndFiling", "IssueVoucher"}
    writes |= {"SubmitClaim", "ReviewClaim", "DecideClaim", "WithdrawClaim"}
    assert set() == reads & writes
    listed = {m for m in methods() if m.startswith(("Get", "List", "Reconcile"))}
    assert listed - {"GetClock"} <= reads


def test_a_front_has_no_right_of_its_own() -> None:
    """A proxy passes on who calls, and may itself call nothing."""
    for method in methods():
        assert right_of(method, Kind.FRONT, sandbox=True) is None


def test_a_hospital_stays_with_its_own_institution() -> None:
    """All that a hospital may do concerns its institution; patients come from anywhere."""
    free = {"ListCities", "GetCity", "GetGuide", "DescribeForm", "GetPerson"}
    # What it was refused itself is told again.
    free |= {"ExplainRefusal"}
    for kind in (Kind.HOSPITAL, Kind.PHARMACY):
        for method in methods():
            right = right_of(method, kind, sandbox=False)
            if right is not None and method not in free:
                assert {AccessScope.INSTITUTION} == right
