// The official client in TypeScript, of the revisions up to 2025-11-25: over HTTP, and over standard input and output.
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const [url, bin, project] = process.argv.slice(2)

async function judge(name, transport) {
  const client = new Client({ name: 'judge', version: '1' }, { capabilities: { elicitation: { form: {} } } })
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: 'accept', content: { by: 'ann' } }))
  await client.connect(transport)
  const { tools } = await client.listTools()
  assert(tools.some((tool) => tool.name === 'Add' && tool.outputSchema))
  const sum = await client.callTool({ name: 'Add', arguments: { a: 1, b: 2 } })
  assert.deepEqual(sum.structuredContent, { result: 3 })
  const consent = await client.callTool({ name: 'Consent', arguments: { order: '7' } })
  assert.deepEqual(consent.structuredContent, { result: 'approved by ann' })
  const progress = []
  await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, { onprogress: (it) => progress.push(it.progress) })
  assert(progress.length >= 2 && progress.every((it, at) => at === 0 || it > progress[at - 1]), String(progress))
  const { resources } = await client.listResources()
  const workflow = await client.readResource({ uri: resources[0].uri })
  assert.equal(JSON.parse(workflow.contents[0].text).namespace, 'default')
  await client.subscribeResource({ uri: 'nexus://events/default' })
  await client.unsubscribeResource({ uri: 'nexus://events/default' })
  await assert.rejects(client.readResource({ uri: 'nexus://runs/nothing' }), (error) => error.code === -32002)
  const { prompts } = await client.listPrompts()
  assert.equal(prompts.length, 2)
  const prompt = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } })
  assert.match(prompt.messages[0].content.text, /arg1='a', arg2='b'/)
  const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' }
  const proposed = await client.complete({ ref, argument: { name: 'arg1', value: 'par' } })
  assert.deepEqual(proposed.completion.values, ['paris', 'park', 'party'])
  await client.close()
  console.log(`TypeScript client 1, ${name}: ok`)
}

await judge('HTTP', new StreamableHTTPClientTransport(new URL(`${url}/mcp`)))
await judge('stdio', new StdioClientTransport({ command: bin, args: ['mcp', 'stdio', '--project', project] }))
await judge('bridge', new StdioClientTransport({ command: bin, args: ['mcp', 'stdio', '--server', url] }))
