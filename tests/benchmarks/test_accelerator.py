"""The programs for accelerators: that they need nothing from the host, and that JAX runs them."""

import json

import pytest

from benchmarks import accelerator


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerator, "SIDE", 64)
        patch.setattr(accelerator, "BATCHES", (2,))
        accelerator.write(folder)
    return folder


@pytest.mark.slow
def test_programs_hold_all_they_need(programs):
    text = (programs / "forward-2.mlir").read_text()
    assert "tensor<2x64x64x1xf32>" in text and "bf16" in text
    for host in ("custom_call", "infeed", "outfeed", "send", "recv"):
        assert f"stablehlo.{host}" not in text
    assert json.loads((programs / "work.json").read_text())["operations"] > 1e8


@pytest.mark.slow
def test_jax_runs_them_and_says_where_there_is_no_accelerator(programs, monkeypatch, capsys):
    jax = pytest.importorskip("jax", reason="needs JAX")
    monkeypatch.setattr(accelerator, "SIDE", 64)
    monkeypatch.setattr(accelerator, "REPEATS", 1)
    assert accelerator.seconds_of((programs / "forward-2.mlir").read_text(), 2) > 0
    accelerator.run(programs)
    if jax.devices()[0].platform == "cpu":
        assert capsys.readouterr().out == "skipped: JAX finds no accelerator here\n"
        assert not (programs / "accelerator.json").exists()
