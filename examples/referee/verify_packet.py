"""Judge a packet that `gongji explain SETTLEMENT --packet FILE` wrote, without gongji.

    python verify_packet.py packet.json [--key KEY] [--checkpoint FILE]
It needs Python 3.11, `cryptography`, for SM2 `gmssl-pyx`: no network. It recomputes
  the rows   each text has the hash its leaf holds, and commits to what the packet shows
  the leaf   its hash is in the tree of a checkpoint, and the log's key has signed that
  the money  every line follows from its inputs, all lines sum to the bill
  the rules  each document has the digest the settlement names, and every line's clauses
  the order  nothing but the reversal changed a row, and the log holds them in this order
It prints what it found, or the first thing that does not hold, with exit status 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519, SM2 = b"\x01", bytes.fromhex("ff06082a811ccf5501837501")
Shown = Mapping[str, Any]
Hash = Callable[[bytes], bytes]
Path = list[bytes]
REVERSAL = {"reversed_at", "reversed_why", "reversed_by", "replaced_by", "superseded"}
PARTS = ("out_of_catalogue", "above_limit", "first_selfpay", "in_scope")


def require(holds: object, what: str) -> None:
    """End with exit status 1 unless something holds."""
    if not holds:
        sys.exit(f"不成立：{what}")


def hash_of(packet: Shown) -> Hash:
    """Return the hash function of a packet's log."""
    require(packet.get("format") == "gongji-packet/1", "不是 gongji-packet/1 的材料")
    require(packet["hash"] in ("SHA-256", "SM3"), f"不认识散列函数 {packet['hash']}")
    return lambda text: hashlib.new(packet["hash"].replace("-", ""), text).digest()


def told_row(hashed: Hash, row: Shown) -> Shown:
    """Return what a row's text says, once its leaf agrees."""
    text, hashes = row["text"].encode(), [b64decode(one) for one in row["hashes"]]
    require(hashed(text) == hashes[row["position"]], "行的文字与日志中的散列不符")
    together = b64encode(hashed(b"".join(hashes))).decode()
    require(together == json.loads(row["body"])["records"], "各行的散列与叶所载的不符")
    return dict(json.loads(text))


def shown_row(hashed: Hash, row: Shown) -> dict[str, Any]:
    """Return the settlement a row shows, once its text and what is shown agree."""
    told = told_row(hashed, row)
    require(told["table"] == "settlement", "这一行不是结算")
    check_shown(hashed, told["hidden"], row["values"])
    shown: dict[str, Any] = json.loads(row["values"]["doc"]["value"], object_hook=said)
    commitments = b64decode(told["row"].get("commitments", "")) or b"{}"
    check_shown(hashed, json.loads(commitments), row["sealed"], "\0")
    for name, one in row["sealed"].items():
        outer, _, inner = name.rpartition(".")
        (shown[outer] if outer else shown)[inner] = json.loads(one["value"])
    return shown


def said(fields: Shown) -> Shown:
    """Return what an object says: a later program leaves out a field without a value."""
    silent: tuple[Any, ...] = (None, "", [])
    return {n: it for n, it in fields.items() if it is not False and it not in silent}


def check_shown(
    hashed: Hash, commitments: Shown, values: Shown, ending: str | None = None
) -> None:
    """Check that what is shown is what was committed to, all of it and nothing else."""
    for name in commitments.keys() | values.keys():
        require(name in values, f"没有出示 {name} 的内容")
        prefix = "" if ending is None else name + ending
        value = (prefix + values[name]["value"]).encode()
        made = b64encode(hashed(b64decode(values[name]["opener"]) + value)).decode()
        require(made == commitments.get(name), f"{name} 的内容与承诺不符")


def root_of(hashed: Hash, found: bytes, index: int, size: int, path: Path) -> bytes:
    """Return the root to which a leaf's path leads (RFC 6962, 2.1.1)."""
    if size == 1:
        require(index == 0 and not path, "证明不合树的形状")
        return found
    require(path, "证明没有到达树根")
    left, sibling = 1 << (size - 1).bit_length() - 1, path[-1]
    if index < left:
        found = root_of(hashed, found, index, left, path[:-1])
        return hashed(b"\x01" + found + sibling)
    found = root_of(hashed, found, index - left, size - left, path[:-1])
    return hashed(b"\x01" + sibling + found)


def checkpoint_of(note: str, key: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a signed checkpoint (C2SP), its signature checked."""
    text, _, signatures = note.partition("\n\n")
    check_signed(f"{text}\n".encode(), signatures, key)
    origin, size, root = text.split("\n")[:3]
    return origin, int(size), b64decode(root)


def check_signed(text: bytes, signatures: str, key: str) -> None:
    """Check that one of a note's signatures is of a verifier key."""
    name, key_id, public = key.split("+", 2)
    content = b64decode(public)
    hashed = "sm3" if content.startswith(SM2) else "sha256"
    expected = hashlib.new(hashed, name.encode() + b"\n" + content).digest()[:4]
    require(expected.hex() == key_id, "公钥的编号与公钥不符")
    for line in signatures.splitlines():
        found = b64decode(line.rpartition(" ")[2])
        if line.startswith(f"— {name} ") and found[:4] == expected:
            return check_genuine(content, found[4:], text)
    sys.exit("不成立：检查点没有这把密钥的签名")


def check_genuine(key: bytes, signature: bytes, text: bytes) -> None:
    """Check a signature by a key that stands behind its kind."""
    if key.startswith(SM2):
        verify = __import__("gmssl_pyx").sm2_verify
        return require(verify(key[len(SM2) :], text, signature), "检查点的签名不对")
    require(key[:1] == ED25519, "本程序只核对 Ed25519 与 SM2 的签名")
    try:
        Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature, text)
    except InvalidSignature:
        sys.exit("不成立：检查点的签名不对")


def check_included(hashed: Hash, row: Shown, key: str, kept: str) -> str:
    """Check that a row's leaf is in the tree of its checkpoint; return a sentence."""
    proof = row["inclusion"]
    if not proof:
        return "日志：尚无检查点包含这片叶，请在下一个检查点之后再取材料"
    key = key or proof["public_key"]
    origin, size, root = checkpoint_of(proof["checkpoint"], key)
    path = [b64decode(one) for one in proof["path"]]
    leaf = hashed(b"\x00" + row["body"].encode())
    is_there = root_of(hashed, leaf, proof["index"], size, path) == root
    require(is_there, "叶不在检查点的树中")
    if kept:
        other, length, top = checkpoint_of(kept, key)
        require(origin == other, "检查点属于另一本日志")
        require(root == top or size != length, "日志已分叉：树根不同")
    began = json.loads(row["body"])["what"] == "Genesis"
    note = "；日志始于其后，证明的是日志开始时的样子" if began else ""
    return f"日志：在 {origin} 的前 {size} 片叶之中，检查点签名有效{note}"


def fund(i: Mapping[str, int]) -> int:
    """Return what the fund pays: its ratio of what is above the deductible, capped."""
    limit = min(i["deductible_per_level"], i.get("deductible_year_max", sys.maxsize))
    deductible = min(i["in_scope"], max(0, limit - i["deductible_used"]))
    paid = ((i["in_scope"] - deductible) * i["ratio_bp"] + i["rounding_bp"]) // 10_000
    left = max(0, i.get("cap", sys.maxsize) - i["fund_paid"])
    return min(paid, left, i.get("visit_cap", paid))


FORMULAS: Mapping[str, tuple[str, Callable[[Shown], int]]] = {
    "fund.v1": ("fund", fund),
    "fund.v2": ("fund", lambda i: __import__("packet_rows").paid(i)),
    "further.v1": ("further", lambda i: __import__("packet_rows").paid(i)),
    "no_fund.v1": ("fund", lambda _: 0),
    "own_purse.v1": ("own", lambda i: min(i["needed"], i["available"])),
    "giver_purse.v1": ("aid", lambda i: min(i["needed"], i["available"])),
    "wallet.v1": ("wallet", lambda i: min(i["needed"], i["available"])),
    "cash.v1": ("cash", lambda i: 2 * i["total"] - sum(i.values())),
}


def check_money(settlement: Shown) -> int:
    """Check each line and all sums of a settlement; return its total in fen."""
    bill, lines = settlement["bill"], settlement["lines"]
    total: int = bill["total_fen"]
    require(sum(bill[f"{x}_fen"] for x in PARTS) == total, "费用的四部分之和不是总额")
    require(sum(line["fen"] for line in lines) == total, "各行之和不是总额")
    check_payers(settlement, lines)
    moved = {(m["purse"], "wallet" in m): -m["fen"] for m in settlement["movements"]}
    asked = [x for x in lines if x.get("purse") and x["fen"]]
    drawn = {(x["purse"], "wallet" in x["formula"]): x["fen"] for x in asked}
    require(moved == drawn, "账户的变动与各行不符")
    return total


def check_payers(settlement: Shown, lines: list[Any]) -> None:
    """Check that each line follows from its inputs, and what each payer pays in all."""
    paid = {payer: 0 for payer, _ in FORMULAS.values()}
    for place, line in enumerate(lines, 1):
        require(line["formula"] in FORMULAS, f"trace.v1 没有公式 {line['formula']}")
        payer, recomputed = FORMULAS[line["formula"]]
        fen = recomputed(line["inputs"])
        require(fen == line["fen"], f"第 {place} 行应为 {fen} 分，不是所写的数")
        paid[payer] += fen
    for payer, fen in paid.items():
        require(settlement.get(f"{payer}_fen", 0) == fen, "各付款方的合计与各行不符")


def check_rules(hashed: Hash, packet: Shown, settlement: Shown) -> str:
    """Check the documents, and that they hold each line's clauses; return a sentence."""
    documents = {one["digest"]: one["document"] for one in packet["rules"]}
    for digest, document in documents.items():
        found = hashed(document.encode()).hex()
        require(found == digest.removeprefix("sm3:"), "规则文档的内容与摘要不符")
    decided = settlement["decided_by"]
    named = {decided.get("rules_digest", ""), *decided.get("other_digests", ())} - {""}
    require(named <= documents.keys(), "规则文档不是结算所依据的那些")
    if not named:
        return "规则：作出时尚未留存，各行条款无从核对"
    texts = "".join(documents[digest] for digest in named)
    for line in settlement["lines"]:
        for clause in (*line["rule"]["clauses"], line["rule"]["since"]):
            require(f'"{clause}"' in texts, f"{clause} 不在规则文档中")
    return f"规则：{len(named)} 份文档与摘要一致，载有各行条款"


def check_order(rows: list[tuple[dict[str, Any], Shown]], name: str) -> None:
    """Check that rows are one history: decided, reversed, replaced, in this order."""
    before: Shown = {"settlement_id": "", "replaced_by": name}
    place = (-1, -1)
    for now, row in rows:
        check_next(before, now)
        again = before["settlement_id"] == now["settlement_id"]
        if not again or not before.get("reversed_at"):
            check_time(now, json.loads(row["body"]))
        if row["inclusion"]:
            after = row["inclusion"]["index"], row["position"]
            require(after[0] >= place[0] and after != place, "各行在日志中的先后不对")
            place = after
        before = now
    require(not before.get("replaced_by"), "没有出示取代它的结算")


def check_time(now: Shown, leaf: Shown) -> None:
    """Check that a row was written as it says, or stood there as the log began."""
    said = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=leaf["at"])
    at = datetime.fromisoformat(now.get("reversed_at") or now["settled_at"])
    began = leaf["what"] == "Genesis" and said > at
    require(said == at or began, "结算、撤销的时间与叶所载的不符")


def check_next(before: Shown, now: Shown) -> None:
    """Check that a row is its settlement's reversal, or of what took its place."""
    name, former = now["settlement_id"], before["settlement_id"]
    if name == former:
        may = {"replaced_by"} if before.get("reversed_at") else REVERSAL
        changed = {key for key in (*now, *before) if now.get(key) != before.get(key)}
        is_one = changed and changed <= may and now.get("reversed_at")
        require(is_one, f"{name} 作出之后内容有改动")
    else:
        follows = former in ("", now.get("replaces"))
        is_one = follows and name == before.get("replaced_by")
        require(is_one, f"行是另一笔结算 {name} 的")


def judge(packet: Shown, key: str, kept: str) -> Iterator[str]:
    """Yield what was found to hold, a sentence each."""
    hashed = hash_of(packet)
    rows = [(shown_row(hashed, row), row) for row in packet["rows"]]
    require(rows, "材料中没有日志中的行")
    check_order(rows, packet["settlement_id"])
    seen = ""
    for settlement, row in rows:
        name, reversed_at = settlement["settlement_id"], settlement.get("reversed_at")
        if reversed_at and name != seen:
            yield f"注意：没有出示 {name} 作出时的一行，只证明它撤销之后的样子"
        what = f"已于 {reversed_at} 撤销" if reversed_at else "作出"
        yield f"行：结算 {name} {what}，内容与日志中的散列一致"
        yield check_included(hashed, row, key, kept)
        if name != seen:
            yield f"金额：{check_money(settlement)} 分，每一行都能由其依据重新算出"
            yield check_rules(hashed, packet, settlement)
        seen = name
    if not key:
        yield "公钥取自材料本身：请用 --key 给出从别处得到的公钥"


def main() -> None:
    """Judge the packet named on the command line."""
    parser = argparse.ArgumentParser(description="核对一份结算的裁决材料")
    parser.add_argument("packet", type=argparse.FileType("r", encoding="utf-8"))
    parser.add_argument("--key", default="", help="从别处得到的公钥")
    parser.add_argument("--checkpoint", type=argparse.FileType("r", encoding="utf-8"))
    chosen = parser.parse_args()
    kept = chosen.checkpoint.read() if chosen.checkpoint else ""
    try:
        for sentence in judge(json.load(chosen.packet), chosen.key, kept):
            print(sentence)
    except (ImportError, LookupError, TypeError, AttributeError, ValueError) as fault:
        sys.exit(f"不成立：材料缺少内容或写法不对（{fault!r}）")


if __name__ == "__main__":
    main()
