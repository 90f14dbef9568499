"""`python -m zoo` is `zoo`: the entry point of the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit; Ctrl-C during its imports ends quietly."""
    try:
        from zoo.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
