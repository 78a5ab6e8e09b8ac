"""``python -m soundkin``, for where the command itself is not on the path."""

from soundkin.cli import main

main()
