import pytest

from tradinggroup.agents.news_importance import base_score, influence
from tradinggroup.settings import NewsSettings


def test_worked_number_of_the_spec() -> None:
    assert influence(base=0.6, probability=0.8, settings=NewsSettings()) == pytest.approx(0.73)
    assert influence(base=0, probability=0, settings=NewsSettings()) == pytest.approx(0.20)
    assert influence(base=1, probability=1, settings=NewsSettings()) == pytest.approx(1.00)


@pytest.mark.parametrize(
    ("text", "hits", "words"),
    [
        ("The weather was fine today", 0, 5),
        ("Revenue and revenues rose", 1, 4),
        ("Earnings beat; guidance raised; margin up; CEO stays", 4, 8),
        ("ACME recalls pumps", 2, 3),
        ("acme recalls pumps", 2, 3),
        ("Acmeister rises", 0, 2),
        ("", 0, 0),
    ],
)
def test_base_score(text: str, hits: int, words: int) -> None:
    assert base_score(text, symbol="ACME", settings=NewsSettings()) == pytest.approx(0.7 * min(1, hits / 3) + 0.3 * words / 300)


def test_a_very_short_ticker_counts_in_its_own_spelling_only() -> None:
    assert base_score("Visa (V) gains", symbol="V", settings=NewsSettings()) > base_score(
        "part v of the talks", symbol="V", settings=NewsSettings()
    )


def test_length_counts_up_to_300_words() -> None:
    assert base_score("word " * 300, symbol="ACME", settings=NewsSettings()) == pytest.approx(0.3)
    assert base_score("word " * 900, symbol="ACME", settings=NewsSettings()) == pytest.approx(0.3)
    assert base_score("earnings merger lawsuit " * 300, symbol="ACME", settings=NewsSettings()) == pytest.approx(1.0)


def test_shares_and_full_counts_are_settings() -> None:
    text = "Earnings and a merger " + "word " * 6  # 2 keywords, 10 words
    settings = NewsSettings(keyword_share=0.5, length_share=0.4, full_keywords=4, full_words=20)
    assert base_score(text, symbol="ACME", settings=NewsSettings()) == pytest.approx(0.7 * 2 / 3 + 0.3 * 10 / 300)
    assert base_score(text, symbol="ACME", settings=settings) == pytest.approx(0.5 * 2 / 4 + 0.4 * 10 / 20)
    assert base_score(text, symbol="ACME", settings=NewsSettings(full_keywords=2, full_words=10)) == pytest.approx(1.0)


def test_the_importance_is_at_most_one() -> None:
    settings = NewsSettings(keyword_share=0.9, length_share=0.9, full_keywords=1, full_words=1)
    assert base_score("earnings", symbol="ACME", settings=settings) == 1.0


def test_a_company_name_counts_once_where_it_is_said() -> None:
    named = NewsSettings(company_names={"MSFT": "Microsoft"})
    text = "Microsoft shares rise, says Microsoft"
    assert base_score(text, symbol="MSFT", settings=NewsSettings()) == pytest.approx(0.3 * 5 / 300)
    assert base_score(text, symbol="MSFT", settings=named) == pytest.approx(0.7 / 3 + 0.3 * 5 / 300)
    assert base_score("MSFT: " + text, symbol="MSFT", settings=named) == pytest.approx(0.7 * 2 / 3 + 0.3 * 6 / 300)
    assert base_score(text, symbol="TSLA", settings=named) == base_score(text, symbol="TSLA", settings=NewsSettings())
