"""The peer of pipe.rs: a worker as one is first written. It runs a command and awaits one XADD for each of its lines.

Arguments: the port of a Redis server on 127.0.0.1, and the command. Says how many lines it had acknowledged, and in how
many seconds.
"""

import asyncio
import sys
import time

import redis.asyncio


async def main(port, command):
    server = redis.asyncio.Redis(port=port)
    await server.ping()
    began, lines = time.monotonic(), 0
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async for line in child.stdout:
        millis = time.time_ns() // 1_000_000
        await server.xadd("worker", {"ts": millis, "stdout": line.rstrip(b"\n")})
        lines += 1
    await child.wait()
    print(lines, time.monotonic() - began)
    await server.aclose()


asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
