"""The one thread that touches the database: requests in, answers out, many requests in one commit.

Answers leave only after the commit, so what was acknowledged is on disk. When a batch fails as a whole, each of its
requests is answered alone, so that one request's fault stays its own.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from parch_wire.messages import Frame

from .answer import answer, refusal
from .context import Context
from .errors import HostError, StoreError

P = ParamSpec("P")
T = TypeVar("T")

Answers = list[bytes]
_MISTAKE = HostError("internal_error", "The host made a mistake; nothing was changed.", "Ask the host's owner to look.")


class Worker:
    """A single thread; calls run one after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def call(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Runs `function` on the thread; the event loop stays free."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: function(*arguments, **named))

    def close(self) -> None:
        self._thread.shutdown()


def answer_batch(context: Context, asked: Sequence[Frame], report: Callable[[Exception], None]) -> list[Answers]:
    """The answers to each request, in order, all of them committed; `report` hears of mistakes in this program."""
    if len(asked) > 1:
        try:
            with context.records.transaction():
                return [answer(context, request) for request in asked]
        except Exception:  # noqa: S110 - the transaction is undone; what is wrong shows again below, where it belongs
            pass
    return [_answer_alone(context, request, report) for request in asked]


def _answer_alone(context: Context, asked: Frame, report: Callable[[Exception], None]) -> Answers:
    try:
        with context.records.transaction():
            return answer(context, asked)
    except StoreError as error:
        report(error)
        return refusal(asked, error)
    except Exception as error:
        report(error)
        return refusal(asked, _MISTAKE)
