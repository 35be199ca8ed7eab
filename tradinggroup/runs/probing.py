"""Probing a model on request: which rungs its server can do, kept for the project's next runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradinggroup.clock import utc_now
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.probe import Probe
from tradinggroup.models.probe_file import keep_probe
from tradinggroup.models.registry import check_model, make_model
from tradinggroup.models.registry_file import load_registry
from tradinggroup.project import Project
from tradinggroup.runs.figures import printable
from tradinggroup.settings import ModelSettings

WIDTH = 80
_WORKS = {True: "yes", False: "no", None: "?"}


@dataclass(frozen=True, slots=True)
class ModelProbe:
    """What was found out about `model` at the server of `address`."""

    model: str
    address: str
    found: Probe

    def to_plain(self) -> dict[str, Any]:
        """Plain values; `rung` is None where none is known to work."""
        return {
            "model": self.model,
            "server": self.address,
            "rung": None if self.found.rung is None else str(self.found.rung),
            "rungs": [{"rung": str(each.rung), "works": each.works, "said": each.said} for each in self.found.results],
            "prompt_tokens": self.found.usage.prompt_tokens,
            "completion_tokens": self.found.usage.completion_tokens,
        }

    def text(self) -> str:
        """The same for a person, at 80 columns."""
        lines = [f"{self.model} at {self.address}", "", f"{'rung':<12} {'works':<6} answer"]
        for each in self.found.results:
            said, room = printable(each.said), WIDTH - 20
            lines.append(f"{each.rung:<12} {_WORKS[each.works]:<6} {said if len(said) <= room else said[: room - 1] + '…'}")
        usage, rung = self.found.usage, self.found.rung
        outcome = f"Runs ask on the rung {rung}." if rung else "No rung is known to work, so nothing is kept."
        return "\n".join([*lines, "", f"{outcome} Tokens: {usage.prompt_tokens:,} sent, {usage.completion_tokens:,} answered."])


def probe_model(project: Project, name: str, settings: ModelSettings | None = None) -> ModelProbe:
    """Ask one small question on each rung, and keep what was found in place of what was known.

    Raises UsageError for a model that is no server's or cannot be asked, ProviderError for a server that cannot be used.
    """
    registry, settings = load_registry(project), settings or ModelSettings(maximum_retries=1)
    check_model(name, registry)
    model = make_model(name, settings, registry)
    if not isinstance(model, OpenAIChat):
        raise UsageError(ErrorCode.USAGE, f"{name} is computed here: there is nothing to probe", remedy="Name a model of a server.")

    async def ask() -> tuple[Probe, str]:
        try:
            return await model.probe()
        finally:
            await model.aclose()

    with LoopThread() as loop:
        found, address = loop.run(ask())
    keep_probe(project.probes_file, found, address=address, model=model.name, probed_at=utc_now())
    return ModelProbe(name, address, found)
