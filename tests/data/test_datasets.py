"""Datasets: names, files and splits."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfcolor.data import datasets
from tfcolor.utils.errors import InputError, WorkError

NAMES = ["scenes", "coast", "forest", "highway", "insidecity", "mountain", "opencountry", "street"]
NAMES += ["tallbuilding", "samples"]
REAL_DATA = Path(os.environ.get("TFCOLOR_DATA") or Path(__file__).parents[3] / "shared" / "data")


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def touch_scenes(root: Path, **counts: int) -> Path:
    names = [f"{category}_{i}.jpg" for category, count in counts.items() for i in range(count)]
    touch(root / datasets.SCENES_FOLDER, *names)
    return root


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# Names


def test_import_is_light():
    heavy = "{'tensorflow', 'numpy', 'skimage', 'PIL', 'rich'}"
    code = (
        "import sys, tfcolor.data.datasets as datasets; datasets.find('samples'); "
        f"sys.exit(repr({heavy} & sys.modules.keys()) if {heavy} & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_scenes_add_up():
    assert sum(datasets.SCENES_COUNTS.values()) == 2688  # Oliva and Torralba 2001
    assert datasets.SCENES_URL.endswith("/spatial_envelope_256x256_static_8outdoorcategories.zip")


@pytest.mark.parametrize("name", ["forrest", "", "no/such/folder", "photo.jpg", "x" * 5000, "a\0b"])
def test_unknown_name_lists_the_known_ones(name, tmp_path, monkeypatch):
    monkeypatch.chdir(touch(tmp_path, "photo.jpg"))
    for function in (datasets.check_name, datasets.find):
        with pytest.raises(InputError) as caught:
            function(name)
        assert repr(name) in str(caught.value) and "\n" not in str(caught.value)
        assert len(name) > 255 or all(known in str(caught.value) for known in NAMES)


def test_check_name_accepts_known_names_and_folders(tmp_path, offline):
    for name in (*NAMES, str(tmp_path)):
        datasets.check_name(name)


def test_data_root(monkeypatch):
    monkeypatch.delenv("TFCOLOR_DATA", raising=False)
    assert datasets.data_root(None) == Path("data")
    monkeypatch.setenv("TFCOLOR_DATA", "/env")
    assert datasets.data_root(None) == Path("/env")
    assert datasets.data_root("given") == Path("given")


def test_known_name_wins_over_a_folder(tmp_path, monkeypatch):
    touch_scenes(tmp_path / "data", forest=2)
    monkeypatch.delenv("TFCOLOR_DATA", raising=False)
    monkeypatch.chdir(touch(tmp_path, "forest/own.jpg"))
    assert datasets.find("forest").files == ("forest_0.jpg", "forest_1.jpg")
    assert datasets.find("./forest").files == ("own.jpg",)


# Splits and fingerprints

SPLIT_BY_HAND = {  # `printf %s NAME | md5sum`, then the remainder of the division by 100 with bc
    "coast_cdmc830.jpg": ("3ba9992e31cdaed1f228a9b70f6a44bc", 0, "test"),
    "coast_bea9.jpg": ("25b0e8da1d0a53872f310f9d6d092d62", 14, "test"),
    "coast_n708050.jpg": ("3d8849956f26dbf6350a66b7ca8c84af", 15, "val"),
    "coast_nat1149.jpg": ("e4ca660cd2f1e69e60aab04cafa1d9ff", 19, "val"),
    "coast_cdmc866.jpg": ("52384fbf9d6f9aa43959a7be4487bd88", 20, "train"),
    "coast_land623.jpg": ("3b7a5aa077636a9b7426304928a79c0b", 99, "train"),
    "trip/été 1.PNG": ("0731016985b592b6731f0c304638cc4f", 99, "train"),
}


@pytest.mark.parametrize("file", SPLIT_BY_HAND)
def test_split_by_hand(file):
    md5, percent, split = SPLIT_BY_HAND[file]
    assert int(md5, 16) % 100 == percent
    assert datasets.split_of(file) == split


def test_splits_are_a_partition(tmp_path):
    whole = datasets.Dataset("photos", tmp_path, tuple(sorted(SPLIT_BY_HAND)))
    parts = {which: whole.split(which) for which in ("train", "val", "test")}
    assert sorted(file for part in parts.values() for file in part.files) == list(whole.files)
    assert parts["test"].files == ("coast_bea9.jpg", "coast_cdmc830.jpg")
    assert parts["val"].paths == [tmp_path / "coast_n708050.jpg", tmp_path / "coast_nat1149.jpg"]
    assert whole.split("all") == whole
    with pytest.raises(InputError, match="train, val, test, all; got 'dev'"):
        whole.split("dev")


def test_some_photographs_are_spread_over_a_split(tmp_path):
    whole = datasets.Dataset("photos", tmp_path, tuple(f"{i:02}.jpg" for i in range(10)))
    for most, chosen in {1: [0], 2: [0, 5], 3: [0, 4, 8], 4: [0, 3, 6, 9], 10: range(10), 99: range(10)}.items():
        assert whole.some_of("all", most) == [tmp_path / f"{i:02}.jpg" for i in chosen]
    with pytest.raises(InputError, match=r"^`photographs` must be at least 1, got 0$"):
        whole.some_of("all", 0)
    empty = datasets.Dataset("photos", tmp_path, ("coast_land623.jpg",))  # 'train', see above
    with pytest.raises(InputError, match=r"^photos has no photograph in its val split; choose another `split`$"):
        empty.some_of("val", 1)


def test_category_splits_like_the_scenes(tmp_path):
    root = str(touch_scenes(tmp_path, forest=40, coast=40))
    for which in ("train", "val", "test"):
        scenes = datasets.find("scenes", root).split(which).files
        forest = datasets.find("forest", root).split(which).files
        assert forest == tuple(file for file in scenes if file.startswith("forest_"))


def test_fingerprint_by_hand(tmp_path):
    touch(tmp_path, "a.jpg", "sub/b.png")
    (tmp_path / "a.jpg").write_bytes(b"abc")
    # printf 'a.jpg\x003\nsub/b.png\x001\n' | sha256sum
    expected = "537c0071a82d6cd69d723ccfd83edcd7393c84ab239f09647cbe67ea294417a4"
    assert datasets.find(str(tmp_path)).fingerprint() == expected
    assert datasets.Dataset("other", tmp_path, ("sub/b.png", "a.jpg")).fingerprint() == expected
    (tmp_path / "a.jpg").write_bytes(b"abcd")
    assert datasets.find(str(tmp_path)).fingerprint() != expected


# Several datasets as one


def test_joint_dataset_keeps_each_photograph_in_its_own_split(tmp_path):
    root = str(touch_scenes(tmp_path / "data", forest=40, coast=40))
    own = touch(tmp_path / "far" / "own", *(f"sub/{number}.jpg" for number in range(40)))
    joint, scenes, folder = (datasets.find(name, root) for name in (f"scenes,{own}", "scenes", str(own)))
    assert joint.name == "scenes+own" == datasets.check_name(f"scenes,{own}")
    assert joint.message == f"{scenes.message}; {folder.message}"
    for which in ("train", "val", "test", "all"):
        expected = {path.resolve() for part in (scenes, folder) for path in part.split(which).paths}
        assert set(joint.split(which).paths) == expected and len(joint.split(which).files) == len(expected)
    assert joint.split("train").split("val").files == ()


def test_joint_datasets_fingerprint_does_not_depend_on_where_they_lie(tmp_path):
    for root in ("here", "there/deep"):
        touch(tmp_path / "fixed", "x.jpg")
        touch(tmp_path / root / "own", "a.jpg", "b.jpg")
    here, there = (datasets.find(f"{tmp_path}/fixed,{tmp_path}/{root}/own") for root in ("here", "there/deep"))
    assert here.fingerprint() == there.fingerprint()
    touch(tmp_path / "here" / "own", "c.jpg")
    assert datasets.find(f"{tmp_path}/fixed,{tmp_path}/here/own").fingerprint() != there.fingerprint()


def test_a_photograph_of_two_datasets_is_refused(tmp_path):
    root = str(touch_scenes(tmp_path, forest=3))
    with pytest.raises(InputError, match=r"scenes\+forest: forest_0.jpg is in two of these"):
        datasets.find("scenes,forest", root)


def test_a_folder_with_a_comma_in_its_name_is_one_dataset(tmp_path):
    own = touch(tmp_path / "a,b", "x.jpg")
    assert datasets.find(str(own)).files == ("x.jpg",)
    with pytest.raises(InputError, match="unknown dataset 'nowhere'"):
        datasets.check_name("samples,nowhere")


# Folders


def test_folder_files(tmp_path):
    images = ["B.JPG", "a b.jpeg", "c.PnG", "d.bmp", "e.gif", "f.tif", "g.tiff", "h.webp", "i.ppm", "j.pgm"]
    images += ["k.jpe", "l.jfif", "m.mpo", "n.pnm", "o.pbm", "sub/deep/été.jpg", "sub.jpg/inside.jpg"]
    others = ["notes.txt", "jpg", ".hidden.jpg", ".git/x.jpg", "sub/.cache/y.png", "z.jpg.part"]
    touch(tmp_path, *images, *others)
    (tmp_path / "broken.jpg").symlink_to("nowhere.jpg")
    dataset = datasets.find(str(tmp_path))
    assert dataset.files == tuple(sorted(images))
    assert dataset.paths == [tmp_path / file for file in sorted(images)]
    assert dataset.message == f"{tmp_path.name}: 17 images in {tmp_path}"


def test_name_that_is_not_utf8(tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    try:
        touch(tmp_path, name)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    dataset = datasets.find(str(tmp_path))
    assert dataset.files == (name,)
    assert len(dataset.fingerprint()) == 64
    # printf 'caf\xe9.jpg' | md5sum; modulo 100 it is 69
    assert int("a77445a81c47ad4575c74376c55fb38d", 16) % 100 == 69
    assert dataset.split("train").files == (name,)


def test_linked_folders_are_read_once(tmp_path):
    touch(tmp_path, "outside.jpg", "elsewhere/far.jpg", "photos/z/near.jpg", "photos/z/back/deep.jpg")
    photos = tmp_path / "photos"
    links = {
        "up": "..",
        "self": "self",
        "self.jpg": "self.jpg",
        "same": ".",
        "alias": "z",
        "far": "../elsewhere",
    }
    links |= {"z/back/up": "../..", "far2": "far", "../elsewhere/photos": "../photos"}
    for link, target in links.items():
        (photos / link).symlink_to(target)
    assert datasets.find(str(photos)).files == ("far/far.jpg", "z/back/deep.jpg", "z/near.jpg")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("holiday", "holiday"),
        ("My photos (2019)", "My-photos-2019"),
        ("été", "été"),
        ("..x", "x"),
        ("#", "folder"),
    ],
)
def test_folder_name_fits_a_file_name(folder, name, tmp_path):
    touch(tmp_path, f"{folder}/a.jpg", f"{folder}/sub/a.jpg")
    assert datasets.find(f"{tmp_path}/{folder}/").name == name
    assert datasets.find(f"{tmp_path}/{folder}/sub/..").name == name


def test_folder_without_images(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(InputError, match=r"no images in folder .*\.jpg \.jpeg .*\.png"):
        datasets.find(str(tmp_path))


# Samples


def test_samples_need_no_network(offline):
    samples = datasets.find("samples")
    assert samples.files == ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
    signatures = [path.read_bytes()[:3] for path in samples.paths]
    assert signatures == [b"\x89PN", b"\x89PN", b"\x89PN", b"\xff\xd8\xff"]
    assert samples.message == "samples: 4 photographs that scikit-image carries"


def test_samples_without_scikit_image(monkeypatch):
    monkeypatch.setattr(datasets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WorkError, match="scikit-image"):
        datasets.find("samples")


# Scenes that are there


def test_scenes_messages(tmp_path, offline):
    root = str(touch_scenes(tmp_path, coast=360, forest=328, mountain=93, opencountry=3, street=292))
    touch(tmp_path / datasets.SCENES_FOLDER, "Thumbs.db", "forest_x.png", "desert_1.jpg")
    assert datasets.find("scenes", root).message == (
        "scenes: 1,076 of 2,688 photographs (coast 360, forest 328, mountain 93, opencountry 3, street 292; "
        "missing: highway, insidecity, tallbuilding)"
    )
    assert datasets.find("forest", root).message == "forest: 328 photographs"
    assert datasets.find("mountain", root).message == "mountain: 93 of 374 photographs"
    with pytest.raises(InputError, match=r"no highway in .*, only coast, forest, mountain, opencountry, street:"):
        datasets.find("highway", root)


def test_no_download_unless_wanted(tmp_path, offline):
    with pytest.raises(InputError, match=r"spatialenvelope.* unpack it there, or set TFCOLOR_DATA or `data_dir`"):
        datasets.find("forest", str(tmp_path / "none"), download=False)
    assert below(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "category"),
    [
        ("forest_x1.jpg", "forest"),
        ("deep/forest_x1.jpg", "forest"),
        ("sea/north/a.png", "sea/north"),
        ("a.png", "(top folder)"),
    ],
)
def test_categories(file, category):
    assert datasets.category_of(file) == category


@pytest.mark.realdata
def test_real_forest():
    if not (REAL_DATA / datasets.SCENES_FOLDER).is_dir():
        pytest.skip("no photographs: set TFCOLOR_DATA to the folder that holds them")
    forest = datasets.find("forest", str(REAL_DATA))
    assert forest.message == "forest: 328 photographs"
    assert len(forest.split("test").files) == 53  # md5sum of the 328 names in a shell loop
    scenes = datasets.find("scenes", str(REAL_DATA))
    assert set(forest.files) < set(scenes.files) and "(coast 360, forest 328" in scenes.message


# Folders among the data, and lists of files


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("data/photos/a.png", "data/photos/b.png", "data/photos/sub/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "data"


def test_a_folder_among_the_data_is_found_by_its_name(data, monkeypatch):
    assert datasets.find("photos", str(data)).files == ("a.png", "b.png", "sub/c.png")
    monkeypatch.setenv("TFCOLOR_DATA", str(data))
    assert datasets.find("photos").folder == data / "photos" and datasets.check_name("photos") == "photos"


def test_a_folder_in_the_current_folder_comes_first(data, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "own.png").touch()
    assert datasets.find("photos", str(data)).files == ("own.png",)


def test_a_list_names_files_relative_to_its_folder(data):
    (data / "some.txt").write_text("photos/sub/c.png\n\n photos/a.png \nphotos/a.png\n")
    found = datasets.find("some.txt", str(data))
    assert (found.name, found.files, found.folder) == ("some", ("photos/a.png", "photos/sub/c.png"), data)
    assert found.split("all").paths == [data / "photos/a.png", data / "photos/sub/c.png"]
    assert found.split(datasets.split_of("photos/a.png")).files[0] == "photos/a.png"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"photos/a.png\nphotos/none.png\n", "there is no file photos/none.png"),
        (b"\n\n", "names no files"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_bad_lists_are_refused(content, message, data):
    (data / "bad.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        datasets.find(str(data / "bad.txt"))
