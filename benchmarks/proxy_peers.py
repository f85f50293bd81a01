"""Both ends of a link in processes of their own: a server that echoes or swallows, a client
that measures.  Blocking sockets, so that what is measured is the way between them."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Final

import grpc

from benchmarks.measure import now_ns

Address = tuple[str, int]

ECHO: Final = b"e"
SWALLOW: Final = b"s"
"""What a client says first: whether it wants to hear what it sends, or that it all came."""
PIECE: Final = 1 << 20
DEADLINE_S: Final = 120.0
_HOST: Final = "127.0.0.1"


class Peer:
    """A process that does what it is asked, one thing after the other."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_obey, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def answers(self) -> Connection:
        """Readable when what was asked is done."""
        return self._pipe

    def ask(self, work: Callable[..., Any], *arguments: Any) -> None:
        self._pipe.send((work, arguments))

    def answer(self) -> Any:
        return self._pipe.recv()

    def end(self) -> None:
        self._process.kill()
        self._process.join()


def _obey(pipe: Connection) -> None:
    while True:
        work, arguments = pipe.recv()
        pipe.send(work(*arguments))


# --- the server --------------------------------------------------------------------------


def serve() -> Address:
    """Serve from now on, each connection by a thread; where."""
    listener = socket.create_server((_HOST, 0), backlog=4096)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    address: Address = listener.getsockname()
    return address


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        _prepare(connection)
        threading.Thread(target=_serve_one, args=(connection,), daemon=True).start()


def _serve_one(connection: socket.socket) -> None:
    scratch = memoryview(bytearray(PIECE))
    with connection:
        wish = connection.recv(1)
        if wish == ECHO:
            while count := connection.recv_into(scratch):
                connection.sendall(scratch[:count])
        elif wish == SWALLOW:
            left = int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
            while left:
                left -= connection.recv_into(scratch)
            connection.sendall(b".")


def serve_calls() -> Address:
    """Serve gRPC calls from now on, each with an echo; where."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers((_Echo(),))
    port = server.add_insecure_port(f"{_HOST}:0")
    server.start()
    _SERVING.append(server)
    return _HOST, port


class _Echo(grpc.GenericRpcHandler):
    def service(self, _: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(lambda request, _: request)


_SERVING: Final[list[grpc.Server]] = []
"""Kept alive, as nobody else knows of it."""

# --- the client --------------------------------------------------------------------------


def call(address: Address, size: int, rounds: int) -> list[int]:
    """How long each of so many gRPC calls with ``size`` bytes took, in nanoseconds."""
    taken = []
    data = bytes(size)
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))
    with grpc.insecure_channel("{}:{}".format(*address), options=options) as channel:
        echo: Any = channel.unary_unary("/benchmark.Echo/Echo")
        echo(data, wait_for_ready=True, timeout=DEADLINE_S)
        for _ in range(rounds):
            before = now_ns()
            echo(data, timeout=DEADLINE_S)
            taken.append(now_ns() - before)
    return taken


def ping_pong(address: Address, size: int, rounds: int) -> list[int]:
    """How long each of so many round trips of ``size`` bytes took, in nanoseconds."""
    taken = []
    data, scratch = bytes(size), bytearray(size)
    with _connect(address, ECHO) as connection:
        for _ in range(rounds):
            before = now_ns()
            connection.sendall(data)
            missing = memoryview(scratch)
            while missing:
                missing = missing[connection.recv_into(missing) :]
            taken.append(now_ns() - before)
    return taken


def pour(address: Address, size: int) -> int:
    """How long ``size`` bytes took to the other end, in nanoseconds."""
    piece = memoryview(bytes(PIECE))
    with _connect(address, SWALLOW) as connection:
        before = now_ns()
        connection.sendall(size.to_bytes(8, "big"))
        left = size
        while left:
            left -= connection.send(piece[:left])
        assert connection.recv(1) == b"."
        return now_ns() - before


def crowd(address: Address, count: int) -> tuple[int, int, int]:
    """Open so many connections, then let all of them echo at once.

    Returns:
        How many echoed; how long opening took, and echoing, in nanoseconds.
    """
    before = now_ns()
    connections = [_connect(address, ECHO) for _ in range(count)]
    opened = now_ns()
    with selectors.DefaultSelector() as selector:
        for number, connection in enumerate(connections):
            connection.sendall(number.to_bytes(8, "big"))
            selector.register(connection, selectors.EVENT_READ, number)
        echoed = 0
        while echoed < count and (ready := selector.select(DEADLINE_S)):
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                echo = key.fileobj.recv(8, socket.MSG_WAITALL)
                assert int.from_bytes(echo, "big") == key.data, "connections were mixed up"
                selector.unregister(key.fileobj)
                echoed += 1
    done = now_ns()
    for connection in connections:
        connection.close()
    return echoed, opened - before, done - opened


def _connect(address: Address, wish: bytes) -> socket.socket:
    connection = socket.create_connection(address, timeout=DEADLINE_S)
    connection.settimeout(None)
    _prepare(connection)
    connection.sendall(wish)
    return connection


def _prepare(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
