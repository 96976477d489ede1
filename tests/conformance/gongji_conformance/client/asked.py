"""What the client is asked to do: bills and applications of invented people, each bill unlike any other."""

from __future__ import annotations

from typing import Any, Final

from gongji_conformance.client.desk import SETTLED
from gongji_conformance.client.scenario import Task

HOLDER: Final = {"type": "01", "number": "341199199001010014"}
MEMBER: Final = {"type": "01", "number": "340899199202020021"}
PATIENT: Final = "KH0010001"
"""An invented person's number (psn_no)."""
DETAILS: Final = {"name": "林乙", "phone": "13900000000", "insured_place": "341102"}

PERSONAL: Final = (HOLDER["number"], MEMBER["number"], PATIENT, DETAILS["name"], DETAILS["phone"])
"""All that may stand in requests only."""


def bill(yuan: int, msgid: str = "") -> dict[str, Any]:
    """A bill over so many yuan, all in scope; amounts are int64 as the JSON of protobuf writes them."""
    fen = str(yuan * 100)
    return {
        "patient": {"person_no": PATIENT},
        "institution_code": "H34110000001",
        "service_day": "2025-09-30",
        "visit_kind": "VISIT_KIND_OUTPATIENT",
        "total_fen": fen,
        "in_scope_fen": fen,
        "account_use": "ACCOUNT_USE_NONE",
        "msgid": msgid or f"H34110000001-{yuan}",
    }


def quote(yuan: int) -> Task:
    """Quote a bill."""
    return {"do": "quote", "bill": bill(yuan)}


def settle(yuan: int, *, msgid: str = "", deadline_s: float | None = None) -> Task:
    """Settle a bill; where `deadline_s` is given, no single call of it may take longer."""
    task = {"do": "settle", "bill": bill(yuan, msgid)}
    return task if deadline_s is None else {**task, "deadline_s": deadline_s}


def submit() -> Task:
    """Apply for a binding."""
    return {
        "do": "submit",
        "application": {
            "holder": {"certificate": HOLDER},
            "member": {"certificate": MEMBER},
            "relation": "10",
            "purposes": ["PURPOSE_VISIT"],
            "channel": "wanshitong",
            "identity_checks": ["real_name", "face"],
            "member_details": {**DETAILS, "certificate_number": MEMBER["number"]},
        },
    }


def list_all(size: int) -> Task:
    """Read all settlements of a patient in September, page by page."""
    return {
        "do": "list",
        "patient": {"person_no": PATIENT},
        "from_day": "2025-09-01",
        "to_day": "2025-09-30",
        "page_size": size,
    }


def reverse() -> Task:
    """Take a settlement back."""
    return {"do": "reverse", "settlement_id": SETTLED}


def wait(seconds: float) -> Task:
    """Do nothing for a while."""
    return {"do": "wait", "seconds": seconds}
