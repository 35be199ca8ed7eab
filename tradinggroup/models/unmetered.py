"""Answers whose server counted no tokens: how they are told, and what a budget takes them to have cost.

What a server answered with status 200 is paid for, whether it can be used or not. Where it says nothing usable of the tokens, what it
cost is unknown and never zero; a budget takes the estimate of `text_length`, of the prompt and of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from tradinggroup.models.port import Attempt, Failure, FailureKind, Message, Usage
from tradinggroup.models.text_length import TOKENS_PER_MESSAGE, estimated_tokens

REPAIR_TOKENS = 400
"""What the repair turn says besides the first prompt and the answer, at most (ours)."""
NOT_BILLED = frozenset({FailureKind.HTTP_STATUS, FailureKind.TIMEOUT, FailureKind.CONNECTION})
"""Faults that came in place of an answer."""


def billed_texts(text: str, failure: Failure | None, tries: Sequence[Attempt]) -> tuple[str, ...]:
    """What the server answered with status 200 in a call, in order; `tries` may be empty where there was one attempt only."""
    attempts = tries or (Attempt(text, failure),)
    return tuple(each.text for each in attempts if each.failure is None or each.failure.kind not in NOT_BILLED)


def is_unmetered(usage: Usage, texts: Sequence[str]) -> bool:
    """Whether a call was answered without a usable count; no prompt takes no tokens."""
    return usage.prompt_tokens == 0 and bool(texts)


def estimated_usage(messages: Sequence[Message], texts: Sequence[str], *, reasoning: str = "") -> Usage:
    """Tokens of a call that was answered with `texts`, each after the first as the repair of those before it."""
    prompt = sum(estimated_tokens(message.content) + TOKENS_PER_MESSAGE for message in messages)
    answers = [estimated_tokens(text) for text in texts]
    again = sum(sum(answers[:number]) + REPAIR_TOKENS for number in range(1, len(answers)))
    return Usage(prompt * len(answers) + again, sum(answers) + estimated_tokens(reasoning))
