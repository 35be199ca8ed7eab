"""Models that search the web: today's web knows what came after every session of a backtest, so none of them may answer.

They are told by their names, by what the registry says, by request parameters that switch a search on, and by answers that
cite pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.content_parts import parts_of
from tradinggroup.models.registry_entries import ModelEntry

SEARCHING_NAMES = ("*:online", "*-online", "*-search*", "*sonar*", "*deep-research*")
"""Names of models that search, `*` for any text: OpenRouter's variant, OpenAI's search and research models, Perplexity's."""
SEARCH_PARAMETERS = frozenset({"web_search_options", "web_search", "enable_search", "search_parameters", "plugins", "tools"})
"""Request parameters that let a model search: of OpenAI, DashScope, xAI and OpenRouter. Tools are ours to send, never a card's."""
CITATION_KEYS = ("citations", "search_results", "search_info", "web_search")
"""Where servers list the pages that an answer was made from; beside these, annotations of type `url_citation`."""

REMEDY = "Take a model that answers from its weights and the prompt alone."


def searches(name: str) -> bool:
    """Whether the name (`SERVER:NAME`) is one of a model that searches the web."""
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name.lower()) for pattern in SEARCHING_NAMES)


def refuse_lookahead(name: str, entry: ModelEntry, parameters: Mapping[str, object]) -> None:
    """Raise UsageError LOOKAHEAD_MODEL for a model that searches, or that the parameters would let search."""
    if searches(name) or entry.searches_web:
        raise lookahead_model(f"{name} searches the web")
    wanted = sorted(key for key in SEARCH_PARAMETERS & parameters.keys() if parameters[key] is not False)
    if wanted:
        raise lookahead_model(f"the parameter {wanted[0]} lets {name} search the web")


def lookahead_model(what: str) -> UsageError:
    """The error that a searching model ends with; `what` says how it is known."""
    return UsageError(ErrorCode.LOOKAHEAD_MODEL, f"{what}, and the web of today knows what came after each session", remedy=REMEDY)


def cited_pages(body: Mapping[str, Any], message: dict[str, Any]) -> int:
    """How many web pages the answer in a completion's body cites, also in parts of its content; 0 for one from the weights alone."""
    parts = parts_of(message)
    listed = [holder.get(key) for holder in (body, message, *parts) for key in CITATION_KEYS]
    annotations = [holder.get("annotations") for holder in (message, *parts)]
    marked = [each for found in annotations if isinstance(found, list) for each in found if _is_url(each)]
    return sum(len(found) for found in listed if isinstance(found, list | dict)) + len(marked)


def _is_url(annotation: object) -> bool:
    return isinstance(annotation, dict) and (annotation.get("type") == "url_citation" or "url_citation" in annotation)
