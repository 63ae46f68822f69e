"""A guess at the language of a text, for slices: by its script, else by its commonest words.

It names a language only when it is clear; short and mixed texts stay without one. Good enough to
see that an evaluator is worse in French, not to route anybody's request.
"""

from __future__ import annotations

import re

WORDS_MIN = 3
"""Fewer common words than this, or no lead over the next language, and nothing is named."""

_SCRIPTS = (
    ("ja", "\u3040-\u30ff"), ("ko", "\uac00-\ud7af"), ("zh", "\u4e00-\u9fff"),
    ("ru", "\u0400-\u04ff"), ("el", "\u0370-\u03ff"), ("ar", "\u0600-\u06ff"),
    ("he", "\u0590-\u05ff"), ("hi", "\u0900-\u097f"), ("th", "\u0e00-\u0e7f"),
)  # fmt: skip
"""Writing systems by the language that most texts in them are in; Japanese before Chinese."""
_SCRIPT_SHARE_MIN = 0.3
_WORD = re.compile(r"[^\W\d_]+")

_COMMON = {
    "en": "the and is are you to of in that it for with this what how can my have not please",
    "de": "der die das und ist nicht ich sie ein eine mit auf für den wie was kann zu von bitte",
    "fr": "le la les et est une des je vous que pour dans pas avec sur mon ce qui comment du",
    "es": "el los las y es una que de en por para con no mi cómo qué del se lo como",
    "it": "il gli di che è una per non con sono mi come del della un questo posso ho i ma",
    "pt": "o os as e é uma que de em para com não meu como do da eu você um por",
    "nl": "de het een en is niet ik je van dat op voor met hoe wat mijn kan zijn te aan",
    "pl": "i w na nie się jest to do że jak z czy mam co dla po mi jestem proszę od",
    "sv": "och är det att en jag inte som på för med du hur vad kan min av den ett till",
    "tr": "ve bir bu için ile ne değil ben mi var çok da de olarak ama gibi daha benim olan",
}
_BY_WORD: dict[str, list[str]] = {}
for _language, _words in _COMMON.items():
    for _word in _words.split():
        _BY_WORD.setdefault(_word, []).append(_language)


def language_of(text: str) -> str | None:
    """The two-letter code of the language of most of a text; None when that is not clear."""
    letters = sum(character.isalpha() for character in text)
    if letters == 0:
        return None
    for language, span in _SCRIPTS:
        if len(re.findall(f"[{span}]", text)) / letters >= _SCRIPT_SHARE_MIN:
            return language
    seen: dict[str, float] = {}
    for word in _WORD.findall(text.lower()):
        owners = _BY_WORD.get(word, ())
        for language in owners:
            seen[language] = seen.get(language, 0.0) + 1 / len(owners)
    ranked = sorted(seen.items(), key=lambda entry: (-entry[1], entry[0]))
    if not ranked or ranked[0][1] < WORDS_MIN:
        return None
    if len(ranked) > 1 and ranked[1][1] > 0.7 * ranked[0][1]:
        return None
    return ranked[0][0]
