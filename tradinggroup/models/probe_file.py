"""The project's probes: what was found out about an endpoint and a model, kept in one JSON file under the address and the model's name.

Derived data: without the file, or with an entry taken out, the next run probes again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.clock import iso_utc
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.probe import Probe
from tradinggroup.models.rungs import Rung

_OPTIONS = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def read_probes(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Every entry: `ADDRESS MODEL` -> `rung`, `probed_at` and, of each rung that was tried, whether it works and what was said.

    Raises DataError RECORDING_INVALID for a file that is something else.
    """
    try:
        entries = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError) as error:
        raise _invalid(file, error) from error
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) and entry.get("rung") in set(Rung) for entry in entries.values()):
        raise _invalid(file, "it holds something else")
    return entries


def stored_rung(file: Path, *, address: str, model: str) -> Rung | None:
    """The rung that was found for a model at an address; None where nobody asked yet. Raises as `read_probes`."""
    entry = read_probes(file).get(_key(address, model))
    return None if entry is None else Rung(entry["rung"])


def keep_probe(file: Path, found: Probe, *, address: str, model: str, probed_at: datetime) -> None:
    """Keep what was found, in place of what was found before; a probe without a rung that works is not kept.

    The file is replaced as a whole, so a reader never sees a half. Of two processes that write at once one may win; what the
    other found is asked again when it is needed.
    """
    if found.rung is None:
        return
    tried = {str(result.rung): {"works": result.works, "said": result.said} for result in found.results}
    entry = {"rung": str(found.rung), "probed_at": iso_utc(probed_at), "rungs": tried}
    entries = {**read_probes(file), _key(address, model): entry}
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "wb") as written:
            written.write(orjson.dumps(entries, option=_OPTIONS))
        Path(part).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(part).unlink()
        raise


def _key(address: str, model: str) -> str:
    return f"{address} {model}"


def _invalid(file: Path, reason: object) -> DataError:
    remedy = "Delete it: what it holds is found out again by one call."
    return DataError(ErrorCode.RECORDING_INVALID, f"{file} is no file of probes ({reason})", remedy=remedy)
