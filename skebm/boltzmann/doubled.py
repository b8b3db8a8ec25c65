"""RBMs for the layers of a deep Boltzmann machine.

Each hidden layer of such a machine has neighbours on both sides. In pre-training one of them does
not exist yet, and the other one counts twice instead, with the same states and weights; see R.
Salakhutdinov and G. Hinton, "An efficient learning procedure for deep Boltzmann machines", Neural
Computation 24, 2012.
"""

import numpy as np

from .bernoulli import BernoulliRBM
from .gaussian import GaussianRBM
from .machine import Machine
from .mixed import MixedRBM


class DoubledBernoulliRBM(BernoulliRBM):
    """The lowest one: the data count twice."""

    _copies = 2, 1


class DoubledGaussianRBM(GaussianRBM):
    """The lowest one, of real-valued data."""

    _copies = 2, 1


class DoubledMixedRBM(MixedRBM):
    """The lowest one, of tables."""

    _copies = 2, 1


class HighestRBM(BernoulliRBM):
    """The highest one: its hidden units count twice."""

    _copies = 1, 2


class MiddleRBM(BernoulliRBM):
    """One in between: both of its layers count twice."""

    _copies = 2, 2


def joint_machine(models):
    """The joint machine of the RBMs, and the means of all states.

    A bias that a layer has learned with two copies of its neighbour belongs to two machines and is
    halved; the joint bias is the sum for both RBMs that share the layer. With two RBMs, the joint
    distribution of that layer is the normalised square root of the product of theirs.

    Parameters
    ----------
    models : list of Model
        From the lowest on; the visible units of each RBM are the hidden units of the one before.
    """
    machines, dtype = [model.machine for model in models], models[0].machine.dtype
    layers = [machines[0].visible.copy(dtype)]
    for number, machine in enumerate(machines):
        units = machine.hidden.copy(dtype)
        units.bias /= machine.couplings[0].copies[0]
        if number + 1 < len(machines):
            above = machines[number + 1]
            units.bias += above.visible.bias / above.couplings[0].copies[1]
        layers.append(units)
    couplings = [machine.couplings[0].copy() for machine in machines]
    for coupling in couplings:
        coupling.copies = 1, 1
    means = [models[0].means[0], *(model.means[1] for model in models)]
    sides = np.concatenate(means[::2]), np.concatenate(means[1::2])
    return Machine(layers, couplings), sides
