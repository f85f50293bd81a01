"""The HTTP gateway: ``POST /put_all`` and what belongs to it, in front of a cluster.

Start it with ``python -m system_under_test.gossip_raft.runtime.gateway --help``.

1. ``POST /put_all`` (a JSON list of objects) is answered with 200 only when all of it is
   committed, as one entry.
2. 503 means that it was not executed and never will be; 504 that nobody knows.
3. A ``/put_all`` with an ``Idempotency-Key`` header may be repeated after any answer or
   none: it is executed once, and answered as the first time.
4. With TLS, nobody is answered who shows no certificate of the cluster.
5. ``GET /kv/{key}`` is linearizable, or as ``?consistency=`` says (``lease``, ``local``), and
   labelled.  ``GET /log`` is what one node has applied, as far as
   it is kept (PROTOCOL D11): the header ``Log-First`` says how many objects came before the
   first one shown.  ``GET /log?from=N`` shows what comes after N objects, or 410 if some of
   that is compacted.
6. What is one too many under way is answered with 503 at once.
7. Nodes that are added to the cluster are learned of within seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import secrets
import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

import grpc
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from system_under_test.gossip_raft.core.client_session import (
    ATTEMPT_TIMEOUT,
    Answered,
    ClientSession,
    Ending,
    Execute,
    Refused,
    SessionTimeouts,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    ClientReply,
    Consistency,
    GetStatus,
    LogEntries,
    Message,
    ReadKeys,
    ReadLog,
    Results,
    Status,
    Values,
)
from system_under_test.gossip_raft.core.types import (
    ClientId,
    LogCommand,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    Raw,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.runtime.admission import (
    BYTES_MAX,
    REQUESTS_MAX,
    Admission,
)
from system_under_test.gossip_raft.runtime.calls import Call
from system_under_test.gossip_raft.runtime.client import Connections, SessionRunner
from system_under_test.gossip_raft.runtime.clock import pause
from system_under_test.gossip_raft.runtime.configuration import (
    LOOPBACK,
    Configuration,
    load_configuration,
)
from system_under_test.gossip_raft.runtime.errors import (
    BadRequest,
    CodecError,
    ConfigurationError,
    ExitCode,
    KeyReused,
    LiveError,
    NoAnswer,
    NotConnected,
    Overloaded,
    PortInUse,
)
from system_under_test.gossip_raft.runtime.idempotency import IdempotentRequests
from system_under_test.gossip_raft.runtime.logs import log_problems_to_stderr
from system_under_test.gossip_raft.runtime.process import (
    die_with_parent,
    fail,
    on_termination,
    say_ready,
)
from system_under_test.gossip_raft.runtime.rpc import GATEWAY, Server, start_server
from system_under_test.gossip_raft.runtime.security import (
    CLIENTS,
    Security,
    security_of,
)

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
LOG_PAGE: Final = 1000
ASK_TIMEOUT_S: Final = 1.0
LOOK_AGAIN: Final = Nanos(1_000_000_000)

_JSON: Final = msgspec.json.Encoder()
_NUMBER: Final = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class RawObjects:
    """Of all raw objects ever written those that are kept; ``first`` came before them."""

    first: int
    texts: tuple[str, ...]


class GatewayService:
    """What the gateway does, apart from HTTP.

    Every request in flight has a client session of its own, as a session does one
    operation at a time; sessions are used again, except those that timed out.
    """

    def __init__(
        self,
        configuration: Configuration,
        timeouts: SessionTimeouts,
        security: Security | None = None,
    ) -> None:
        self._security = security
        self._connections = Connections(configuration.addresses, configuration.cluster, security)
        self._idempotent = IdempotentRequests(self._execute_as, self._commands_at)
        self._timeouts = timeouts
        # Sessions live for ever, so no two gateways may ever use the same names.
        self._name = f"gateway-{secrets.token_hex(8)}"
        self._sessions = 0
        self._requests = 0
        self._idle: list[SessionRunner] = []
        self._busy: dict[ClientId, SessionRunner] = {}
        self._server: Server | None = None
        self._looking: asyncio.Task[None] | None = None
        self.acknowledge_to = ""
        """Where nodes tell what became of our requests, once started."""

    async def start(self) -> None:
        """Host AckEntriesRPC on a free port.

        Raises:
            PortInUse: There is none.
        """
        self._server, port = await start_server(
            GATEWAY, self._serve_ack, f"{LOOPBACK}:0", security=self._security
        )
        self.acknowledge_to = f"{LOOPBACK}:{port}"
        self._looking = asyncio.get_running_loop().create_task(self._look())

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        if self._server is not None:
            await self._server.stop(grace=0.2)
        await self._connections.close()

    async def execute(self, request: Execute | ReadKeys) -> Ending:
        nodes = self._connections.nodes
        runner = self._idle.pop() if self._idle else self._new_runner()
        try:
            return await self._call(runner, request)
        finally:
            is_usable = not runner.session.dead and not runner.session.busy
            if is_usable and nodes == self._connections.nodes:
                self._idle.append(runner)

    async def execute_once(self, key: str, request: Execute) -> Ending:
        """At most once among all requests with ``key``, whichever gateway they came to.

        An ending says what became of this attempt; an earlier one may have succeeded.

        Raises:
            BadRequest: The key is none.
            KeyReused: It belongs to another request.
        """
        return await self._idempotent.execute(key, request)

    async def ask(self, node: NodeId, question: ReadLog | GetStatus) -> ClientReply | None:
        """One question to one node; ``None`` if it does not answer."""
        self._requests += 1
        message = Message(self._name, node, RequestId(self._requests), Term(0), (), question)
        try:
            answer = await self._connections.ask(message, ASK_TIMEOUT_S)
        except (NotConnected, NoAnswer):
            return None
        assert isinstance(answer.body, ClientReply), f"the codec let {answer.body} through"
        if isinstance(answer.body, Status):
            await self._learn(answer.body)
        return answer.body

    async def statuses(self) -> Mapping[NodeId, Status | None]:
        """Of all nodes, those included that others tell of."""
        statuses: dict[NodeId, Status | None] = {}
        while unasked := [node for node in self._connections.nodes if node not in statuses]:
            answers = await asyncio.gather(*(self.ask(node, GetStatus()) for node in unasked))
            for node, answer in zip(unasked, answers, strict=True):
                statuses[node] = answer if isinstance(answer, Status) else None
        return statuses

    async def log(self) -> RawObjects | None:
        """Of what some node has applied, in order; ``None`` if all are silent."""
        for node in self._connections.nodes:
            raw = await self._log_of(node)
            if raw is not None:
                return raw
        return None

    async def _log_of(self, node: NodeId) -> RawObjects | None:
        texts: list[str] = []
        before, first = 0, LogIndex(1)
        while True:
            page = await self.ask(node, ReadLog(first, LOG_PAGE))
            if not isinstance(page, LogEntries):
                return None
            if page.compacted.index >= first:
                texts.clear()  # The window moved on past what we have: no gap may be in it.
                before = page.compacted.commands
            for entry in page.entries:
                texts += [command.json for command in entry.commands if isinstance(command, Raw)]
            if not page.entries or page.entries[-1].index >= page.applied:
                return RawObjects(before, tuple(texts))
            first = LogIndex(page.entries[-1].index + 1)

    async def _learn(self, status: Status) -> None:
        if await self._connections.learn(status.membership.addresses):
            self._idle.clear()  # Their sessions know only of the nodes before.

    async def _look(self) -> None:
        """Ask one node after the other who belongs to the cluster by now, for ever."""
        while True:
            for node in self._connections.nodes:
                await self.ask(node, GetStatus())
                await pause(LOOK_AGAIN)

    async def _execute_as(self, client: ClientId, request: Execute) -> Ending:
        return await self._call(self._new_runner(client), request)

    async def _call(self, runner: SessionRunner, request: Execute | ReadKeys) -> Ending:
        client = runner.session.client
        self._busy[client] = runner
        try:
            return await runner.call(request)
        finally:
            del self._busy[client]

    async def _commands_at(self, position: Position) -> tuple[LogCommand, ...] | None:
        """Of the entry at ``position``; ``None`` if no node shows it."""
        for node in self._connections.nodes:
            page = await self.ask(node, ReadLog(position.index, 1))
            if isinstance(page, LogEntries):
                for entry in page.entries:
                    if (entry.term, entry.index) == (position.term, position.index):
                        return entry.commands
        return None

    def _new_runner(self, client: ClientId | None = None) -> SessionRunner:
        nodes = self._connections.nodes
        client = ClientId(f"{self._name}-{self._sessions}") if client is None else client
        # The first contacts are spread over the nodes; all of them can take every request.
        contact = nodes[self._sessions % len(nodes)]
        self._sessions += 1
        return SessionRunner(
            ClientSession(client, nodes, contact, self._timeouts),
            self._connections,
            self._timeouts,
            acknowledge_to=self.acknowledge_to,
        )

    def _serve_ack(self, request: Any, call: Call) -> None:
        try:
            message = self._connections.codec.decode(request)
        except CodecError as error:
            call.refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return
        if self._security is not None:
            said_by = call.speaker
            if said_by != message.source or said_by not in self._connections.nodes:
                problem = f"{said_by!r} cannot acknowledge as {message.source!r}"
                call.refuse(grpc.StatusCode.PERMISSION_DENIED, problem)
                return
        if isinstance(message.body, AckEntries):
            runner = self._busy.get(message.body.session.client)
            if runner is not None:
                runner.acknowledge(message.body)
        call.answer(self._connections.codec.acknowledgement(message))


class GatewayHttp:
    """The routes, as thin as they can be."""

    def __init__(
        self,
        service: GatewayService,
        requests_max: int = REQUESTS_MAX,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        """The limits are those of ``Admission``."""
        self._service = service
        routes = Starlette(
            routes=[
                Route("/put_all", self._put_all, methods=["POST"]),
                Route("/log", self._log),
                Route("/kv/{key:path}", self._key),
                Route("/status", self._status),
            ],
            exception_handlers={Overloaded: _on_overload},
        )
        self.app: Final = Admission(routes, _overloaded, requests_max, bytes_max)

    async def _put_all(self, request: HttpRequest) -> Response:
        body = await _body(request)
        if body is None:
            return _problem(413, f"more than {BODY_BYTES_MAX} bytes")
        try:
            commands = parse_objects(body)
        except BadRequest as error:
            return _problem(400, str(error))
        if not commands:
            return _json(200, {"entries": 0})
        key = request.headers.get("Idempotency-Key")
        try:
            if key is None:
                ending = await self._service.execute(Execute(commands))
            else:
                ending = await self._service.execute_once(key, Execute(commands))
        except (BadRequest, CodecError) as error:
            return _problem(400, str(error))
        except KeyReused as error:
            return _problem(422, str(error))
        match ending:
            case Answered(reply=Results(position=position)):
                answer = {
                    "entries": len(commands),
                    "term": position.term,
                    "index": position.index,
                }
                return _json(200, answer)
            case Refused(reason=reason) if key is not None:
                said = f"this attempt was not executed, an earlier one may have been: {reason}"
                return _problem(503, said, retry_after_s=1)
            case _:
                return _ended_badly(ending)

    async def _key(self, request: HttpRequest) -> Response:
        key = request.path_params["key"]
        asked = request.query_params.get("consistency", Consistency.LINEARIZABLE.value)
        known = {consistency.value: consistency for consistency in Consistency}
        if asked not in known:
            return _problem(400, f"consistency must be one of {', '.join(known)}")
        ending = await self._service.execute(ReadKeys((key,), known[asked]))
        match ending:
            case Answered(reply=Values(index=index, consistency=consistency, values=(value,))):
                answer = {"key": key, "value": value, "index": index}
                return _json(200, {**answer, "consistency": consistency.value})
            case _:
                return _ended_badly(ending)

    async def _log(self, request: HttpRequest) -> Response:
        asked = request.query_params.get("from")
        if asked is not None and _NUMBER.fullmatch(asked) is None:
            return _problem(400, "from must be a number")
        raw = await self._service.log()
        if raw is None:
            return _problem(503, "no node answers", retry_after_s=1)
        first = raw.first if asked is None else int(asked)
        if first < raw.first:
            return _json(410, {"error": f"compacted before number {raw.first}", "first": raw.first})
        texts = raw.texts[first - raw.first :]
        response = Response(f"[{','.join(map(_as_json, texts))}]", media_type="application/json")
        response.headers["Log-First"] = str(first)
        return response

    async def _status(self, _request: HttpRequest) -> Response:
        return _json(200, {"nodes": await self._service.statuses()})


def parse_objects(body: bytes) -> tuple[Raw, ...]:
    """The objects in a JSON list, each as its own text.

    Raises:
        BadRequest: It is not a JSON list of objects.
    """
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"not JSON: {error}") from error
    if not isinstance(values, list):
        raise BadRequest("must be a JSON list of objects")
    for position, value in enumerate(values):
        if not isinstance(value, dict):
            raise BadRequest(f"must be a JSON list of objects, but item {position} is none")
    texts = msgspec.json.decode(body, type=list[msgspec.Raw])
    return tuple(Raw(bytes(text).decode()) for text in texts)


async def _body(request: HttpRequest) -> bytes | None:
    """The body, or ``None`` as soon as it is too large."""
    length = request.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > BODY_BYTES_MAX:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


def _overloaded(why: str) -> Response:
    return _problem(503, f"not executed: overloaded: {why}", retry_after_s=1)


async def _on_overload(_request: HttpRequest, error: Exception) -> Response:
    return _overloaded(str(error))


def _ended_badly(ending: Ending) -> Response:
    match ending:
        case Refused(reason=reason):
            return _problem(503, f"not executed: {reason}", retry_after_s=1)
        case TimedOut(reason=reason):
            return _problem(504, f"not known whether it was or will be executed: {reason}")
        case Answered(reply=reply):
            return _problem(502, f"an answer to another question: {reply}")
        case _:
            assert_never(ending)


def _as_json(raw: str) -> str:
    """``raw`` if it is JSON; other clients than us may have written what is not."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return _JSON.encode(raw).decode()
    return raw


def _problem(status: int, error: str, *, retry_after_s: int | None = None) -> Response:
    response = _json(status, {"error": error})
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return response


def _json(status: int, value: object) -> Response:
    return Response(_JSON.encode(value), status, media_type="application/json")


class _HttpServer(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        host, port = sockets[0].getsockname()
        say_ready(gateway=f"{host}:{port}", port=port, pid=os.getpid())


async def serve(configuration: Configuration, timeouts: SessionTimeouts) -> ExitCode:
    """Run the gateway of ``configuration`` until SIGTERM.

    Raises:
        ConfigurationError: It has none, or a certificate is missing.
        PortInUse: Its address cannot be listened on.
    """
    if configuration.gateway is None:
        raise ConfigurationError(configuration.file, "gateway", "is missing")
    security = security_of(configuration, CLIENTS)
    listener = _listen(configuration.gateway)
    service = GatewayService(configuration, timeouts, security)
    server = _HttpServer(
        uvicorn.Config(
            GatewayHttp(service).app,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            **_https(security),
        )
    )
    # uvicorn stops on these by itself and raises them again when it has: not to die then.
    on_termination(lambda: None)
    try:
        await service.start()
        await server.serve([listener])
    finally:
        await service.close()
        listener.close()
    return ExitCode.STOPPED


def _https(security: Security | None) -> dict[str, Any]:
    """uvicorn's options for mutual TLS."""
    if security is None:
        return {}
    return {
        "ssl_ca_certs": security.authority_file,
        "ssl_certfile": security.certificate_file,
        "ssl_keyfile": security.key_file,
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, int(port)))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise PortInUse(f"gateway: cannot listen on {address}: {error.strerror}") from error
    return listener


def main() -> ExitCode:
    parser = argparse.ArgumentParser(
        prog="python -m system_under_test.gossip_raft.runtime.gateway",
        description="Run the HTTP gateway of a gossip-Raft cluster until SIGTERM.",
    )
    parser.add_argument("--configuration", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--timeout", type=float, default=5.0, metavar="SECONDS", help="for one request"
    )
    parser.add_argument("--parent", type=int, metavar="PID", help="end when this process does")
    arguments = parser.parse_args()
    try:
        if arguments.parent is not None:
            die_with_parent(arguments.parent)
        operation = Nanos(round(arguments.timeout * 1e9))
        timeouts = SessionTimeouts(attempt=min(ATTEMPT_TIMEOUT, operation), operation=operation)
        log_problems_to_stderr()
        return asyncio.run(serve(load_configuration(arguments.configuration), timeouts))
    except ConfigurationError as error:
        return fail(error, ExitCode.CONFIGURATION)
    except LiveError as error:
        return fail(error, ExitCode.ENVIRONMENT)


if __name__ == "__main__":
    sys.exit(main())
