"""What is known of model servers and their models, as typed entries; the facts themselves stand in `models.toml`.

What nobody stated is None: an unknown price is not zero, an unknown training cutoff is not safe, an unknown context is not endless.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

PositiveInt = Annotated[int, Field(ge=1)]
UsdPerMillion = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Source = Annotated[str, Field(min_length=1)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _address(value: str) -> str:
    """An address that may stand in a file: of HTTP, with a host, and without anything that could be a key."""
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if not is_address:
        raise PydanticCustomError("address", "is not an address that starts with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PydanticCustomError("address_secret", "holds a user, a password or a query, which belong into environment variables only")
    return value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Price(_Table):
    """What tokens cost, in USD a million, as somebody stated it on a day."""

    prompt_usd_per_million: UsdPerMillion
    completion_usd_per_million: UsdPerMillion
    as_of: datetime.date
    source: Source

    @property
    def is_free(self) -> bool:
        """Whether tokens cost nothing, however many they are."""
        return self.prompt_usd_per_million == 0 and self.completion_usd_per_million == 0

    def cost_usd(self, *, prompt_tokens: int, completion_tokens: int) -> float:
        """The price of these tokens."""
        return (prompt_tokens * self.prompt_usd_per_million + completion_tokens * self.completion_usd_per_million) / 1e6


class TrainingCutoff(_Table):
    """The last day that a model's training data covers, as somebody stated it; of a month its last day."""

    date: datetime.date
    source: Source


class _Facts(_Table):
    """What may be said of one model, and of all models of a server."""

    price: Price | None = None
    context_tokens: PositiveInt | None = None
    """Tokens of prompt and answer together."""
    omit_parameters: tuple[str, ...] = ()
    """Request parameters that are refused, so they are not sent."""
    rename_parameters: Mapping[str, str] = Field(default_factory=dict)
    """Request parameters that have another name there: ours -> theirs."""
    extra_parameters: Mapping[str, Any] = Field(default_factory=dict)
    """Request parameters that are always sent."""
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    maximum_concurrent: PositiveInt | None = None


class ServerEntry(_Facts):
    """One OpenAI-compatible server: `[servers.NAME]`. Its models are called `NAME:<model>`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
    base_url: Annotated[str, AfterValidator(_address)]
    key_variable: VariableName | None = None
    """The environment variable that holds the key; None for a server that needs none."""
    note: str = ""
    """How it is started, or what is peculiar about it."""

    @property
    def base_url_variable(self) -> str:
        """The environment variable that beats `base_url`: `OLLAMA_BASE_URL` for `ollama`."""
        return f"{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}_BASE_URL"

    @property
    def address(self) -> str:
        """Where the server is asked, without anything that could be a key: what the environment says, else `base_url`."""
        try:
            parts = urlsplit(os.environ.get(self.base_url_variable, "").strip() or self.base_url)
        except ValueError:
            return "not an address"
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def is_moved(self) -> bool:
        """Whether the environment names another host than `base_url`."""
        address = os.environ.get(self.base_url_variable, "").strip()
        return bool(address) and _host(address) != _host(self.base_url)


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


class ModelEntry(_Facts):
    """One model, or all models whose names fit a pattern: `[models."SERVER:NAME"]`, with what its server's entry says filled in."""

    name: str
    """As the entry is called; `*` stands for any text."""
    training_cutoff: TrainingCutoff | None = None
    searches_web: bool = False
    """true: its answers come from the web of today, so no backtest may use it."""

    def fitted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A request's body as this model wants it: parameters left out, renamed and added as the entry says."""
        kept = {self.rename_parameters.get(name, name): value for name, value in body.items() if name not in self.omit_parameters}
        return {**self.extra_parameters, **kept}
