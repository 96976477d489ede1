"""Tables version 3 adds for what stands beside binding and settlement: statements, the
wallet, filings, claims, and what was shown at the counter."""

from __future__ import annotations

from typing import Final

TABLES_3: Final[tuple[str, ...]] = (
    """
CREATE TABLE statement (
  statement_no {TEXT} PRIMARY KEY NOT NULL, person_no {TEXT} NOT NULL,
  issued_at {INTEGER} NOT NULL, caller {TEXT} NOT NULL, sealed {BLOB},
  commitments {BLOB}
){CLUSTERED}
""",
    """
CREATE INDEX statement_by_person_no_issued_at
  ON statement (person_no, issued_at, statement_no)
""",
    """
CREATE TABLE wallet (
  person_no {TEXT} PRIMARY KEY NOT NULL, doc {BLOB} NOT NULL, sealed {BLOB},
  commitments {BLOB}
)
""",
    """
CREATE TABLE wallet_transfer (
  transfer_id {TEXT} PRIMARY KEY NOT NULL, sender {TEXT} NOT NULL,
  receiver {TEXT} NOT NULL, sent_at {INTEGER}, due_at {INTEGER}, doc {BLOB} NOT NULL,
  sealed {BLOB}, commitments {BLOB}
)
""",
    *(
        f"CREATE INDEX wallet_transfer_by_{side}_sent_at "
        f"ON wallet_transfer ({side}, sent_at, transfer_id)"
        for side in ("sender", "receiver")
    ),
    """
CREATE INDEX wallet_transfer_by_due_at
  ON wallet_transfer (due_at, transfer_id) WHERE due_at IS NOT NULL
""",
    """
CREATE TABLE filing (
  filing_no {TEXT} PRIMARY KEY NOT NULL, person_no {TEXT} NOT NULL, filed_at {INTEGER},
  doc {BLOB} NOT NULL, sealed {BLOB}, commitments {BLOB}
)
""",
    "CREATE INDEX filing_by_person_no_filed_at ON filing (person_no, filed_at, filing_no)",
    """
CREATE TABLE claim (
  claim_id {TEXT} PRIMARY KEY NOT NULL, patient {TEXT} NOT NULL,
  state {INTEGER} NOT NULL, submitted_at {INTEGER}, doc {BLOB} NOT NULL,
  sealed {BLOB}, commitments {BLOB}
)
""",
    "CREATE INDEX claim_by_patient_submitted_at ON claim (patient, submitted_at, claim_id)",
    "CREATE INDEX claim_by_state_submitted_at ON claim (state, submitted_at, claim_id)",
    """
CREATE TABLE invoice (
  invoice_id {TEXT} PRIMARY KEY NOT NULL, settlement_id {TEXT} NOT NULL,
  claim_id {TEXT} NOT NULL
){CLUSTERED}
""",
    """
CREATE TABLE spent_token (
  token_id {TEXT} PRIMARY KEY NOT NULL, settlement_id {TEXT} NOT NULL
){CLUSTERED}
""",
    """
CREATE TABLE meter_reading (
  meter_id {TEXT} PRIMARY KEY NOT NULL, person_no {TEXT} NOT NULL,
  fen {INTEGER} NOT NULL CHECK (fen >= 0)
){CLUSTERED}
""",
)
"""Statements, as those of `steps`."""
