"""Entry point of ``sandbox`` and ``python -m sandbox``."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from sandbox.cli import run

    run()


if __name__ == "__main__":
    main()
