"""The plain auto-encoder beta (Wallner 2017).

python train.py --preset beta

Data: the training photographs of `photos`, a folder of general photographs; `--dataset FOLDER` trains on others.
Training takes 20 minutes on two cores of a server from 2023 with AVX512-BF16. docs/systems.md says what to expect of it
after this time, beside the other systems.
"""

STAGES = [{"dataset": "photos", "network": "beta", "patch": 128, "zoom": 1.5, "batch_size": 16, "minutes": 20.0}]
