"""pix2pix that paints red, green and blue, at a quarter of its width, for patches of 128 pixels.

python train.py --preset pix2pix-rgb

Data: the training photographs of `photos`, a folder of general photographs; `--dataset FOLDER` trains on others.
Training takes 20 minutes on two cores of a server from 2023 with AVX512-BF16. docs/systems.md says what to expect of it
after this time, beside the other systems.
"""

from tfcolor.training.presets import pix2pix

STAGES = [pix2pix.STAGES[0] | {"space": "rgb"}]
