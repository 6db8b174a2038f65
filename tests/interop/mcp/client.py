"""The official client in Python: over HTTP, and over standard input and output, by the newest revision and an older one."""
import asyncio
import json
import sys

import mcp
from mcp import StdioServerParameters

url, binary, project = sys.argv[1:]


async def asked(context, params):
    return mcp.types.ElicitResult(action="accept", content={"by": "ann"})


async def judge(name, server, mode):
    async with mcp.Client(server, mode=mode, elicitation_callback=asked) as client:
        tools = (await client.list_tools()).tools
        assert any(tool.name == "Add" for tool in tools), tools
        total = await client.call_tool("Add", {"a": 1, "b": 2})
        assert total.structured_content == {"result": 3}, total
        consent = await client.call_tool("Consent", {"order": "7"})
        assert consent.structured_content == {"result": "approved by ann"}, consent
        resources = (await client.list_resources()).resources
        shown = await client.read_resource(resources[0].uri)
        assert json.loads(shown.contents[0].text)["namespace"] == "default"
        prompt = await client.get_prompt("test_prompt_with_arguments", {"arg1": "a", "arg2": "b"})
        assert "arg1='a', arg2='b'" in prompt.messages[0].content.text
        refused = await client.call_tool("Add", {"a": "x"})
        assert refused.is_error and "NX-2001" in refused.content[0].text, refused
        print(f"Python client, {name}: ok ({client.protocol_version if hasattr(client, 'protocol_version') else mode})")


async def main():
    alone = StdioServerParameters(command=binary, args=["mcp", "stdio", "--project", project])
    bridge = StdioServerParameters(command=binary, args=["mcp", "stdio", "--server", url])
    for mode in ["auto", "legacy"]:
        await judge(f"HTTP, {mode}", f"{url}/mcp", mode)
        await judge(f"stdio, {mode}", alone, mode)
        await judge(f"bridge, {mode}", bridge, mode)


asyncio.run(main())
