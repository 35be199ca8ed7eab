"""The constants of the rule-based analyst in one list with a hash, so that nobody can tune them on the data they are shown on."""

from __future__ import annotations

import hashlib
import re
from types import ModuleType

import orjson

from tradinggroup.models import rules_market, rules_text, rules_trading, tone

MODULES: tuple[ModuleType, ...] = (rules_market, rules_trading, rules_text, tone)
_NAME = re.compile(r"_?[A-Z][A-Z_0-9]*")


def rules_constants() -> dict[str, int | float | str]:
    """`module.NAME` -> value of every number, word list and pattern that the analyst decides by, in the order of the modules' names."""
    found: dict[str, int | float | str] = {}
    for module in MODULES:
        room = module.__name__.rpartition(".")[2]
        for name, value in sorted(vars(module).items()):
            if _NAME.fullmatch(name) and (plain := _plain(value)) is not None:
                found[f"{room}.{name.lstrip('_')}"] = plain
    return found


def _plain(value: object) -> int | float | str | None:
    """A number as it is, a word list on one line, a pattern with its flags; None for what is made from these."""
    if isinstance(value, re.Pattern):
        return f"{value.pattern} flags={int(value.flags)}"
    if isinstance(value, str):
        return " ".join(value.split())
    return value if isinstance(value, int | float) else None


def constants_hash() -> str:
    """`sha256:` and the hash of the list."""
    return "sha256:" + hashlib.sha256(orjson.dumps(rules_constants(), option=orjson.OPT_SORT_KEYS)).hexdigest()
