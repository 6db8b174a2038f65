"""The Python gateway, in its lean form: the handler that greets."""

from nexus import Nexus

app = Nexus(api_port=8767, enable_durability=False, server_type="basic", enable_auth=False, rate_limit=None)


@app.handler("Greet", description="Greets somebody.")
async def greet(name: str) -> dict:
    return {"text": "hello " + name}


app.start()
