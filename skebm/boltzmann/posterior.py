"""The posterior: means of the hidden layers given data.

A posterior is a function of a machine, even states and room for odd ones, ``(machine, even, odd)``.
It fills in whatever is not data. One that is not exact is one more function here.
"""


def exact(machine, even, odd):
    """Mean odd states given the even ones, all of which are data: those of an RBM."""
    machine.odd_mean(even, odd)
