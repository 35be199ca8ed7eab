"""Prompt templates: text with `{placeholders}`; `{{` and `}}` stand for literal braces.

A value is put in once and never read again, so braces in a news text mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


class TemplateError(ValueError):
    """A template that cannot be used: `line` counts from 1 inside the template."""

    def __init__(self, message: str, *, line: int, placeholder: str | None = None) -> None:
        super().__init__(message)
        self.line = line
        self.placeholder = placeholder


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template: literal texts, each followed by a placeholder; the last by None."""

    parts: tuple[tuple[str, str | None], ...]

    @classmethod
    def parse(cls, text: str, *, known: Collection[str]) -> Template:
        """Parse, or raise TemplateError for an unknown placeholder or a single brace."""
        parts: list[tuple[str, str | None]] = []
        literal, position = "", 0
        for match in _TOKEN.finditer(text):
            literal += text[position : match.start()]
            position = match.end()
            token, name = match.group(), match.group(1)
            if token in {"{{", "}}"}:
                literal += token[0]
                continue
            line = text.count("\n", 0, match.start()) + 1
            if name is None:
                raise TemplateError(f"a single {token}; write {token * 2} for a literal brace", line=line)
            if name not in known:
                raise TemplateError(f"unknown placeholder {{{name}}}", line=line, placeholder=name)
            parts.append((literal, name))
            literal = ""
        return cls((*parts, (literal + text[position:], None)))

    @property
    def placeholders(self) -> frozenset[str]:
        """The placeholders that the template uses."""
        return frozenset(name for _, name in self.parts if name is not None)

    def render(self, values: Mapping[str, str]) -> str:
        """The text with every placeholder replaced by its value."""
        return "".join(literal if name is None else literal + values[name] for literal, name in self.parts)
