"""Routes: in which order a stream's accounts are offered a message. Pure; chance handed in.

A route is a list in order of preference, or weights. Health moves an ailing account behind the
others of a list, and takes from its weight.
"""

from collections.abc import Callable, Sequence

from worker.contract.settings import Route

_AILING = 0.5  # health below which a preferred account steps back


def order(
    route: Route, health: Callable[[str], float], chance: Callable[[], float]
) -> tuple[str, ...]:
    """Return the accounts, best first.

    ``health``: an account's factor from 0 to 1; ``chance``: a number from 0 to 1.
    """
    if route.weights is None:
        return tuple(sorted(route.accounts, key=lambda name: health(name) < _AILING))
    left = {
        name: weight * health(name)
        for name, weight in zip(route.accounts, route.weights, strict=True)
    }
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
