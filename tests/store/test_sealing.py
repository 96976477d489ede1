"""Laws of sealed halves: what the log commits to of them holds, whatever the key."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from functools import partial
from typing import Any

import msgspec
import pytest
from gongji.audit.hashing import LABELS
from gongji.model.binding import Binding
from gongji.model.people import Person
from gongji.model.settlement import Settlement
from gongji.store.keys.ring import MATCH, DataKey, KeyRing, new_keys
from gongji.store.personal import SECRET
from gongji.store.schema import Schema
from gongji.store.seal import SealBrokenError, Vault
from gongji.store.sealing import Sealer, owner_of
from msgspec.structs import replace

from tests.store.personal_records import SECRETS

RECORDS = {name: record for name, (record, _) in SECRETS.items()}


def owner_and_row(schema: Schema, record: Any) -> tuple[str, dict[str, Any]]:
    """For whom a record's half is sealed, and its row by column."""
    table: Any = schema.tables[type(record)]
    return owner_of(table.name, table.key.of(record)), row_of(schema, record)


def row_of(schema: Schema, record: Any) -> dict[str, Any]:
    """A record's row by column."""
    table: Any = schema.tables[type(record)]
    return dict(zip((c.name for c in table.columns), table.row(record), strict=True))


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_seal_is_held_by_its_commitments(
    schema: Schema, vault: Vault, record: Any
) -> None:
    """Of each sealed field hash(opener ‖ name ‖ 0x00 ‖ value) lies in clear beside it,
    the opener being that of the value with a salt which is sealed with the fields."""
    owner, row = owner_and_row(schema, record)
    content = msgspec.json.decode(
        vault.unseal(owner, row["sealed"]), type=dict[str, msgspec.Raw]
    )
    salt = b64decode(json.loads(bytes(content.pop("salt"))))
    assert len(salt) == 16
    hashed = partial(hashlib.new, LABELS[vault.hasher])
    expected = {n: committed(hashed, salt, n, bytes(v)) for n, v in content.items()}
    assert expected == json.loads(row["commitments"])
    assert row["commitments"] == Sealer(vault).commitments(owner, row["sealed"])


def committed(hashed: Any, salt: bytes, name: str, value: bytes) -> str:
    """The commitment of a field, made a second time."""
    named = name.encode() + b"\0" + value
    opener = hashed(salt + named).digest()
    return b64encode(hashed(opener + named).digest()).decode()


def test_each_row_has_a_salt_of_its_own(schema: Schema, person: Person) -> None:
    """Two rows that say the same are committed to differently: nobody can compare them."""
    first, second = (json.loads(row_of(schema, person)["commitments"]) for _ in "ab")
    assert first.keys() == second.keys()
    assert not {*first.values()} & {*second.values()}


def test_a_settlement_is_committed_to_as_before(schema: Schema, vault: Vault) -> None:
    """Written again, whatever keys came since, it commits to what has not changed as it
    did: its former row can be told from what is stored. So does no other settlement."""
    settlement = next(r for r in RECORDS.values() if isinstance(r, Settlement))
    written = row_of(schema, settlement)
    change_keys(vault)
    again = row_of(schema, replace(settlement, reversed_why="another reason"))
    first, last = (json.loads(row["commitments"]) for row in (written, again))
    assert first["bill.filing_no"] == last["bill.filing_no"]
    assert first["reversed_why"] != last["reversed_why"]
    other = row_of(schema, replace(settlement, settlement_id="S-other"))
    assert not {*first.values()} & {*json.loads(other["commitments"]).values()}


def change_keys(vault: Vault) -> None:
    """Every key is another one but the one that stays."""
    keys = [key for key in vault.ring.keys if key.purpose == MATCH]
    others = [DataKey(p, 2, k) for p, k in new_keys(vault.suite).items() if p != MATCH]
    vault._ring = KeyRing(vault.suite, 2, [*keys, *others])


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_seal_opens_in_its_own_row_only(
    schema: Schema, vault: Vault, record: Any
) -> None:
    """A seal moved to another key or another table does not open."""
    table: Any = schema.tables[type(record)]
    key, sealed = table.key.of(record), row_of(schema, record)["sealed"]
    for owner in (key, owner_of(table.name, f"{key}x"), owner_of("other", key)):
        with pytest.raises(SealBrokenError):
            vault.unseal(owner, sealed)


def test_what_says_nothing_has_no_seal(schema: Schema) -> None:
    """A settlement without a filing number and a credit that stands cost nothing."""
    settlement = RECORDS["a settlement"]
    plain = replace(
        settlement, bill=replace(settlement.bill, filing_no=""), reversed_why=""
    )
    credit = replace(RECORDS["a credit"], taken_back_why="", corrected_why=None)
    for record in (plain, credit):
        row = row_of(schema, record)
        assert (None, None) == (row["sealed"], row["commitments"])


def test_an_erased_person_is_still_sealed(schema: Schema, person: Person) -> None:
    """Of somebody of whom nothing is kept there is a half with nothing in it."""
    blank = Person(
        person_no="P1",
        certificate=type(person.certificate)("", ""),
        name="",
        phone="",
        first_place="",
    )
    assert "{}" == row_of(schema, blank)["commitments"].decode()


CLEAR = {
    Person: {"person_no", "revision", "known_from", "import_id", "erased"},
    Binding: {
        *("binding_id", "holder", "member", "purposes", "channel", "state"),
        *("submitted_at", "review_due_at", "review_due_provisional", "expires_at"),
        *("active_at", "closed_at", "rules", "decided_by"),
    },
}


def test_what_is_clear_of_a_record_is_named(schema: Schema, person: Person) -> None:
    """A field is added to what lies in clear only here, on purpose."""
    binding = {f.name for f in msgspec.structs.fields(Binding)} - set(SECRET[Binding])
    assert CLEAR[Binding] == binding
    clear = json.loads(row_of(schema, person)["doc"])
    said = {
        name
        for name, value in clear.items()
        if value not in ("", [], {"type": "", "number": ""})
    }
    assert said <= CLEAR[Person]
