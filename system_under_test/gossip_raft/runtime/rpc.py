"""How RPCs are made here: methods, channel and server options, one place for both sides.

Every method is served as a call of its own, to whoever makes it.  Peers and clients of our
make ask what is frequent over a stream that each connection has (``exchange``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.runtime.calls import Call, Respond, parse_request
from system_under_test.gossip_raft.runtime.codec import WireMessage, WireRequest
from system_under_test.gossip_raft.runtime.errors import CodecError, PortInUse
from system_under_test.gossip_raft.runtime.exchange import Answerer, Asker
from system_under_test.gossip_raft.runtime.security import CLIENTS, Security, speaker

GOSSIP_RAFT: Final = "GossipRaft"
GATEWAY: Final = "Gateway"

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""More than a full batch, or the largest request a node admits; what exceeds it is refused by
gRPC (RESOURCE_EXHAUSTED, with both sizes) before it is read."""
ASKED_BYTES_MAX: Final = 64 * 1024
"""A larger request is a call of its own: it would hold up those behind it in a stream."""
ASKED_OVER_A_STREAM: Final = frozenset(
    {"HeartbeatRPC", "PullEntriesRPC", "UpdatePositionRPC", "PutEntriesRPC", "ReadRPC"}
)
"""What is frequent and small."""
_SIZES: Final = (
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
)
CHANNEL_OPTIONS: Final = (
    *_SIZES,
    # A link lives in its own connection, so that cutting one cuts nothing else.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    # The protocol repeats by itself, and the client session relies on nobody else doing so.
    ("grpc.enable_retries", 0),
    # Back soon after a partition heals.  The least backoff is also how long one attempt to
    # connect may hang in a link that swallows everything.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
)
SERVER_OPTIONS: Final = (
    *_SIZES,
    # A second process on the same port must fail, not share it.
    ("grpc.so_reuseport", 0),
)

log = logging.getLogger(__name__)

Observe: TypeAlias = Callable[[str, str], None]
"""Hears of every call that ended: its method and the name of its status code."""
Serve: TypeAlias = Callable[[Any, Call], None]
"""Takes a request, and sees to it that its call is answered."""


@dataclass(frozen=True, slots=True)
class Method:
    path: str
    request: type[Any]
    reply: type[Any]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def _methods(service: str) -> tuple[Method, ...]:
    descriptor = wire.DESCRIPTOR.services_by_name[service]
    return tuple(
        Method(
            f"/{descriptor.full_name}/{method.name}",
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
        )
        for method in descriptor.methods
        if not method.client_streaming
    )


EXCHANGE: Final = "ExchangeRPC"
METHODS: Final = {service: _methods(service) for service in (GOSSIP_RAFT, GATEWAY)}
_METHOD_OF: Final = {method.request: method for methods in METHODS.values() for method in methods}


def service_name(service: str) -> str:
    """Its full name, as clients ask for it."""
    name: str = wire.DESCRIPTOR.services_by_name[service].full_name
    return name


class Peer:
    """One target address and the channel to it; with TLS only to whom is called ``name``."""

    def __init__(self, address: str, security: Security | None = None, name: str = CLIENTS) -> None:
        if security is None:
            channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        else:
            channel = grpc.aio.secure_channel(
                address,
                security.channel_credentials(),
                options=(*CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", name)),
            )
        self.channel: Final = channel
        self._open_stream: Any = channel.stream_stream(f"/{service_name(GOSSIP_RAFT)}/{EXCHANGE}")
        self._asker: Asker | None = None
        self._callables: dict[type[Any], Any] = {}

    async def call(self, request: WireRequest, timeout_s: float) -> WireMessage:
        """
        Raises:
            grpc.aio.AioRpcError: No answer, for whatever reason.
        """
        return parse_reply(request, await self.start(request, timeout_s))

    def start(self, request: WireRequest, timeout_s: float) -> asyncio.Future[bytes]:
        """The reply to come, for ``parse_reply``; or it raises as ``call`` does."""
        method = _METHOD_OF[type(request)]
        data = request.SerializeToString()
        if method.name in ASKED_OVER_A_STREAM and len(data) <= ASKED_BYTES_MAX:
            if self._asker is None or self._asker.is_over:
                self._asker = Asker(self._open_stream())
            return self._asker.ask(method.name, data, timeout_s)
        return asyncio.ensure_future(self._alone(method, data, timeout_s))

    async def _alone(self, method: Method, data: bytes, timeout_s: float) -> bytes:
        if method.request not in self._callables:
            self._callables[method.request] = self.channel.unary_unary(method.path)
        reply: bytes = await self._callables[method.request](data, timeout=timeout_s)
        return reply

    async def connected(self) -> bool:
        """Wait until the channel is ready, or certain that it is not for now."""
        while True:
            state = self.channel.get_state(try_to_connect=True)
            match state:
                case grpc.ChannelConnectivity.READY:
                    return True
                case grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                    return False
                case grpc.ChannelConnectivity.SHUTDOWN:
                    return False
                case _:
                    await self.channel.wait_for_state_change(state)


def parse_reply(request: WireRequest, data: bytes) -> WireMessage:
    """
    Raises:
        grpc.aio.AioRpcError: It is no reply to such a request.
    """
    kind = _METHOD_OF[type(request)].reply
    try:
        reply: WireMessage = kind.FromString(data)
    except DecodeError as error:
        problem = f"not a {kind.DESCRIPTOR.name}"
        raise grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, details=problem) from error
    return reply


class Service:
    """The methods of a service, however they are called; ``observe`` hears of each call."""

    def __init__(self, name: str, serve: Serve, observe: Observe | None) -> None:
        self._name = name
        self._methods = {method.name: method for method in METHODS[name]}
        self._serve = serve
        self._observe = observe
        self._answerers: set[Answerer] = set()

    def end_streams(self) -> None:
        """Once what waits on them has been answered."""
        for answerer in self._answerers:
            answerer.stop()

    def begin(self, name: str, data: bytes, said_by: str, respond: Respond) -> Call:
        """Parse and serve; gRPC itself would log a traceback for each bad message."""
        method = self._methods.get(name)
        if method is None:
            call = Call(said_by, respond)
            call.refuse(grpc.StatusCode.UNIMPLEMENTED, f"there is no {name!r}")
            return call
        call = Call(said_by, respond if self._observe is None else self._observed(name, respond))
        try:
            request = parse_request(method.request, data)
        except CodecError as error:
            log.warning("a request is refused: %s", error)
            call.refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        else:
            self._serve(request, call)
        return call

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """For gRPC: every method as calls by themselves, and those of nodes over streams."""
        handlers: dict[str, Any] = {
            name: grpc.unary_unary_rpc_method_handler(self._alone(name)) for name in self._methods
        }
        if self._name == GOSSIP_RAFT:
            handlers[EXCHANGE] = grpc.stream_stream_rpc_method_handler(self._exchange)
        return handlers

    def _alone(self, name: str) -> Any:
        async def serve(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
            ended = asyncio.get_running_loop().create_future()

            def respond(*response: Any) -> None:
                if not ended.done():
                    ended.set_result(response)

            call = self.begin(name, data, speaker(context), respond)
            try:
                code, details, reply = await ended
            finally:
                call.give_up()
            if code is not grpc.StatusCode.OK:
                await context.abort(code, details)
            answer: bytes = reply
            return answer

        return serve

    async def _exchange(self, _: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        answerer = Answerer(context, speaker(context), self.begin, MESSAGE_BYTES_MAX)
        self._answerers.add(answerer)
        try:
            await answerer.serve()
        except CodecError as error:
            log.warning("a stream is refused: %s", error)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            self._answerers.discard(answerer)

    def _observed(self, name: str, respond: Respond) -> Respond:
        def tell(code: grpc.StatusCode, details: str, reply: bytes) -> None:
            if self._observe is not None:
                self._observe(name, code.name)
            respond(code, details, reply)

        return tell


class Server:
    """Serves from when it was started until it is stopped."""

    def __init__(self, server: grpc.aio.Server, service: Service) -> None:
        self._server = server
        self._service = service

    async def stop(self, grace: float | None) -> None:
        """``grace`` in seconds is how long what is under way may take."""
        self._service.end_streams()
        await self._server.stop(grace)


async def start_server(
    service: str,
    serve: Serve,
    address: str,
    *,
    security: Security | None = None,
    observe: Observe | None = None,
    also: tuple[grpc.GenericRpcHandler, ...] = (),
) -> tuple[Server, int]:
    """Serve all methods of ``service`` with ``serve``; answers the server and its port.

    ``also`` are services of others on the same port.

    Raises:
        PortInUse: The address cannot be listened on.
    """
    server = grpc.aio.server(options=SERVER_OPTIONS)
    methods = Service(service, serve, observe)
    own = grpc.method_handlers_generic_handler(service_name(service), methods.handlers())
    server.add_generic_rpc_handlers((own, *also))
    try:
        if security is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, security.server_credentials())
    except RuntimeError as error:
        raise PortInUse(f"cannot listen on {address}") from error
    if port == 0:
        raise PortInUse(f"cannot listen on {address}")
    await server.start()
    return Server(server, methods), port
