import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.agents.template import Template, TemplateError

KNOWN = {"symbol", "news"}


def test_placeholders_and_literal_braces() -> None:
    template = Template.parse('{symbol}: {{"score": {news}}} {symbol}', known=KNOWN)
    assert template.render({"symbol": "ACME", "news": "0.5"}) == 'ACME: {"score": 0.5} ACME'
    assert template.placeholders == KNOWN


@given(st.text())
def test_a_value_is_never_read_again(value: str) -> None:
    assert Template.parse("<{news}>", known=KNOWN).render({"news": value, "symbol": "no"}) == f"<{value}>"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a\nb {price}", 2, "unknown placeholder {price}"),
        ("a { b", 1, "a single {; write {{ for a literal brace"),
        ("a\n\n}", 3, "a single }; write }} for a literal brace"),
        ("{}", 1, "unknown placeholder {}"),
        ("{ symbol }", 1, "unknown placeholder { symbol }"),
        ("{symbol\n}", 1, "a single {; write {{ for a literal brace"),
    ],
)
def test_errors_name_the_line(text: str, line: int, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(text, known=KNOWN)
    assert (caught.value.line, str(caught.value)) == (line, message)
