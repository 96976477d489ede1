"""Every refusal of what was shown at the counter (就诊凭证); categories as in `refusals`.

Refusal
└── Refused
    ├── EvidenceRequired
    ├── EvidenceNotAccepted
    ├── EvidenceOfAnother
    ├── EvidenceTokenUnknown
    ├── EvidenceTokenForeign
    ├── EvidenceTokenExpired
    └── EvidenceTokenSpent
"""

from __future__ import annotations

from gongji.model.refusals import Refused


class EvidenceRequired(Refused):
    """The insured city asks for evidence, and the bill has none."""


class EvidenceNotAccepted(Refused):
    """The insured city does not accept this kind of evidence at such a visit."""


class EvidenceOfAnother(Refused):
    """What was shown is not the patient's."""


class EvidenceTokenUnknown(Refused):
    """The issuer never issued such a token."""


class EvidenceTokenForeign(Refused):
    """The token was issued for another institution."""


class EvidenceTokenExpired(Refused):
    """The token's minute is over."""


class EvidenceTokenSpent(Refused):
    """The token was spent with another settlement."""
