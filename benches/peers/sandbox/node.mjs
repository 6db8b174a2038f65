// What V8 takes for the same trivial call: in a new context of the same heap (no wall between tenants), and in a worker thread.
import vm from "node:vm";
import { Worker } from "node:worker_threads";

const SOURCE = "(e) => ({ ok: true, n: e.n + 1 })";
const us = (from, count) => {
  const { user, system } = process.cpuUsage(from);
  return ((user + system) / count).toFixed(0);
};

const script = new vm.Script(SOURCE);
const fresh = () => JSON.stringify(script.runInContext(vm.createContext({}))(JSON.parse('{"n":41}')));
for (let i = 0; i < 50; i++) fresh();
let from = process.cpuUsage();
for (let i = 0; i < 500; i++) fresh();
console.log(`new context, compiled script   ${us(from, 500)} us of processor time (no isolation of memory or time)`);

const handler = script.runInThisContext();
const reused = () => JSON.stringify(handler(JSON.parse('{"n":41}')));
for (let i = 0; i < 10_000; i++) reused();
from = process.cpuUsage();
for (let i = 0; i < 100_000; i++) reused();
console.log(`reused context                 ${us(from, 100_000)} us (globals of one call are seen by the next)`);

const worker = () =>
  new Promise((resolve, reject) => {
    const text = `require("worker_threads").parentPort.postMessage((${SOURCE})({ n: 41 }))`;
    const started = new Worker(text, { eval: true });
    started.once("message", () => started.terminate().then(resolve));
    started.once("error", reject);
  });
await worker();
from = process.cpuUsage();
for (let i = 0; i < 20; i++) await worker();
console.log(`new worker thread              ${us(from, 20)} us of processor time`);
