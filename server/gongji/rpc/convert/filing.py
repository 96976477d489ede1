"""Filings of care elsewhere: records to messages."""

from __future__ import annotations

from gongji.model.filing import Filing
from gongji.rpc.convert.values import Sources, day_to, decided_by_to, instant_to
from gongji.v1 import filing_pb2 as pb


def filing_to(filing: Filing, sources: Sources) -> pb.Filing:
    """Return a filing with its rule in full."""
    return pb.Filing(
        filing_no=filing.filing_no,
        person_no=filing.person_no,
        kind=pb.FilingKind.ValueType(filing.kind),
        areas=filing.areas,
        since=day_to(filing.since),
        until=day_to(filing.last_day),
        insured_place=filing.area_code,
        filed_at=instant_to(filing.filed_at),
        ended_at=instant_to(filing.ended_at),
        rule=sources.rule_to(filing.area_code, filing.rule),
        decided_by=decided_by_to(filing.decided_by),
    )
