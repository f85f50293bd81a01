"""The store as Hearsay sees it: how to start it, how to ask it."""

import asyncio
import json
import sys
from pathlib import Path

from harness.own_system import Call, CompareAndSet, Node, Ok, Outcome, Read, System, Write

SERVER = Path(__file__).with_name("server.py")


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def call(self, call: Call) -> Outcome:
        match call:
            case Read(key=key):
                return Ok(((await self.ask(f="get", key=key))["value"],))
            case Write(key=key, value=value):
                await self.ask(f="put", key=key, value=value)
                return Ok()
            case CompareAndSet(key=key, expected=old, replacement=new):
                return Ok(((await self.ask(f="cas", key=key, old=old, new=new))["value"],))
            case _:
                raise NotImplementedError(call)

    async def ask(self, **request: object) -> dict:
        self.writer.write(json.dumps(request).encode() + b"\n")
        return json.loads(await self.reader.readline())

    async def close(self) -> None:
        self.writer.close()


class Store(System):
    def command(self, node: Node) -> list[str]:
        return [
            sys.executable,
            str(SERVER),
            "--port",
            str(node.port),
            "--data",
            str(node.directory),
        ]

    async def connect(self, host: str, port: int) -> Client:
        return Client(*await asyncio.open_connection(host, port))


system = Store()
