"""`zoo doctor` on machines with faults."""

import http.server
import sys
import threading

import pytest

from zoo.cli import doctor
from zoo.plugins import Plugin


def found(**options):
    return {one.what: one for one in doctor.examine(**options)}


def test_a_sound_machine_has_no_fault():
    findings = found(network=False)
    assert {"torch", "torchvision", "GPU", "bf16", "compute", "cache", "plugins"} <= findings.keys() | {"GPU 0"}
    assert [one for one in findings.values() if one.verdict == "fault"] == []
    assert "Hub" not in findings


def test_torchvision_of_another_build_is_explained(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torchvision":
                raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    finding = found(network=False)["torchvision"]
    assert finding.verdict == "fault" and "nms" in finding.found
    assert "one build of torch" in finding.fix and "install" in finding.fix


def test_a_broken_plugin_is_a_fault_and_a_slow_one_a_warning(monkeypatch):
    facts = {"distribution": "d", "version": "1", "module": "m"}
    plugins = (
        Plugin(name="broken", status="failed", why="ImportError: no module x", **facts),
        Plugin(name="slow", heavy=("torch",), milliseconds=900.0, **facts),
    )
    monkeypatch.setattr(doctor, "discover", lambda strict: plugins)
    findings = found(network=False)
    assert findings["plugin broken"].verdict == "fault" and "--why broken" in findings["plugin broken"].fix
    assert findings["plugin slow"].verdict == "warning" and "900 ms" in findings["plugin slow"].found
    assert findings["plugins"].found == "1 of 2 loaded"


def test_a_cache_that_cannot_be_written_is_a_fault(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "file"))
    finding = found(network=False)["cache"]
    assert finding.verdict == "fault" and "ZOO_CACHE" in finding.fix


def test_a_full_disk_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "LOW_DISK", 1e18)
    assert found(network=False)["working folder"].verdict == "warning"


def test_a_part_that_breaks_is_a_finding(monkeypatch):
    def broken():
        raise OSError("no")

    monkeypatch.setattr(doctor, "_disk", broken)
    assert found(network=False)["broken"].verdict == "fault"


@pytest.mark.parametrize("status", [200, 404])
def test_a_hub_that_answers_is_ok_and_one_that_does_not_is_a_warning(monkeypatch, status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # read when some test first imported it
    assert found()["Hub"].verdict == "ok"
    server.shutdown()
    server.server_close()
    finding = found()["Hub"]
    assert finding.verdict == "warning" and "cannot be reached" in finding.found
