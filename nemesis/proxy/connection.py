"""A proxied connection: two endpoints and a pipe each way, every byte past a gate.

Laws, for each direction:

1. Order is kept, and what is delivered is a prefix of what was sent.
2. A cut delivers nothing more: not what was buffered here, not what arrives
   during it, not the news that the sender closed or died.
3. A connection that lost anything so, or was opened during a cut, is *damaged*.
   It is never used again: whoever heals the link aborts it, since its stream has
   a hole.
4. A *deserted* side was not told that the other is gone; what it says is lost, and the
   connection is damaged.
5. At most ``Gate.buffer_max`` bytes, plus one read, are held; then the sender waits.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from nemesis.proxy.endpoint import Endpoint
from nemesis.proxy.gate import READ_MAX, Gate
from nemesis.proxy.http2 import RelayError
from nemesis.proxy.relay import Relay

Address: TypeAlias = tuple[str, int]


class _Ending(Enum):
    CLOSED = "closed"
    RESET = "reset"


class _Pipe:
    """One direction of a connection."""

    __slots__ = (
        "_connection",
        "_ended",
        "_held",
        "_loop",
        "_scratch",
        "_sink",
        "_source",
        "_timer",
        "closing_delivered",
        "deserted",
        "gate",
        "held_bytes",
    )

    def __init__(
        self,
        connection: Connection,
        gate: Gate,
        source: Endpoint,
        sink: Endpoint,
        scratch: memoryview,
    ) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self.gate = gate
        self._source = source
        self._sink = sink
        self._scratch = scratch
        self._held: deque[tuple[float, memoryview | _Ending]] = deque()
        self._ended = False
        self._timer: asyncio.TimerHandle | None = None
        self.held_bytes = 0
        self.closing_delivered = False
        self.deserted = False

    @property
    def swallows(self) -> bool:
        """Nothing that comes is passed on."""
        return self.gate.cut or self.deserted

    @property
    def must_be_silent(self) -> bool:
        """The source must not learn yet what became of the connection."""
        return self.gate.cut or (self.deserted and self.gate.half_open)

    def readable(self) -> None:
        """Move what the source has sent, one bufferful at most."""
        scratch = self._scratch
        if self.gate.piece_max < READ_MAX:
            scratch = scratch[: self.gate.piece_max]
        try:
            count = self._source.socket.recv_into(scratch)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._connection.lose(self._source)
            return
        if count:
            self._take(scratch[:count])
        else:
            self.end(_Ending.CLOSED)

    def read_pending(self) -> None:
        """Read now what the loop would have read at its next turn."""
        if not self._source.closed and self._source.ready and not self._ended:
            self.readable()

    def _take(self, data: memoryview) -> None:
        if self.swallows:
            self.gate.counts.bytes_dropped += len(data)
            self._connection.damaged = True
        elif self._connection.relay is None:
            self.put(data)
        else:
            self._connection.put_into_relay(self, data)

    def put(self, data: memoryview) -> None:
        """Hand on ``data``, now or when the gate says."""
        gate = self.gate
        if self.swallows:
            gate.counts.bytes_dropped += len(data)
            self._connection.damaged = True
            return
        if self._sink.closed:
            return  # Nobody is there any more; the news of it is on its way back.
        hold_s = 0.0 if gate.is_plain else gate.hold_s(len(data), self._loop.time())
        if hold_s:
            gate.counts.bytes_delayed += len(data)
        elif not self._held and self._sink.ready:
            data = data[self._send(data) :]
            if not data or self._sink.closed:
                return
        self._hold(hold_s, memoryview(bytes(data)))

    def _send(self, data: memoryview) -> int:
        """How many bytes the sink's kernel took; the sink is closed if it is gone."""
        try:
            count = self._sink.socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._connection.lose(self._sink)
            return 0
        self.gate.counts.bytes_passed += count
        return count

    def _hold(self, hold_s: float, item: memoryview | _Ending) -> None:
        release_at = self._loop.time() + hold_s if hold_s else 0.0
        self._held.append((release_at, item))
        if isinstance(item, memoryview):
            self.held_bytes += len(item)
        self.flush()

    def end(self, ending: _Ending) -> None:
        """The source closed its direction, or is gone; the sink learns it in its turn."""
        self._ended = True
        self._source.watch_read(None)
        if self.swallows:
            self._connection.damaged = True
        elif not self._sink.closed:
            self._hold(self.gate.hold_end_s(self._loop.time()), ending)

    def flush(self) -> None:
        """Deliver what is due, in order, as far as the sink takes it."""
        while self._held and self._sink.ready and not self._sink.closed:
            release_at, item = self._held[0]
            if release_at > self._loop.time():
                break
            if isinstance(item, _Ending):
                self._held.popleft()
                self._deliver(item)
                continue
            count = self._send(item)
            if self._sink.closed:
                return
            self.held_bytes -= count
            if count < len(item):
                self._held[0] = (release_at, item[count:])
                break
            self._held.popleft()
        self.watch()

    def _deliver(self, ending: _Ending) -> None:
        if ending is _Ending.RESET:
            self._connection.abort()
            return
        try:
            self._sink.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._connection.lose(self._sink)
            return
        self.closing_delivered = True
        self._connection.close_if_done()

    def watch(self) -> None:
        """Ask the loop for what can be done next: read, write, or wait."""
        if self._source.ready and not self._ended:
            wanted = self.swallows or self.held_bytes < self.gate.buffer_max
            self._source.watch_read(self.readable if wanted else None)
        release_at = self._held[0][0] if self._held else None
        due = release_at is not None and release_at <= self._loop.time()
        if self._sink.ready:
            self._sink.watch_write(self.flush if due else None)
        self._set_timer(None if due or self._sink.closed else release_at)

    def _set_timer(self, release_at: float | None) -> None:
        if self._timer is not None:
            if self._timer.when() == release_at:
                return
            self._timer.cancel()
            self._timer = None
        if release_at is not None:
            self._timer = self._loop.call_at(release_at, self._released)

    def _released(self) -> None:
        self._timer = None
        self.flush()

    def drop_held(self) -> None:
        """A cut began: what is held is lost, and so is all that comes."""
        if self._held:
            self.gate.counts.bytes_dropped += self.held_bytes
            self._connection.damaged = True
        self.forget()
        self.watch()

    def desert(self) -> None:
        """The sink is gone, and the source does not learn of it."""
        if self._sink.closed or self.swallows:
            return
        self.gate.counts.connections_deserted += 1
        self.deserted = True
        self._connection.damaged = True
        self._sink.abort()
        self.drop_held()

    def forget(self) -> None:
        """Hold nothing and wait for nothing."""
        self._held.clear()
        self.held_bytes = 0
        self._set_timer(None)

    def release(self) -> None:
        """What holds things back is lifted: what it held is due at once."""
        self._held = deque((0.0, item) for _, item in self._held)
        self.flush()


class Connection:
    """One accepted connection and the one made for it.

    ``near`` is the side that opened it, ``far`` the target.  ``on_end`` is called
    once, when nothing is left of it.
    """

    __slots__ = ("_far", "_near", "_on_end", "_wake", "backward", "damaged", "forward", "relay")

    def __init__(
        self,
        accepted: socket.socket,
        forward: Gate,
        backward: Gate,
        scratch: memoryview,
        on_end: Callable[[Connection], None],
        *,
        relay: Relay | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._on_end: Callable[[Connection], None] | None = on_end
        self.relay = relay
        self._wake: asyncio.TimerHandle | None = None
        self._near = Endpoint(loop, ready=True)
        self._far = Endpoint(loop, ready=False)
        self.damaged = forward.cut or backward.cut
        self.forward = _Pipe(self, forward, self._near, self._far, scratch)
        self.backward = _Pipe(self, backward, self._far, self._near, scratch)
        self._near.attach(accepted)

    def open(self, target: Address | None) -> None:
        """Connect onward to ``target``; ``None`` is nobody, who refuses.

        While the forward link is cut the target hears nothing of it.
        """
        if self.forward.swallows:
            self.forward.watch()
            return
        if target is None or not self._dial(target):
            self.lose(self._far)
            return
        self.forward.watch()

    def _dial(self, target: Address) -> bool:
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except OSError:
            return False
        self._far.attach(sock)
        if sock.connect_ex(target) not in {0, errno.EINPROGRESS}:
            return False
        self._far.watch_write(self._dialled)
        return True

    def _dialled(self) -> None:
        far = self._far
        try:
            error = far.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # Dialling a free port of the ephemeral range may meet itself there (TCP's
            # simultaneous open): a dead server would seem to echo its clients.
            if error or far.socket.getsockname() == far.socket.getpeername():
                self.lose(far)
                return
        except OSError:
            self.lose(far)
            return
        far.watch_write(None)
        far.ready = True
        self.forward.flush()
        self.backward.watch()

    @property
    def must_be_silent(self) -> bool:
        return self.forward.must_be_silent or self.backward.must_be_silent

    def desert(self, gate: Gate) -> None:
        """End it at the target of ``gate`` and let the source believe that it goes on."""
        (self.forward if gate is self.forward.gate else self.backward).desert()

    # --- calls -----------------------------------------------------------------------

    def put_into_relay(self, pipe: _Pipe, data: memoryview) -> None:
        """``data`` came out of ``pipe``; whatever that leads to is handed on."""
        assert self.relay is not None
        now = asyncio.get_running_loop().time()
        try:
            self.relay.receive(pipe is self.forward, data, now)
        except RelayError:
            self.abort()
            return
        self._take_from_relay()

    def _take_from_relay(self) -> None:
        relay = self.relay
        assert relay is not None
        for pipe, out in ((self.forward, relay.to_server), (self.backward, relay.to_client)):
            if out and self._on_end is not None:
                data = memoryview(bytes(out))
                out.clear()
                pipe.put(data)
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._on_end is not None and (due := relay.next_due()) is not None:
            self._wake = asyncio.get_running_loop().call_at(due, self._relay_due)

    def _relay_due(self) -> None:
        assert self.relay is not None
        self._wake = None
        self.relay.let_go(asyncio.get_running_loop().time())
        self._take_from_relay()

    def release(self) -> None:
        """What conditions held back and hold back no more is due at once."""
        if self.relay is not None:
            self.relay.let_all_go()
            self._take_from_relay()
        self.forward.release()
        self.backward.release()

    def drop_held(self) -> None:
        """A way was cut: what is held on it is lost."""
        for pipe in (self.forward, self.backward):
            if pipe.swallows:
                relay = self.relay
                if relay is not None and relay.drop_held(to_server=pipe is self.forward):
                    self.damaged = True
                pipe.drop_held()

    # --- its end ---------------------------------------------------------------------

    def lose(self, end: Endpoint) -> None:
        """``end`` is gone (reset, refused): tell the other, if the link back allows."""
        end.abort()
        outgoing, incoming = (
            (self.forward, self.backward) if end is self._near else (self.backward, self.forward)
        )
        incoming.forget()
        incoming.watch()
        outgoing.end(_Ending.RESET)
        if self._near.closed and self._far.closed:
            self._end()

    def close_if_done(self) -> None:
        """Both sides have heard that the other closed: nothing is left to carry."""
        if self.forward.closing_delivered and self.backward.closing_delivered:
            self._near.close()
            self._far.close()
            self._end()

    def abort(self) -> None:
        """Break both sides, visibly."""
        self._near.abort()
        self._far.abort()
        self._end()

    def _end(self) -> None:
        self.forward.forget()
        self.backward.forget()
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(self)
