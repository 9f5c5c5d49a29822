"""The shipped model zhang-outdoor: photographs taken outdoors, with the paper's network at a quarter of its width.

python train.py --preset zhang-outdoor

Data: training photographs of two datasets. One is `scenes`, of which 1,076 of 2,688 photographs were available (coast,
forest, street, part of mountain). The other is `intel150`, a folder in the current folder with 9,443 photographs of
150x150 pixels of the Intel image classification set; the folders `intel-third` and `intel-twelfth` beside it hold every
third and every twelfth of them, sorted by path. `--dataset FOLDER` trains on other photographs in all stages. Training
took 176 minutes on two cores of a server from 2023 with AVX512-BF16. The first stage was started with a
total of 21,000 steps, which was cut to 13,000 at step 5,000. On the 186 test photographs of `scenes`: raw AuC 91.48 %
at T = 1, lambda = 1, smoothing 8, and 91.14 % with the model's own T and lambda
(`python -m tfcolor evaluate --model zhang-outdoor --dataset scenes`).
"""

from tfcolor.models.directory import SHIPPED

_BASE = {"network": "zhang", "width": 0.25, "precision": "bfloat16", "batch_size": 8, "patch": 192}
_SCENES, _THIRD, _TWELFTH = ({"dataset": f"scenes{more}"} for more in ("", ",intel-third", ",intel-twelfth"))
STAGES = [
    _BASE
    | {"dataset": "scenes,intel150", "bins": str(SHIPPED / "outdoor" / "bins.npz"), "uniform_share": 1.0}
    | {"patch": 128, "batch_size": 16, "learning_rate": 1e-3, "steps": 13000},
    _BASE | _SCENES | {"uniform_share": 1.0, "learning_rate": 5e-4, "steps": 1200, "seed": 1},
    _BASE | _SCENES | {"uniform_share": 1.0, "learning_rate": 5e-4, "steps": 1000, "seed": 2},
    _BASE | _SCENES | {"uniform_share": 0.5, "learning_rate": 7e-4, "steps": 6000, "seed": 3},
    _BASE | _THIRD | {"uniform_share": 0.5, "patch": 176, "learning_rate": 7e-4, "steps": 11000, "seed": 4},
    _BASE | _TWELFTH | {"uniform_share": 0.5, "learning_rate": 5e-4, "steps": 4000, "seed": 5},
    _BASE
    | _TWELFTH
    | {"uniform_share": 0.5, "learning_rate": 5e-4, "steps": 4500, "seed": 6}
    | {"weight_decay": 1e-4, "weight_average": 0.998, "zoom": 1.5},
]
CALIBRATION = "scenes"
DECODING = {"temperature": 0.7, "uniform_share": 0.8, "smoothing": 8}
HALF = True
