"""Cards: one Markdown file an agent, with TOML front matter between `+++` lines and one or several prompt templates.

+++
agent = "news_sentiment"
output = "NewsScore"
temperature = 0.0
max_tokens = 512
+++
[[item]]
... {title} ... {schema}
[[overall]]
...
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from tradinggroup.agents.roles import ROLES, Role
from tradinggroup.agents.template import Template, TemplateError
from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.models.answers import Answer, Schemas
from tradinggroup.project import Project

FENCE = "+++"
COUNTS = ("max_tokens", "max_completion_tokens", "n")
"""Decoding parameters that say how long an answer may get."""
_MARKER = re.compile(r"\[\[([^\[\]]+)\]\]\s*")


@dataclass(frozen=True, slots=True)
class Card:
    """One agent's prompt templates, decoding parameters and answer schema."""

    agent: str
    output: type[Answer]
    temperature: float
    max_tokens: int
    more_parameters: Mapping[str, bool | int | float | str]
    """Other decoding parameters, passed on as they are (`[parameters]` in the front matter)."""
    model: str | None
    """A model of its own (`openai:<name>`), or None for the experiment's."""
    templates: Mapping[str, Template]
    text: str
    """The file as read, line ends as `\\n`."""
    path: Path

    @property
    def hash(self) -> str:
        """`sha256:` and the hash of the text, the same whatever the line ends of the file."""
        return "sha256:" + hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def parameters(self) -> dict[str, Any]:
        """Decoding parameters as they are sent."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens, **self.more_parameters}


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    agent: str
    output: str
    temperature: float = Field(ge=0, le=2, allow_inf_nan=False)
    max_tokens: int = Field(ge=1)
    model: str | None = Field(None, min_length=1)
    parameters: dict[str, bool | int | float | str] = Field(default_factory=dict)

    @field_validator("parameters")
    @classmethod
    def _are_counts(cls, value: dict[str, bool | int | float | str]) -> dict[str, bool | int | float | str]:
        """What bounds an answer is a whole number: servers take anything else for no bound, or refuse every call."""
        for name in COUNTS:
            given = value.get(name, 1)
            if type(given) is not int or given < 1:
                raise PydanticCustomError("count", "{name} must be a whole number of at least 1", {"name": name})
        return value


def load_cards(project: Project) -> dict[str, Card]:
    """The cards of all five agents, from the project or the packaged defaults. Raises UsageError (CARD_INVALID)."""
    return {agent: load_card(project, agent) for agent in ROLES}


def load_card(project: Project, agent: str) -> Card:
    """The card of one agent. Raises UsageError (CARD_INVALID) for an unknown agent, a missing file or a wrong card."""
    if agent not in ROLES:
        raise UsageError(ErrorCode.CARD_INVALID, f"no agent {agent}", remedy=did_you_mean(agent, ROLES))
    path = project.content_file("agents", f"{agent}.md")
    if path is None:
        raise UsageError(
            ErrorCode.CARD_INVALID, f"no card agents/{agent}.md", remedy="Restore it, or write it new with: tradinggroup init."
        )
    return read_card(path, agent=agent, shown_as=_shown(path, project))


def read_card(path: Path, *, agent: str, shown_as: str | None = None) -> Card:
    """Read and check one file as the card of `agent`; errors name it `shown_as`. Raises UsageError (CARD_INVALID)."""
    reader = _Reader(shown_as or str(path), ROLES[agent])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        reader.refuse(f"not UTF-8 text ({error.reason} at byte {error.start})", remedy="Save it as UTF-8.")
    except OSError as error:
        reader.refuse(f"can not be read ({error.strerror})", remedy="Check the file and its permissions.")
    return reader.read(text, path)


def _shown(path: Path, project: Project) -> str:
    return path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else str(path)


class _Reader:
    """Reads one card; every error names the file, and the line where there is one."""

    def __init__(self, shown_as: str, role: Role) -> None:
        self._shown_as = shown_as
        self._role = role

    def read(self, text: str, path: Path) -> Card:
        lines = text.split("\n")
        end = self._fence_end(lines)
        front = self._front_matter(lines[1:end])
        templates = {name: self._template(name, first, body) for name, (first, body) in self._sections(lines, end + 1).items()}
        return Card(
            agent=front.agent,
            output=Schemas.BY_NAME[front.output],
            temperature=front.temperature,
            max_tokens=front.max_tokens,
            more_parameters=front.parameters,
            model=front.model,
            templates=templates,
            text=text,
            path=path,
        )

    def refuse(self, what: str, *, line: int | None = None, remedy: str = "") -> NoReturn:
        place = self._shown_as if line is None else f"{self._shown_as} line {line}"
        raise UsageError(ErrorCode.CARD_INVALID, f"{place}: {what}", remedy=remedy)

    def _fence_end(self, lines: list[str]) -> int:
        """Index of the line that closes the front matter."""
        if lines[0].strip() != FENCE:
            self.refuse("no front matter", line=1, remedy=f"A card starts with a line {FENCE}, then TOML, then a line {FENCE}.")
        ends = [index for index, line in enumerate(lines) if line.strip() == FENCE]
        if len(ends) == 1:
            self.refuse("the front matter does not end", line=1, remedy=f"Close it with a line {FENCE}.")
        return ends[1]

    def _front_matter(self, lines: list[str]) -> _FrontMatter:
        try:
            values = tomllib.loads("\n" + "\n".join(lines))  # the empty line stands for the fence, so that line numbers are the file's
            front = _FrontMatter.model_validate(values)
        except tomllib.TOMLDecodeError as error:
            self.refuse(f"the front matter is not TOML: {error}", remedy='Write it as in: agent = "decision".')
        except ValidationError as error:
            self._refuse_value(error, lines)
        for key, known in (("agent", [self._role.agent]), ("output", [self._role.output.__name__])):
            self._check_name(key, getattr(front, key), known, lines)
        return front

    def _check_name(self, key: str, name: str, known: list[str], lines: list[str]) -> None:
        if name in known:
            return
        every = list(ROLES) if key == "agent" else list(Schemas.BY_NAME)
        if name in every:
            self.refuse(f"{key} = {name!r} does not fit this card", line=_line_of(key, lines), remedy=f"It must be {known[0]}.")
        self.refuse(f"unknown {key} {name!r}", line=_line_of(key, lines), remedy=did_you_mean(name, every))

    def _refuse_value(self, error: ValidationError, lines: list[str]) -> NoReturn:
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")  # a misspelt key explains the missing one
        key = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            self.refuse(f"unknown key {key}", line=_line_of(key, lines), remedy=did_you_mean(key, _FrontMatter.model_fields))
        if first["type"] == "missing":
            self.refuse(f"the front matter has no {key}", line=1, remedy=f"Add a line {key} = ….")
        self.refuse(f"{key}={first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}", line=_line_of(key, lines))

    def _sections(self, lines: list[str], start: int) -> dict[str, tuple[int, str]]:
        """Template name -> (number of its first line, text)."""
        expected = self._role.templates
        markers = [index for index in range(start, len(lines)) if _MARKER.fullmatch(lines[index])]
        if not markers and len(expected) == 1:
            return {next(iter(expected)): (start + 1, "\n".join(lines[start:]))}
        for index in range(start, markers[0] if markers else len(lines)):
            if lines[index].strip():
                names = " and ".join(f"[[{name}]]" for name in expected)
                self.refuse("text outside a template", line=index + 1, remedy=f"Start each with a line of its own: {names}.")
        sections: dict[str, tuple[int, str]] = {}
        for index, end in zip(markers, [*markers[1:], len(lines)], strict=True):
            name = self._section_name(lines[index], index + 1, taken=sections)
            sections[name] = (index + 2, "\n".join(lines[index + 1 : end]))
        for name in expected:
            if name not in sections:
                self.refuse(f"no template [[{name}]]", remedy=f"It needs {', '.join(expected)}.")
        return sections

    def _section_name(self, line: str, number: int, *, taken: Mapping[str, object]) -> str:
        name = line.strip()[2:-2].strip()
        if name not in self._role.templates:
            self.refuse(f"unknown template [[{name}]]", line=number, remedy=did_you_mean(name, self._role.templates))
        if name in taken:
            self.refuse(f"a second template [[{name}]]", line=number, remedy="Keep one of them.")
        return name

    def _template(self, name: str, first_line: int, text: str) -> Template:
        if not text.strip():
            self.refuse(f"the template {name} is empty", line=first_line, remedy="Write the prompt there.")
        known = self._role.templates[name]
        try:
            return Template.parse(text.rstrip(), known=known)
        except TemplateError as error:
            remedy = did_you_mean(error.placeholder, known) if error.placeholder is not None else ""
            self.refuse(str(error), line=first_line + error.line - 1, remedy=remedy)


def _line_of(key: str, lines: list[str]) -> int | None:
    """Number in the file of the front-matter line that sets `key`; the first line is the fence."""
    for index, line in enumerate(lines, start=2):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return index
    return None
