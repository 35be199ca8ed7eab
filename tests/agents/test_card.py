from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tradinggroup.agents.card import load_card, load_cards
from tradinggroup.agents.roles import ROLES
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.answers import Decision, NewsScore
from tradinggroup.project import Project

FRONT = '+++\nagent = "decision"\noutput = "Decision"\ntemperature = 0.0\nmax_tokens = 64\n+++\n'
NEWS_FRONT = FRONT.replace("decision", "news_sentiment").replace("Decision", "NewsScore")


def project_with(tmp_path: Path, agent: str, text: str | bytes) -> Project:
    (tmp_path / "agents").mkdir()
    path = tmp_path / "agents" / f"{agent}.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Project(tmp_path)


def error_of(tmp_path: Path, text: str | bytes, agent: str = "decision") -> str:
    with pytest.raises(UsageError) as caught:
        load_card(project_with(tmp_path, agent, text), agent)
    assert caught.value.code is ErrorCode.CARD_INVALID
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_the_default_cards_use_every_placeholder_that_their_agent_has() -> None:
    cards = load_cards(Project(REPOSITORY))
    assert list(cards) == list(ROLES)
    for agent, card in cards.items():
        assert card.output is ROLES[agent].output
        assert list(card.templates) == list(ROLES[agent].templates)
        for name, template in card.templates.items():
            assert template.placeholders == set(ROLES[agent].templates[name]), f"{agent} [[{name}]]"


def test_the_readme_lists_the_placeholders_of_the_code() -> None:
    lines = (REPOSITORY / "agents" / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("|")][2:]
    assert rows == [(agent, name, ", ".join(sorted(known))) for agent, role in ROLES.items() for name, known in role.templates.items()]
    assert "tradinggroup/agents/" in lines[0]


def test_a_project_without_cards_gets_the_packaged_ones(tmp_path: Path) -> None:
    assert load_cards(Project(tmp_path))["decision"].path == REPOSITORY / "agents" / "decision.md"


def test_a_card_of_the_project_wins(tmp_path: Path) -> None:
    text = FRONT.replace("max_tokens", 'model = "openai:x"\nmax_tokens') + "Act on {symbol}.\n"
    card = load_card(project_with(tmp_path, "decision", text), "decision")
    assert (card.model, card.output, card.parameters) == ("openai:x", Decision, {"temperature": 0.0, "max_tokens": 64})


def test_other_decoding_parameters_are_passed_on(tmp_path: Path) -> None:
    more = "[parameters]\ntop_p = 0.9\nmax_completion_tokens = 32\n"
    front, fence = FRONT[: -len("+++\n")], "+++\n"
    card = load_card(project_with(tmp_path, "decision", f"{front}{more}{fence}Act on {{symbol}}.\n"), "decision")
    assert card.parameters == {"temperature": 0.0, "max_tokens": 64, "top_p": 0.9, "max_completion_tokens": 32}


def test_a_template_is_filled(tmp_path: Path) -> None:
    text = FRONT + "Act on {symbol}.\n"
    card = load_card(project_with(tmp_path, "decision", text), "decision")
    assert card.templates["decision"].render({"symbol": "ACME"}) == "Act on ACME."


def test_several_templates(tmp_path: Path) -> None:
    card = load_card(
        project_with(tmp_path, "news_sentiment", NEWS_FRONT + "\n[[overall]]\nAll: {items}\n\n[[item]]\nOne: {title}\n"), "news_sentiment"
    )
    assert card.output is NewsScore
    assert card.templates["item"].render({"title": "T"}) == "One: T"
    assert card.templates["overall"].render({"items": "I"}) == "All: I"


def test_the_hash_is_of_the_text_whatever_its_line_ends(tmp_path: Path) -> None:
    hashes = []
    for name, text in (
        ("a", FRONT + "x\n"),
        ("b", (FRONT + "x\n").replace("\n", "\r\n")),
        ("c", "\ufeff" + FRONT + "x\n"),
        ("d", FRONT + "y\n"),
    ):
        (tmp_path / name).mkdir()
        hashes.append(load_card(project_with(tmp_path / name, "decision", text), "decision").hash)
    assert hashes[0] == hashes[1] == hashes[2] != hashes[3]
    assert hashes[0].startswith("sha256:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Act on {symbol}.", "agents/decision.md line 1: no front matter. A card starts with a line +++"),
        ("", "agents/decision.md line 1: no front matter."),
        (FRONT[:-4] + "Act.", "agents/decision.md line 1: the front matter does not end. Close it with a line +++."),
        (FRONT.replace('"Decision"', "Decision"), "the front matter is not TOML: Invalid value (at line 3, column 10)"),
        (FRONT.replace("max_tokens", "max_token"), "agents/decision.md line 5: unknown key max_token. Did you mean max_tokens?"),
        (FRONT.replace("max_tokens = 64\n", ""), "agents/decision.md line 1: the front matter has no max_tokens. Add a line max_tokens"),
        (
            FRONT.replace('"Decision"', '"Decisions"'),
            "agents/decision.md line 3: unknown output 'Decisions'. Did you mean Decision? Known:",
        ),
        (
            FRONT.replace('"Decision"', '"Forecast"'),
            "agents/decision.md line 3: output = 'Forecast' does not fit this card. It must be Decision.",
        ),
        (FRONT.replace('"decision"', '"decider"'), "agents/decision.md line 2: unknown agent 'decider'. Did you mean decision?"),
        (FRONT.replace('"decision"', '"forecasting"'), "line 2: agent = 'forecasting' does not fit this card. It must be decision."),
        (FRONT.replace("0.0", "3.0"), "agents/decision.md line 4: temperature=3.0: input should be less than or equal to 2."),
        (FRONT.replace("0.0", '"cold"'), "agents/decision.md line 4: temperature='cold': input should be a valid number."),
        (FRONT.replace("64", "0"), "agents/decision.md line 5: max_tokens=0: input should be greater than or equal to 1."),
        *(
            (FRONT.replace("64\n", f"64\n[parameters]\n{given}\n"), f"{name} must be a whole number of at least 1")
            for name, given in (
                ("max_tokens", "max_tokens = 64.0"),
                ("max_completion_tokens", 'max_completion_tokens = "64"'),
                ("max_completion_tokens", "max_completion_tokens = true"),
                ("n", "n = 0"),
            )
        ),
        (FRONT + "a\n\n{positions}", "agents/decision.md line 9: unknown placeholder {positions}. Did you mean session? Known: account,"),
        (FRONT + "{acount}", "agents/decision.md line 7: unknown placeholder {acount}. Did you mean account? Known: account,"),
        (FRONT + 'a\n{"action": 1}', 'agents/decision.md line 8: unknown placeholder {"action": 1}.'),
        (FRONT + "a\n{ b", "agents/decision.md line 8: a single {; write {{ for a literal brace."),
        (FRONT + " \n", "agents/decision.md line 7: the template decision is empty."),
        (FRONT + "[[decisions]]\nx", "agents/decision.md line 7: unknown template [[decisions]]. Did you mean decision?"),
        (FRONT + "[[decision]]\nx\n[[decision]]\ny", "agents/decision.md line 9: a second template [[decision]]. Keep one of them."),
        (FRONT + "intro\n[[decision]]\nx", "agents/decision.md line 7: text outside a template."),
        (b"+++\n\xff", "agents/decision.md: not UTF-8 text (invalid start byte at byte 4). Save it as UTF-8."),
    ],
)
def test_errors_say_where_and_what_next(tmp_path: Path, text: str | bytes, expected: str) -> None:
    message = error_of(tmp_path, text)
    assert message.startswith("CARD_INVALID: agents/decision.md")
    assert expected in message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Judge {title}.", "line 7: text outside a template. Start each with a line of its own: [[item]] and [[overall]]."),
        ("[[item]]\nJudge {title}.", "agents/news_sentiment.md: no template [[overall]]. It needs item, overall."),
        ("[[item]]\n{items}\n[[overall]]\nx", "line 8: unknown placeholder {items}. Did you mean title?"),
    ],
)
def test_errors_of_cards_with_several_templates(tmp_path: Path, body: str, expected: str) -> None:
    message = error_of(tmp_path, NEWS_FRONT + body, "news_sentiment")
    assert expected.split(" Did you mean")[0] in message


def test_an_unknown_agent_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no agent decison\. Did you mean decision\?"):
        load_card(Project(tmp_path), "decison")


def test_a_card_outside_the_project_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = tmp_path / "defaults"
    defaults.mkdir()
    project_with(defaults, "decision", "x")
    monkeypatch.setattr("tradinggroup.project.defaults_root", lambda: defaults)
    with pytest.raises(UsageError, match=r"defaults/agents/decision\.md line 1"):
        load_card(Project(tmp_path), "decision")
