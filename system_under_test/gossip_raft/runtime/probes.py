"""gRPC health and reflection beside a node's own service, for whoever probes from outside.

Their libraries are imported when first asked for, which those of most nodes never are:
together they would cost a fifth of a node's start.
"""

# ruff: noqa: PLC0415  The imports inside functions are the point.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import grpc

if TYPE_CHECKING:
    from grpc_health.v1.health import aio

HEALTH: Final = "grpc.health.v1.Health"
REFLECTION: Final = "grpc.reflection.v1alpha.ServerReflection"


class Probes(grpc.GenericRpcHandler):
    """Health is SERVING, of the server as a whole, between ``start`` and ``stop``; before,
    there is no such service.  Reflection describes ``service``."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._runs = False
        self._health: aio.HealthServicer | None = None
        self._handlers: dict[str, _Handlers] = {}

    def start(self) -> None:
        self._runs = True

    async def stop(self) -> None:
        """Tell those who watch, too."""
        self._runs = False
        if self._health is not None:
            await self._health.enter_graceful_shutdown()

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        name = handler_call_details.method[1:].rpartition("/")[0]
        if name not in self._handlers:
            if name == HEALTH and self._runs:
                self._handlers[name] = self._health_handlers()
            elif name == REFLECTION:
                self._handlers[name] = self._reflection_handlers()
            else:
                return None
        return self._handlers[name].service(handler_call_details)

    def _health_handlers(self) -> _Handlers:
        from grpc_health.v1 import health_pb2_grpc
        from grpc_health.v1.health import aio

        self._health = aio.HealthServicer()  # It begins as SERVING.
        handlers = _Handlers()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, cast("Any", handlers))
        return handlers

    def _reflection_handlers(self) -> _Handlers:
        from grpc_reflection.v1alpha import reflection_pb2_grpc
        from grpc_reflection.v1alpha.reflection import aio

        servicer = aio.ReflectionServicer((self._service, HEALTH, REFLECTION))
        handlers = _Handlers()
        register: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
        register(servicer, handlers)
        return handlers


class _Handlers:
    """Stands for a server where generated code registers a service."""

    def __init__(self) -> None:
        self._generic: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: tuple[grpc.GenericRpcHandler, ...]) -> None:
        self._generic += handlers

    def add_registered_method_handlers(self, _service: str, _handlers: object) -> None:
        """The same once more, for servers that need no generic ones."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        found = (handler.service(details) for handler in self._generic)
        return next((method for method in found if method is not None), None)
