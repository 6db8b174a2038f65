// Callers of the job over Restate's ingress.
const url = "http://127.0.0.1:8080/peer/three";

async function once() {
  const began = performance.now();
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "1" });
  const result = await response.json();
  if (result !== 4) throw new Error(`the run ended with ${JSON.stringify(result)}`);
  return performance.now() - began;
}

async function load(callers, runs) {
  const waits = [];
  const caller = async () => {
    for (let run = 0; run < runs / callers; run++) waits.push(await once());
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return waits.sort((a, b) => a - b);
}

await load(8, 200);
for (const [callers, runs] of [[1, 500], [8, 2000], [64, 6400]]) {
  const began = performance.now();
  const waits = await load(callers, runs);
  const rate = (waits.length * 1000) / (performance.now() - began);
  const at = (share) => waits[Math.floor((waits.length - 1) * share)].toFixed(2);
  console.log(`${callers}\t${rate.toFixed(1)}\t${at(0.5)}\t${at(0.99)}`);
}
