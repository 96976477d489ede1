"""What is shown at the counter (就诊凭证): at home, and in another pooling area."""

from __future__ import annotations

from gongji.cities.anhui import clauses as c
from gongji.cities.anhui.since import provincial
from gongji.rules.clauses import Clause, Timeline
from gongji.rules.codes import EvidenceType
from gongji.rules.evidence import EvidenceAccepted, EvidenceTerms
from gongji.rules.hookspecs import hookimpl

_PAGE = "2025安徽滁州医保门诊共济怎么绑定(网页) 第262行"

H10 = Clause(
    "H10",
    "2025年安徽医保门诊共济需要以下材料: 社会保障卡或电子医保凭证",
    _PAGE,
    verified_on=c.VERIFIED_ON,
)

H11 = Clause(
    "H11",
    "参保职工在本地定点医疗机构就医时,需出示社会保障卡或电子医保凭证以便直接结算。",
    _PAGE,
    verified_on=c.VERIFIED_ON,
)

T111 = Clause.assumption(
    "T111",
    "H11、H12只写社会保障卡或电子医保凭证；国家接口的就诊凭证类型另有居民身份证（02），"
    "本地就医也认，异地就医没有文件写明，不认。",
)

T112 = Clause.assumption(
    "T112",
    "身份由定点医药机构当面查验；没有随结算报送就诊凭证的照常结算，报送的须是患者本人的。",
)

T113 = Clause.assumption(
    "T113",
    "电子凭证令牌没有接通签发方的，社会保障卡没有登记卡号的，居民身份证没有登记号码的，"
    "只核对格式；结算记录写明没有核实。",
)


@hookimpl
def visit_evidence() -> Timeline[EvidenceTerms]:
    """本地与异地就医都出示社会保障卡或电子医保凭证（H10–H12），本地也认身份证（推定T111）。"""
    return provincial(
        EvidenceTerms(
            at_home=EvidenceAccepted(
                types=(
                    EvidenceType.SOCIAL_SECURITY_CARD,
                    EvidenceType.E_VOUCHER,
                    EvidenceType.IDENTITY_CARD,
                ),
                clauses=(H11, T111, T112),
            ),
            elsewhere=EvidenceAccepted(
                types=(EvidenceType.SOCIAL_SECURITY_CARD, EvidenceType.E_VOUCHER),
                clauses=(c.H8, c.H12, T111, T112),
            ),
            by_form=(T113,),
        ),
        clauses=[c.H8, H10, H11, c.H12, T111, T112, T113],
        why="H8的异地就医只写社保卡，H12写社会保障卡或电子医保凭证：后者较详，两种都认。",
    )
