"""What of a thing a question asks for: why, who, which company, where, when, how much, what it is, how."""

import re
import unicodedata
from functools import lru_cache

from api.answers.expected import FIGURES, expected

_REASON = re.compile(
    r"なぜ|何故|どうして|なんで|理由|原因|背景|要因|わけ[はをがで]|動機|きっかけ|决定因素|动机|为什么|为何|缘何|何以|怎么会|"
    r"\bwhy\b|\breasons?\b|\bcauses?\b|\bmotiv|\bwhat (?:led|drove|prompted|made)\b",
    re.IGNORECASE,
)
_BODY = re.compile(
    r"(?:どこ|どちら|どの|何という|何の)の?(?:会社|企業|社|国|機関|大学|メーカー|チーム|団体|組織|省庁|部門)|"
    r"どこ[がと]|(?:会社|企業|メーカー|社)名|"
    r"哪(?:一)?家|哪[个些](?:公司|企业|机构|部门|大学|团队|单位|组织)|由谁|"
    r"\b(?:which|what) (?:\w+ )?(?:compan(?:y|ies)|firms?|organi[sz]ations?|agenc(?:y|ies)|institutions?|"
    r"universit(?:y|ies)|teams?|body|ministry|vendors?|suppliers?|makers?|manufacturers?|startups?|government)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"どこ|何処|場所|所在地|本社|拠点|どの(?:都市|市|省|地域)|哪里|哪儿|何处|在哪|哪个(?:城市|国家|省|地区)|地点|位于|"
    r"\bwhere\b|\bwhich (?:cit(?:y|ies)|countr(?:y|ies)|provinces?|regions?)\b",
    re.IGNORECASE,
)
_MEANING = re.compile(
    r"とは(?:何|なに|どんな|どういう)?(?:ですか|か)?[?。]?$|定義|意味|什么是|是什么意思|"
    r"\bwhat (?:is|are) (?:an? )?\w+\?$|\bdefin|\bmeaning\b",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"どのように|どうやって|どんな方法|仕組み|方法|手順|いかに|如何|怎么|怎样|"
    r"\bhow (?:do|does|did|is|are|was|were|can|will|has|have)\b",
    re.IGNORECASE,
)
_OTHERS = (("body", _BODY), ("place", _PLACE), ("meaning", _MEANING), ("manner", _MANNER))


@lru_cache(maxsize=32768)
def aspect_of(question: str) -> str:
    """The first that its words name; `what` where they name none. Cheap to ask again: the written ones come often."""
    text = unicodedata.normalize("NFKC", question)
    if _REASON.search(text):
        return "reason"
    kinds = expected(question).kinds
    if kinds:
        return "count" if kinds == FIGURES else kinds[0]
    return next((name for name, pattern in _OTHERS if pattern.search(text)), "what")
