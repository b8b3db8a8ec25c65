"""Sums over chunks as a tree of fixed shape: the same bits wherever its parts were computed."""

# Parts that are added up from the left before their sum goes one level up. One sum of each level
# is in memory, and there are as many levels as the number of parts has digits to this base.
BRANCHES = 8


def tree_sum(parts, add):
    """The sum of parts, added up in an order that depends on their number alone.

    Each ``BRANCHES`` parts in succession are added up from the left, the last ones perhaps being
    fewer; so are the sums of these, and so on up to one. Whoever computes parts in other places and
    adds them up like this has the same bits.

    Parameters
    ----------
    parts : iterable
        At least one; each is asked for when the one before has been added.
    add : callable
        ``add(a, b)`` returns their sum, and may change ``a`` for it.

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
    """A sum that is not yet complete, and how many parts are in it."""

    def __init__(self):
        self.sum, self.n_parts = None, 0


def _put(part, levels, height, add):
    """Add a part to a level, and hand its sum up when that is complete."""
    if height == len(levels):
        levels.append(_Level())
    level = levels[height]
    level.sum = add(level.sum, part) if level.n_parts else part
    level.n_parts += 1
    if level.n_parts == BRANCHES:
        complete, level.sum, level.n_parts = level.sum, None, 0
        _put(complete, levels, height + 1, add)
