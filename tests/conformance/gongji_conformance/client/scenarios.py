"""The scenarios: what the server does, what must come of it, and why it matters."""

from __future__ import annotations

from functools import partial
from itertools import repeat
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from gongji_conformance.client.acts import DropReply, Refuse, Respond, Silence
from gongji_conformance.client.backend import TOKEN_INVALID, Backend
from gongji_conformance.client.checks import (
    all_done,
    called_again,
    calls,
    calm,
    done,
    either,
    executed,
    not_done,
    not_executed,
    refused,
    same_request,
    state_not_known,
    unknown,
    waits,
)
from gongji_conformance.client.scenario import Scenario
from gongji_conformance.client.tasks import (
    list_all,
    quote,
    reverse,
    settle,
    submit,
    wait,
)

BEYOND_DOUBLE: Final = 2**53 + 1
"""The smallest whole number a double cannot hold."""
_STRANGE_STATE: Final = 77
_STRANGE_FIELD: Final = b"\xc2\x3e\x04new!"
"""Field 1000 with the text "new!", as a later version might add one."""

_PUSHBACK_MS: Final = 1000
_SHORT_PUSHBACK_MS: Final = 100

DOWN = Refuse(
    grpc.StatusCode.UNAVAILABLE,
    "STORE_UNAVAILABLE",
    "数据库暂不可用，请用同一编号重试",
)
DOWN_PAUSE = Refuse(DOWN.code, DOWN.reason, DOWN.message, _PUSHBACK_MS)
BUSY = Refuse(
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    "OVERLOADED",
    "排队的请求太多，请稍后再试",
    _SHORT_PUSHBACK_MS,
)
BUSY_PAUSE = Refuse(BUSY.code, BUSY.reason, BUSY.message, _PUSHBACK_MS)
NOT_ELIGIBLE = Refuse(
    grpc.StatusCode.FAILED_PRECONDITION,
    "NOT_ELIGIBLE",
    "不符合绑定条件：使用人不在同一统筹区参保（C27）",
)
PARTS = Refuse(
    grpc.StatusCode.INVALID_ARGUMENT,
    "PARTS_DO_NOT_SUM",
    "bill：四个部分之和不等于医疗费总额，请核对金额",
)
REUSED = Refuse(
    grpc.StatusCode.ALREADY_EXISTS,
    "REQUEST_ID_REUSED",
    "request_id 已用于另一请求，不同之处：bill",
)

_PAGES = (("S01", "S02", "S03"), ("S04", "S05", "S06"), ("S07", "S08"))
_UNEVEN_PAGES = (("S01", "S02", "S03"), ("S04",), (), ("S05", "S06"))


def _bytes(reply: Message) -> bytes:
    return reply.SerializeToString()


def _big(reply: Any) -> bytes:
    reply.settlement.fund_fen = BEYOND_DOUBLE
    return _bytes(reply)


def _strange_state(reply: Any) -> bytes:
    reply.binding.state = _STRANGE_STATE
    return _bytes(reply)


def _strange_fields(reply: Any) -> bytes:
    reply.settlement.MergeFromString(_STRANGE_FIELD)
    return _bytes(reply) + _STRANGE_FIELD


SCENARIOS: Final = (
    Scenario(
        id="CLIENT-PLAIN-001",
        says="一切正常时，预结算、结算、申请绑定、翻页、撤销都办成，并如实报告",
        why="最平常的业务都办不成，其余无从谈起。",
        tasks=(quote(101), settle(102), submit(), list_all(10), reverse()),
        backend=partial(Backend, [["S01", "S02"]]),
        checks=(executed, all_done),
    ),
    Scenario(
        id="CLIENT-RETRY-001",
        says="服务答 UNAVAILABLE 之后，用同一个 request_id 原样重发",
        why="UNAVAILABLE 不说明请求有没有执行；换号重发，同一张账单可能结算两次，患者被扣两遍。",
        tasks=(settle(111),),
        script={"Settle": (DOWN, DOWN)},
        checks=(calls("Settle", 3), same_request("Settle"), executed, done()),
    ),
    Scenario(
        id="CLIENT-RETRY-002",
        says="执行之后连接断了：同号重发，接受 replayed 的答复为成功",
        why="钱已经付了，只是答复没有到；换号会再付一次，当作失败则窗口会让患者再付一次。",
        tasks=(settle(112),),
        script={"Settle": (DropReply(),)},
        checks=(
            calls("Settle", 2),
            same_request("Settle"),
            executed,
            done(replayed=True),
        ),
    ),
    Scenario(
        id="CLIENT-RETRY-003",
        says="一直 UNAVAILABLE：退避重试数次之后放弃，报告结果未知",
        why=(
            "没有退避、没有次数的重试会在服务恢复的那一刻再把它压垮；"
            "没有查明的业务说成失败，就可能再办一次。"
        ),
        tasks=(settle(113),),
        script={"Settle": repeat(DOWN)},
        checks=(called_again("Settle"), calm("Settle"), not_executed, unknown),
    ),
    Scenario(
        id="CLIENT-PUSHBACK-001",
        says="UNAVAILABLE 带 grpc-retry-pushback-ms: 不早于它重试",
        why="服务知道自己何时能恢复；提前重试只会延长故障。",
        tasks=(settle(121),),
        script={"Settle": (DOWN_PAUSE,)},
        checks=(waits("Settle", _PUSHBACK_MS), executed, done()),
    ),
    Scenario(
        id="CLIENT-PUSHBACK-002",
        says="OVERLOADED 带 grpc-retry-pushback-ms 与 RetryInfo：等够时间再来，或者放弃",
        why="过载时提前重试的客户端会挤掉别的医院的结算。",
        tasks=(settle(122),),
        script={"Settle": (BUSY_PAUSE,)},
        checks=(waits("Settle", _PUSHBACK_MS), either(done(), not_done)),
    ),
    Scenario(
        id="CLIENT-OVERLOAD-001",
        says="一直 RESOURCE_EXHAUSTED：每次都等，用同一编号，最终放弃",
        why="不肯放弃的客户端使过载成为常态；放弃之后由人决定何时再办。",
        tasks=(settle(123),),
        script={"Settle": repeat(BUSY)},
        checks=(
            calm("Settle"),
            waits("Settle", _SHORT_PUSHBACK_MS),
            same_request("Settle"),
            not_executed,
            not_done,
        ),
    ),
    Scenario(
        id="CLIENT-REFUSAL-001",
        says="FAILED_PRECONDITION 不重试，显示原因与中文说明",
        why="业务拒绝不会因为再试而改变；申请人看不到条件与补救办法，就只能白跑。",
        tasks=(submit(),),
        script={"SubmitBinding": repeat(NOT_ELIGIBLE)},
        checks=(calls("SubmitBinding", 1), refused(NOT_ELIGIBLE)),
    ),
    Scenario(
        id="CLIENT-REFUSAL-002",
        says="INVALID_ARGUMENT 不重试，显示原因与中文说明",
        why="写错的请求再发还是错的；说明里有字段与改法，吞掉它就没有人能改。",
        tasks=(settle(131),),
        script={"Settle": repeat(PARTS)},
        checks=(calls("Settle", 1), refused(PARTS)),
    ),
    Scenario(
        id="CLIENT-REFUSAL-003",
        says="ALREADY_EXISTS（编号已用于另一请求）不重试，更不自动换号再办",
        why="这说明编号的生成有缺陷；自动换号会掩盖它，并可能把已经办过的业务再办一次。",
        tasks=(settle(132),),
        script={"Settle": (REUSED,)},
        checks=(calls("Settle", 1), not_executed, refused(REUSED)),
    ),
    Scenario(
        id="CLIENT-DEADLINE-002",
        says="DEADLINE_EXCEEDED 是结果未知：同号重发或查询，查明后报告",
        why=(
            "服务已经执行，只是没有来得及说；"
            "当作失败而换号再办，患者付两次，当作成功而不查，账可能不存在。"
        ),
        tasks=(settle(141, deadline_s=1.5),),
        script={"Settle": (Silence(),)},
        checks=(same_request("Settle"), executed, done()),
    ),
    Scenario(
        id="CLIENT-DEADLINE-003",
        says="一直没有答复：有限次之后放弃，报告结果未知与 request_id，不说失败",
        why="说成失败，窗口就会再收一次钱；报出编号，才能日后查明或按原请求号撤销。",
        tasks=(settle(142, deadline_s=0.5),),
        script={"Settle": repeat(Silence())},
        checks=(calm("Settle"), unknown),
    ),
    Scenario(
        id="CLIENT-TOLERANT-001",
        says="答复里有不认识的枚举编号：照常工作，不冒充已知的状态",
        why="服务先于客户端升级；一个新状态就让客户端崩溃，等于升级一次停业一次。",
        tasks=(submit(),),
        script={
            "SubmitBinding": (
                Respond(
                    _strange_state,
                    label=f"执行并答复，状态为 {_STRANGE_STATE}",
                ),
            )
        },
        checks=(executed, done(but=["state"]), state_not_known),
    ),
    Scenario(
        id="CLIENT-TOLERANT-002",
        says="答复里有不认识的字段：照常工作",
        why="增加字段是兼容的改动；拒收它的客户端会在服务升级的当天停业。",
        tasks=(settle(151),),
        script={"Settle": (Respond(_strange_fields, label="执行并答复，带有新字段"),)},
        checks=(executed, done()),
    ),
    Scenario(
        id="CLIENT-PAGE-001",
        says="短页与空页不是末页：读到没有令牌为止，每行恰好一次",
        why="少读一页，对账就少一笔；令牌被改动，服务就不认。",
        tasks=(list_all(3),),
        backend=partial(Backend, _UNEVEN_PAGES),
        checks=(calls("ListSettlements", 4), done()),
    ),
    Scenario(
        id="CLIENT-PAGE-002",
        says="中途令牌失效一次：从第一页重来，或者如实报告，不重复也不残缺",
        why="把重来的行加在已读的行之后，同一笔结算就报了两次。",
        tasks=(list_all(3),),
        script={"ListSettlements": (Respond(), TOKEN_INVALID)},
        backend=partial(Backend, _PAGES),
        checks=(either(done(), refused(TOKEN_INVALID)),),
    ),
    Scenario(
        id="CLIENT-PAGE-003",
        says="令牌总是失效：有限次之后报告 PAGE_TOKEN_INVALID，不无限循环",
        why="无限重来的客户端永远不出结果，并占住服务。",
        tasks=(list_all(3),),
        backend=partial(Backend, _PAGES, forgets=True),
        checks=(calls("ListSettlements", 2, 20), refused(TOKEN_INVALID)),
    ),
    Scenario(
        id="CLIENT-CONNECTION-001",
        says="两次调用之间服务发出 GOAWAY，又一次连接被切断：自己重连，业务照办",
        why="服务会定期更换连接、会重启；不会重连的客户端要有人去重启。",
        tasks=(settle(161), wait(1.0), settle(162), wait(1.0), settle(163)),
        script={
            "Settle": (
                Respond(
                    after="goaway",
                    label="执行并答复，随后 GOAWAY",
                ),
                Respond(
                    after="cut",
                    label="执行并答复，随后切断连接",
                ),
            )
        },
        checks=(executed, all_done),
    ),
    Scenario(
        id="CLIENT-MONEY-001",
        says=f"金额是 int64：{BEYOND_DOUBLE} 分一分不差",
        why="经过浮点数（如 JavaScript 的 Number）的金额在大额时会错一分，账就不平。",
        tasks=(settle(171),),
        script={
            "Settle": (Respond(_big, label=f"执行并答复，fund_fen = {BEYOND_DOUBLE}"),)
        },
        checks=(executed, done(fund_fen=BEYOND_DOUBLE)),
    ),
    Scenario(
        id="CLIENT-ID-002",
        says="两笔业务两个编号，即使除 msgid 之外内容相同",
        why="同日两次同额的门诊是两笔业务；由内容推出编号，第二笔就不会结算。",
        tasks=(
            settle(181, msgid="H34110000001-181-A"),
            settle(181, msgid="H34110000001-181-B"),
        ),
        checks=(executed, all_done),
    ),
)
