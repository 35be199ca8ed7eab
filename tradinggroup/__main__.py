"""`python -m tradinggroup`: the same as the command."""

from tradinggroup.cli.main import main

main()
