"""Which rung each model of a run is asked on: decided once, before its first live call, and the same to the end of the run.

The setting decides; with `auto` what the run used before (a resumed run), else what the project knows of this endpoint and model,
else a probe. A server that refuses the rung later fails those calls: a run never changes its rung in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradinggroup.clock import utc_now
from tradinggroup.errors import TradinggroupError
from tradinggroup.models.port import ModelRequest
from tradinggroup.models.probe import Pay, no_rung, probe, unpaid
from tradinggroup.models.probe_file import keep_probe, stored_rung
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.rungs import Rung
from tradinggroup.models.server import ModelServer

AUTO = "auto"


class RungChoice:
    """The rungs of the models of one run. All calls must come from one event loop."""

    def __init__(self, setting: str, *, used: Mapping[str, Rung] | None = None, probes: Path | None = None, pay: Pay = unpaid) -> None:
        """`setting` is a rung or `auto`; `used` what the run used before, by model; `probes` the project's file of probes.

        `pay` sets aside and keeps what a probe costs.
        """
        self._setting = setting
        self._probes = probes
        self._pay = pay
        self._used = dict(used or {})
        self._error_by_model: dict[str, TradinggroupError] = {}
        self._deciding = asyncio.Lock()

    @property
    def used(self) -> dict[str, str]:
        """Model -> rung, of every model that was asked live in this run, by name."""
        return {model: str(rung) for model, rung in sorted(self._used.items())}

    async def of(self, request: ModelRequest, server: ModelServer) -> Rung:
        """The rung of the request's model. Probes where nothing else says.

        Raises ProviderError PROVIDER_FAILED where the server cannot be used or no rung works, DataError for a damaged file.
        """
        known = self._used.get(request.model)
        if known is not None and self._setting in (AUTO, known):
            return known
        async with self._deciding:
            error = self._error_by_model.get(request.model)
            if error is not None:
                raise error
            if self._setting != AUTO or request.model not in self._used:
                self._used[request.model] = await self._decided(request, server)
            return self._used[request.model]

    async def _decided(self, request: ModelRequest, server: ModelServer) -> Rung:
        if self._setting != AUTO:
            return Rung(self._setting)
        try:
            return self._stored(server) or await self._probed(server, request.parameters, model=request.model)
        except TradinggroupError as error:
            # Whoever waits for the same answer would ask in vain too.
            self._error_by_model[request.model] = error
            raise

    def _stored(self, server: ModelServer) -> Rung | None:
        return None if self._probes is None else stored_rung(self._probes, address=server.base_address, model=server.name)

    async def _probed(self, server: ModelServer, parameters: Mapping[str, Any], *, model: str) -> Rung:
        found = await probe(server, parameters=parameters, model=model, pay=self._pay)
        if found.rung is None:
            raise no_rung(found, model=model, server=server.address)
        if self._probes is not None:
            keep_probe(self._probes, found, address=server.base_address, model=server.name, probed_at=utc_now())
        return found.rung


def rungs_of(store: RecordingStore) -> dict[str, Rung]:
    """Model -> rung of the calls that a run asked live. Raises DataError RECORDING_INVALID."""
    rows = store.rows("SELECT DISTINCT json_extract(request, '$.model'), rung FROM recordings WHERE live = 1 AND rung != ''")
    return {model: Rung(rung) for model, rung in rows}
