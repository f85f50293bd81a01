"""How RPCs are made here: methods, channel and server options, one place for both sides."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.runtime.codec import WireMessage, WireRequest
from system_under_test.gossip_raft.runtime.errors import CodecError, PortInUse
from system_under_test.gossip_raft.runtime.security import CLIENTS, Security

GOSSIP_RAFT: Final = "GossipRaft"
GATEWAY: Final = "Gateway"

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""More than a full batch, or the largest request a node admits; what exceeds it is refused by
gRPC (RESOURCE_EXHAUSTED, with both sizes) before it is read."""
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
Serve: TypeAlias = Callable[[Any, "grpc.aio.ServicerContext[Any, Any]"], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Method:
    path: str
    request: type[Any]
    reply: type[Any]


def _methods(service: str) -> tuple[Method, ...]:
    descriptor = wire.DESCRIPTOR.services_by_name[service]
    return tuple(
        Method(
            f"/{descriptor.full_name}/{method.name}",
            GetMessageClass(method.input_type),
            GetMessageClass(method.output_type),
        )
        for method in descriptor.methods
    )


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
        self._callables: dict[type[Any], grpc.aio.UnaryUnaryMultiCallable[Any, Any]] = {}

    async def call(self, request: WireRequest, timeout_s: float) -> WireMessage:
        """
        Raises:
            grpc.aio.AioRpcError: No answer, for whatever reason.
        """
        kind = type(request)
        if kind not in self._callables:
            method = _METHOD_OF[kind]
            self._callables[kind] = self.channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.reply.FromString,
            )
        reply: WireMessage = await self._callables[kind](request, timeout=timeout_s)
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


async def start_server(
    service: str,
    serve: Serve,
    address: str,
    *,
    security: Security | None = None,
    observe: Observe | None = None,
    also: tuple[grpc.GenericRpcHandler, ...] = (),
) -> tuple[grpc.aio.Server, int]:
    """Serve all methods of ``service`` with ``serve``; answers the server and its port.

    ``also`` are services of others on the same port.

    Raises:
        PortInUse: The address cannot be listened on.
    """
    server = grpc.aio.server(options=SERVER_OPTIONS)
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        method.path.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(
            _serving(method, serve, observe),
            response_serializer=method.reply.SerializeToString,
        )
        for method in METHODS[service]
    }
    own = grpc.method_handlers_generic_handler(service_name(service), handlers)
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
    return server, port


def parse_request(kind: type[Any], data: bytes) -> Any:
    """
    Raises:
        CodecError: It is not a ``kind``, or says more than this version understands,
            which could mean anything.
    """
    name = kind.DESCRIPTOR.name
    try:
        message = kind.FromString(data)
    except DecodeError as error:
        raise CodecError(f"not a {name}") from error
    message.DiscardUnknownFields()
    if message.ByteSize() < len(data):
        raise CodecError(f"{name} with unknown fields")
    return message


def _serving(method: Method, serve: Serve, observe: Observe | None) -> Serve:
    """``serve`` behind the parser.  gRPC itself would log a traceback for each bad message."""
    name = method.path.rpartition("/")[2]

    async def serve_bytes(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        code = "UNKNOWN"  # What gRPC answers if ``serve`` raises something else.
        try:
            try:
                request = parse_request(method.request, data)
            except CodecError as error:
                log.warning("a request is refused: %s", error)
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            reply = await serve(request, context)
            code = "OK"
        except asyncio.CancelledError:
            code = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            code = context.code().name
            raise
        finally:
            if observe is not None:
                observe(name, code)
        return reply

    return serve_bytes
