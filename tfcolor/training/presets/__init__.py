"""Training recipes: each module here is a preset, which `train.py --preset NAME` runs.

The docstring says which model it gives, from which photographs and in what time. `STAGES` holds options of `train.py`;
each stage after the first starts from the model before. The rest is optional: `CALIBRATION` names the dataset whose
validation photographs calibrate the last model, `DECODING` is the default decoding of the model, and `HALF` says
whether its filters are stored in 16 bits.
"""
