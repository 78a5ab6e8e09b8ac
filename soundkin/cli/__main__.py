"""``python -m soundkin.cli``."""

from soundkin.cli import main

main()
