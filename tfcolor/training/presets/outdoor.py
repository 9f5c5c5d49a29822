"""The shipped model outdoor: photographs taken outdoors, by texture alone.

python train.py --preset outdoor

Data: 8,372 training photographs of two datasets. One is `scenes`, of which 1,076 of 2,688 photographs were available
(coast, forest, street, part of mountain). The other is `intel150`, a folder in the current folder with 9,443
photographs of 150x150 pixels of the Intel image classification set (forest, mountain, sea, street). `--dataset FOLDER`
trains on other photographs. Training took 174 minutes on one core of servers
from 2021 and 2023, and so the minutes of the stages are for one core. On the 186 test photographs of `scenes`: raw AuC
90.09 % with the model's own T and lambda, 90.55 % at T = 1, lambda = 1, smoothing 8
(`python -m tfcolor evaluate --model outdoor --dataset scenes`).
"""

_BASE = {"dataset": "scenes,intel150", "uniform_share": 1.0, "batch_norm": True, "patch": 32, "batch_size": 16}
STAGES = [
    _BASE | {"min_count": 45000, "learning_rate": 2e-3, "minutes": 58.0, "precision": "float32"},
    _BASE | {"learning_rate": 1e-3, "minutes": 80.0, "seed": 1, "precision": "float32"},
    _BASE | {"learning_rate": 1e-3, "minutes": 41.0, "seed": 2, "precision": "bfloat16"},
]
DECODING = {"temperature": 0.38, "uniform_share": 0.8, "smoothing": 8}
