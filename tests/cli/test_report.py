"""`zoo report` from the command line."""

from __future__ import annotations

import subprocess
import sys

TINY = ("--gen", "resnet6:width=4,blocks=1", "--disc", "patchgan:width=4,layers=1", "--size", "32", "--steps", "3")


def test_a_bench_then_a_report(zoo, pairs, tmp_path):
    assert zoo("bench", *TINY, "--data", str(pairs), "--out", "results").returncode == 0
    done = zoo("report", "results", "-o", "out/page.html", "--title", "Blocks & lines")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "out/page.html" and "self-contained" in done.stderr
    page = (tmp_path / "out" / "page.html").read_text()
    assert "<h1>Blocks &amp; lines</h1>" in page
    assert page.count("data:image/png") == 3 * 3  # visible, translated and real of three test images
    assert "cycle_A" in page


def test_what_cannot_be_reported_is_said_in_one_line(zoo, tmp_path):
    missing = zoo("report", "nowhere")
    assert missing.returncode == 2 and "no results folder `nowhere`" in missing.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_report_imports_no_torch():
    code = "import sys, zoo.report.html.page; print('torch' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
