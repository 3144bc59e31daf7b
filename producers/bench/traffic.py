"""The messages of a bench: numbers that nobody has twice, texts of each own or one for all."""

from collections.abc import Iterator

from worker.contract.message import Message


def number(place: int, prefix: str = "138") -> str:
    return f"{prefix}{place:08d}"


def distinct(count: int, first: int = 0) -> Iterator[Message]:
    """Yield messages to so many numbers, each with a text of its own."""
    for place in range(first, first + count):
        text = f"您的订单{place:07d}已经发货，请注意查收，感谢您的支持和信任。"
        yield Message(number(place), text)


def alike(count: int) -> Iterator[Message]:
    """Yield messages to so many numbers, all with one text."""
    for place in range(count):
        yield Message(number(place), "您的订单已经发货，请注意查收，感谢您的支持和信任。")
