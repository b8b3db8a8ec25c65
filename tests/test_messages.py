"""Parts of an estimator that speak in the name of the whole."""

import re

import numpy as np
import pytest

from skebm import BernoulliRBM, GaussianRBM
from skebm._messages import messages_for, messages_of

X = np.random.default_rng(0).random((30, 4))


class Network:
    """Whom an RBM belongs to."""


def in_its_name(rbm, **options):
    return messages_of(Network(), rbm, prefix="rbm_", layer=2, **options)


def test_a_part_speaks_in_the_name_of_the_whole_while_it_is_told_to():
    part, other = BernoulliRBM(), BernoulliRBM()
    with in_its_name(part):
        of_part, of_other = messages_for(part), messages_for(other)
    assert (of_part.estimator, of_part.prefix, of_part.layer) == (
        "Network",
        "rbm_",
        "layer 2 of ",
    )
    for messages in (of_other, messages_for(part)):
        assert (messages.estimator, messages.prefix, messages.layer) == ("BernoulliRBM", "", "")


def test_an_error_ends_it():
    part = BernoulliRBM()
    with pytest.raises(ValueError, match="infinity"), in_its_name(part):
        part.fit(np.full((3, 4), np.inf))
    assert messages_for(part).estimator == "BernoulliRBM"


def test_inside_of_one_whole_there_may_be_another():
    outer, inner = BernoulliRBM(), BernoulliRBM()
    with in_its_name(outer):
        with in_its_name(inner):
            assert messages_for(inner).estimator == "Network"
        assert messages_for(inner).estimator == "BernoulliRBM"
        assert messages_for(outer).estimator == "Network"


@pytest.mark.parametrize(
    ("rbm", "message"),
    [
        (BernoulliRBM(4, alpha=30.0), "'rbm_alpha' parameter of Network, 30.0, .* 'rbm_learning_"),
        (BernoulliRBM(4, learning_rate=1e300), "weights of Network .* 'rbm_learning_rate' param"),
        (GaussianRBM(4, learning_rate=1e300), "weights of Network .* 'rbm_learning_rate' param"),
    ],
)
def test_errors_of_training_name_the_whole_and_its_parameters(rbm, message):
    with pytest.raises(ValueError, match=message), in_its_name(rbm):
        rbm.fit(X)
    with pytest.raises(ValueError, match=re.sub("rbm_", "", message.replace("Network", ".*RBM"))):
        rbm.fit(X)


def test_warnings_of_data_name_the_whole():
    rbm = BernoulliRBM(4, n_iter=0)
    with pytest.warns(UserWarning, match="^Network is meant for"), in_its_name(rbm):
        rbm.fit(2 * X)


def test_a_report_takes_the_place_of_what_the_part_prints(capsys):
    told = []
    rbm = BernoulliRBM(4, n_iter=3, verbose=1)
    with in_its_name(rbm, report=lambda epoch, measured: told.append((epoch, measured))):
        rbm.fit(X)
    assert capsys.readouterr().out == ""
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    assert [measured["seconds"] for _, measured in told] == rbm.history_["seconds"]
    rbm.fit(X)
    assert capsys.readouterr().out.count("[BernoulliRBM] Iteration") == 3
