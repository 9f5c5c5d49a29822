"""The forward pass of the default model on an accelerator: as StableHLO, run by JAX.

python -m benchmarks.accelerator write FOLDER    with TensorFlow: write the programs
python -m benchmarks.accelerator run FOLDER      with JAX and NumPy alone, on the accelerator: run them

The second prints pictures of 256x256 pixels a second for each batch, and the share of the processor's peak in
bfloat16, and writes accelerator.json into the folder. Without an accelerator it says so, and measures nothing.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

SIDE, BATCHES, REPEATS = 256, (1, 16, 64), 20
# Dense TFLOP/s in bfloat16, from the makers' data sheets, by a part of the device's name.
PEAKS = {"H200": 989.0, "H100": 989.0, "A100": 312.0, "L4": 121.0, "T4": 65.0}


def write(folder: Path) -> None:
    """Write `forward-<batch>.mlir` for each batch, and `work.json` with the operations of a picture."""
    import tensorflow as tf

    from tfcolor import DEFAULT_MODEL
    from tfcolor.models.directory import find_model, load_model

    network = load_model(find_model(DEFAULT_MODEL), tf.bfloat16)[0]
    network.freeze()
    folder.mkdir(parents=True, exist_ok=True)
    for batch in BATCHES:
        forward = tf.function(lambda gray: network(gray), autograph=False, jit_compile=True)
        program = forward.experimental_get_compiler_ir(tf.zeros([batch, SIDE, SIDE, 1]))(stage="stablehlo")
        (folder / f"forward-{batch}.mlir").write_text(program)
    graph = tf.function(network, input_signature=[tf.TensorSpec([1, SIDE, SIDE, 1])], autograph=False)
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation() | {"output": "none"}
    work = tf.compat.v1.profiler.profile(graph.get_concrete_function().graph, options=options)
    (folder / "work.json").write_text(json.dumps({"operations": work.total_float_ops}))


def run(folder: Path) -> None:
    """Time the programs that `write` made, on the first device that JAX finds."""
    import jax

    if not (folder / "work.json").exists():
        raise FileNotFoundError(f"{folder} holds no programs; write them first: python -m benchmarks.accelerator write")
    device = jax.devices()[0]
    if device.platform == "cpu":
        print("skipped: JAX finds no accelerator here")
        return
    operations = json.loads((folder / "work.json").read_text())["operations"]
    peak = next((peak for name, peak in PEAKS.items() if name in device.device_kind), None)
    rows = []
    for batch in BATCHES:
        seconds = seconds_of((folder / f"forward-{batch}.mlir").read_text(), batch)
        rate = batch / seconds
        rows.append({"name": f"forward, batches of {batch}", "value": rate, "unit": "pictures/s"})
        if peak:
            share = rate * operations / 1e12 / peak
            rows.append({"name": f"share of the peak, batches of {batch}", "value": share, "unit": "x"})
    rows = [row | {"bar": None, "holds": None} for row in rows]
    content = {"machine": {"device": device.device_kind, "jax": jax.__version__}, "rows": rows}
    (folder / "accelerator.json").write_text(json.dumps(content, indent=2))
    for row in rows:
        print(f"{row['name']}: {row['value']:.4g} {row['unit']}")


def seconds_of(program: str, batch: int) -> float:
    """Compile a program, and return the median seconds of a batch that is on the device already."""
    import jax
    from jax._src.interpreters import mlir
    from jax._src.lib.mlir import ir
    from jax.extend.backend import get_backend
    from jaxlib import _jax

    backend = get_backend()
    with mlir.make_ir_context():
        devices = _jax.DeviceList(tuple(backend.local_devices()[:1]))
        executable = backend.compile_and_load(ir.Module.parse(program), devices, _jax.CompileOptions())
    pictures = jax.device_put(np.random.default_rng(0).uniform(0, 1, [batch, SIDE, SIDE, 1]).astype(np.float32))
    found = []
    for repeat in range(REPEATS + 2):
        started = time.perf_counter()
        (results,) = executable.execute_sharded([pictures]).disassemble_into_single_device_arrays()
        results[0].block_until_ready()
        if repeat >= 2:
            found.append(time.perf_counter() - started)
    return statistics.median(found)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("write", "run"))
    parser.add_argument("folder", type=Path, help="folder of the programs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    args = parse(None)
    try:
        {"write": write, "run": run}[args.action](args.folder)
    except (OSError, ModuleNotFoundError) as error:
        sys.exit(f"error: {error}")
