"""Words by which either side of a conversation says that something was forgotten."""

from __future__ import annotations

from analytics.text.sought import Glance, Sought

_REMINDED = Sought(
    r"\b(?:i (?:already|just) (?:told|gave|said|mentioned|provided|sent|answered|shared|explained)|"
    r"(?:as|like) i (?:already )?(?:said|mentioned|told)|you (?:already )?(?:forgot|"
    r"asked (?:me )?(?:that|this))|"
    r"did you forget|don't you remember|i(?:'ve| have) already (?:told|given|said|"
    r"mentioned|provided|sent|answered)|"
    r"you asked (?:me )?(?:that|this) (?:already|before))\b",
    words=("already", "i just", "said", "told", "mentioned", "forg", "remember", "asked"),
)
_AMNESIA = Sought(
    r"\bi (?:don't|do not|can't|cannot) (?:recall|remember|have (?:any )?(?:memory|"
    r"record|recollection) of|"
    r"access (?:our )?(?:previous|earlier|past))|could you (?:please )?remind me",
    words=("recall", "remember", "memory", "record", "recollection", "access", "remind"),
)


def reminded(text: str) -> int | None:
    """Where a user says that it was said before; None when nowhere."""
    return _start(_REMINDED, text)


def amnesia(text: str) -> int | None:
    """Where an assistant says that it does not remember; None when nowhere."""
    return _start(_AMNESIA, text)


def _start(sought: Sought, text: str) -> int | None:
    found = sought.search(Glance(text))
    return None if found is None else found.start()
