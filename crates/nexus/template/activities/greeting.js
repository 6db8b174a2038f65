// One exported function for each activity. An activity with one parameter gets that value,
// one with several gets an object of them. A failed attempt is made again by its retry policy.

export async function CountVisit(name, ctx) {
  const key = `visits/${name}`;
  for (;;) {
    const entry = await ctx.kv.entry(key);
    // An attempt that is repeated after a crash must not count twice.
    if (entry && entry.value.last === ctx.idempotencyKey) return entry.value.count;
    const value = { count: (entry ? entry.value.count : 0) + 1, last: ctx.idempotencyKey };
    const committed = await ctx.kv.commit({
      check: [{ key, version: entry ? entry.version : null }],
      put: [{ key, value }],
    });
    if (committed.ok) return value.count;
  }
}

export async function Render({ name, language, visit }, ctx) {
  const greetings = JSON.parse(await ctx.read("greetings.json"));
  const template = greetings[language];
  if (!template) {
    throw ApplicationFailure.nonRetryable(`no greeting in ${language}`, "UnknownLanguage");
  }
  ctx.log(`visit ${visit} of ${name}`);
  return template.replace("{name}", name) + (visit > 1 ? ` (${visit})` : "");
}
