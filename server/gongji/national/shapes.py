"""Every message there is: how a request is read, and the names of a reply's fields."""

from __future__ import annotations

from typing import Final

from gongji.national.benefit import BENEFIT, YEAR
from gongji.national.details import DETAILS
from gongji.national.envelope import Shape
from gongji.national.files import DOWNLOAD, UPLOAD
from gongji.national.person import PERSON
from gongji.national.query import QUERY, QUERY_SETLINFO
from gongji.national.quote_settle import QUOTE, QUOTED, SETTLE, SETTLED
from gongji.national.reconcile import BALANCED, TOTALS
from gongji.national.reverse import CORRECTION, REVERSE, REVERSED
from gongji.national.signing_in import SIGN_IN, SIGN_OUT
from gongji.national.tables import SETLDETAIL

SHAPES: Final[dict[str, Shape]] = {
    shape.infno: shape
    for shape in (
        *(SIGN_IN, SIGN_OUT, PERSON, BENEFIT, QUOTE, SETTLE, REVERSE, CORRECTION),
        *(TOTALS, DETAILS, QUERY, YEAR, UPLOAD, DOWNLOAD),
    )
}
"""How each message is read, by infno."""

REPLY_FIELDS: Final[dict[str, frozenset[str]]] = {
    infno: frozenset(entry.name for entry in (*fields, *SETLDETAIL))
    for infno, fields in (
        (QUOTED.infno, QUOTED.fields),
        (SETTLED.infno, SETTLED.fields),
        (REVERSED.infno, REVERSED.fields),
        (BALANCED.infno, BALANCED.fields),
        (QUERY.infno, QUERY_SETLINFO),
    )
}
"""Names of the fields of a reply that is written by a table, by infno."""
