"""Every refusal of claims on paper (手工结算) and of used invoices; categories as in `refusals`.

Refusal
├── NotFound
│   └── ClaimNotFound
└── Refused
    ├── ClaimNotOffered
    ├── ClaimTooLate
    ├── ClaimPapersMissing
    ├── ClaimMayRepeat
    ├── BillMayRepeat
    ├── ClaimPlaceChanged
    └── InvoiceUsed
"""

from __future__ import annotations

from gongji.model.refusals import NotFound, Refused


class ClaimNotFound(NotFound):
    """There is no such claim."""


class ClaimNotOffered(Refused):
    """The insured city takes no claims on paper."""


class ClaimTooLate(Refused):
    """The bill had to be claimed earlier."""


class ClaimPapersMissing(Refused):
    """Papers that the rule asks for were not handed in; all of them are named."""


class ClaimMayRepeat(Refused):
    """The bill may have been paid or claimed before, and nobody says that it was not."""


class BillMayRepeat(Refused):
    """A claim has paid a like bill, and this one has no invoice number to tell them apart."""


class ClaimPlaceChanged(Refused):
    """The patient was insured elsewhere on that day than when the claim was taken."""


class InvoiceUsed(Refused):
    """The invoice was settled or claimed before."""
