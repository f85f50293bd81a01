"""A small key-value store: one process, one log file, a line of JSON for each request.

{"f": "get", "key": "x"}                     -> {"value": 3}
{"f": "put", "key": "x", "value": 4}         -> {}
{"f": "cas", "key": "x", "old": 4, "new": 5} -> {"value": 4}    what it held before
"""

import argparse
import asyncio
import json
from pathlib import Path

FLUSH_INTERVAL_S = 1.0


class Store:
    def __init__(self, file: Path) -> None:
        self.values = {}
        if file.exists():
            for line in file.read_text().splitlines():
                key, value = json.loads(line)
                self.values[key] = value
        self.log = file.open("a")

    def put(self, key: str, value: int) -> None:
        self.values[key] = value
        self.log.write(json.dumps([key, value]) + "\n")

    def answer(self, request: dict) -> dict:
        held = self.values.get(request["key"])
        match request["f"]:
            case "get":
                return {"value": held}
            case "put":
                self.put(request["key"], request["value"])
                return {}
            case "cas":
                if held == request["old"]:
                    self.put(request["key"], request["new"])
                return {"value": held}
            case unknown:
                return {"error": f"no request is called {unknown!r}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(self.answer(json.loads(line))).encode() + b"\n")
        writer.close()

    async def flush_now_and_then(self) -> None:
        """A disk is slow, so many writes go to it at once."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            self.log.flush()


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    store = Store(options.data / "store.log")
    server = await asyncio.start_server(store.serve, "127.0.0.1", options.port)
    async with server, asyncio.TaskGroup() as tasks:
        tasks.create_task(store.flush_now_and_then())
        tasks.create_task(server.serve_forever())


asyncio.run(main())
