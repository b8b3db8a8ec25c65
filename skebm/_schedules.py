"""Parameters that change from epoch to epoch."""

import math

import numpy as np

DECAYS = {
    "constant": lambda epoch, n_epochs: 1.0,
    "linear": lambda epoch, n_epochs: 1.0 - epoch / n_epochs,
    "invscaling": lambda epoch, n_epochs: 1.0 / math.sqrt(1.0 + epoch),
    "cosine": lambda epoch, n_epochs: 0.5 * (1.0 + math.cos(math.pi * epoch / n_epochs)),
}


def at_epoch(value, epoch, n_epochs):
    """Value of a parameter at an epoch: a number holds always, stages share the epochs evenly."""
    stages = np.atleast_1d(value)
    return stages[epoch * len(stages) // n_epochs].item()


def decayed(kind, value, epoch, n_epochs):
    """``value`` as the decay named ``kind`` has left it at an epoch; whole at epoch 0."""
    return value * DECAYS[kind](epoch, n_epochs)
