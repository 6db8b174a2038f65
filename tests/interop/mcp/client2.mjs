// The official client in TypeScript that knows the newest revision: over HTTP, and over standard input and output.
import assert from 'node:assert/strict'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

const [url, bin, project] = process.argv.slice(2)

async function judge(name, transport) {
  const capabilities = { elicitation: { form: {} } }
  const client = new Client({ name: 'judge', version: '1' }, { capabilities, versionNegotiation: { mode: 'auto' } })
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { by: 'ann' } }))
  await client.connect(transport)
  const { tools } = await client.listTools()
  assert(tools.some((tool) => tool.name === 'Add' && tool.outputSchema))
  const sum = await client.callTool({ name: 'Add', arguments: { a: 1, b: 2 } })
  assert.deepEqual(sum.structuredContent, { result: 3 })
  const consent = await client.callTool({ name: 'Consent', arguments: { order: '7' } })
  assert.deepEqual(consent.structuredContent, { result: 'approved by ann' })
  const { resources } = await client.listResources()
  const workflow = await client.readResource({ uri: resources[0].uri })
  assert.equal(JSON.parse(workflow.contents[0].text).namespace, 'default')
  const prompt = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } })
  assert.match(prompt.messages[0].content.text, /arg1='a', arg2='b'/)
  const version = client.getNegotiatedProtocolVersion()
  await client.close()
  console.log(`TypeScript client 2, ${name}: ok (${version})`)
}

await judge('HTTP', new StreamableHTTPClientTransport(new URL(`${url}/mcp`)))
await judge('stdio', new StdioClientTransport({ command: bin, args: ['mcp', 'stdio', '--project', project] }))
await judge('bridge', new StdioClientTransport({ command: bin, args: ['mcp', 'stdio', '--server', url] }))
