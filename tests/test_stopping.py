import math

import pytest

from skebm._stopping import Patience


def last_before_stopping(scores, n_without_gain, is_gain):
    """Number of scores taken, and of those that were the best when they came."""
    patience, best = Patience(n_without_gain, is_gain), []
    for number, score in enumerate(scores):
        if patience.take(score):
            best.append(number)
        if patience.is_over:
            return number + 1, best
    return math.inf, best


SCORES = [1, 3, 3, 4, 3, 2, 4, 0, 9]


@pytest.mark.parametrize(
    ("n_without_gain", "is_gain", "n_taken", "best"),
    [
        (1, lambda score, best: score > best, 3, [0, 1]),
        (1, lambda score, best: score >= best, 5, [0, 1, 3]),
        (3, lambda score, best: score > best, 7, [0, 1, 3]),
        (3, lambda score, best: score >= best, math.inf, [0, 1, 3, 8]),
        # The best counts on where it was no gain.
        (2, lambda score, best: score > best + 1, 4, [0, 1, 3]),
        (9, lambda score, best: False, math.inf, [0, 1, 3, 8]),
        (8, lambda score, best: False, 9, [0, 1, 3, 8]),
    ],
)
def test_so_many_scores_in_a_row_without_a_gain_are_waited_for(
    n_without_gain, is_gain, n_taken, best
):
    assert last_before_stopping(SCORES, n_without_gain, is_gain) == (n_taken, best)


def test_a_gain_is_one_over_the_best_and_not_over_the_last():
    asked = []
    last_before_stopping([2, 5, 3, 4], 9, lambda *scores: asked.append(scores))
    assert asked == [(5, 2), (3, 5), (4, 5)]


def test_the_first_score_is_a_gain_however_low():
    assert last_before_stopping([-math.inf], 1, lambda score, best: score > best) == (math.inf, [0])


def test_patience_that_is_renewed_waits_as_long_again():
    patience = Patience(2, lambda score, best: score > best)
    over = []
    for score in [5, 1, 1, 1, 1, 6, 1, 1]:
        patience.take(score)
        over.append(patience.is_over)
        if patience.is_over:
            patience.renew()
            assert not patience.is_over
    assert over == [False, False, True, False, True, False, False, True]
