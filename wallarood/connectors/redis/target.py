"""Redis as a target of `SpooledSink`: a script that changes data and a marker."""
# Theory of operation
# ===================
# A script runs alone, and its effects go to the append-only file together. It compares the marker
# first, so what an earlier process has sent and is still on its way changes nothing any more once
# the marker has moved; and if it comes first, we find that it did. A script that fails is not
# rolled back: whatever could make it fail must do so before its first change.

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import trio

from wallarood.connectors.redis.server import Address, Connection
from wallarood.connectors.spool.target import Marker, MarkerMovedError
from wallarood.model.errors import ConfigurationError, PeersGoneError

Kept: TypeAlias = tuple[str | bytes, ...]
"""What a script gets of a record: always as many strings."""

COMPARE = """
if (redis.call('GET', KEYS[2]) or '0 0') ~= ARGV[1] then return 'moved' end
redis.call('SET', KEYS[2], ARGV[1])
"""
"""The marker is set to what it is, so that a user who may not set it changes nothing."""
STREAM = f"""{COMPARE}
local i = 4
while i <= #ARGV do
  local count = tonumber(ARGV[i])
  local entry = {{}}
  if ARGV[3] ~= '' then entry = {{'MAXLEN', '~', ARGV[3]}} end
  entry[#entry + 1] = '*'
  for at = i + 1, i + count do entry[#entry + 1] = ARGV[at] end
  redis.call('XADD', KEYS[1], unpack(entry))
  i = i + count + 1
end
redis.call('SET', KEYS[2], ARGV[2])
return 'done'
"""
"""Adds entries; each is the number of its strings, and these: fields and values in turns."""
HASH = f"""{COMPARE}
for i = 4, #ARGV, 3 do
  if ARGV[i + 2] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
  else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('SET', KEYS[2], ARGV[2])
return 'done'
"""
"""Sets fields; each is a field, its value, and whether it is there: else it is deleted."""


CHECK = """
local lacks = {}
for at = 1, redis.acl_check_cmd and #ARGV or 0 do
  local key = at < 3 and KEYS[2] or KEYS[1]
  if not redis.acl_check_cmd(ARGV[at], key) then lacks[#lacks + 1] = ARGV[at] end
end
return lacks
"""
"""Which commands of those that a script needs the user may not give; two are for the marker."""
NEEDED = {STREAM: ("GET", "SET", "XADD"), HASH: ("GET", "SET", "HSET", "HDEL")}


@attrs.define(eq=False)
class RedisTarget:
    """See `wallarood.Target`. *option* is the third argument of the script."""

    address: Address
    key: str
    script: str
    writer: str
    encode: Callable[[list[Any]], list[Kept]]
    option: str = ""
    _connection: Connection | None = attrs.field(default=None, init=False)

    @property
    def marker_key(self) -> str:
        """Beside the data, also where keys are spread by what stands in braces."""
        tag = self.key if "{" in self.key else f"{{{self.key}}}"
        return f"wallarood:{self.writer}:{tag}"

    async def marker(self) -> Marker:
        """See `wallarood.Target`."""
        await self.aclose()
        self._connection = await self.address.connected()
        try:
            return await self._marker(self._connection)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self.aclose()
            raise

    async def _marker(self, connection: Connection) -> Marker:
        await self._check(connection)
        (found,) = await connection.call(("GET", self.marker_key))
        if found is None:
            return Marker()
        line, _, last = found.decode().partition(" ")
        return Marker(int(line), int(last))

    async def check(self) -> None:
        """See `wallarood.Target`."""
        connection = await self.address.connected()
        try:
            await self._check(connection)
        finally:
            with trio.CancelScope(shield=True):
                await connection.aclose()

    async def _check(self, connection: Connection) -> None:
        """Raises ConfigurationError: the key holds something else, or markers may vanish.

        Or the user may not do what is needed.
        """
        wanted = "stream" if self.script is STREAM else "hash"
        kind, memory = await connection.call(("TYPE", self.key), ("INFO", "memory"))
        if kind.decode() not in ("none", wanted):
            raise ConfigurationError(
                f"{self.address}: key {self.key!r} holds a {kind.decode()}, not a {wanted}: use "
                "another key"
            )
        policy = [line for line in memory.decode().split() if line.startswith("maxmemory_policy:")]
        if policy and "allkeys" in policy[0]:
            raise ConfigurationError(
                f"{self.address} has {policy[0].replace(':', ' ')}: it may forget which records it "
                "has. Use noeviction or one of volatile-…"
            )
        needed = NEEDED[self.script]
        (lacks,) = await connection.call(("EVAL", CHECK, 2, self.key, self.marker_key, *needed))
        if lacks:
            raise ConfigurationError(
                f"{self.address}: the user may not {b', '.join(lacks).decode()} key {self.key!r} "
                f"or {self.marker_key!r}: give the user these rights (ACL SETUSER)"
            )

    async def apply(self, records: list[Kept], expected: Marker, new: Marker) -> None:
        """See `wallarood.Target`."""
        if self._connection is None:
            raise PeersGoneError(f"{self.address}: there is no connection")
        strings = [string for record in records for string in record]
        command = (
            *("EVAL", self.script, 2, self.key, self.marker_key),
            *(f"{expected.line} {expected.last}", f"{new.line} {new.last}", self.option),
            *strings,
        )
        (said,) = await self._connection.call(command)
        if said != b"done":
            raise MarkerMovedError(f"{self.address}: the marker is not {expected}")

    async def aclose(self) -> None:
        """See `wallarood.Target`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()
