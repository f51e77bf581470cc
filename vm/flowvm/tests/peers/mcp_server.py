"""A Model Context Protocol server built with the official SDK, for the tests: `mcp_server.py stdio`, or
`mcp_server.py PORT`."""

import asyncio
import os
import sys
from typing import TypedDict

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("peer", log_level="ERROR")


class Score(TypedDict):
    points: int
    why: str


@server.tool()
def greet(who: str) -> str:
    return f"Hello, {who}."


@server.tool()
def score(text: str) -> Score:
    return {"points": len(text), "why": "its length"}


@server.tool()
def count(text: str) -> int:
    return len(text)


@server.tool(structured_output=False)
def told(text: str) -> str:
    return 'The score is {"points": 3, "why": "told"}.'


@server.tool()
def broken(text: str) -> str:
    raise ToolError(f"cannot take {text}")


@server.tool()
async def steps(ctx: Context) -> str:
    await ctx.report_progress(1, 2, "half")
    await ctx.report_progress(2, 2, "all")
    return "done"


@server.tool()
async def slow(path: str) -> str:
    """Says in a file that it began, and whether it was cancelled."""
    with open(path, "w") as said:
        said.write(f"{os.getpid()}\n")
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        with open(path, "a") as said:
            said.write("cancelled\n")
        raise
    return "late"


@server.tool()
def large(size: int) -> str:
    return "x" * size


@server.tool()
def variable(name: str) -> str:
    return os.environ.get(name, "")


@server.tool()
def ends() -> str:
    print("going down", file=sys.stderr, flush=True)
    os._exit(3)


if sys.argv[1] == "stdio":
    print("not a message", flush=True)
    server.run()
else:
    server.run("streamable-http", port=int(sys.argv[1]))
