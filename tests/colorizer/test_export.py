"""Exported models give what the colorizer gives, in TensorFlow and without it."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.made import write_model
from tfcolor.colorizer import Colorizer
from tfcolor.colorizer.exported import Exported, _box_means
from tfcolor.commands import export
from tfcolor.networks.unet import UNet
from tfcolor.utils import console

TEMPERATURES = (0.0, 0.38, 1.0)


def picture(height: int, width: int) -> np.ndarray:
    """Lightness, float32 [H, W]: a ramp with noise."""
    ramp = np.linspace(5, 95, height * width).reshape(height, width)
    return (ramp + np.random.default_rng(0).normal(0, 6, [height, width])).clip(0, 100).astype(np.float32)


@pytest.fixture
def run(model_folder, capsys):
    def run(*arguments):
        given = ["--model", str(model_folder), *map(str, arguments)]
        return console.run(lambda: export.main(given)), *capsys.readouterr()

    return run


def agrees(ab: np.ndarray, colorizer: Colorizer, lightness: np.ndarray, temperature: float) -> None:
    """Within 1e-3 ab units; at T = 0 except the few pixels at which two bins are equal to rounding."""
    expected = colorizer.predict_ab(lightness, temperature)
    close = np.abs(ab - expected).max(axis=-1) < 1e-3
    assert ab.shape == expected.shape and (close.all() if temperature else close.mean() > 0.995)


def test_a_saved_model_takes_any_size(run, tmp_path, model_folder):
    assert run("--output", tmp_path / "saved")[0] == 0
    loaded, colorizer = tf.saved_model.load(str(tmp_path / "saved")), Colorizer.load(model_folder, "float32")
    predict = loaded.signatures["serving_default"]
    for size in ((1, 1), (1, 30), (7, 5), (40, 33)):
        lightness = picture(*size)
        for T in TEMPERATURES:
            ab = predict(lightness=tf.constant(lightness[None, ..., None]), temperature=tf.constant(T))["ab"]
            agrees(ab[0].numpy(), colorizer, lightness, T)
    both = tf.constant(np.stack([picture(20, 30), picture(20, 30)[::-1]])[..., None])
    assert predict(lightness=both, temperature=tf.constant(1.0))["ab"].shape == [2, 20, 30, 2]


def lite_predictor(path):
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    interpreter = litert.Interpreter(str(path))
    inputs = {detail["name"].split(":")[0].split("_", 2)[-1]: detail for detail in interpreter.get_input_details()}

    def predict(lightness, temperature):
        interpreter.resize_tensor_input(inputs["lightness"]["index"], [1, *lightness.shape, 1])
        interpreter.allocate_tensors()
        interpreter.set_tensor(inputs["lightness"]["index"], lightness[None, ..., None])
        interpreter.set_tensor(inputs["temperature"]["index"], np.float32(temperature))
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]

    return predict


def predictor_of(path, format):
    """A function from lightness and T to ab, of an exported model."""
    if format == "tflite":
        return lite_predictor(path)
    saved = tf.saved_model.load(str(path)).signatures["serving_default"]
    return lambda x, T: saved(lightness=tf.constant(x[None, ..., None]), temperature=tf.constant(T))["ab"][0].numpy()


@pytest.mark.parametrize(("size", "sizes"), [("24x32", [(24, 32)]), (None, [(24, 32), (5, 9), (41, 20)])], ids=str)
def test_tflite_of_one_size_and_of_any(run, tmp_path, model_folder, size, sizes):
    options = ["--size", size] if size else []
    assert run("--format", "tflite", "--output", tmp_path / "model.tflite", *options)[0] == 0
    predict, colorizer = lite_predictor(tmp_path / "model.tflite"), Colorizer.load(model_folder, "float32")
    for side in sizes:
        for T in TEMPERATURES:
            agrees(predict(picture(*side), T), colorizer, picture(*side), T)


def test_batch_normalization_is_exported(tmp_path):
    folder = write_model(tmp_path / "model", activation="rrelu", batch_norm=True)
    assert console.run(lambda: export.main(["--model", str(folder), "--output", str(tmp_path / "saved")])) == 0
    predict = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    lightness = picture(20, 30)
    ab = predict(lightness=tf.constant(lightness[None, ..., None]), temperature=tf.constant(0.38))["ab"][0].numpy()
    agrees(ab, Colorizer.load(folder, "float32"), lightness, 0.38)


FAR = [("savedmodel", None, 3), ("tflite", None, 0), ("tflite", "290x37", 3), ("tflite", "21x37", 0)]
FAR_TOO = [(format, size, 3 - smoothing) for format, size, smoothing in FAR]


@pytest.mark.parametrize(
    ("format", "size", "smoothing"), [*FAR, *(pytest.param(*each, marks=pytest.mark.slow) for each in FAR_TOO)]
)
def test_a_network_that_sees_far_is_exported(tmp_path, format, size, smoothing):
    """Also in pictures larger than 256 pixels, which are seen reduced as well."""
    decoding = {"smoothing": smoothing, "uniform_share": 0.2}
    folder = write_model(tmp_path / "model", "zhang", width=1 / 16, description={"decoding": decoding})
    options = ["--model", str(folder), "--format", format, "--output", str(tmp_path / "exported")]
    options += ["--size", size] if size else []
    assert console.run(lambda: export.main(options)) == 0
    predict = predictor_of(tmp_path / "exported", format)
    colorizer = Colorizer.load(folder, "float32")
    sizes = [tuple(map(int, size.split("x")))] if size else [(24, 32), (21, 37), (290, 37), (30, 400)]
    for sides in sizes:
        agrees(predict(picture(*sides), tf.constant(0.38)), colorizer, picture(*sides), 0.38)


@pytest.mark.parametrize(("length", "side"), [(300, 256), (400, 256), (512, 256), (1000, 211), (7, 7), (5, 1)])
def test_pictures_are_reduced_as_pillow_reduces_them(length, side):
    row = np.random.default_rng(0).uniform(0, 100, [1, length]).astype(np.float32)
    expected = np.asarray(Image.fromarray(row).resize([side, 1], Image.Resampling.BOX))[0]
    np.testing.assert_allclose(_box_means(length, side).numpy() @ row[0], expected, rtol=1e-5)


@pytest.mark.parametrize("format", ["savedmodel", "tflite"])
def test_the_models_smoothing_is_exported(run, tmp_path, model_folder, format):
    description = json.loads((model_folder / "model.json").read_text())
    (model_folder / "model.json").write_text(
        json.dumps(description | {"decoding": {"smoothing": 4, "uniform_share": 0.2}})
    )
    assert run("--format", format, "--output", tmp_path / "exported")[0] == 0
    colorizer, lightness = Colorizer.load(model_folder, "float32"), picture(30, 24)
    ab = predictor_of(tmp_path / "exported", format)(lightness, 0.38)
    agrees(ab, colorizer, lightness, 0.38)
    assert np.abs(ab - colorizer.predict_ab(lightness, 0.38, smoothing=0)).max() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "3x4"], "--size is for tflite"),
        (["--format", "tflite", "--size", "3"], "must be HEIGHTxWIDTH"),
        (["--format", "tflite", "--size", "0x4"], "must be HEIGHTxWIDTH"),
        (["--pictures"], "signature `colorize`"),
        (["--format", "half", "--int8"], "--int8 is for tflite"),
    ],
)
def test_usage_errors(run, tmp_path, options, message):
    status, _, err = run("--output", tmp_path / "out", *options)
    assert status == 2 and message in err


def test_the_graph_of_a_network_with_a_working_size_gives_what_the_colorizer_gives(tmp_path, monkeypatch):
    monkeypatch.setattr(UNet, "working_size", 64)
    folder = write_model(tmp_path / "model", "unet", description={"decoding": {"smoothing": 2, "uniform_share": 0.5}})
    exported, colorizer = Exported(folder), Colorizer.load(folder, "float32")
    for sides in ((40, 50), (150, 170)):
        lightness = picture(*sides)
        ab = exported.predict(tf.constant(lightness[None, ..., None]), tf.constant(0.38))["ab"][0].numpy()
        agrees(ab, colorizer, lightness, 0.38)


@pytest.mark.slow
@pytest.mark.parametrize(("format", "size"), [("savedmodel", None), ("tflite", "300x290"), ("tflite", None)])
def test_a_network_with_a_working_size_is_exported(tmp_path, monkeypatch, format, size):
    monkeypatch.setattr(UNet, "working_size", 64)
    decoding = {"smoothing": 2, "uniform_share": 0.5}
    folder = write_model(tmp_path / "model", "unet", description={"decoding": decoding})
    options = ["--model", str(folder), "--format", format, "--output", str(tmp_path / "exported")]
    assert console.run(lambda: export.main(options + (["--size", size] if size else []))) == 0
    predict = predictor_of(tmp_path / "exported", format)
    colorizer = Colorizer.load(folder, "float32")
    sizes = [tuple(map(int, size.split("x")))] if size else [(40, 50), (300, 290), (30, 800)]
    for sides in sizes:
        agrees(predict(picture(*sides), tf.constant(0.38)), colorizer, picture(*sides), 0.38)


def rgb_picture(height: int, width: int) -> np.ndarray:
    """uint8 [H, W, 3], gray, from black to white."""
    return np.repeat((2.55 * picture(height, width))[..., None].round().astype(np.uint8), 3, axis=-1)


def test_a_saved_model_colours_pictures_as_well(run, tmp_path, model_folder):
    assert run("--output", tmp_path / "saved")[0] == 0
    colorize = tf.saved_model.load(str(tmp_path / "saved")).signatures["colorize"]
    colorizer, rgb = Colorizer.load(model_folder, "float32"), rgb_picture(30, 24)
    colored = colorize(pictures=tf.constant(rgb[None]), temperature=tf.constant(0.38))["colored"][0].numpy()
    expected = colorizer.colorize(rgb, 0.38)
    assert np.ptp(colored, axis=-1).max() > 10
    np.testing.assert_allclose(colored.astype(int), expected, atol=1)


SLOW_UNET = [pytest.param("unet", *each, marks=pytest.mark.slow) for each in (((), 1, 25e6), (("--int8",), 12, 6e6))]


@pytest.mark.parametrize(("network", "options", "most", "size"), [("valid8", (), 1, 1e6), *SLOW_UNET])
def test_tflite_colours_pictures_with_built_in_operations(tmp_path, monkeypatch, network, options, most, size):
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="ai-edge-litert is not installed")
    monkeypatch.setattr(UNet, "working_size", 64)
    folder = write_model(tmp_path / "model", network)
    path, rgb = tmp_path / "model.tflite", rgb_picture(96, 130)
    options = ["--model", folder, "--format", "tflite", "--pictures", "--size", "96x130", "--output", path, *options]
    assert console.run(lambda: export.main([str(option) for option in options])) == 0
    assert path.stat().st_size < size
    assert b"Flex" not in path.read_bytes()  # the prefix of TensorFlow's own operations
    interpreter = litert.Interpreter(str(path))
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], rgb[None] if detail["dtype"] == np.uint8 else np.float32(0.38))
    interpreter.invoke()
    colored = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    difference = np.abs(colored.astype(int) - Colorizer.load(folder, "float32").colorize(rgb, 0.38))
    assert colored.dtype == np.uint8 and np.percentile(difference, 99) <= most


def test_nothing_is_replaced(run, tmp_path):
    (tmp_path / "mine").write_text("mine")
    status, _, err = run("--output", tmp_path / "mine")
    assert status == 2 and "exists" in err and (tmp_path / "mine").read_text() == "mine"
    status, _, err = run("--output", tmp_path / "nowhere" / "deep")
    assert status == 2 and "there is no folder" in err


def test_half_precision_makes_filters_half_as_large_and_hardly_moves_colours(run, tmp_path, model_folder):
    assert run("--format", "half", "--output", tmp_path / "half")[0] == 0
    whole, half = (dict(np.load(folder / "weights.npz")) for folder in (model_folder, tmp_path / "half"))
    for name, array in whole.items():
        assert half[name].dtype == (np.float16 if name.endswith("/filter") else np.float32)
        np.testing.assert_allclose(half[name], array, rtol=2**-11, atol=2**-25)  # half a unit in the last place
    whole, half = (
        Colorizer.load(folder, "float32").predict_ab(picture(40, 30), 1.0)
        for folder in (model_folder, tmp_path / "half")
    )
    assert np.abs(half - whole).max() < 0.1
    described = [json.loads((folder / "model.json").read_text()) for folder in (model_folder, tmp_path / "half")]
    assert described[0] == described[1]


def test_a_weight_too_large_for_16_bits_is_one_line(run, tmp_path, model_folder):
    weights = dict(np.load(model_folder / "weights.npz"))
    weights["conv3/filter"][0, 0, 0, 0] = 7e4
    np.savez(model_folder / "weights.npz", **weights)
    status, _, err = run("--format", "half", "--output", tmp_path / "half")
    assert status == 2 and err.count("\n") == 1 and "conv3/filter has a weight beyond 65,504" in err
    assert not (tmp_path / "half").exists()
