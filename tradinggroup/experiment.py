"""From an experiment file and the command line to one resolved experiment that knows where each value came from.

Order of precedence: default of the package, experiment file, override. The origin of a value is `default`, the file as the
user would name it (`backtests/demo.toml`), or the option that set it (`--set`, `--symbols`).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.experiment_meaning import check_meaning
from tradinggroup.project import Project, defaults_root
from tradinggroup.setting_tree import DEFAULT_ORIGIN, allowed_words, invalid_setting, is_list, known_settings, plain, sections, short
from tradinggroup.settings import Experiment
from tradinggroup.variants import KEY as VARIANTS
from tradinggroup.variants import Variant, crossed, take_variants

SHOW_ALL = "All settings: tradinggroup config show."

NOT_BUILT_VALUES: Mapping[str, frozenset[str]] = {
    "accounts": frozenset({"shared"}),
}
"""Values that the documentation of the project's plans names and that this version does not have, by key."""

LIMIT_KEYS = ("max_cost_usd", "workers")
"""Settings that say how a run is executed and not what comes out, so that a resumed run may have others."""


@dataclass(frozen=True, slots=True)
class Override:
    """One setting given besides the file.

    `key` is dotted (`agents.news_sentiment.k`). A `value` that is text is read as TOML, and as a plain string where it is a
    bare word or the setting is a string; `A,B` is a list where the setting is one. Anything else is taken as it is.
    """

    key: str
    value: object
    origin: str


@dataclass(frozen=True, slots=True)
class ResolvedExperiment:
    """An experiment with every value settled, and the origin of each by dotted key."""

    experiment: Experiment
    origins: dict[str, str]
    path: Path
    source_text: str
    arguments: dict[str, Any]
    """The overrides as plain values, by dotted key."""
    variant: str | None = None
    """Name of the `[[variants]]` table that lies over the file's settings; None for the file itself."""


@dataclass(frozen=True, slots=True)
class _Source:
    """An experiment file as read: its settings by dotted key, and its variants."""

    path: Path
    shown: str
    text: str
    flat: dict[str, Any]
    variants: tuple[Variant, ...]

    @classmethod
    def read(cls, project: Project, name: str) -> _Source:
        path = project.experiment_file(name)
        shown = _shown(path, project)
        text = _read(path, shown)
        flat, variants = _from_text(text, shown)
        return cls(path, shown, text, flat, variants)

    def resolved(self, overrides: Mapping[str, tuple[Any, str]], variant: Variant | None = None) -> ResolvedExperiment:
        """The file's settings under those of the variant under the overrides."""
        flat, origins = dict(self.flat), dict.fromkeys(self.flat, self.shown)
        own = self._own(variant, overrides) if variant else {}
        for key, value in own.items():
            flat[key], origins[key] = value, f"{self.shown} variant {variant.name}" if variant else self.shown
        for key, (value, origin) in overrides.items():
            flat[key], origins[key] = _laid_over(flat.get(key), value), origin
        if variant is not None and isinstance(flat.get("name"), str):
            flat["name"] = f"{flat['name']}-{variant.suffix}"
        experiment = _validated(flat, origins, self.shown)
        complete = {key: origins.get(key, DEFAULT_ORIGIN) for key in known_settings()}
        arguments = {key: plain(value) for key, (value, _) in overrides.items()}
        return ResolvedExperiment(experiment, complete, self.path, self.text, arguments, variant.name if variant else None)

    def _own(self, variant: Variant, overrides: Mapping[str, tuple[Any, str]]) -> dict[str, Any]:
        """The variant's settings by dotted key."""
        own: dict[str, Any] = {}
        _flatten(variant.settings, "", own)
        for key in own:
            refuse_unknown(key, f"{self.shown} variant {variant.name}")
            if key in overrides:
                text = f"{key}, origin={overrides[key][1]}: the variants of {self.shown} differ in it"
                raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Leave it out, or change it in the file.")
        return own


def parse_set(text: str, *, origin: str = "--set") -> Override:
    """`key=value` as given to `--set`. Raises UsageError where there is no `=` or no key."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(
            ErrorCode.SETTING_INVALID, f"{origin} {text}", remedy="Write --set key=value, such as --set agents.news_sentiment.k=5."
        )
    return Override(key.strip(), value.strip(), origin)


def load_experiment(project: Project, name: str, overrides: Sequence[Override] = ()) -> ResolvedExperiment:
    """Read the experiment that `name` means (a path, or a name in `backtests/`) and apply `overrides`; variants aside.

    Raises UsageError: EXPERIMENT_NOT_FOUND, EXPERIMENT_INVALID, SETTING_UNKNOWN, SETTING_INVALID, NOT_BUILT_YET, DATES_OUTSIDE.
    """
    return _Source.read(project, name).resolved(_merged_overrides(overrides))


def load_variants(
    project: Project, name: str, overrides: Sequence[Override] = (), *, cells: Sequence[Variant] = ()
) -> list[ResolvedExperiment]:
    """The runs that the experiment `name` stands for: each of its variants in their order, or itself where it has none.

    A variant's settings lie over the file's, and its name behind the experiment's. Overrides reach all of them; one for a
    setting that the variants differ in would make them equal, and is refused. With `cells`, variants that the file does not have
    (see `tradinggroup.cells`), each variant is run in each cell. Raises UsageError as `load_experiment`.
    """
    source, merged = _Source.read(project, name), _merged_overrides(overrides)
    variants = crossed(source.variants, cells)
    return [source.resolved(merged, variant) for variant in variants] or [source.resolved(merged)]


def experiment_to_toml(experiment: Experiment) -> str:
    """Every setting that has a value, as TOML; `experiment_from_toml` gives an equal experiment back."""
    import tomli_w

    return tomli_w.dumps(experiment.model_dump(mode="python", exclude_none=True))


def experiment_from_toml(text: str, *, name: str = "resolved.toml") -> Experiment:
    """The inverse of `experiment_to_toml`. `name` stands in errors. Raises UsageError as `load_experiment` does."""
    flat, variants = _from_text(text, name)
    if variants:
        raise UsageError(ErrorCode.EXPERIMENT_INVALID, f"{name} has variants; the settings of one run have none", remedy="Take them out.")
    return _validated(flat, dict.fromkeys(flat, name), name)


def changed_experiment(experiment: Experiment, overrides: Sequence[Override], *, name: str) -> Experiment:
    """`experiment` with `overrides` over it; `name` is the origin of what stays. Raises UsageError as `load_experiment` does."""
    flat, _ = _from_text(experiment_to_toml(experiment), name)
    origins = dict.fromkeys(flat, name)
    for key, (value, origin) in _merged_overrides(overrides).items():
        flat[key], origins[key] = _laid_over(flat.get(key), value), origin
    return _validated(flat, origins, name)


def with_limits(experiment: Experiment, overrides: Sequence[Override]) -> Experiment:
    """The experiment of a run that goes on, with other limits of how it is executed. Raises UsageError for any other setting."""
    refuse_all_but_limits(overrides)
    merged = _merged_overrides(overrides)
    flat, _ = _from_text(experiment_to_toml(experiment), "resolved.toml")
    origins = {**dict.fromkeys(flat, "resolved.toml"), **{key: origin for key, (_, origin) in merged.items()}}
    return _validated({**flat, **{key: value for key, (value, _) in merged.items()}}, origins, "resolved.toml")


def refuse_all_but_limits(overrides: Sequence[Override]) -> None:
    """Raise UsageError for an override that a resumed run cannot take: any but those of `LIMIT_KEYS`."""
    for key, (_, origin) in _merged_overrides(overrides).items():
        if key not in LIMIT_KEYS:
            remedy = "A resumed run keeps the experiment, settings and note of its folder; leave it out, or start a new run."
            raise UsageError(ErrorCode.USAGE, f"--resume cannot go with {origin if origin != '--set' else f'--set {key}'}", remedy=remedy)


def _shown(path: Path, project: Project) -> str:
    """The file as the user would name it: relative to the project, the packaged defaults or the working folder."""
    for root in (project.root, defaults_root(), Path.cwd()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return str(path)


def _read(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error.strerror}"
        raise UsageError(ErrorCode.EXPERIMENT_INVALID, f"{shown} {reason}", remedy="Give a TOML file as in backtests/.") from error


def _from_text(text: str, shown: str) -> tuple[dict[str, Any], tuple[Variant, ...]]:
    """Dotted key -> value of a TOML text, with unknown keys refused; and its variants, whose keys are looked at later."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        where = f"{shown} line {found[2]}" if found else shown
        what = found[1] if found else str(error)
        raise UsageError(
            ErrorCode.EXPERIMENT_INVALID,
            f"{where}: not TOML: {what}",
            remedy='Text stands in quotes, dates do not: name = "demo", start = 2025-02-03.',
        ) from error
    variants = take_variants(tree, shown=shown)
    flat: dict[str, Any] = {}
    _flatten(tree, "", flat)
    for key in flat:
        line = _line_of(text, key)
        refuse_unknown(key, f"{shown} line {line}" if line else shown)
    return flat, variants


def _flatten(tree: Mapping[str, Any], prefix: str, into: dict[str, Any]) -> None:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        is_setting = key in known_settings()
        if isinstance(value, dict) and value and not is_setting:
            _flatten(value, f"{key}.", into)
        elif not (key in sections() and value == {}):
            into[key] = value


def _line_of(text: str, key: str) -> int | None:
    """The line that gives `key`, where a plain reading of the text finds it (inline tables are not searched)."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
        entry = re.match(r"\s*([\w.\"' -]+?)\s*=", line)
        if header:
            section = f"{_bare(header[1])}."
            if section == f"{key}.":
                return number
        elif entry and f"{section}{_bare(entry[1])}" == key:
            return number
    return None


def _bare(key: str) -> str:
    return re.sub(r"[\"'\s]", "", key)


def refuse_unknown(key: str, origin: str) -> None:
    """Raise UsageError SETTING_UNKNOWN, or SETTING_INVALID for a table, where `key` is no setting; `origin` is who gave it."""
    if key in known_settings():
        return
    if key == VARIANTS:
        text = f"variants is no single setting, origin={origin}"
        raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Write [[variants]] tables into the experiment's file.")
    if key in sections():
        raise UsageError(
            ErrorCode.SETTING_INVALID, f"{key} is a table of settings, origin={origin}", remedy=f"Set one of its keys: {_keys_in(key)}."
        )
    raise UsageError(ErrorCode.SETTING_UNKNOWN, f"no setting {key}, origin={origin}", remedy=f"{_nearest(key)}{SHOW_ALL}")


def _keys_in(section: str) -> str:
    keys = [key for key in known_settings() if key.startswith(f"{section}.")]
    return ", ".join(keys[:6]) + (" and others" if len(keys) > 6 else "")


def _nearest(key: str) -> str:
    """`Did you mean X? ` with the same last word, else the nearest spelling of the whole or of the last word, else empty."""
    known = list(known_settings())
    leaf = key.rpartition(".")[2]
    near = [name for name in known if name.rpartition(".")[2] == leaf][:3] or get_close_matches(key, known, n=1, cutoff=0.6)
    if not near:
        leaves = get_close_matches(leaf, [name.rpartition(".")[2] for name in known], n=1, cutoff=0.6)
        near = [name for name in known if leaves and name.rpartition(".")[2] == leaves[0]][:3]
    return f"Did you mean {' or '.join(near)}? " if near else ""


def _merged_overrides(overrides: Sequence[Override]) -> dict[str, tuple[Any, str]]:
    """Dotted key -> (value, origin). Repeated lists add up; a single value given twice, and differently, is an error."""
    merged: dict[str, tuple[Any, str]] = {}
    for override in overrides:
        refuse_unknown(override.key, override.origin)
        field = known_settings()[override.key]
        value = read_value(override.value, field)
        if override.key in merged:
            earlier, origin = merged[override.key]
            if is_list(field) and isinstance(earlier, list) and isinstance(value, list):
                value = [*earlier, *value]
            elif _agree(earlier, value):
                value = {**earlier, **value}
            elif value != earlier:
                text = f"{override.key} is given twice: {short(earlier)} by {origin}, {short(value)} by {override.origin}"
                raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Give it once.")
        merged[override.key] = (value, override.origin)
    return merged


def _laid_over(under: object, over: object) -> object:
    """A table with entries by name lies over the file's entry by entry; anything else replaces what the file says."""
    return {**under, **over} if isinstance(under, dict) and isinstance(over, dict) else over


def _agree(earlier: object, later: object) -> bool:
    """Whether both are tables, and no name has two values."""
    if not (isinstance(earlier, dict) and isinstance(later, dict)):
        return False
    return all(later[name] == earlier[name] for name in later if name in earlier)


def read_value(value: object, field: FieldInfo) -> Any:
    """The value of an override; see `Override` for how text is read."""
    if not isinstance(value, str):
        return list(value) if isinstance(value, tuple) else value
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    if is_list(field):
        return (
            parsed
            if isinstance(parsed, list)
            else [part.strip() for part in str(parsed if _is_quoted(value) else value).split(",") if part.strip()]
        )
    return value if field.annotation is str and not _is_quoted(value) else parsed


def _is_quoted(text: str) -> bool:
    return text[:1] in {'"', "'"}


def _validated(flat: Mapping[str, Any], origins: Mapping[str, str], shown: str) -> Experiment:
    """The experiment of these values. Strict: `"10"` is no number, `1` is no boolean."""
    for key, unbuilt in NOT_BUILT_VALUES.items():
        value = flat.get(key)
        for word in value if isinstance(value, list) else [value]:
            if isinstance(word, str) and word in unbuilt:
                allowed = allowed_words(known_settings()[key])
                raise UsageError(
                    ErrorCode.NOT_BUILT_YET,
                    f"{key}={word}, origin={origins[key]}: this version cannot do that yet",
                    remedy=f"Allowed: {allowed}.",
                )
    missing = [key for key, field in known_settings().items() if field.is_required() and key not in flat]
    if missing:
        raise UsageError(
            ErrorCode.EXPERIMENT_INVALID, f"{shown} lacks {', '.join(missing)}", remedy="Add them; backtests/demo.toml has an example."
        )
    try:
        once = Experiment.model_validate_json(json.dumps(_nested(flat), default=plain), strict=True)
        # Defaults are not validated: an integer default of a float setting would be 100000 here and 100000.0 after a round trip.
        experiment = Experiment.model_validate_json(once.model_dump_json(), strict=True)
    except ValidationError as error:
        raise invalid_setting(error.errors()[0], origins) from None
    check_meaning(experiment, origins)
    return experiment


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, leaf = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return tree
