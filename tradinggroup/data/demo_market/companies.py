"""The three invented companies. No listed company has these names or tickers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Split:
    """`ratio` new shares for one old from `ex_session` on, announced in the news on `announced_session`."""

    ratio: int
    announced_session: date
    ex_session: date


@dataclass(frozen=True, slots=True)
class Company:
    """What a company is: its words, the size of its business, and how its shares trade."""

    symbol: str
    name: str
    short: str
    industry: str
    products: tuple[str, ...]
    segments: tuple[str, ...]
    segment_shares: tuple[float, ...]
    """Share of revenue of each segment; they add up to 1."""
    customers: tuple[str, ...]
    """Kinds of customers."""
    named_customers: tuple[str, ...]
    regions: tuple[str, ...]
    materials: tuple[str, ...]
    rivals: tuple[str, ...]
    executives: tuple[str, ...]
    fiscal_year_end_month: int
    quarter_revenue_musd: float
    """Revenue of the first quarter generated, in million USD."""
    base_growth_fraction: float
    """Yearly revenue growth in a quarter of neutral tone."""
    gross_margin_fraction: float
    research_fraction: float
    selling_fraction: float
    cash_musd: float
    debt_musd: float
    shares_million: float
    first_price_usd: float
    volatility_fraction: float
    """Standard deviation of a session's return, on average."""
    volume_shares: float
    split: Split | None = None
    dividend_usd: float = 0.0
    """Cash a share and quarter; 0 for none."""
    dividend_ex_sessions: tuple[date, ...] = ()
    halt_session: date | None = None
    """A session on which the shares did not trade: there is no bar."""


ACME = Company(
    symbol="ACME",
    name="Acme Corporation",
    short="Acme",
    industry="industrial machinery",
    products=("slurry pumps", "belt conveyors", "rotary valves", "crusher drives", "dosing stations"),
    segments=("Flow Equipment", "Bulk Handling", "Field Services"),
    segment_shares=(0.47, 0.33, 0.20),
    customers=("mine operators", "cement makers", "grain terminals", "water utilities", "port authorities"),
    named_customers=("Corrib Basin Mining", "Duneside Cement", "Halvorsund Ports", "Prairie Gate Grain", "Westerlode Copper"),
    regions=("North America", "Latin America", "northern Europe", "Australia", "southern Africa"),
    materials=("steel plate", "castings", "electric motors", "sea freight"),
    rivals=("Brontide Machinery", "Kestle & Rowe", "Novaferro"),
    executives=("chief executive Dana Okoro", "finance chief Milan Petrasek", "operations chief Ruth Vandermolen"),
    fiscal_year_end_month=12,
    quarter_revenue_musd=612.0,
    base_growth_fraction=0.05,
    gross_margin_fraction=0.345,
    research_fraction=0.035,
    selling_fraction=0.165,
    cash_musd=480.0,
    debt_musd=910.0,
    shares_million=96.0,
    first_price_usd=84.0,
    volatility_fraction=0.016,
    volume_shares=1_400_000,
    dividend_usd=0.32,
    dividend_ex_sessions=(
        date(2022, 8, 11),
        date(2022, 11, 10),
        date(2023, 2, 9),
        date(2023, 5, 11),
        date(2023, 8, 10),
        date(2023, 11, 9),
    ),
)

QUILLFERN = Company(
    symbol="QFRN",
    name="Quillfern Software, Inc.",
    short="Quillfern",
    industry="business software",
    products=("scheduling tools", "ledger services", "document vaults", "planning tools", "audit modules"),
    segments=("Subscriptions", "Data Services", "Consulting"),
    segment_shares=(0.68, 0.22, 0.10),
    customers=("hospitals", "logistics firms", "regional banks", "insurers", "city administrations"),
    named_customers=("Bellhaven Clinics", "Orrery Insurance", "Tern Logistics", "Union of Lakes Bank", "City of Marrowdale"),
    regions=("North America", "the United Kingdom", "central Europe", "Japan", "Canada"),
    materials=("hosting", "third-party data", "contract staff", "network capacity"),
    rivals=("Cobaltine Systems", "Peregrin Cloudworks", "Stavely Apps"),
    executives=("chief executive Ines Aldawood", "finance chief Tomasz Brandvold", "product chief Kofi Lindqvist"),
    fiscal_year_end_month=6,
    quarter_revenue_musd=188.0,
    base_growth_fraction=0.16,
    gross_margin_fraction=0.72,
    research_fraction=0.23,
    selling_fraction=0.34,
    cash_musd=640.0,
    debt_musd=250.0,
    shares_million=41.0,
    first_price_usd=318.0,
    volatility_fraction=0.021,
    volume_shares=620_000,
    split=Split(ratio=4, announced_session=date(2023, 5, 16), ex_session=date(2023, 6, 13)),
)

TARNWICK = Company(
    symbol="TRWK",
    name="Tarnwick Consumer Health, Inc.",
    short="Tarnwick",
    industry="consumer health",
    products=("allergy sprays", "skin care lines", "sleep aids", "home test kits", "children's vitamins"),
    segments=("Self Care", "Skin Health", "Diagnostics"),
    segment_shares=(0.44, 0.35, 0.21),
    customers=("pharmacy chains", "supermarkets", "online retailers", "clinics", "wholesalers"),
    named_customers=("Greenfathom Pharmacies", "Maplecourt Stores", "Rivulet Online", "Southmoor Wholesale", "Halden Clinics"),
    regions=("North America", "western Europe", "Southeast Asia", "Brazil", "the Nordic countries"),
    materials=("active ingredients", "packaging film", "plant oils", "road freight"),
    rivals=("Ambrel Brands", "Pellucid Care", "Orchard & Vale Health"),
    executives=("chief executive Lucia Ferreyra", "finance chief Henrik Osei", "research chief Mei Sandoval"),
    fiscal_year_end_month=9,
    quarter_revenue_musd=405.0,
    base_growth_fraction=0.04,
    gross_margin_fraction=0.52,
    research_fraction=0.06,
    selling_fraction=0.31,
    cash_musd=310.0,
    debt_musd=720.0,
    shares_million=118.0,
    first_price_usd=47.0,
    volatility_fraction=0.018,
    volume_shares=1_900_000,
    halt_session=date(2023, 9, 13),
)

COMPANIES: tuple[Company, ...] = (ACME, QUILLFERN, TARNWICK)

BROKERS = ("Larkhill Research", "Stonebridge & Tate", "Fennimore Capital", "Old Quay Securities", "Trellis Partners", "Aldergate Brokers")
SOURCES = ("Harborline Wire", "Street Ledger", "Tidewater Business", "Copperplate News", "Signal & Quote")
