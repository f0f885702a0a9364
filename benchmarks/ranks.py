"""How well a score ranks: AUC, Spearman, Kendall's tau; and leads with intervals over actors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

Resampled = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""(B, A) how often each draw has each actor -> (B,) the figure of each draw."""


def auc(positive: NDArray, negative: NDArray) -> float:
    """P(a positive's score > a negative's), ties half; in [0, 1]."""
    return float(_beats(np.asarray(positive), np.asarray(negative)).mean())


def spearman(a: NDArray, b: NDArray) -> float:
    """Rank correlation in [-1, 1], ties at their mean rank; 0 where a side is constant and orders nothing."""
    ranks = np.array([rankdata(a), rankdata(b)])
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.linalg.norm(ranks, axis=1)
    return float(ranks[0] @ ranks[1] / lengths.prod()) if (lengths > 0).all() else 0.0


def nearest_neighbour_tau(cost: NDArray[np.floating]) -> float:
    """Kendall's tau (b) of the moments of the rows and of each row's nearest column, as video alignment defines it.

    Args:
        cost: (T, S) distances; NaN = not known. Rows that know nothing are left out.

    Returns:
        In [-1, 1]; NaN where every row has the same neighbour, or fewer than two rows know one.
    """
    known = np.isfinite(cost).any(1)
    if known.sum() < 2:
        return float("nan")
    nearest = np.nanargmin(cost[known], axis=1)
    if (nearest == nearest[0]).all():
        return float("nan")
    return float(kendalltau(np.arange(len(nearest)), nearest).statistic)


def auc_by_actor(positive: NDArray, negative: NDArray, actors: Sequence[str], *, everybody: Sequence[str]) -> Resampled:
    """`auc` as a function of how often each actor is drawn.

    Args:
        positive, negative: (P,) scores of pairs of the same movement, and of pairs of different ones.
        actors: Whose the p-th positive and the p-th negative is.
        everybody: The actors in the order in which they are drawn.
    """
    belongs = np.array([[actor == name for name in everybody] for actor in actors], float)
    won = belongs.T @ _beats(np.asarray(positive), np.asarray(negative)) @ belongs
    count = belongs.sum(0)

    def figure(times: NDArray[np.int64]) -> NDArray[np.float64]:
        total = (times @ count) ** 2
        return np.divide(np.einsum("ba,ac,bc->b", times, won, times), total, out=_unknown(times), where=total > 0)

    return figure


def mean_by_actor(
    values: NDArray, actors: Sequence[str], groups: Sequence[str] | None = None, *, everybody: Sequence[str]
) -> Resampled:
    """The mean over `groups` of each group's mean, as a function of how often each actor is drawn; NaN is left out."""
    groups = [""] * len(actors) if groups is None else groups
    names, kinds = list(everybody), sorted(set(groups))
    sums, counts = np.zeros((2, len(names), len(kinds)))
    for value, actor, group in zip(values, actors, groups, strict=True):
        if np.isfinite(value):
            place = names.index(actor), kinds.index(group)
            sums[place] += value
            counts[place] += 1

    def figure(times: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn = times @ counts
        means = np.divide(times @ sums, drawn, out=np.zeros_like(drawn), where=drawn > 0)
        present = (drawn > 0).sum(1)
        return np.divide(means.sum(1), present, out=_unknown(times), where=present > 0)

    return figure


def whole(figure: Resampled, n_actors: int) -> float:
    """The figure with each actor once."""
    return float(figure(np.ones((1, n_actors), np.int64))[0])


def lead(ours: Resampled, theirs: Resampled, n_actors: int, *, seed: int, draws: int = 10_000) -> tuple[float, ...]:
    """Our figure less theirs, and its 95 % interval over draws of actors with replacement, the same for both."""
    share = np.full(n_actors, 1 / n_actors)
    times = np.random.default_rng(seed).multinomial(n_actors, share, size=draws)
    low, high = np.nanpercentile(ours(times) - theirs(times), [2.5, 97.5])
    return whole(ours, n_actors) - whole(theirs, n_actors), float(low), float(high)


def _beats(positive: NDArray, negative: NDArray) -> NDArray[np.float64]:
    """(P, N) 1 where the positive has the higher score, 0.5 where they tie."""
    above, level = positive[:, None] > negative, positive[:, None] == negative
    return above + 0.5 * level


def _unknown(times: NDArray) -> NDArray[np.float64]:
    return np.full(len(times), np.nan)
