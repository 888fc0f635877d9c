"""`python -m edge`: the command maskwatch."""

from edge.cli import main

main()
