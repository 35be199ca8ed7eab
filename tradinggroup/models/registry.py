"""From a model's name to the model: `rules`, or `openai:<name>` for any OpenAI-compatible server."""

from __future__ import annotations

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.models.endpoint import Endpoint
from tradinggroup.models.port import ChatModel
from tradinggroup.settings import ModelSettings

RULES = "rules"
OPENAI_PREFIX = "openai:"


def is_local(name: str) -> bool:
    """Whether the model is computed in this process, without any server."""
    return name == RULES


def make_model(name: str, settings: ModelSettings) -> ChatModel:
    """The model called `name`. Needs no key and opens nothing. Raises UsageError MODEL_UNKNOWN."""
    if is_local(name):
        from tradinggroup.models.rules import RulesAnalyst

        return RulesAnalyst()
    from tradinggroup.models.openai_chat import OpenAIChat

    return OpenAIChat(_server_name(name), settings)


def check_model(name: str, *, is_asked: bool = True) -> None:
    """Raise what a first live call with this model would raise without asking anyone.

    UsageError MODEL_UNKNOWN for the name; KEY_MISSING or SETTING_INVALID for the endpoint's variables, where the model `is_asked`
    and not only read from recordings.
    """
    if is_local(name):
        return
    _server_name(name)
    if is_asked:
        Endpoint.from_environment()


def _server_name(name: str) -> str:
    prefix, colon, rest = name.partition(":")
    if f"{prefix}{colon}" != OPENAI_PREFIX or not rest.strip():
        raise UsageError(
            ErrorCode.MODEL_UNKNOWN,
            f"no model {name!r}",
            remedy=did_you_mean(name, [RULES, f"{OPENAI_PREFIX}<name>"]),
        )
    return rest.strip()
