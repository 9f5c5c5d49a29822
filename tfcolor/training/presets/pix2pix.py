"""pix2pix in Lab (Isola et al. 2017), at a quarter of its width, for patches of 128 pixels.

python train.py --preset pix2pix

Data: the training photographs of `photos`, a folder of general photographs; `--dataset FOLDER` trains on others.
Training takes 20 minutes on two cores of a server from 2023 with AVX512-BF16. docs/systems.md says what to expect of it
after this time, beside the other systems.
"""

STAGES = [{"dataset": "photos", "network": "pix2pix", "depth": 7, "width": 0.25, "zoom": 1.5, "minutes": 20.0}]
