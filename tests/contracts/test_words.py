"""Messages, help, summaries and docs use the words of the field; messages of the library name parameters, not flags."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer.main

from zoo.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for room in ("zoo", "plugins", "benchmarks") for path in (ROOT / room).rglob("*.py"))
PAGES = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "plugins").rglob("*.md"),
        *(ROOT / "zoo").rglob("*.j2"),
    ]
)

TYPE = r"\bType(:| (?!of\b)[-\w`{])|\btype:\s"
"""Case counts: a type of something is no command to type."""
WORDS = {
    # what is said: what to say
    r"\bnurser(y|ies)\b": "worker",
    r"\bheirs?\b": "successor",
    r"\btold\b": "receives, prints, compared",
    r"\bjudg(e|es|ed|ing)\b": "discriminator, checked, compared",
    r"\bcrowded\b": "out of memory",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\banew\b": "again",
    r"\bfellows?\b": "the other processes",
    r"\bcells?\b": "run",
    r"\b(a|the|its|another|whose|no) claim\b(?! of the paper)": "lease",
    r"\bwhose turn\b": "update order",
    r"\bplayers?\b": "networks of an optimizer",
    r"\bhalvings\b": "downsampling stages",
    r"\btyped\b": "run, used, given",
    TYPE: "Run or Use",
    r"\b(goes|go|going) on\b": "resumes, continues",
    r"\bnothing to do\b": "Skipped N finished runs",
    r"\b(a folder|images) a (cell|step|run)\b|\bat once\b.*\bcells\b": "one folder per run, batch size",
    r"\bis seen not to\b": "the table shows",
    r"\btied by a contrast\b": "patch-wise contrastive loss",
    r"\b(that|which|it|zoo|models?|weights|streets|they) knows?\b|\bknows? (no|only|degrees|synthetic|grey)\b": "trained on",
    r"\bis of (NVIDIA|trainings|no format)\b": "requires, does not match",
    r"\bin place of the preset\b": "overrides the preset",
    r"\bwhere there are units\b": "if the hardware supports it",
    r"\bdraw a split\b": "sample a random split",
    r"\bthree ways in\b|\bnothing is magic\b|\basks for nothing\b|\bask nothing of anybody\b": "makes no network requests",
    r"\bheld to the plain path\b": "verified against the eager fp32 reference",
    r"\bwhat becam?e of\b|\bis to be told\b": "how it ended",
}
ALLOWED = {
    # The subject has the word: cells of printed tables, and shading by cells of a grid.
    "zoo/cli/output.py": r"\bcells?\b",
    "zoo/hub/card.py": r"\bcells?\b",
    "zoo/report/*": r"\bcells?\b",
    "plugins/scenes/*": r"\bcells?\b",
}
NOT_YET: list[str] = []
"""Files whose words are still those of before, as patterns; none is added."""
FLAGS_NOT_YET: list[str] = []
"""Files whose messages still name flags, as patterns; none is added."""
FLAGS_ALLOWED = [
    "zoo/cli/*",
    "zoo/demo/*",
    "zoo/scaffold/*",
    "zoo/checksums.py",  # builds the command that repeats a run
    "zoo/report/html/commands.py",  # reads commands of records, and builds those of the page
    "zoo/testing/pytest_plugin.py",  # has flags of its own, which pytest reads
    "benchmarks/*",  # programs with flags of their own
]
FLAGS_ARGUMENTS = ["zoo/run/launch/*", "zoo/run/devices.py", "zoo/compute/options.py"]
"""Files that start other programs: a string of one word is an argument."""
VERBS = "|".join(typer.main.get_command(app).commands)
COMMAND = re.compile(
    rf"\b(zoo ({VERBS}|\{{\}}|--help)|pip install|hf upload|accelerate launch|exec)(?!\w)(?:(?!, |\. |; ).)*|\{{\}} install.*"
)


def shown_strings(path: Path, *, docstrings: bool) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of strings of a module, f-strings with `{}` for what they hold.

    Docstrings that count are those of public modules, classes and functions.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and docstrings and not getattr(node, "name", "").startswith("_"):
            yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            inside.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            inside.update(id(value) for value in node.values)
            parts = (value.value if isinstance(value, ast.Constant) else "{}" for value in node.values)
            yield node.lineno, "".join(map(str, parts))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def listed(path: Path, patterns: list[str]) -> bool:
    return any(fnmatch(name_of(path), pattern) for pattern in patterns)


def faults(path: Path, line: int, text: str) -> Iterator[str]:
    """Yield the words of a text that have a plainer word."""
    allowed = [pattern for file, pattern in ALLOWED.items() if fnmatch(name_of(path), file)]
    for pattern, instead in WORDS.items():
        found = re.search(pattern, text, re.IGNORECASE if pattern != TYPE else 0)
        if found and pattern not in allowed:
            yield f"{name_of(path)}:{line}: {found[0]!r} in {text[max(0, found.start() - 40) : found.end() + 30]!r}: {instead}"


@pytest.mark.parametrize("path", [path for path in SOURCES if not listed(path, NOT_YET)], ids=name_of)
def test_strings_use_the_words_of_the_field(path):
    texts = [(line, " ".join(text.split())) for line, text in shown_strings(path, docstrings=True)]
    found = [fault for line, text in texts if " " in text for fault in faults(path, line, text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", [path for path in PAGES if not listed(path, NOT_YET)], ids=name_of)
def test_pages_use_the_words_of_the_field(path):
    code = r"\A---\n.*?\n---\n|```.*?```|`[^`\n]*`|{[{%#].*?[}%#]}"  # also front matter, and what a template computes
    prose = re.sub(code, lambda found: "\n" * found[0].count("\n"), path.read_text(), flags=re.DOTALL)
    found = [fault for line, text in enumerate(prose.splitlines(), 1) for fault in faults(path, line, text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if not listed(path, FLAGS_ALLOWED + FLAGS_NOT_YET)], ids=name_of
)
def test_messages_of_the_library_name_no_flag(path):
    texts = [(line, COMMAND.sub("", text)) for line, text in shown_strings(path, docstrings=False)]
    if listed(path, FLAGS_ARGUMENTS):
        texts = [(line, text) for line, text in texts if " " in text]
    found = [f"{name_of(path)}:{line}: {text!r}" for line, text in texts if re.search(r"(^|[ (`'\"])--[a-z]", text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('raise E(f"--size is {x}")', True),
        ('raise E("it", "Use --size 8")', True),
        ('raise E("it", "Run: zoo bench --size 8")', False),
        ('raise E("it", "Run: zoo bench, then --size 8")', True),
        ('def f():\n    """Read --size."""', False),
    ],
)
def test_a_flag_in_a_message_is_found(tmp_path, text, shown):
    file = tmp_path / "x.py"
    file.write_text(text)
    texts = [COMMAND.sub("", found) for _, found in shown_strings(file, docstrings=False)]
    assert any("--size" in found for found in texts) == shown
