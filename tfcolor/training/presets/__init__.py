"""Whole recipes: each module here is one, `train.py --preset NAME` runs it.

Its docstring says what it gives, of what photographs and in what time. `STAGES` are options of `train.py`; each stage
after the first begins with the model of the one before. The rest is optional: `CALIBRATION` names the dataset whose
validation photographs calibrate the last model, `DECODING` is how its colours are made where nothing else is asked
for, and `HALF` says whether its filters are stored in 16 bits.
"""
