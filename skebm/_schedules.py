"""Parameters that change from epoch to epoch."""

import math

# Factor of the learning rate at an epoch, counted from 0.
DECAYS = {
    "constant": lambda epoch, n_epochs: 1.0,
    "linear": lambda epoch, n_epochs: 1.0 - epoch / n_epochs,
    "invscaling": lambda epoch, n_epochs: 1.0 / math.sqrt(1.0 + epoch),
    "cosine": lambda epoch, n_epochs: 0.5 * (1.0 + math.cos(math.pi * epoch / n_epochs)),
}


# Hint if a number is passed for a schedule, or a schedule for a number.
HINT = "How it changes from epoch to epoch is the parameter {!r}."


def stage_at(epoch, n_epochs, value):
    """Value of a parameter at an epoch; the values of a list hold for equal numbers of epochs."""
    stages = value if isinstance(value, list) else [value]
    return stages[epoch * len(stages) // n_epochs]


def last_stage(value):
    """Last value of a parameter."""
    return value[-1] if isinstance(value, list) else value
