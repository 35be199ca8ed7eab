"""Reading `models.toml`: the packaged registry of servers and models, and a project's own over it.

A project's entry is laid over the packaged one of the same name key by key, so a price can be corrected without repeating the rest.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.models.registry_entries import ModelEntry, Price, ServerEntry, TrainingCutoff
from tradinggroup.project import Project, defaults_root

FILE = "models.toml"
OPENAI = "openai"
"""The server whose address the environment alone names."""
_ENTRY_TYPES: Mapping[str, type[ServerEntry] | type[ModelEntry]] = {"servers": ServerEntry, "models": ModelEntry}
_Entry = TypeVar("_Entry", ServerEntry, ModelEntry)
_Tables = dict[str, dict[str, dict[str, Any]]]
_EMPTY: _Tables = {"servers": {}, "models": {}}


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """Servers and models by name. `own` names the entries that the project states itself."""

    servers: Mapping[str, ServerEntry]
    models: Mapping[str, ModelEntry]
    own: frozenset[str] = frozenset()

    def server_of(self, model: str) -> ServerEntry | None:
        """The server that `model` (`SERVER:NAME`) is asked at; None where the registry knows none of that name."""
        return self.servers.get(model.partition(":")[0])

    def entry_of(self, model: str) -> ModelEntry | None:
        """What is known of `model`: what its server's entry states, under the entries whose names fit it, the closest on top.

        None for a model without a server here, `rules` among them.
        """
        server = self.server_of(model)
        if server is None:
            return None
        fitting = sorted((name for name in self.models if _fits(name, model)), key=_closeness)
        layers = [_stated(server), *(_stated(self.models[name]) for name in fitting)]
        stated = {key: value for layer in layers for key, value in layer.items() if key in ModelEntry.model_fields}
        return ModelEntry.model_validate(stated | {"name": model})

    def servers_plain(self) -> list[dict[str, Any]]:
        """The servers as plain values; `address` is where the environment puts them."""
        return [
            server.model_dump(mode="json") | {"address": server.address, "base_url_variable": server.base_url_variable}
            for server in self.servers.values()
        ]

    def models_plain(self) -> list[dict[str, Any]]:
        """The models as plain values, with what their servers' entries and wider patterns say filled in."""
        entries = [(name, self.entry_of(name)) for name in self.models]
        return [
            {**entry.model_dump(mode="json"), "name": name, "server": name.partition(":")[0], "is_own": name in self.own}
            for name, entry in entries
            if entry is not None
        ]

    def to_toml(self, models: Iterable[str]) -> str:
        """The entries behind these models as a `models.toml` of their own, for a run to keep; empty where no server is asked."""
        import tomli_w

        names = sorted(name for name in models if self.server_of(name) is not None)
        if not names:
            return ""
        servers = {server.name: server for server in map(self.server_of, names) if server is not None}
        entries = {name: entry for name in names if (entry := self.entry_of(name)) is not None}
        return tomli_w.dumps(
            {
                "servers": {name: _plain(server) for name, server in servers.items()},
                "models": {name: _plain(entry) for name, entry in entries.items()},
            }
        )


def load_registry(project: Project) -> ModelRegistry:
    """The packaged registry under the project's own. Raises UsageError MODEL_REGISTRY_INVALID naming file, entry and key.

    Where the environment points a server elsewhere, what the package says of its models does not hold: another host may give
    any model that name.
    """
    packaged, own = defaults_root() / FILE, project.root / FILE
    under = _at_home(_read(packaged.read_text(encoding="utf-8"), FILE))
    return _registry(under, _EMPTY if not own.is_file() or own == packaged else _read(_text(own), FILE))


def _at_home(tables: _Tables) -> _Tables:
    servers = {name: ServerEntry.model_validate(entry | {"name": name}) for name, entry in _tupled(tables["servers"]).items()}
    moved = [name for name, server in servers.items() if server.is_moved]
    return tables | {"models": {name: entry for name, entry in tables["models"].items() if name.partition(":")[0] not in moved}}


def registry_from_text(text: str, *, name: str = FILE) -> ModelRegistry:
    """The registry that a run kept; nothing is laid under it. Raises UsageError MODEL_REGISTRY_INVALID."""
    return _registry(_read(text, name), _EMPTY, shown=name)


def _registry(under: _Tables, over: _Tables, *, shown: str = FILE) -> ModelRegistry:
    merged = {
        kind: {name: under[kind].get(name, {}) | over[kind].get(name, {}) for name in (under[kind] | over[kind])} for kind in _ENTRY_TYPES
    }
    if "base_url" in over["servers"].get(OPENAI, {}):
        _refuse(shown, "servers.openai: base_url comes from OPENAI_BASE_URL alone", remedy="Give a server of your own another name.")
    servers = {name: _entry(ServerEntry, "servers", name, table, shown) for name, table in merged["servers"].items()}
    models = {name: _entry(ModelEntry, "models", name, table, shown) for name, table in merged["models"].items()}
    for name in models:
        _check_model_name(name, servers, shown)
    return ModelRegistry(servers, models, frozenset({*over["servers"], *over["models"]}))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error.strerror}"
        _refuse(FILE, reason, remedy="Correct it, or take it away to use the packaged entries.")


def _read(text: str, shown: str) -> _Tables:
    """Kind -> name -> keys, looked at no further than that."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        _refuse(shown, f"not TOML: {error}", remedy='An entry starts like: [models."ollama:llama3.1"].')
    for kind, entries in tree.items():
        if kind not in _ENTRY_TYPES:
            _refuse(shown, f"unknown table {kind}", remedy=did_you_mean(kind, _ENTRY_TYPES))
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            _refuse(shown, f"{kind} holds something that is no table", remedy=f"Write [{kind}.NAME] and the keys below it.")
    return {kind: tree.get(kind, {}) for kind in _ENTRY_TYPES}


def _entry(kind: type[_Entry], table: str, name: str, values: Mapping[str, Any], shown: str) -> _Entry:
    if "name" in values:
        _refuse(shown, f"{table}.{name}: unknown key name", remedy="The name stands in the head of the table.")
    try:
        return kind.model_validate(_tupled(values) | {"name": name})
    except ValidationError as error:
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")  # a misspelt key explains the missing one
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = _known_keys(kind, first["loc"])
            _refuse(shown, f"{table}.{name}: unknown key {key}", remedy=did_you_mean(str(first["loc"][-1]), known))
        if first["type"] == "missing":
            _refuse(shown, f"{table}.{name} lacks {key}", remedy=f"Add a line {first['loc'][-1]} = ….")
        message = re.sub(r"^(Input|String|Value) should ", "must ", first["msg"])
        # An address may hold a key, so it is not repeated.
        given = key if key == "base_url" else f"{key}={first['input']!r}"
        _refuse(shown, f"{table}.{name}: {given} {message}", remedy="See docs/models.md for what may stand there.")


def _known_keys(kind: type[ServerEntry] | type[ModelEntry], place: tuple[int | str, ...]) -> list[str]:
    """What may stand where an unknown key was found: in the entry, or in one of its inner tables."""
    inner: Mapping[str, type[BaseModel]] = {"price": Price, "training_cutoff": TrainingCutoff}
    table = inner.get(str(place[0]), kind) if len(place) > 1 else kind
    return [key for key in table.model_fields if key != "name"]


def _check_model_name(name: str, servers: Mapping[str, ServerEntry], shown: str) -> None:
    server, colon, rest = name.partition(":")
    if not colon or not rest:
        _refuse(shown, f"models.{name}: no name of a model", remedy='Write [models."SERVER:NAME"].')
    if server not in servers:
        _refuse(shown, f"models.{name}: no server {server}", remedy=did_you_mean(server, servers))


def _refuse(shown: str, what: str, *, remedy: str) -> NoReturn:
    raise UsageError(ErrorCode.MODEL_REGISTRY_INVALID, f"{shown}: {what}", remedy=remedy)


def _tupled(value: Any) -> Any:
    """The same with every list as a tuple: entries are frozen."""
    if isinstance(value, dict):
        return {key: _tupled(each) for key, each in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _fits(pattern: str, model: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), model) is not None


def _closeness(pattern: str) -> tuple[int, bool]:
    """The more of a name a pattern spells out, the closer it is; a whole name is closest."""
    return len(pattern.replace("*", "")), "*" not in pattern


def _stated(entry: ServerEntry | ModelEntry) -> dict[str, Any]:
    """The keys that the entry gives, not those left at their default."""
    return {key: getattr(entry, key) for key in entry.model_fields_set if key != "name"}


def _plain(entry: ServerEntry | ModelEntry) -> dict[str, Any]:
    return entry.model_dump(mode="python", exclude={"name"}, exclude_unset=True, exclude_none=True)
