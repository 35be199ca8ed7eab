"""Every error that a user can meet: a code, the facts, and what to do next.

    TradinggroupError
    ├── UsageError            exit 2   a command, a setting or a file of the user's is wrong
    ├── DataError             exit 3   a bundle, a run or a recording is missing or unusable
    │   └── LookaheadError             something asked for what was not known yet
    ├── BudgetError           exit 4   the budget is reached; resumable
    └── ProviderError         exit 5   a model server failed after bounded retries; resumable

Each is printed without a traceback as `CODE: key=value, key=value. Remedy.`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong; the reference page of codes is made from this enum, so each has its line of explanation."""

    USAGE = "USAGE", "a command line that cannot be understood"
    PROJECT_INVALID = "PROJECT_INVALID", "no project folder, or one that is not usable"
    EXPERIMENT_NOT_FOUND = "EXPERIMENT_NOT_FOUND", "no experiment file of that name"
    EXPERIMENT_INVALID = "EXPERIMENT_INVALID", "an experiment file that cannot be read or has a wrong value"
    SETTING_UNKNOWN = "SETTING_UNKNOWN", "a setting that does not exist"
    SETTING_INVALID = "SETTING_INVALID", "a setting with a value it cannot have"
    NOT_BUILT_YET = "NOT_BUILT_YET", "a setting of the design that this version does not offer yet"
    CARD_INVALID = "CARD_INVALID", "an agent's card that cannot be used"
    RISK_PROFILE_INVALID = "RISK_PROFILE_INVALID", "a risk profile that cannot be used"
    MODEL_UNKNOWN = "MODEL_UNKNOWN", "a model name without a known prefix"
    MODEL_REGISTRY_INVALID = "MODEL_REGISTRY_INVALID", "a models.toml that cannot be used"
    LOOKAHEAD_MODEL = "LOOKAHEAD_MODEL", "a model that searches the web, which knows what came after a session"
    PROMPT_TOO_LONG = "PROMPT_TOO_LONG", "a prompt that does not fit into the context of its model"
    PRICE_UNKNOWN = "PRICE_UNKNOWN", "a budget for a model whose price nobody stated"
    KEY_MISSING = "KEY_MISSING", "an environment variable with a key is not set"
    BUNDLE_NOT_FOUND = "BUNDLE_NOT_FOUND", "no bundle of that name"
    BUNDLE_INVALID = "BUNDLE_INVALID", "a bundle that cannot be read or was changed"
    BUNDLE_EXISTS = "BUNDLE_EXISTS", "a bundle of that name is already there"
    BUNDLE_UNWRITABLE = "BUNDLE_UNWRITABLE", "the folder of a bundle cannot be written"
    PAST_CHANGED = "PAST_CHANGED", "a source whose past differs from what the bundle holds"
    SYMBOL_UNKNOWN = "SYMBOL_UNKNOWN", "a symbol that the bundle does not hold"
    DATES_OUTSIDE = "DATES_OUTSIDE", "dates that the bundle does not cover, or that are reversed"
    IMPORT_INVALID = "IMPORT_INVALID", "a file that cannot be imported"
    SOURCE_FAILED = "SOURCE_FAILED", "a data source that gave no usable answer"
    EXTRA_MISSING = "EXTRA_MISSING", "an optional part that is not installed"
    LOOKAHEAD = "LOOKAHEAD", "something asked for what was not known at its moment"
    RUN_NOT_FOUND = "RUN_NOT_FOUND", "no run of that name"
    RUN_INVALID = "RUN_INVALID", "a run folder that is cut short or cannot be read"
    RUN_UNWRITABLE = "RUN_UNWRITABLE", "the run folder cannot be written"
    OUTPUT_UNWRITABLE = "OUTPUT_UNWRITABLE", "a page or a table that cannot be written where it was asked for"
    LEDGER_UNWRITABLE = "LEDGER_UNWRITABLE", "the ledger of runs cannot be written, so no run starts"
    HOLDOUT_SEALED = "HOLDOUT_SEALED", "sessions of the hold-out, which stay unseen until they are unsealed"
    DECISION_NOT_FOUND = "DECISION_NOT_FOUND", "no decision on that session for that symbol"
    RECORDING_MISSING = "RECORDING_MISSING", "a model call that was not recorded, while only recordings are allowed"
    RECORDING_INVALID = "RECORDING_INVALID", "a store of recordings that cannot be read"
    PROVIDER_FAILED = "PROVIDER_FAILED", "a model server that kept failing"
    BUDGET_REACHED = "BUDGET_REACHED", "the budget of the run is spent"
    INTERNAL = "INTERNAL", "a mistake of ours: please report it"

    meaning: str

    def __new__(cls, value: str, meaning: str) -> ErrorCode:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class TradinggroupError(Exception):
    """Base of all errors with a code. `facts` keep their order; `remedy` is a whole sentence."""

    exit_code = 2

    def __init__(self, code: ErrorCode, text: str = "", *, remedy: str = "", **facts: object) -> None:
        self.code = code
        self.text = text
        self.facts: Mapping[str, object] = facts
        self.remedy = remedy
        super().__init__(self.render())

    def __reduce__(self) -> tuple[object, ...]:
        """How it travels between processes: by its parts, since its only argument is the rendered line."""
        return _rebuilt, (type(self), self.code, self.text, self.remedy, dict(self.facts)), {"__notes__": getattr(self, "__notes__", [])}

    def render(self) -> str:
        """The error in one line, as `CODE: text, key=value. Remedy.`."""
        parts = [part for part in (self.text, ", ".join(f"{key}={value}" for key, value in self.facts.items())) if part]
        line = f"{self.code}: {', '.join(parts)}".rstrip()
        if not line.endswith((".", "?", "!")):
            line += "."
        return f"{line} {self.remedy}".rstrip()


def _rebuilt(kind: type[TradinggroupError], code: ErrorCode, text: str, remedy: str, facts: Mapping[str, object]) -> TradinggroupError:
    error = kind.__new__(kind)
    TradinggroupError.__init__(error, code, text, remedy=remedy, **facts)
    return error


class UsageError(TradinggroupError):
    """A command, setting or file of the user's is wrong. Exit 2."""


class DataError(TradinggroupError):
    """A bundle, run or recording is missing or unusable. Exit 3."""

    exit_code = 3


class LookaheadError(DataError):
    """Something asked for what was not known at its moment."""

    def __init__(self, text: str = "", **facts: object) -> None:
        super().__init__(ErrorCode.LOOKAHEAD, text, remedy="Nothing after as_of can be read; ask with a later clock.", **facts)


class BudgetError(TradinggroupError):
    """The budget is reached; the run can be resumed. Exit 4."""

    exit_code = 4


class ProviderError(TradinggroupError):
    """A model server failed after bounded retries; the run can be resumed. Exit 5."""

    exit_code = 5


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: the nearest known one, and all of them where they are few."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Known: {', '.join(names) if names else 'none'}."
