"""Routes: in which order a stream's accounts are offered a message. Pure; chance handed in.

A route is a list in order of preference, or weights. Health moves an ailing account behind the
others of a list, and takes from its weight.
"""

from collections.abc import Callable, Sequence

from worker.contract.health import AILING


def order(
    accounts: Sequence[str],
    weights: Sequence[float] | None,
    health: Callable[[str], float],
    chance: Callable[[], float],
) -> tuple[str, ...]:
    """Return a route's accounts, best first.

    ``weights``: one an account, or None where their order is the preference; ``health``: an
    account's factor from 0 to 1; ``chance``: a number from 0 to 1.
    """
    if weights is None:
        return tuple(sorted(accounts, key=lambda name: health(name) < AILING))
    left = {name: weight * health(name) for name, weight in zip(accounts, weights, strict=True)}
    drawn = []
    while left:
        name = _draw(left, chance())
        drawn.append(name)
        del left[name]
    return tuple(drawn)


def _draw(weights: dict[str, float], chance: float) -> str:
    names: Sequence[str] = tuple(weights)
    point = chance * sum(weights.values())
    for name in names[:-1]:
        point -= weights[name]
        if point < 0:
            return name
    return names[-1]
