"""Scenario: one question to the bench, and how it is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from producers.bench.figures import Subject
from producers.bench.options import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is measured: each of its subjects in turn, in every round."""

    about: str
    lead: str  #: the figure that a chart shows
    messages: int = 0  #: that a subject usually takes; 0: it has no choice, or is paced
    subjects: Callable[[Options], Sequence[Subject]]
    submits: bool = True  #: so that the vendor matters
    once: bool = False  #: one round is all there is
    seconds: Callable[[Options], float] | None = None  #: that all of it takes, where one knows
    paced: bool = False  #: each subject takes as many messages as some seconds need
