"""Judge a packet that `gongji explain SETTLEMENT --packet FILE` wrote, without gongji.

    python verify_packet.py packet.json [--key KEY] [--checkpoint FILE]

It needs Python 3.11 and `cryptography`, and nothing else: no server, no network, nothing
of ours. It recomputes
  the row    its text has the hash that the leaf of the log holds; what the text only
             commits to is what the packet shows
  the leaf   its hash is in the tree of a checkpoint, and the log's key has signed that
  the money  every line follows from its inputs, all lines sum to the bill
  the rules  each document has the digest the settlement names, and every line's clauses
It prints what it found, or the first thing that does not hold, with exit status 1.

KEY is the log's public key and FILE a checkpoint, both from elsewhere than the packet:
a witness, a printed page. Without KEY the packet's own is believed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "gongji-packet/1"
HASHES = {"SHA-256": "sha256", "SM3": "sm3"}
ED25519 = b"\x01"
PARTS = (
    "out_of_catalogue_fen",
    "above_limit_fen",
    "first_selfpay_fen",
    "in_scope_fen",
)
PAYERS = {
    "fund.v1": "fund",
    "no_fund.v1": "fund",
    "own_purse.v1": "own",
    "giver_purse.v1": "aid",
    "cash.v1": "cash",
}


class WrongError(Exception):
    """Something in the packet does not hold."""


def require(holds: object, what: str) -> None:
    """Stop unless something holds."""
    if not holds:
        raise WrongError(what)


class Packet:
    """A packet, and the hash function of its log."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        require(content.get("format") == FORMAT, f"不是 {FORMAT} 格式的材料")
        self.content = content
        name = content["hash"]
        require(name in HASHES, f"不认识散列函数 {name}")
        self._name = HASHES[name]

    def hash(self, content: bytes) -> bytes:
        """Return the hash of bytes."""
        return hashlib.new(self._name, content).digest()


def shown_row(packet: Packet, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the values a row shows, once text and leaf agree."""
    text = row["text"].encode()
    hashes = [b64decode(one) for one in row["hashes"]]
    require(packet.hash(text) == hashes[row["position"]], "行的文字与日志中的散列不符")
    body = json.loads(row["body"])
    together = b64encode(packet.hash(b"".join(hashes))).decode()
    require(together == body["records"], "各行的散列与叶所载的不符")
    return opened_row(packet, row, json.loads(text))


def opened_row(
    packet: Packet, row: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, str]:
    """Return the values a row's text says or commits to."""
    require(told["table"] == "settlement", "这一行不是结算")
    hidden = told.get("hidden", {})
    for column, commitment in hidden.items():
        require(column in row["values"], f"没有出示 {column} 的内容")
        check_value(packet, column, commitment, row["values"][column])
    clear = {name: str(value) for name, value in told["row"].items()}
    return clear | {name: row["values"][name]["value"] for name in hidden}


def check_value(
    packet: Packet, column: str, commitment: str, shown: Mapping[str, str]
) -> None:
    """Check that a commitment is of the value shown."""
    made = packet.hash(b64decode(shown["opener"]) + shown["value"].encode())
    require(b64encode(made).decode() == commitment, f"{column} 的内容与承诺不符")


def root_of(
    packet: Packet, body: bytes, index: int, size: int, path: list[bytes]
) -> bytes:
    """Return the root to which a leaf's path leads (RFC 9162, 2.1.3.2)."""
    require(0 <= index < size, "叶的位置不在树中")
    place, last = index, size - 1
    found = packet.hash(b"\x00" + body)
    for sibling in path:
        require(last > 0, "证明比树深")
        if place % 2 or place == last:
            found = packet.hash(b"\x01" + sibling + found)
            while place % 2 == 0 and place > 0:
                place, last = place // 2, last // 2
        else:
            found = packet.hash(b"\x01" + found + sibling)
        place, last = place // 2, last // 2
    require(last == 0, "证明没有到达树根")
    return found


def checkpoint_of(note: str, key: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a signed checkpoint (C2SP), its signature checked."""
    text, separator, signatures = note.partition("\n\n")
    require(separator, "检查点没有签名")
    check_signed(text + "\n", signatures, key)
    origin, size, root = text.split("\n")[:3]
    return origin, int(size), b64decode(root)


def check_signed(text: str, signatures: str, key: str) -> None:
    """Check that one of a note's signatures is of a verifier key."""
    name, key_id, public = key.split("+", 2)
    content = b64decode(public)
    require(content[:1] == ED25519, "本程序只核对 Ed25519 的签名；SM2 请用国密工具核对")
    expected = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    require(expected.hex() == key_id, "公钥的编号与公钥不符")
    verifier = Ed25519PublicKey.from_public_bytes(content[1:])
    for line in signatures.splitlines():
        signature = b64decode(line.rpartition(" ")[2])
        if line.startswith(f"— {name} ") and signature[:4] == expected:
            try:
                verifier.verify(signature[4:], text.encode())
            except InvalidSignature:
                raise WrongError("检查点的签名不对") from None
            return
    raise WrongError("检查点没有这把密钥的签名")


def check_included(
    packet: Packet, row: Mapping[str, Any], key: str, kept: str
) -> tuple[str, int]:
    """Check that a row's leaf is in the tree of its checkpoint; return origin and size."""
    proof = row["inclusion"]
    origin, size, root = checkpoint_of(proof["checkpoint"], key or proof["public_key"])
    path = [b64decode(one) for one in proof["path"]]
    found = root_of(packet, row["body"].encode(), proof["index"], size, path)
    require(found == root, "叶不在检查点的树中")
    if kept:
        other = checkpoint_of(kept, key or proof["public_key"])
        require(origin == other[0], "检查点属于另一本日志")
        require(
            size != other[1] or root == other[2], "日志已分叉：同样大小的两个树根不同"
        )
    return origin, size


def recomputed(formula: str, i: Mapping[str, int]) -> int:
    """Return the fen of a line from its formula and inputs (trace.v1)."""
    match formula:
        case "no_fund.v1":
            return 0
        case "fund.v1":
            return fund(i)
        case "own_purse.v1" | "giver_purse.v1":
            return min(i["needed"], i["available"])
        case "cash.v1":
            return i["total"] - i["fund"] - i["own_purse"] - i["givers"]
    raise WrongError(f"trace.v1 没有公式 {formula}")


def fund(i: Mapping[str, int]) -> int:
    """Return what the fund pays: its ratio of what is above the deductible, capped."""
    limit = i["deductible_per_level"]
    if "deductible_year_max" in i:
        limit = min(limit, i["deductible_year_max"])
    deductible = min(i["in_scope"], max(0, limit - i["deductible_used"]))
    shared = i["in_scope"] - deductible
    bounds = [(shared * i["ratio_bp"] + i["rounding_bp"]) // 10_000]
    if "visit_cap" in i:
        bounds.append(i["visit_cap"])
    if "cap" in i:
        bounds.append(max(0, i["cap"] - i["fund_paid"]))
    return min(bounds)


def check_money(settlement: Mapping[str, Any]) -> int:
    """Check each line and all sums of a settlement; return its total in fen."""
    bill, lines = settlement["bill"], settlement["lines"]
    total: int = bill["total_fen"]
    require(sum(bill[part] for part in PARTS) == total, "费用的四部分之和不是总额")
    require(sum(line["fen"] for line in lines) == total, "各行之和不是总额")
    stated = {payer: settlement[f"{payer}_fen"] for payer in PAYERS.values()}
    require(paid_by(lines) == stated, "各付款方的合计与各行不符")
    moved = {m["purse"]: -m["fen"] for m in settlement["movements"] if m["fen"]}
    drawn = {one["purse"]: one["fen"] for one in lines if one.get("purse")}
    require(moved == {k: v for k, v in drawn.items() if v}, "账户的变动与各行不符")
    return total


def paid_by(lines: list[Any]) -> dict[str, int]:
    """Return what each payer pays, once each line follows from its inputs."""
    paid = dict.fromkeys(PAYERS.values(), 0)
    for place, line in enumerate(lines, 1):
        fen = recomputed(line["formula"], line["inputs"])
        require(fen == line["fen"], f"第 {place} 行应为 {fen} 分，不是所写的数")
        paid[PAYERS[line["formula"]]] += fen
    return paid


def check_rules(packet: Packet, settlement: Mapping[str, Any]) -> int:
    """Check the documents, and that they hold each line's clauses; return how many."""
    decided = settlement["decided_by"]
    named = [decided.get("rules_digest", ""), *decided.get("other_digests", ())]
    documents = {}
    for rules in packet.content["rules"]:
        digest = hashlib.sha256(rules["document"].encode()).hexdigest()
        require(digest == rules["digest"], f"规则文档 {rules['digest']} 与摘要不符")
        documents[digest] = json.loads(rules["document"])
    require(set(filter(None, named)) == set(documents), "规则文档不是结算所依据的那些")
    texts = set(texts_in(list(documents.values())))
    for line in settlement["lines"]:
        for clause in line["rule"]["clauses"]:
            require(clause in texts, f"条款 {clause} 不在规则文档中")
        require(line["rule"]["since"] in texts, "规则文档中没有这一天起的规则")
    return len(documents)


def texts_in(value: object) -> Iterator[str]:
    """Yield every text in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def judge(packet: Packet, key: str, kept: str) -> Iterator[str]:
    """Yield what was found to hold, a sentence each. WrongError."""
    require(packet.content["rows"], "材料中没有日志中的行")
    for row in packet.content["rows"]:
        values = shown_row(packet, row)
        settlement = json.loads(values["doc"])
        name = settlement["settlement_id"]
        require(name == packet.content["settlement_id"], f"行是另一笔结算 {name} 的")
        yield f"行：结算 {name} 的内容与日志中的散列一致"
        if row["inclusion"]:
            origin, size = check_included(packet, row, key, kept)
            yield f"日志：在 {origin} 的前 {size} 片叶之中，检查点签名有效"
        else:
            yield "日志：尚无检查点包含这片叶，请在下一个检查点之后再取材料"
        yield f"金额：{check_money(settlement)} 分，每一行都能由其依据重新算出"
        yield f"规则：{check_rules(packet, settlement)} 份文档与摘要一致，载有各行的条款"
        if settlement.get("reversed_at"):
            yield f"注意：该结算已于 {settlement['reversed_at']} 撤销"
    if not key:
        yield "公钥取自材料本身：请用 --key 给出从别处得到的公钥"


def main() -> int:
    """Judge the packet named on the command line."""
    parser = argparse.ArgumentParser(description="核对一份结算的裁决材料")
    parser.add_argument("packet", type=argparse.FileType("r", encoding="utf-8"))
    parser.add_argument("--key", default="", help="从别处得到的公钥")
    parser.add_argument("--checkpoint", type=argparse.FileType("r", encoding="utf-8"))
    chosen = parser.parse_args()
    kept = chosen.checkpoint.read() if chosen.checkpoint else ""
    try:
        for sentence in judge(Packet(json.load(chosen.packet)), chosen.key, kept):
            print(sentence)
    except WrongError as wrong:
        print(f"不成立：{wrong}", file=sys.stderr)
        return 1
    except (KeyError, IndexError, TypeError, ValueError) as fault:
        print(f"不成立：材料缺少内容或写法不对（{fault!r}）", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
