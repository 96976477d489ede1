"""Every refusal of filings (异地就医备案) and of bills that name one; categories as in `refusals`.

Refusal
├── NotFound
│   └── FilingNotFound
└── Refused
    ├── FilingOfAnother
    ├── FilingNotOnDay
    ├── FilingNotForPlace
    ├── FilingNotForVisit
    ├── FilingNotOffered
    ├── FilingNotNeeded
    ├── FilingTooLate
    ├── FilingTooShort
    └── FilingEnded
"""

from __future__ import annotations

from gongji.model.refusals import NotFound, Refused


class FilingNotFound(NotFound):
    """There is no such filing."""


class FilingOfAnother(Refused):
    """The filing is another person's, or was made in another insured city."""


class FilingNotOnDay(Refused):
    """The filing does not cover the day of the visit."""


class FilingNotForPlace(Refused):
    """The filing does not cover the place of the visit."""


class FilingNotForVisit(Refused):
    """The filing does not cover that kind of visit."""


class FilingNotOffered(Refused):
    """The insured city takes no filing of that kind."""


class FilingNotNeeded(Refused):
    """An area of the filing lies in the pooling area the person is insured in."""


class FilingTooLate(Refused):
    """A filing of that kind had to be made earlier."""


class FilingTooShort(Refused):
    """A filing of that kind lasts longer."""


class FilingEnded(Refused):
    """The filing has ended by that day already."""
