"""Passages that give orders to whoever, or whatever, reads them: no answer is made of one, and no model sees it.

A document is evidence, and an order is none. Told by its form alone, in Japanese, English and Chinese, and in the
marks of chat templates, pages and spreadsheets: what reports *about* prompts, instructions and attacks is a sentence
like any other, also where it quotes an order.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from ingest.invisible import visible
from ingest.mapped import ADDED, Mapped
from ingest.structure import split_sentences
from retriever.records import Document, Passage

_LOOK_ALIKE = str.maketrans(
    "АВСЕНІЈКМОРЅТХаеоԁісјѕрухһԛԝΑΒΕΗΙΚΜΝΟΡΤΧοαν", "ABCEHIJKMOPSTXaeodicjspyxhqwABEHIKMNOPTXoav"
)
"""Cyrillic and Greek letters that look like Latin ones."""
_QUOTED = re.compile(r"「[^「」]*」|『[^『』]*』|“[^“”]*”|‘[^‘’]*’|《[^《》]*》|(?<![A-Za-z])\"[^\"]*\"|\([^()]*\)")
_START = r"(?:^|[.:;!?。：；！？、，,\"'「『“(\[\-–—*#>]\s*|\b(?:please|now|must|should|and|then|to|instead)[, ]+)"
_RULES = r"(?:instructions?|prompts?|rules?|context|directions?|guidelines?|passages?|documents?|sources?|messages?)"
_MACHINE = r"(?:language model|AI|assistant|chatbot|LLM|model|summari[sz]er)s?"
_ENGLISH = rf"""
    {_START}(?:ignore|disregard|forget|override|bypass)\s[^.]{{0,40}}
        \b(?:previous|prior|above|earlier|other|all|any|your|the)\b[^.]{{0,40}}\b{_RULES}\b
    | {_START}(?:answer|respond|reply)\s(?:only\s|simply\s|exactly\s)?
        (?:with|that|as|in|to\s(?:the|any|every|all)\s\w+)\b
    | {_START}(?:always\s|only\s|just\s|simply\s)?(?:answer|respond|reply|say|state|print|output|write|repeat|tell)\s?
        (?:["'“「:]|(?:exactly|only|that|the\s(?:following|user|reader|analyst|words?)|users?)\b)
    | {_START}(?:do\snot|don't|never)\s(?:cite|quote|mention|reveal|use|trust|answer|show)\b[^.]*\b
        (?:{_RULES}|\[?[0-9]\]?|reports?|passages?|user|question)\b
    | {_START}cite\s[^.]{{0,40}}\b(?:as|instead|passage|source)\b
    | \b(?:you\sare|act\sas|pretend\s(?:to\sbe|you))\s(?:now\s|no\slonger\s)?(?:an?|the|my|bound)?\s?[^.]{{0,30}}
        \b(?:{_MACHINE}|DAN|rules|restrictions|unrestricted)\b
    | {_START}(?:dear|attention|note\sto|instructions?\s(?:to|for)|message\s(?:to|for))\s[^.]{{0,20}}\b{_MACHINE}\b
    | \b(?:new|your|following|these|hidden|updated)\s(?:system\s)?instructions?\s?(?:are|is|apply|:)
    | \byour\s(?:only\s|new\s|final\s)?(?:task|answer|reply|response|output|job)\s(?:is|must|should|shall|will)\b
"""
_WRITES = r"(?:答え|こたえ|伝え|述べ|書き|書い|(?:回答|返答|応答|出力|返信|要約|表示|記載|報告|説明|引用|案内)し)"
_ORDERED = r"(?:よ|ろ|て(?:ください|下さい|くれ)|なければ(?:ならない|なりません)|なさい|るように|るべし|ること)"
_DO = r"(?:答え|回答|返答|応答|出力|返信|表示|引用|案内|記載)"
_TO_DO = r"(?:せよ|しろ|しなさい|して(?:ください|下さい|くれ)|すること|するように|願います|ください)"
_OF_RULES = r"(?:指示|命令|プロンプト|制約|ルール|規則|文脈|設定|資料|文書|出典|箇所|passage)"
_JAPANESE = rf"""
    {_OF_RULES}[^。]{{0,20}}(?:無視|忘れ|破棄|取り消|撤回|上書き|参照しない|使わない|引用しない)[^。]*
        (?:せよ|しろ|ろ|よ|なさい|ください|下さい|こと|て|し)[。、!]?$
    | (?:[とにをでは「」『』:]|だけ|のみ)(?:必ず|だけ|のみ)?
        (?:{_WRITES}{_ORDERED}|{_DO}{_TO_DO})(?:[。、!」』)]|$)
    | (?:あなた|君|お前|貴方)は[^。]{{0,30}}(?:AI|アシスタント|モデル|ボット|チャットボット|回答者|制限)
    | (?:AI|アシスタント|言語モデル|LLM|モデル|ボット|回答システム)(?:への|に対する|各位|向けの?)?
        (?:指示|命令|お願い|注意)?(?:へ|は)?[^。]{{0,40}}(?:{_WRITES}|無視|引用し|従い|従っ|{_DO})
        [^。]{{0,6}}(?:よ|ろ|せよ|ください|下さい|なさい|こと)[。!]?$
    | (?:AI|アシスタント|言語モデル|LLM|ボット)(?:への|に対する|宛て?の)(?:指示|命令|お願い)\s?[:。]
    | (?:指示|命令)に(?:従え|従うこと|従って(?:ください|下さい)|従いなさい)
    | システム(?:プロンプト|メッセージ|指示)\s?[:]
    | ^(?:以下|次)の(?:指示|命令)[^。]{{0,12}}(?:優先|従)
"""
_CHINESE = r"""
    (?:^|[。：；！，、,:;!「『“(]|请|請|你|必须|应当?|务必|现在|立即|并)
        (?:忽略|无视|無視|忽视|忘记|忘掉|不要理会|不要遵守)[^。]{0,16}
        (?:指令|指示|提示词?|规则|要求|内容|资料|段落|文档|設定|设定)
    | (?:请|請|必须|应当?|务必|只能|只需|只要|一律|直接|统一|都|你要|则|就|并)(?:仅|只|直接|统一|以|用[^。]{0,8})?
        (?:回答|输出|回复|答复|答|告诉(?:用户|读者|提问者)|声称|写道?|说)(?:[：:「『“"]|用户|读者|提问|为|成|说|道|是)
    | (?:^|[。：；！，,:;!])(?:回答|输出|回复|答复)\s?[：:「『“"]
    | 你(?:现在|從現在起|从现在起)?(?:是|扮演|将?作为)[^。]{0,24}(?:助手|模型|机器人|AI|系统|无限制)
    | (?:致|给|对)(?:所有)?(?:AI|人工智能|语言模型|大模型|模型)(?:助手|阅读者|系统)?(?:的(?:指令|指示|提示|话)|\s?[：:])
    | 系统(?:提示词?|指令|消息)\s?[：:]
    | (?:不要|不得|禁止|切勿)(?:引用|提及|使用|参考|显示)[^。]{0,12}
        (?:其他|其它|别的|上述|以上|来源|资料|段落|文档|出处)
"""
_MARKUP = r"""
    <\|[a-z_ ]{2,30}\|> | \[/?INST\] | <</?SYS>>
    | </?(?:passage|system|assistant|user|instructions?|prompt|context|answer)\b[^>]*>?
    | \#{2,}\s?(?:System|Instructions?|Response|Assistant|Human|User|Input)\b | \bNO_ANSWER\b
    | ^[\s*"'>\-#|]*(?:system|assistant|user|developer|SYSTEM|ASSISTANT|USER|Assistant|Human)\s?:
    | ^\s*data\s?:\s*[{\[] | ["'](?:role|answer|choices|citations|short_answer|content)["']\s?:
    | <\s?/?(?:script|style|iframe|img|svg|object|embed)\b | \bon(?:click|error|load|mouse[a-z]+|focus)\s?=
    | \bjavascript\s?: | \bdata:(?:text|image)/ | =\s?[A-Z]{2,}\( | =\s?cmd\s?\| | \{\{.*\}\} | \{%.*%\}
    | \b(?:BEGIN|END)\s(?:SYSTEM|INSTRUCTIONS?|PROMPT|OF\s(?:DOCUMENTS?|PASSAGES?|CONTEXT))
"""
_PROSE = re.compile("|".join((_ENGLISH, _JAPANESE, _CHINESE)), re.VERBOSE | re.IGNORECASE)
_FORM = re.compile(_MARKUP, re.VERBOSE)
_LETTERS = re.compile(r"[^\W\d_]")


@lru_cache(maxsize=1024)
def is_order(text: str) -> bool:
    """Whether a sentence, cell or heading orders its reader about, or plays a turn of a conversation with a model."""
    read = unicodedata.normalize("NFKC", visible(text)).translate(_LOOK_ALIKE).strip()
    if _FORM.search(read):
        return True
    said = _QUOTED.sub("「」", read)
    return bool(_PROSE.search(said if _LETTERS.search(said) else read))


def gives_orders(passage: Passage, document: Document) -> bool:
    """Whether an order stands in a passage, over it, or in the name of its document."""
    columns = (name for cell in passage.cells for name in cell.columns)
    names = (document.title, document.author or "", document.publisher or "", *passage.section, *columns)
    return any(map(is_order, (*names, *_sentences(passage.text))))


def _sentences(text: str) -> Iterator[str]:
    """Of each line; of a table's row the cells, and the whole row as it reads."""
    for line in text.split("\n"):
        if "\t" in line:
            yield from (*line.split("\t"), line.replace("\t", " "))
        yield from (sentence.text for sentence in split_sentences(Mapped(line, (ADDED,) * len(line))))
