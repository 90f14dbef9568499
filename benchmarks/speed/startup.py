"""The startup time of commands, compared with Python itself and the import of torch.

python benchmarks/speed/startup.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import harness
import torch

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import torch": ("-c", "import torch"),
    "import zoo": ("-c", "import zoo"),
    "zoo --help": ("-m", "zoo", "--help"),
    "zoo list": ("-m", "zoo", "list"),
    "zoo plugins": ("-m", "zoo", "plugins"),
    "zoo --version": ("-m", "zoo", "--version"),
}


def main() -> None:
    """Measure every command."""
    args = harness.parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: lambda words=words: _run(words, folder) for name, words in COMMANDS.items()}
        times = harness.compare(paths, torch.device("cpu"), args.seconds)
    plain = times["python -c pass"]
    rows = [
        {"command": name, "s": timing.median, "best s": timing.best, "over Python": timing.best - plain.best}
        for name, timing in times.items()
    ]
    harness.report(rows, args)


def _run(words: tuple[str, ...], folder: str) -> None:
    subprocess.run([sys.executable, *words], cwd=folder, env=os.environ, capture_output=True, check=True)


if __name__ == "__main__":
    main()
