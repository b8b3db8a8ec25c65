"""The posterior: states of all layers given data.

A posterior is a function of a machine, a minibatch, and room for even and odd states: it copies the
data there and fills in whatever is not data. One that is not exact is one more function here.
"""


def exact(machine, batch, even, odd):
    """Mean odd states given the even ones, all of which are data: those of an RBM.

    Even units that are not known in a row stay at what the minibatch has in their place.
    """
    batch.take(even)
    machine.odd_mean(even, odd)
