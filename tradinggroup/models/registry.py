"""From a model's name to the model: `rules`, or `SERVER:NAME` for a model at an OpenAI-compatible server of the registry."""

from __future__ import annotations

from collections.abc import Mapping

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.models.endpoint import Endpoint
from tradinggroup.models.lookahead import refuse_lookahead
from tradinggroup.models.port import ChatModel
from tradinggroup.models.rate_limit import RateLimits
from tradinggroup.models.registry_entries import ModelEntry, ServerEntry
from tradinggroup.models.registry_file import ModelRegistry
from tradinggroup.models.rung_choice import RungChoice
from tradinggroup.settings import ModelSettings

RULES = "rules"


def is_local(name: str) -> bool:
    """Whether the model is computed in this process, without any server."""
    return name == RULES


def make_model(
    name: str, settings: ModelSettings, registry: ModelRegistry, *, rungs: RungChoice | None = None, limits: RateLimits | None = None
) -> ChatModel:
    """The model called `name`, which is asked as `rungs` decides, and as often as `limits` allow all models of a run.

    Needs no key and opens nothing. Raises UsageError MODEL_UNKNOWN.
    """
    if is_local(name):
        from tradinggroup.models.rules import RulesAnalyst

        return RulesAnalyst()
    from tradinggroup.models.openai_chat import OpenAIChat

    server, entry = _entries(name, registry)
    return OpenAIChat(served_name(name), settings, server, entry=entry, rungs=rungs, limits=limits)


def load_client() -> None:
    """Import what a call to a server needs. It takes a second or more, which nobody needs to wait for at the first call."""
    import openai  # noqa: F401

    import tradinggroup.models.transport  # noqa: F401


def check_model(name: str, registry: ModelRegistry, *, parameters: Mapping[str, object] | None = None, is_asked: bool = True) -> None:
    """Raise what a first live call with this model, and these parameters of a card, would raise without asking anyone.

    UsageError MODEL_UNKNOWN for the name; LOOKAHEAD_MODEL where it searches the web; KEY_MISSING or SETTING_INVALID for the
    endpoint's variables, where the model `is_asked` and not only read from recordings.
    """
    if is_local(name):
        return
    server, entry = _entries(name, registry)
    refuse_lookahead(name, entry, {**entry.extra_parameters, **(parameters or {})})
    if is_asked:
        Endpoint.of(server)


def served_name(name: str) -> str:
    """What the server knows the model by: `llama3.1:8b` of `ollama:llama3.1:8b`."""
    return name.partition(":")[2].strip()


def _entries(name: str, registry: ModelRegistry) -> tuple[ServerEntry, ModelEntry]:
    server, entry = registry.server_of(name), registry.entry_of(name)
    if server is None or entry is None or not served_name(name):
        known = [RULES, *(f"{each}:<name>" for each in registry.servers)]
        raise UsageError(ErrorCode.MODEL_UNKNOWN, f"no model {name!r}", remedy=did_you_mean(name, known))
    return server, entry
