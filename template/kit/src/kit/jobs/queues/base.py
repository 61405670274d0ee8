"""What every queue can do; `kit.jobs.queues.database` and `kit.jobs.queues.sqs` implement it."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy.orm import Session

from kit.jobs.message import DeadLetter, Delivery, Message


class Queues(Protocol):
    """Where messages wait. A delivery that is neither deleted nor hidden again comes back when its time is over."""

    def check_size(self, message: Message, body: str, *, delay: float, on_fargate: bool) -> str | None:
        """Return what is wrong with the size of a message, or None if it fits.

        `body` is the message's JSON, `delay` is in seconds, and `on_fargate` says that its job runs as a Fargate task.
        """

    def send(self, messages: list[Message], delay: float = 0) -> None:
        """Send messages, to be delivered after `delay` seconds."""

    def send_after_commit(self, session: Session, messages: list[Message], delay: float) -> None:
        """Send messages if the session's transaction is committed."""

    def delete(self, delivery: Delivery) -> None:
        """Acknowledge a message: it is not delivered again."""

    def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Hide a message for so many seconds from now; then it is delivered again."""

    def dead_letter(self, delivery: Delivery, reason: str, message: Message | None) -> None:
        """Send a copy to the dead-letter queue, with the reason; the caller then deletes the delivery."""

    def max_receive_count(self, queue: str) -> int | None:
        """After how many deliveries the queue itself moves a message to its dead-letter queue, if it does."""

    def count(self) -> dict[str, int]:
        """About how many messages are in each queue."""

    def count_dead_letters(self) -> int:
        """About how many dead letters there are."""

    def dead_letters(self, limit: int = 1000) -> list[DeadLetter]:
        """The dead letters, the oldest first; they stay where they are."""

    def receive_dead_letters(self, limit: int = 1000) -> AbstractContextManager[list[DeadLetter]]:
        """The dead letters, the oldest first, to be redriven or deleted within the block."""

    def redrive(self, letter: DeadLetter) -> None:
        """Send a dead letter back to its queue, its attempts counted anew; raises `UsageError` if it is unreadable."""

    def delete_dead_letter(self, letter: DeadLetter) -> None:
        """Delete a dead letter for good."""
