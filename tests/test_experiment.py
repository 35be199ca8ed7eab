"""Experiment files: origins, overrides, and one clear error for everything that is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.coverage import check_against_bundle
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.experiment import (
    Override,
    ResolvedExperiment,
    experiment_from_toml,
    experiment_to_toml,
    load_experiment,
    parse_set,
)
from tradinggroup.project import Project
from tradinggroup.setting_tree import known_settings
from tradinggroup.settings import Experiment

BASE = 'name = "x"\nbundle = "demo"\nsymbols = ["ACME", "BOLT"]\nstart = 2024-01-02\nend = 2024-03-28\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "backtests").mkdir()
    return Project(tmp_path)


def load(project: Project, text: str = BASE, *overrides: str | Override) -> ResolvedExperiment:
    (project.experiments_folder / "x.toml").write_text(text, encoding="utf-8")
    return load_experiment(project, "x", [parse_set(item) if isinstance(item, str) else item for item in overrides])


def refused(project: Project, text: str = BASE, *overrides: str | Override) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(project, text, *overrides)
    return caught.value


def test_every_setting_has_a_value_and_an_origin(project: Project) -> None:
    resolved = load(project, BASE + "[costs]\nminimum_usd = 1\n", "agents.news_sentiment.k=5", Override("symbols", ["ACME"], "--symbols"))
    origins = resolved.origins
    assert list(origins) == list(known_settings())
    assert origins["name"] == origins["costs.minimum_usd"] == "backtests/x.toml"
    assert origins["agents.news_sentiment.k"] == "--set"
    assert origins["symbols"] == "--symbols"
    assert origins["seed"] == origins["costs.per_share_usd"] == "default"
    assert resolved.experiment.agents.news_sentiment.k == 5
    assert resolved.experiment.costs.minimum_usd == 1.0
    assert resolved.experiment.symbols == ("ACME",)
    assert resolved.arguments == {"agents.news_sentiment.k": 5, "symbols": ["ACME"]}
    assert resolved.source_text.startswith('name = "x"')


def test_the_packaged_experiment_is_named_as_the_user_would(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packaged = tmp_path / "packaged"
    (packaged / "backtests").mkdir(parents=True)
    (packaged / "backtests" / "own.toml").write_text(BASE, encoding="utf-8")
    monkeypatch.setattr("tradinggroup.project.defaults_root", lambda: packaged)
    monkeypatch.setattr("tradinggroup.experiment.defaults_root", lambda: packaged)
    assert load_experiment(Project(tmp_path / "elsewhere"), "own").origins["name"] == "backtests/own.toml"


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("seed=8", "seed", 8),
        ("cash_usd=1e5", "cash_usd", 100_000.0),
        ("cash_usd=50_000", "cash_usd", 50_000.0),
        ("model=openai:tiny", "model", "openai:tiny"),
        ('model="openai:tiny"', "model", "openai:tiny"),
        ("name=2025", "name", "2025"),
        ("name=true", "name", "true"),
        ("agents_enabled=false", "agents_enabled", False),
        ("start=2024-02-01", "start", date(2024, 2, 1)),
        ("symbols=TRUE", "symbols", ("TRUE",)),
        ("symbols=A, B,", "symbols", ("A", "B")),
        ('symbols=["A","B"]', "symbols", ("A", "B")),
        ("without=risk", "without", ("risk",)),
        ("without=[]", "without", ()),
        (" seed = 9 ", "seed", 9),
    ],
)
def test_values_of_overrides_are_read_as_toml_or_as_bare_words(project: Project, override: str, key: str, value: object) -> None:
    assert getattr(load(project, BASE, override).experiment, key) == value


def test_repeated_lists_add_up_and_repeated_values_must_agree(project: Project) -> None:
    assert load(project, BASE, "symbols=A", "symbols=B,C").experiment.symbols == ("A", "B", "C")
    assert load(project, BASE, "seed=1", Override("seed", "1", "--seed")).experiment.seed == 1
    error = refused(project, BASE, "seed=1", Override("seed", "2", "--seed"))
    assert error.code is ErrorCode.SETTING_INVALID
    assert "seed is given twice: 1 by --set, 2 by --seed" in str(error)


@pytest.mark.parametrize(
    ("override", "code", "says"),
    [
        ("k=5", "SETTING_UNKNOWN", "no setting k, origin=--set. Did you mean agents.news_sentiment.k?"),
        ("agents.news_sentimint.k=5", "SETTING_UNKNOWN", "Did you mean agents.news_sentiment.k?"),
        ("cash=5", "SETTING_UNKNOWN", "Did you mean cash_usd?"),
        ("agents.forecasting.treshold_up=0.5", "SETTING_UNKNOWN", "Did you mean agents.forecasting.threshold_up?"),
        ("agents=3", "SETTING_INVALID", "agents is a table of settings"),
        ("agents.news_sentiment.k=0", "SETTING_INVALID", "agents.news_sentiment.k=0 must be greater than or equal to 1, origin=--set"),
        ("agents.news_sentiment.k=ten", "SETTING_INVALID", "k=ten must be a valid integer"),
        ("agents.news_sentiment.k=2.5", "SETTING_INVALID", "k=2.5 must be a valid integer"),
        ("seed=true", "SETTING_INVALID", "seed=true must be a valid integer"),
        ("agents_enabled=1", "SETTING_INVALID", "agents_enabled=1 must be a valid boolean"),
        ("cash_usd=0", "SETTING_INVALID", "must be greater than 0"),
        ("cash_usd=inf", "SETTING_INVALID", "must be a finite number"),
        ("cash_usd=nan", "SETTING_INVALID", "must be a finite number"),
        ("gap_buffer_fraction=5", "SETTING_INVALID", "Did you mean 0.05 (5 %)?"),
        ("gap_buffer_fraction=1", "SETTING_INVALID", "must be less than or equal to 0.5, origin=--set. Did you mean 0.01 (1 %)?"),
        ("cash_rate_per_year=4", "SETTING_INVALID", "Did you mean 0.04 (4 %)?"),
        ("fill=later", "SETTING_INVALID", "fill=later must be one of next_open"),
        ("baselines=luck", "SETTING_INVALID", "must be one of buy_and_hold, constant_exposure, sma_cross, momentum, random"),
        ("without=news", "SETTING_INVALID", "must be one of reflections, risk"),
        ("name=a b", "SETTING_INVALID", "name=a b must match pattern"),
        ("start=soon", "SETTING_INVALID", "must be a date such as 2025-02-03"),
        ("start=2024-02-30", "SETTING_INVALID", "must be a date such as 2025-02-03"),
        ("symbols=", "SETTING_INVALID", "symbols is empty"),
        ("symbols=[1]", "SETTING_INVALID", "symbols=1 must be a valid string"),
        ("symbols=A,B,A", "SETTING_INVALID", "symbols names A twice, origin=--set"),
        ("start=2024-05-01", "DATES_OUTSIDE", "start=2024-05-01 (--set) is after end=2024-03-28 (backtests/x.toml)"),
        ("accounts=shared", "NOT_BUILT_YET", "accounts=shared, origin=--set: this version cannot do that yet. Allowed: separate."),
        ("stops=open", "SETTING_INVALID", "stops=open must be one of profile, close, intraday"),
        ("costs.commission=flat", "SETTING_INVALID", "must be one of per_share, basis_points, none"),
        ("costs.order=cap", "SETTING_INVALID", "must be one of cap_then_minimum, minimum_then_cap"),
        ("costs.commission_bps=10", "SETTING_INVALID", "not read under commission=per_share"),
        ("costs.slippage_bps=2000", "SETTING_INVALID", "must be less than or equal to 1000"),
        ("costs.half_spread_bps=-1", "SETTING_INVALID", "must be greater than or equal to 0"),
        ("execution.volume_cap_fraction=50", "SETTING_INVALID", "Did you mean 0.5 (50 %)?"),
        ("execution.delisting_haircut_fraction=30", "SETTING_INVALID", "Did you mean 0.3 (30 %)?"),
        ("execution.delisting_sessions=0", "SETTING_INVALID", "must be greater than or equal to 1"),
        ("execution.volume_cap=0.1", "SETTING_UNKNOWN", "execution.volume_cap_fraction"),
        ("decide=open", "SETTING_INVALID", "decide=open must be one of after_close, pre_open"),
        ("pre_open_minutes=0", "SETTING_INVALID", "pre_open_minutes=0 must be greater than or equal to 1"),
        ("convention=finsaber", "SETTING_INVALID", "finsaber does not know the baseline constant_exposure"),
        ("convention=paper", "SETTING_INVALID", "must be one of default, finsaber"),
        ("variants=1", "SETTING_INVALID", "variants is no single setting, origin=--set"),
        ("workers=-1", "SETTING_INVALID", "workers=-1 must be greater than or equal to 0"),
        ("seed", "SETTING_INVALID", "Write --set key=value"),
        ("=3", "SETTING_INVALID", "Write --set key=value"),
    ],
)
def test_wrong_overrides(project: Project, override: str, code: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(project, BASE, override)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("decide", ["after_close", "pre_open"])
@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_a_decision_is_never_made_after_its_own_fill(project: Project, decide: str, fill: str) -> None:
    text = f'{BASE}decide = "{decide}"\nfill = "{fill}"\n'
    if (decide, fill) != ("pre_open", "same_close"):
        assert load(project, text).experiment.fill == fill
        return
    with pytest.raises(UsageError, match=r"SETTING_INVALID: decide=pre_open \(backtests/x.toml\) fill=same_close .* next_open"):
        load(project, text)


@pytest.mark.parametrize(
    ("key", "override"),
    [
        ("fill", "fill=next_close"),
        ("stops", "stops=intraday"),
        ("costs", "costs.slippage_bps=5"),
        ("execution", "execution.volume_cap_fraction=0.1"),
    ],
)
def test_finsaber_fills_by_its_own_rules(project: Project, key: str, override: str) -> None:
    text = f'{BASE}convention = "finsaber"\nagents_enabled = false\nbaselines = ["sma_cross"]\n'
    with pytest.raises(UsageError, match=f"{key} is fixed by the convention finsaber"):
        load(project, text, override)


def test_finsaber_has_a_clock_of_its_own(project: Project) -> None:
    text = f'{BASE}decide = "pre_open"\nconvention = "finsaber"\nagents_enabled = false\nbaselines = ["sma_cross"]\n'
    with pytest.raises(UsageError, match="decide is fixed by the convention finsaber"):
        load(project, text)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (BASE + "colour = 3\n", "SETTING_UNKNOWN", "no setting colour, origin=backtests/x.toml line 6"),
        (
            BASE + "\n[agents.decision] # a comment\nhistory = 3\n",
            "SETTING_UNKNOWN",
            "agents.decision.history, origin=backtests/x.toml line 8",
        ),
        (BASE + "agents.decision.history = 3\n", "SETTING_UNKNOWN", "agents.decision.history, origin=backtests/x.toml line 6"),
        (BASE + "agents = { decision = { history = 3 } }\n", "SETTING_UNKNOWN", "agents.decision.history, origin=backtests/x.toml. Did"),
        (BASE + "[colours]\nred = 1\n", "SETTING_UNKNOWN", "colours.red, origin=backtests/x.toml line 7"),
        (BASE + "[colours]\n", "SETTING_UNKNOWN", "no setting colours, origin=backtests/x.toml line 6"),
        (BASE + "agents = 3\n", "SETTING_INVALID", "agents is a table of settings, origin=backtests/x.toml line 6"),
        (BASE + "variants = 1\n", "EXPERIMENT_INVALID", "backtests/x.toml: variants is no list of tables"),
        (BASE + "[[variants]]\nseed = 1\n", "EXPERIMENT_INVALID", "backtests/x.toml: variant 1 has no name"),
        (BASE + '[[variants]]\nname = "()"\n', "EXPERIMENT_INVALID", "backtests/x.toml: variant 1 has no name"),
        (BASE + '[[variants]]\nname = "a b"\n[[variants]]\nname = "A-B"\n', "EXPERIMENT_INVALID", "two variants are called A-B"),
        (BASE + 'accounts = "shared"\n', "NOT_BUILT_YET", "accounts=shared, origin=backtests/x.toml"),
        (BASE + 'seed = "7"\n', "SETTING_INVALID", "seed=7 must be a valid integer, origin=backtests/x.toml"),
        (BASE + "seed = \n", "EXPERIMENT_INVALID", "backtests/x.toml line 6: not TOML"),
        (BASE + "seed = 1\nseed = 2\n", "EXPERIMENT_INVALID", "not TOML: Cannot overwrite a value"),
        ("name = demo\n", "EXPERIMENT_INVALID", "backtests/x.toml line 1: not TOML"),
        ('name = "x"\nbundle = "demo"\n', "EXPERIMENT_INVALID", "backtests/x.toml lacks symbols, start, end"),
        ("", "EXPERIMENT_INVALID", "lacks name, bundle, symbols, start, end"),
    ],
)
def test_wrong_files(project: Project, text: str, code: str, says: str) -> None:
    error = refused(project, text)
    assert error.code == code
    assert says in str(error)


def test_a_file_that_is_no_text_and_one_that_is_not_there(project: Project) -> None:
    (project.experiments_folder / "x.toml").write_bytes(b"name = '\xff\xfe'")
    with pytest.raises(UsageError, match=r"EXPERIMENT_INVALID: backtests/x.toml is not UTF-8 text"):
        load_experiment(project, "x")
    with pytest.raises(UsageError, match=r"EXPERIMENT_NOT_FOUND: no experiment file xx\. Did you mean x\?"):
        load_experiment(project, "xx")


def test_a_byte_order_mark_and_windows_line_ends_are_read(project: Project) -> None:
    (project.experiments_folder / "x.toml").write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load_experiment(project, "x").experiment.name == "x"


def test_a_round_trip_through_toml_is_exact(project: Project) -> None:
    experiment = load(project, BASE, "gap_buffer_fraction=0.1", "costs.per_share_usd=1e-7", "without=risk").experiment
    again = experiment_from_toml(experiment_to_toml(experiment))
    assert again == experiment
    assert again.model_dump_json() == experiment.model_dump_json()
    assert experiment_to_toml(again) == experiment_to_toml(experiment)


@given(
    cash=st.floats(min_value=1e-6, max_value=1e12),
    buffer=st.floats(min_value=0, max_value=0.5),
    seed=st.integers(min_value=0, max_value=2**63 - 1),
    symbols=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1), min_size=1, unique=True),
    start=st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    length=st.integers(0, 5000),
)
def test_any_round_trip_is_exact(cash: float, buffer: float, seed: int, symbols: list[str], start: date, length: int) -> None:
    experiment = Experiment(
        name="x", bundle="b", symbols=tuple(symbols), start=start, end=start + timedelta(days=length), cash_usd=cash, seed=seed,
        gap_buffer_fraction=buffer,
    )  # fmt: skip
    again = experiment_from_toml(experiment_to_toml(experiment))
    assert again == experiment
    assert experiment_from_toml(experiment_to_toml(again)).model_dump_json() == again.model_dump_json()


@dataclass
class WeekdayCalendar:
    """Every weekday is a session."""

    def sessions(self, start: date, end: date) -> list[date]:
        days = (start + timedelta(days=count) for count in range((end - start).days + 1))
        return [day for day in days if day.weekday() < 5]

    def previous_session(self, day: date) -> date:
        return self.sessions(day - timedelta(days=7), day - timedelta(days=1))[-1]

    def next_session(self, day: date) -> date:
        return self.sessions(day + timedelta(days=1), day + timedelta(days=7))[0]


@dataclass
class Span:
    name: str = "demo"
    symbols: tuple[str, ...] = ("ACME", "BOLT")
    first_session: date = date(2024, 1, 2)
    last_session: date = date(2024, 3, 28)
    calendar: WeekdayCalendar = field(default_factory=WeekdayCalendar)


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"symbols": ("ACME", "acmee")}, "SYMBOL_UNKNOWN", "bundle demo has no symbol acmee. Did you mean ACME? Known: ACME, BOLT."),
        ({"start": date(2024, 1, 1)}, "DATES_OUTSIDE", "Its sessions are 2024-01-02..2024-03-28"),
        ({"end": date(2024, 3, 29)}, "DATES_OUTSIDE", "2024-01-02..2024-03-29 is not covered by bundle demo"),
        ({"start": date(2024, 1, 6), "end": date(2024, 1, 7)}, "DATES_OUTSIDE", "no session lies between 2024-01-06 and 2024-01-07"),
        ({"start": date(1990, 1, 1), "end": date(1991, 1, 1)}, "DATES_OUTSIDE", "1990-01-01..1991-01-01"),
    ],
)
def test_an_experiment_that_the_bundle_does_not_cover(changes: dict[str, object], code: str, says: str) -> None:
    plain = {"name": "x", "bundle": "demo", "symbols": ("ACME",), "start": date(2024, 1, 2), "end": date(2024, 3, 28)}
    check_against_bundle(Experiment(**plain), Span())
    with pytest.raises(UsageError) as caught:
        check_against_bundle(Experiment(**{**plain, **changes}), Span())
    assert caught.value.code == code
    assert says in str(caught.value)


def test_days_without_a_session_around_the_bundle_are_no_gap() -> None:
    monday_after = Span(first_session=date(2024, 1, 8), last_session=date(2024, 1, 12))
    experiment = Experiment(name="x", bundle="demo", symbols=("ACME",), start=date(2024, 1, 6), end=date(2024, 1, 14))
    check_against_bundle(experiment, monday_after)
