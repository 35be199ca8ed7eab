"""How far the numbers of a run can be trusted: intervals, p-values, power, deflation. Pure functions of session returns.

Formulas, sources and what the tests measured stand in `docs/statistics.md`.
"""
