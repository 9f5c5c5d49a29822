"""The shipped model forest: woods, by texture alone.

python train.py --preset forest

Data: the 261 training photographs of `forest`. Training took 179 minutes on one core of servers from 2021 and 2023,
and so the minutes of the stages are for one core. On the 53 test photographs: raw AuC 90.80 % and rebalanced AuC
72.64 % with the model's own T and lambda; 90.74 % and 71.90 % at T = 1, lambda = 1, smoothing 8
(`python -m tfcolor evaluate --model forest --dataset forest`).
"""

_BASE = {"dataset": "forest", "uniform_share": 1.0, "batch_norm": True, "patch": 32, "batch_size": 16}
STAGES = [
    _BASE | {"min_count": 5000, "learning_rate": 2e-3, "minutes": 58.0, "precision": "float32"},
    _BASE | {"learning_rate": 1e-3, "minutes": 80.0, "seed": 1, "precision": "float32"},
    _BASE | {"learning_rate": 1e-3, "minutes": 46.0, "seed": 2, "precision": "bfloat16"},
]
DECODING = {"temperature": 0.38, "uniform_share": 0.8, "smoothing": 8}
