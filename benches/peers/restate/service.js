// The job as a Restate service, in a process of its own.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new this((yes, no) => ((resolve = yes), (reject = no)));
  return { promise, resolve, reject };
};
const restate = await import("@restatedev/restate-sdk");
const { openSync, writeSync } = await import("node:fs");

const lines = openSync("restate-lines", "a");
const step = (n) => {
  writeSync(lines, `${n}\n`);
  return n + 1;
};

const peer = restate.service({
  name: "peer",
  handlers: {
    three: async (ctx, n) => {
      const a = await ctx.run("a", () => step(n));
      const b = await ctx.run("b", () => step(a));
      return ctx.run("c", () => step(b));
    },
  },
});
restate.serve({ services: [peer], port: 9080 });
