"""The content of a message as a list of parts, the other form that the protocol allows it."""

from __future__ import annotations

from typing import Any

_TEXT_TYPES = {"text", "output_text"}


def with_plain_content(message: dict[str, Any]) -> dict[str, Any] | None:
    """`message` with the text of its parts, in their order, as its content; a part that refuses is its refusal.

    A message whose content is text or null comes back as it is. None where the content is neither, nor a list of parts.
    Parts of other kinds (thoughts, pictures) are no answer and are left out.
    """
    content = message.get("content")
    if content is None or isinstance(content, str):
        return message
    if not (isinstance(content, list) and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in content)):
        return None
    texts = [part.get("text") for part in content if part.get("type") in _TEXT_TYPES]
    if not all(isinstance(text, str) for text in texts):
        return None
    refused = [part["refusal"] for part in content if part.get("type") == "refusal" and part.get("refusal")]
    return {**message, "content": "".join(texts), **({"refusal": refused[0]} if refused else {})}


def parts_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts of a message's content; none where it is no list of them."""
    content = message.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
