"""What every vendor's dialect has: paths, answers, and ways of saying no."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from worker.sandbox.accounts import VendorAccount
from worker.sandbox.endings import DELIVERED, Ending, Fate, Refusal
from worker.sandbox.exchange import HTML, Answer, Incoming
from worker.sandbox.faults import InputError, Spoil
from worker.sandbox.pushes import Push
from worker.sandbox.state import State

MOBILE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)


class Heard(NamedTuple):
    """One message from a handset to us (MO)."""

    number: str
    text: str
    extension: str  #: the port it was sent to; empty: the vendor's choice


@dataclass(slots=True)
class Order:
    """What is to become of one request, apart from the vendor's own rules."""

    fates: Mapping[str, Fate] = field(default_factory=dict)  #: numbers with one of their own
    otherwise: Fate = DELIVERED
    refusal: Refusal | None = None  #: of the whole request, asked for by a fault
    code: str = ""  #: the same, as a code of the vendor's
    message: str = ""
    state: str = ""  #: what the delivery report shall say, as the vendor writes it
    spoil: Spoil | None = None
    early: list[Push] = field(default_factory=list)  #: to be pushed before the answer

    def fate(self, number: str) -> Fate:
        return self.fates.get(number, self.otherwise)


class Dialect(ABC):
    """One vendor's side of the wire, written from its document. No I/O."""

    vendor: ClassVar[str]
    paths: ClassVar[Mapping[str, str]]  #: how a path ends -> operation

    def __init__(self, state: State) -> None:
        self.state = state

    def operation(self, named: str, incoming: Incoming) -> str:  # noqa: ARG002 - for those who need
        """Return what is asked for, where the path alone does not say it."""
        return named

    @abstractmethod
    def numbers(self, incoming: Incoming) -> Sequence[str]:
        """Return the numbers a submit is for, as they were written."""

    @abstractmethod
    def answer(self, operation: str, incoming: Incoming, order: Order) -> Answer:
        """Do what was asked, or say no as the vendor would."""

    @abstractmethod
    def refused(self, operation: str, refusal: Refusal) -> Answer | None:
        """Return the vendor's way to refuse a whole request; None if it has none."""

    @abstractmethod
    def coded(self, operation: str, code: str, message: str) -> Answer:
        """Return the vendor's answer with one of its codes."""

    def hear(self, account: VendorAccount, heard: Sequence[Heard]) -> None:  # noqa: ARG002
        """Pass on what handsets sent to us."""
        raise InputError("vendor", f"{self.vendor} passes no inbound messages on")

    def broken(self, status: int) -> Answer:
        """Return what a failing server in front of the vendor says."""
        return Answer(f"<html><h1>{status}</h1></html>".encode(), status, HTML)


def ends(ending: Ending, order: Order) -> str:
    """Return what the ledger says of a message: a report asked for by a fault is not known to it.

    Only DELIVRD means that the handset got it.
    """
    if not order.state:
        return ending.value
    return Ending.DELIVERED if order.state == "DELIVRD" else Ending.UNDELIVERED
