"""FastMCP: the function that greets, over streamable HTTP without sessions."""

from fastmcp import FastMCP

server = FastMCP("peer")


@server.tool(name="Greet")
def greet(name: str) -> str:
    return "hello " + name


server.run(
    transport="http", host="127.0.0.1", port=8766, log_level="error", show_banner=False,
    stateless_http=True, json_response=True,
)
