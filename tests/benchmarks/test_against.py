"""benchmarks/speed/against.py beside a checkout with the class and method names of the original programs."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "speed" / "against.py"
NAMES = {"cycle_gan_model": "CycleGANModel", "pix2pix_model": "Pix2PixModel", "cut_model": "CUTModel"}
MODEL = """
import torch
from . import networks

class {name}:
    def __init__(self, opt):
        assert opt.isTrain and opt.gpu_ids == [] and opt.ngf == 4 and {check}
        self.net, self.ready = networks.make(opt.input_nc, opt.output_nc), {ready}

    {initialize}

    def setup(self, opt):
        print("a long list of layers")
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=opt.lr)

    def set_input(self, input):
        self.real_A, self.real_B = input["A"], input["B"]
        assert len(input["A_paths"]) == len(self.real_A)

    def optimize_parameters(self):
        assert self.ready
        self.optimizer.zero_grad()
        (self.net(self.real_A) - self.real_B).abs().mean().backward()
        self.optimizer.step()
"""
CHECKS = {
    "cycle_gan_model": "opt.lambda_identity == 0.5 and opt.netG == 'resnet_9blocks' and opt.pool_size == 50",
    "pix2pix_model": "opt.lambda_L1 == 100 and opt.netG == 'unet_128' and opt.norm == 'batch'",
    "cut_model": "opt.nce_layers == '0,4,8,12,16' and opt.netF == 'mlp_sample' and opt.init_type == 'xavier'",
}
INITIALIZE = """def data_dependent_initialize(self, data):
        self.ready = data["A"].shape[1] == 3
"""


@pytest.fixture
def checkout(tmp_path):
    """Return a function that writes a checkout with some models."""

    def write(*modules: str) -> Path:
        folder = tmp_path / "reference"
        (folder / "models").mkdir(parents=True)
        (folder / "models" / "__init__.py").write_text("")
        code = "import torch\n\ndef make(a, b):\n    return torch.nn.Conv2d(a, b, 3, padding=1)\n"
        (folder / "models" / "networks.py").write_text(code)
        for module in modules:
            cut = module == "cut_model"
            parts = {"check": CHECKS[module], "ready": not cut, "initialize": INITIALIZE if cut else ""}
            (folder / "models" / f"{module}.py").write_text(MODEL.format(name=NAMES[module], **parts))
        return folder

    return write


@pytest.fixture
def against(monkeypatch) -> Iterator[Callable[..., int]]:
    """Return a function that runs the script in this process, which has torch already, and returns its exit code."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setattr(sys, "path", [str(SCRIPT.parent), *sys.path])
    before = set(sys.modules)

    def run(*words: object) -> int:
        command = [SCRIPT, *words, "--device", "cpu", "--seconds", "0.01", "--width", "4"]
        monkeypatch.setattr(sys, "argv", list(map(str, command)))
        return importlib.import_module("against").main()

    yield run
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("against", "harness", "steps", "models"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("modules", "methods", "words"),
    [
        (["cycle_gan_model", "pix2pix_model"], ["cyclegan"], ["--methods", "cyclegan", "--size", 32]),
        (["pix2pix_model"], ["pix2pix"], []),
        (["cut_model"], ["cut"], ["--size", 32]),
    ],
    ids=["cyclegan", "pix2pix", "cut"],
)
def test_original_and_zoo_take_turns_on_what_the_checkout_has(
    against, checkout, tmp_path, capsys, modules, methods, words
):
    assert against(checkout(*modules), *words, "--json", tmp_path / "rows.json") == 0
    assert "layers" not in capsys.readouterr().out
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [row["method"] for row in rows] == [name for name in methods for _ in range(2)]
    for original, own in zip(rows[::2], rows[1::2], strict=True):
        assert original["way"] == "original" and original["ratio"] == 1
        assert own["way"].startswith("zoo, ") and own["rounds"] == original["rounds"] >= 3
        assert own["lower quarter"] <= own["ratio"] <= own["upper quarter"]
        # This original is one convolution.
        assert own["ratio"] < 1 and own["ms"] > original["ms"]


@pytest.mark.parametrize("missing", ["folder", "networks", "models"])
def test_a_folder_that_is_no_checkout_is_refused(against, checkout, tmp_path, capsys, missing):
    folder = tmp_path / "nothing" if missing == "folder" else checkout("cycle_gan_model")
    if missing == "networks":
        (folder / "models" / "networks.py").unlink()
    if missing == "models":
        (folder / "models" / "cycle_gan_model.py").unlink()
    assert against(folder) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"against.py: `{folder}` is no checkout of an original program")
    assert shown.err.count("\n") == 1 and "models/networks.py" in shown.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("import dominate_that_nobody_has\n", "cannot be imported: No module named 'dominate_that_nobody_has'"),
        ("del CycleGANModel\n", "another interface"),
        ("del CycleGANModel.setup\n", "another interface"),
        ("CycleGANModel.__init__ = lambda self, opt: opt.of_next_year\n", "'of_next_year'"),
        ("del CycleGANModel.optimize_parameters\n", "another interface"),
    ],
)
def test_code_of_another_interface_is_one_line(against, checkout, capsys, change, message):
    folder = checkout("cycle_gan_model")
    with (folder / "models" / "cycle_gan_model.py").open("a") as file:
        file.write(change)
    assert against(folder) == 1
    shown = capsys.readouterr().err
    assert message in shown and shown.count("\n") == 1


def test_methods_and_sizes_that_the_original_lacks_are_refused(against, checkout, capsys):
    folder = checkout("pix2pix_model")
    assert against(folder, "--methods", "cut") == 2
    assert "has no cut. Use --methods pix2pix" in capsys.readouterr().err
    assert against(folder, "--size", 192) == 2
    assert "multiples of 128 px, got 192" in capsys.readouterr().err
