"""Sums over chunks as a tree of fixed shape: identical wherever the terms are computed."""

# Number of parts that are added from the left before their sum moves up one level. One sum per
# level is in memory; the number of levels is the number of digits of the number of parts in this
# base.
BRANCHES = 8


def tree_sum(parts, add):
    """The sum of parts, added in an order that depends only on their number.

    Groups of ``BRANCHES`` consecutive parts are added from the left; the last group may be smaller.
    The sums are grouped and added in the same way, until one is left. The result is identical
    wherever the parts are computed.

    Parameters
    ----------
    parts : iterable
        At least one; each is requested after the one before has been added.
    add : callable
        ``add(a, b)`` returns the sum, and may change ``a``.

    Raises
    ------
    ValueError
        If there are no parts.
    """
    levels = []
    for part in parts:
        _put(part, levels, 0, add)
    if not levels:
        raise ValueError("There is nothing to add up.")
    total = None
    for level in levels:
        if level.n_parts:
            total = level.sum if total is None else add(level.sum, total)
    return total


class _Level:
    """An incomplete sum, and its number of parts."""

    def __init__(self):
        self.sum, self.n_parts = None, 0


def _put(part, levels, height, add):
    """Add a part to a level, and move the sum up one level when it is complete."""
    if height == len(levels):
        levels.append(_Level())
    level = levels[height]
    level.sum = add(level.sum, part) if level.n_parts else part
    level.n_parts += 1
    if level.n_parts == BRANCHES:
        complete, level.sum, level.n_parts = level.sum, None, 0
        _put(complete, levels, height + 1, add)
