"""The learning rate over the steps of a run."""

import math

import numpy as np
import pytest

from tfcolor.training.schedules import WARMUP_STEPS, Plateau, cosine_with_warmup


def test_the_schedule_rises_linearly_and_falls_like_a_cosine():
    assert cosine_with_warmup(0, None, 3e-4) == pytest.approx(3e-4 / WARMUP_STEPS)
    assert cosine_with_warmup(49, None, 1.0) == pytest.approx(50 / WARMUP_STEPS)
    assert cosine_with_warmup(10**6, None, 3e-4) == 3e-4
    assert cosine_with_warmup(5000, 10_000, 1.0) == pytest.approx(0.5)
    assert cosine_with_warmup(2500, 10_000, 2.0) == pytest.approx(1 + math.sqrt(0.5))  # 1 + cos(45 degrees)
    assert cosine_with_warmup(10_000, 10_000, 1.0) == pytest.approx(0, abs=1e-12)
    rates = [cosine_with_warmup(step, 1000, 1.0) for step in range(1001)]
    assert 0 < rates[0] < rates[-2] * 1e4
    assert (np.diff(rates[:95]) > 0).all()
    assert (np.diff(rates[WARMUP_STEPS:]) < 0).all()
    assert max(rates) <= 1


class TestPlateau:
    """Epochs of two steps whose mean losses are given."""

    @staticmethod
    def after(*means):
        plateau = Plateau()
        for mean in means:
            plateau.add(mean - 0.5, 2)
            plateau.add(mean + 0.5, 2)
        return plateau

    def test_a_loss_that_falls_cuts_nothing(self):
        assert self.after(*range(50, 0, -1)).factor == 1

    def test_ten_stale_epochs_cut_by_a_fifth_and_so_do_the_next_ten(self):
        assert self.after(3, *[3] * 9).factor == 1
        assert self.after(3, *[3] * 10).factor == pytest.approx(0.2)
        assert self.after(3, *[4] * 19).factor == pytest.approx(0.2)
        assert self.after(3, *[4] * 20).factor == pytest.approx(0.04)

    def test_a_better_epoch_begins_anew(self):
        assert self.after(3, *[3] * 9, 2, *[3] * 9).factor == 1

    def test_half_an_epoch_decides_nothing(self):
        plateau = self.after(3, *[3] * 9)
        plateau.add(3.0, 2)
        assert plateau.factor == 1
        plateau.add(3.0, 2)
        assert plateau.factor == pytest.approx(0.2)
