"""Which package may import which, and which modules start without TensorFlow."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From the lowest floor to the highest: a module imports from its own package or from one below it.
FLOORS = (
    *("utils", "cluster", "ops", "color", "photographs", "networks", "data", "objectives"),
    *("models", "colorizer", "films", "evaluation", "training", "commands"),
)
# What commands need before they know that their arguments are right: importing TensorFlow takes seconds.
WITHOUT_TENSORFLOW = (
    *("tfcolor", "tfcolor.__main__"),
    *("tfcolor.utils." + name for name in ("console", "cores", "errors", "figures", "files", "mirror", "options")),
    *("tfcolor.utils." + name for name in ("sheets", "strips", "tf_config")),
    *("tfcolor.color." + name for name in ("bins", "codebooks", "decoding_options", "kmeans", "lightness", "names")),
    *("tfcolor.color.prior", "tfcolor.color.zhang_bins"),
    *(
        "tfcolor.photographs." + name
        for name in ("decoding", "formats", "icc", "jpeg", "metadata", "pixels", "raster", "reading", "tiff")
    ),
    *(
        "tfcolor.films." + name
        for name in ("animations", "coding", "encoding", "ends", "flow", "formats", "hdr", "names")
    ),
    *("tfcolor.films." + name for name in ("options", "reading", "steady", "writing")),
    *("tfcolor.data." + name for name in ("color_counts", "datasets", "options", "scenes")),
    *("tfcolor.networks.registry", "tfcolor.objectives.registry", "tfcolor.models.directory", "tfcolor.models.routed"),
    *("tfcolor.evaluation.bootstrap", "tfcolor.evaluation.metrics"),
    *("tfcolor.training." + name for name in ("options", "preset", "run_folder")),
    *("tfcolor.commands." + name for name in ("analyze_bins", "calibrate", "choose_decoding", "choosing", "colorize")),
    "tfcolor.commands.evaluate_films",
    *("tfcolor.commands." + name for name in ("evaluate", "evaluate_hints", "export", "hint_files", "pack", "train")),
    *("tfcolor.commands.route", "tfcolor.commands.worklist", "tfcolor.commands.web.command"),
    *(
        "tfcolor.commands." + name
        for name in ("coloring", "colorize_cluster", "colorize_options", "first_page", "report")
    ),
    *("tfcolor.commands." + name for name in ("evaluate_cluster", "scan_cluster")),
    *("tfcolor.cluster." + name for name in ("client", "running", "tallies")),
)


@cache
def modules() -> dict[str, Path]:
    """All modules of the package and the scripts, by their dotted names."""
    paths = [*(ROOT / "tfcolor").rglob("*.py"), *(ROOT / f"{name}.py" for name in ("predict", "train", "analyze_bins"))]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


@cache
def imports(module: str, at_start: bool) -> frozenset[str]:
    """What a module imports: all of it, or what is imported as soon as it is."""
    tree = ast.parse(modules()[module].read_text())
    nodes = _at_start(tree) if at_start else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in modules() else node.module)
    return frozenset(found)


def _at_start(tree):
    """The nodes outside of functions, and not only for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _at_start(node)


def own(names: frozenset[str]) -> set[str]:
    return {name for name in names if name.partition(".")[0] == "tfcolor"}


def test_a_module_imports_only_from_its_own_floor_and_those_below():
    wrong = []
    for module in modules():
        package = module.split(".")[1] if module.count(".") > 1 or module.removeprefix("tfcolor.") in FLOORS else ""
        for name in own(imports(module, at_start=False)) if package else ():
            other = name.split(".")[1] if "." in name else ""
            if other and FLOORS.index(other) > FLOORS.index(package):
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_package_has_a_floor():
    assert {path.parent.name for path in (ROOT / "tfcolor").glob("*/__init__.py")} == set(FLOORS)


def test_modules_do_not_import_each_other_in_circles():
    done, under_way = set(), []

    def visit(module):
        assert module not in under_way, " -> ".join([*under_way[under_way.index(module) :], module])
        if module in done:
            return
        under_way.append(module)
        for name in sorted(own(imports(module, at_start=True)) - {module}):
            if name in modules() and not module.startswith(f"{name}."):
                visit(name)
        done.add(under_way.pop())

    for module in modules():
        visit(module)


def test_nothing_imports_the_scripts_or_what_lies_beside_the_package():
    outside = {"predict", "train", "analyze_bins", "ops", "benchmarks", "tests"}
    for module in modules():
        assert not {name.partition(".")[0] for name in imports(module, at_start=False)} & outside, module


@pytest.mark.parametrize("module", WITHOUT_TENSORFLOW)
def test_it_starts_without_tensorflow(module):
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        parents = [name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)]
        for each in (name, *parents):
            if each in modules() and each not in seen:
                seen.add(each)
                found = imports(each, at_start=True)
                assert not any(n.partition(".")[0] == "tensorflow" for n in found), f"{each} imports TensorFlow"
                waiting += own(found)


def test_only_the_package_of_the_colorizer_imports_more_than_its_name_says():
    for module, path in modules().items():
        if path.name == "__init__.py" and module not in ("tfcolor.colorizer", "tfcolor.ops"):
            assert not imports(module, at_start=False), module
