"""The claim card in a terminal: its sentence, and one line a question with what may be said and what may not."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.errors import DataError
from tradinggroup.runs.claim_card import ClaimCard, claim_card
from tradinggroup.runs.figures import wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.ledger.trials import OpenLedger
from tradinggroup.runs.text.ledger import figures_now

_TOPIC_WIDTH = 10
_STATE_WIDTH = 9


def card_of(run: RunFolder, book: OpenLedger | None = None) -> ClaimCard:
    """The card of a run, its trials as its ledger has them now; a damaged `checks.jsonl` counts as no check.

    `book` is the ledger of the run's project, where it was read already.
    """
    try:
        checks = run.checks()
    except DataError:
        checks = []
    return claim_card(run.header, checks, trials=figures_now(run, book), changed=run.changed_files)


def text_claims(card: ClaimCard) -> Iterator[str]:
    """Every claim: topic, state, what was found; below it what may be said (`+`) and what may not (`-`)."""
    yield from wrapped(card.verdict, first="what may be claimed: ", then="  ")
    for claim in card.claims:
        yield from wrapped(claim.found, first=f"  {claim.topic:<{_TOPIC_WIDTH}}{claim.state:<{_STATE_WIDTH}}")
        indent = " " * (2 + _TOPIC_WIDTH + _STATE_WIDTH)
        if claim.may:
            yield from wrapped(claim.may, first=f"{indent}+ ")
        if claim.may_not:
            yield from wrapped(claim.may_not, first=f"{indent}- ")
