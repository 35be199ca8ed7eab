"""How many tokens a text takes, estimated on the high side without the tokenizer of its model.

One token for every 3 bytes of UTF-8, and 8 for each message. English prose takes a token for about 4 characters; numbers and tickers
take more, and prompts here are full of them.
"""

from __future__ import annotations

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8


def estimated_tokens(text: str) -> int:
    """Tokens of `text`, rather too many than too few."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)
