"""A port of 127.0.0.1 that stays the same while the server behind it is restarted on another one."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any


@contextmanager
def relay(port: Callable[[], int]) -> Iterator[int]:
    """Pass connections on to 127.0.0.1 at whatever `port()` is when one comes in; yields the relay's own port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port())
            with closing(behind_writer):
                ways = [asyncio.ensure_future(_copy(reader, behind_writer))]
                ways += [asyncio.ensure_future(_copy(behind_reader, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()

    async def end(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = wait(asyncio.start_server(accept, "127.0.0.1", 0))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        wait(end(server))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
