"""Options of a training run, and the directory it lives in: what is refused, and that nothing is lost."""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tfcolor.networks.registry import NETWORKS
from tfcolor.objectives.registry import OBJECTIVES
from tfcolor.training.options import OPTIONS, TrainingOptions, add_options
from tfcolor.training.run_folder import RunFolder
from tfcolor.utils import console
from tfcolor.utils.errors import InputError


def parsed(*arguments: str) -> dict:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return vars(parser.parse_args(arguments))


# Options


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("window", 7, "`window` must divide 220"),
        ("window", 0, "`window` must divide 220"),
        ("uniform_share", -0.1, r"`uniform_share` must be in \[0, 1\]"),
        ("uniform_share", 1.1, r"`uniform_share` must be in \[0, 1\]"),
        ("uniform_share", float("nan"), r"`uniform_share` must be in \[0, 1\]"),
        ("steps", 0, "`steps` must be at least 1"),
        ("minutes", 0.0, "`minutes` must be positive"),
        ("minutes", float("inf"), "`minutes` must be positive"),
        ("minutes", float("nan"), "`minutes` must be positive"),
        ("batch_size", 0, "`batch_size` must be at least 1"),
        ("patch", 16, "`patch` must be at least 17"),
        ("weight_decay", 1.0, r"`weight_decay` must be in \[0, 1\)"),
        ("zoom", 0.9, r"`zoom` must be in \[1, 4\]"),
        ("zoom", float("nan"), r"`zoom` must be in \[1, 4\]"),
        ("learning_rate", 0.0, "`learning_rate` must be positive"),
        ("learning_rate", float("inf"), "`learning_rate` must be positive"),
        ("seed", -1, r"`seed` must be in \[0, 2\^31\)"),
        ("seed", 2**31, r"`seed` must be in \[0, 2\^31\)"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_option(name, value, rule):
    with pytest.raises(InputError, match=f"^{rule}.*, got {value}$"):
        TrainingOptions.of(**{name: value})


@pytest.mark.parametrize(
    "values",
    [
        {"uniform_share": 0.0},
        {"uniform_share": 1.0},
        {"steps": 1},
        {"minutes": 0.1},
        {"batch_size": 1},
        {"patch": 17},
        {"seed": 2**31 - 1},
        {"window": 5},
    ],
    ids=str,
)
def test_values_at_the_edge_are_accepted(values):
    options = TrainingOptions.of(**values)
    assert {name: options.to_json()[name] for name in values} == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0.0}, r"`width` must be in \(0, 8\], got 0"),
        ({"width": float("nan")}, "`width` must be in"),
        ({"batch_norm": True}, "`batch_norm` is not for zhang; leave it out"),
        ({"patch": 60}, "`patch` must be at least 32 and a multiple of 8 for zhang, got 60"),
        ({"patch": 24}, "`patch` must be at least 32"),
    ],
    ids=str,
)
def test_zhang_has_rules_of_its_own(values, message):
    with pytest.raises(InputError, match=message):
        TrainingOptions.of(network="zhang", **values)


def test_an_option_of_another_network_is_refused():
    with pytest.raises(InputError, match="`width` is not for valid8; leave it out"):
        TrainingOptions.of(width=0.5)


def test_only_networks_with_an_encoder_have_a_rate_for_it():
    assert TrainingOptions.of(network="unet", encoder_rate=0.1).optimization.encoder_rate == 0.1
    with pytest.raises(InputError, match="`encoder_rate` is not for zhang"):
        TrainingOptions.of(network="zhang", encoder_rate=0.1)
    with pytest.raises(InputError, match="`initialization` scratch is not for zhang"):
        TrainingOptions.of(network="zhang", initialization="scratch")


def test_windows_are_as_large_as_the_network_wants_them():
    assert TrainingOptions.of().data.patch == 32
    assert TrainingOptions.of(network="zhang").data.patch == 176  # Zhang et al. 2016, section 3.1
    assert TrainingOptions.of(network="zhang", patch=56).data.patch == 56


def test_steps_and_minutes_exclude_each_other():
    with pytest.raises(InputError, match="give `steps` or `minutes`, not both"):
        TrainingOptions.of(steps=10, minutes=1.0)


def test_every_option_is_on_the_command_line():
    shown = argparse.ArgumentParser()
    add_options(shown)
    flags = {action.dest: action.option_strings[-1] for action in shown._actions}
    assert flags["uniform_share"] == "--lambda"
    assert flags["batch_size"] == "--batch-size"
    assert {*OPTIONS} == {*flags} - {"help"}


def test_an_option_of_one_network_says_so_in_its_help():
    assert OPTIONS["batch_norm"].help.endswith("(valid8)") and "(" not in OPTIONS["network"].help
    assert OPTIONS["width"].help.endswith("(unet, zhang, beta, gamma, pix2pix, adversarial)")


def test_the_help_tells_choices_and_the_defaults_of_networks():
    shown = argparse.ArgumentParser()
    add_options(shown)
    shown = " ".join(shown.format_help().split())
    assert "--attention {none,generator,discriminator,both}" in shown
    assert "(regression for beta and gamma, adversarial for pix2pix) (default: classification)" in shown


def test_only_the_options_given_are_there():
    """Resuming compares what was given; a default is not given."""
    assert parsed() == {}
    assert parsed("--lambda", "0.25", "--steps", "7") == {"uniform_share": 0.25, "steps": 7}
    assert parsed("--minutes", "3", "--learning-rate", "1e-4") == {"minutes": 3.0, "learning_rate": 1e-4}
    assert parsed("--batch-norm") == {"batch_norm": True}
    assert TrainingOptions.of(**parsed()) == TrainingOptions()


@pytest.mark.parametrize("option", ["--network", "--activation", "--encoding", "--precision"])
def test_an_unknown_choice_lists_the_known_ones(option, capsys):
    with pytest.raises(SystemExit, match="2"):
        parsed(option, "nonsense")
    message = capsys.readouterr().err
    known = {"--network": "valid8", "--activation": "relu", "--encoding": "soft", "--precision": "bfloat16"}
    assert known[option] in message.partition("invalid choice")[2]


def test_options_survive_json():
    options = TrainingOptions.of(dataset="forest", bins="a/bins.npz", uniform_share=0.3, minutes=2.5, seed=9)
    values = json.loads(json.dumps(options.to_json(), allow_nan=False))
    assert TrainingOptions.of(**values) == options
    taken = {*NETWORKS["valid8"].options, *OBJECTIVES["classification"].options}
    others = {name for spec in (*NETWORKS.values(), *OBJECTIVES.values()) for name in spec.options} - taken
    assert others >= {"width", "encoder", "bound"} and values.keys() == {*OPTIONS} - others


def test_what_an_earlier_version_wrote_is_read():
    """It listed the options of all networks, with their defaults."""
    options = TrainingOptions.of(network="zhang", patch=64)
    assert TrainingOptions.of(**options.to_json() | {"batch_norm": False}) == options


# The run's directory

SAVED = TrainingOptions.of(dataset="forest", steps=50, uniform_share=0.3)


@pytest.fixture
def unfinished(tmp_path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    about = {"total_steps": 50, "precision": "float32", "versions": {}, "data": {"fingerprint": "abc"}}
    run.start({"options": SAVED.to_json()} | about)
    return run


@pytest.fixture
def finished(unfinished) -> RunFolder:
    (unfinished.folder / "model.json").write_text("{}")
    return unfinished


@pytest.fixture
def foreign(tmp_path) -> RunFolder:
    """Somebody's folder; other tools call their files config.json and model.json too."""
    run = RunFolder(tmp_path / "foreign")
    (run.folder / "previews").mkdir(parents=True)
    (run.folder / "model.json").write_text("precious")
    (run.folder / "previews" / "mine.txt").write_text("precious")
    return run


def test_a_new_run_goes_to_a_new_or_empty_folder(tmp_path):
    RunFolder(tmp_path / "deep" / "new").check_new(overwrite=False)
    RunFolder(tmp_path).check_new(overwrite=False)
    assert not list(tmp_path.iterdir())  # checking writes nothing


def test_an_unfinished_run_is_not_replaced_unasked(unfinished):
    assert not unfinished.is_finished
    with pytest.raises(InputError, match=r"unfinished run .*`resume`.*`overwrite`"):
        unfinished.check_new(overwrite=False)
    unfinished.check_new(overwrite=True)


def test_a_finished_run_is_not_replaced_unasked(finished):
    assert finished.is_finished
    with pytest.raises(InputError, match="a finished run; `overwrite` replaces it"):
        finished.check_new(overwrite=False)
    finished.check_new(overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("config", [None, '{"model_type": "bert"}', "not JSON"])
def test_a_folder_of_something_else_is_never_replaced(foreign, config, overwrite):
    if config:
        foreign.config_path.write_text(config)
    with pytest.raises(InputError, match=r"no training run|config\.json"):
        foreign.check_new(overwrite)


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(InputError, match="is no training run"):
        RunFolder(tmp_path / "run").check_new(overwrite=True)


def test_a_run_that_was_killed_before_it_began_is_started_again(tmp_path, monkeypatch):
    """SIGKILL while `config.json` was written: its temporary file is all there is."""
    folder = RunFolder(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *arguments: pytest.fail("killed"))
        patch.setattr(Path, "unlink", lambda *arguments, **options: None)
        with pytest.raises(pytest.fail.Exception):
            folder.start({"options": {}})
    assert [path.suffix for path in folder.folder.iterdir()] == [".tmp"]
    folder.check_new(overwrite=False)
    (folder.folder / "notes.txt").write_text("a user's")
    with pytest.raises(InputError, match="is no training run"):
        folder.check_new(overwrite=False)


def test_starting_again_removes_what_the_earlier_run_left(finished):
    for name in ("checkpoint.npz", "weights.npz", "bins.npz", "notes.txt"):
        (finished.folder / name).write_text("old")
    for name in ("previews", "tensorboard"):
        (finished.folder / name).mkdir()
        (finished.folder / name / "old").write_text("old")
    finished.start({"options": TrainingOptions().to_json()})
    assert sorted(path.name for path in finished.folder.iterdir()) == ["config.json", "notes.txt"]
    assert not finished.is_finished
    assert TrainingOptions.of(**finished.read_config()["options"]) == TrainingOptions()


def test_resuming_takes_the_options_the_run_began_with(unfinished):
    assert unfinished.saved_options({}) == SAVED
    assert unfinished.saved_options({"steps": 50, "uniform_share": 0.3}) == SAVED


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 60}, "`steps` 60 differs from the 50"),
        ({"uniform_share": 0.5}, "`uniform_share` 0.5 differs from the 0.3"),  # the default, but given
        ({"minutes": 3.0}, "`minutes` 3.0 differs from the None"),
    ],
)
def test_resuming_with_a_changed_option_is_refused(unfinished, given, message):
    with pytest.raises(InputError, match=message):
        unfinished.saved_options(given)


def test_resuming_where_there_is_no_run_is_refused(tmp_path, foreign):
    for run in (RunFolder(tmp_path / "missing"), foreign):
        with pytest.raises(InputError, match="holds no run to resume"):
            run.saved_options({})


@pytest.mark.parametrize(
    "config",
    ['{"model_type": "bert"}', '{"options": null}', '{"options": {"nope": 1}}', "not JSON"],
)
def test_resuming_a_folder_of_something_else_is_refused(foreign, config):
    foreign.config_path.write_text(config)
    with pytest.raises(InputError, match=r"config\.json|no run"):
        foreign.saved_options({})


def test_other_photographs_are_noticed(unfinished):
    unfinished.check_data("abc")
    with pytest.raises(InputError, match="photographs have changed"):
        unfinished.check_data("abd")


def test_a_network_has_its_own_defaults_which_another_objective_leaves_out():
    beta, pix2pix = TrainingOptions.of(network="beta"), TrainingOptions.of(network="pix2pix", depth=7)
    assert (beta.objective.name, beta.objective.arguments["bound"]) == ("regression", 128)
    assert pix2pix.objective.name == "adversarial" and pix2pix.objective.arguments["bound"] == 110
    how = pix2pix.optimization
    assert (how.learning_rate, how.beta1, how.beta2, how.batch_size, pix2pix.data.patch) == (2e-4, 0.5, 0.999, 16, 128)
    assert TrainingOptions.of(network="pix2pix", learning_rate=1e-3).optimization.learning_rate == 1e-3
    other = TrainingOptions.of(network="beta", objective="classification")
    assert other.objective.name == "classification" and "bound" not in other.objective.arguments
    for options in (beta, pix2pix, other):
        assert TrainingOptions.of(**options.to_json()) == options


def test_what_network_and_discriminators_share_goes_to_both():
    options = TrainingOptions.of(network="pix2pix", attention="both", width=0.5, norm="instance")
    for group in (options.network, options.objective):
        assert {"attention": "both", "width": 0.5, "norm": "instance"}.items() <= group.arguments.items()
    assert TrainingOptions.of(network="unet", objective="adversarial", attention="discriminator")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"network": "unet", "objective": "adversarial", "attention": "both"}, "unet, which has no self-attention"),
        ({"network": "pix2pix", "objective": "regression", "attention": "discriminator"}, "has no discriminator"),
        ({"network": "valid8", "attention": "both"}, "`attention` is not for valid8"),
        ({"network": "pix2pix", "depth": 7, "patch": 64}, "at least 128 and a multiple of 128 for pix2pix"),
        ({"network": "beta", "gan": "lsgan"}, "`gan` is not for"),
        ({"network": "pix2pix", "initialization": "xavier"}, "`initialization` is not for pix2pix"),
    ],
)
def test_what_nobody_takes_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        TrainingOptions.of(**given)


# train.py's own refusals, in one line and before anything is written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "5", "--minutes", "1"], "give --steps or --minutes, not both"),
        (["--resume", "--overwrite"], "give --resume or --overwrite, not both"),
        (["--resume", "--output", "nowhere"], "nowhere holds no run to resume"),
        (["--bins", "nowhere.npz"], "nowhere.npz is missing"),
        (["--bins", "all.npz"], "all.npz was counted on split all"),
        (["--bins", "train.npz", "--min-count", "5"], "--min-count 5 differs from the 1 of train.npz"),
        (["--bins", "train.npz", "--window", "5"], "--window 5 differs from the 10 of train.npz"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_train_refuses_in_one_line(arguments, message, tmp_path, monkeypatch, make_bins, capsys):
    from tfcolor.commands import train

    monkeypatch.chdir(tmp_path)
    make_bins().save(tmp_path / "train.npz")
    replace(make_bins(), split="all").save(tmp_path / "all.npz")
    assert console.run(lambda: train.main(["--dataset", "samples", *arguments])) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"error: {message}") and err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.npz", "train.npz"]
