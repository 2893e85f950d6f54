"""Open pages that follow the ledger: one look at a time for all of them, and as many as the console bears."""

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import anyio
from anyio.to_thread import run_sync

from backfill_assets.errors.web import TooManyFollow

LOOKS_EVERY = 1.0
"""Seconds between two looks at the ledger for pages that are open."""
SAYS_EVERY = 15
"""Looks after which an open page is told that nothing happened, so that a connection that is gone is noticed."""
MOST_FOLLOWING = 200


@dataclass
class Look:
    """What was last seen of a correction: the number of its events, and when that was looked at."""

    sequence: int = 0
    at: float = float("-inf")
    looking: anyio.Lock = field(default_factory=anyio.Lock)


@dataclass
class Following:
    """How far each correction is, for as many open pages as ask; ``sequence`` reads it from the ledger."""

    sequence: Callable[[str], int]
    looks: dict[str, Look] = field(default_factory=dict)
    open_pages: int = 0

    async def begin(self, correction: str) -> AsyncIterator[str]:
        """The stream of a page that is opened now.

        Raises:
            CorrectionUnknown: when the ledger has none of that id.
            TooManyFollow: when as many pages are open as the console bears.
        """
        if self.open_pages >= MOST_FOLLOWING:
            raise TooManyFollow(MOST_FOLLOWING)
        return self._moves(correction, await self._look(correction))

    async def _moves(self, correction: str, last: int) -> AsyncIterator[str]:
        self.open_pages += 1
        try:
            yield f"retry: 3000\nevent: standing\ndata: {last}\n\n"
            quiet = 0
            while True:
                await anyio.sleep(LOOKS_EVERY)
                now = await self._look_again(correction, last)
                if now != last:
                    last, quiet = now, 0
                    yield f"event: moved\ndata: {now}\n\n"
                elif (quiet := quiet + 1) % SAYS_EVERY == 0:
                    yield ": nothing happened\n\n"
        finally:
            self.open_pages -= 1

    async def _look_again(self, correction: str, last: int) -> int:
        """A ledger that cannot be read for a while has not moved: the page stays as it is until it can."""
        with suppress(Exception):
            return await self._look(correction)
        return last

    async def _look(self, correction: str) -> int:
        look = self.looks.get(correction) or Look()
        async with look.looking:
            if monotonic() - look.at >= LOOKS_EVERY:
                look.sequence, look.at = await run_sync(lambda: self.sequence(correction)), monotonic()
        # Only what there is is kept, so that what is asked for in vain takes no room.
        self.looks[correction] = look
        return look.sequence
