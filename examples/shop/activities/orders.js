// Activities of namespace orders: prices, stock, the order table.
//
// Keys: `stock/<sku>` what is on the shelf, `reservation/<run>/<command>` what a run has taken from it,
// `released/<run>` that a run has given everything back, `order/<id>` the order table.

const COMMIT_TRIES = 25; // then the retry policy waits and starts over
const PAGE = 100;
const PAGES = 5; // of one call

// ---- ValidateOrder ----

export async function ValidateOrder({ order_id, order }, ctx) {
  const known = await ctx.kv.get(`order/${order_id}`);
  if (known) throw duplicate(known);
  const catalogue = JSON.parse(await ctx.read("catalogue.json"));
  const today = new Date().toISOString().slice(0, 10);
  const problems = problemsOf(order, catalogue, today);
  if (problems.length > 0) {
    const summary = problems.map((problem) => problem.message).join("; ");
    throw ApplicationFailure.nonRetryable(summary, "OrderInvalid", ...problems);
  }
  const quote = quoteOf(order_id, order, catalogue);
  ctx.log(`order ${order_id}: ${quote.lines.length} lines, ${quote.total_cents} cents`);
  return quote;
}

function problemsOf(order, catalogue, today) {
  const problems = [];
  const problem = (at, message) => problems.push({ at, message });
  if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(order.customer.email)) {
    problem("/customer/email", `${JSON.stringify(order.customer.email)} is no e-mail address`);
  }
  if (order.customer.name.trim() === "") problem("/customer/name", "the customer has no name");
  if (order.lines.length === 0) problem("/lines", "the order has no lines");
  order.lines.forEach((line, index) => {
    const at = `/lines/${index}`;
    if (!Object.hasOwn(catalogue.products, line.sku)) problem(`${at}/sku`, `there is no article ${line.sku}`);
    if (!Number.isInteger(line.quantity) || line.quantity < 1 || line.quantity > catalogue.quantity_max) {
      problem(`${at}/quantity`, `line ${index + 1}: a quantity is from 1 to ${catalogue.quantity_max}, not ${line.quantity}`);
    }
  });
  const said = problems.length === 0 && discountProblem(order, catalogue, today);
  if (said) problem("/discount_code", said);
  return problems;
}

function discountProblem(order, catalogue, today) {
  const code = order.discount_code;
  if (!code) return undefined;
  if (!Object.hasOwn(catalogue.discounts, code)) return `there is no discount code ${code}`;
  const rule = catalogue.discounts[code];
  if (rule.until && today > rule.until) return `discount code ${code} ended on ${rule.until}`;
  const goods = sum(order.lines.map((line) => catalogue.products[line.sku].cents * line.quantity));
  if (goods < rule.from_cents) return `discount code ${code} needs goods of ${rule.from_cents} cents, these are ${goods}`;
  return undefined;
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
// Half a cent is rounded up, as on a till.
const share = (cents, part, whole) => Math.floor((2 * cents * part + whole) / (2 * whole));

// Prices are without tax; tax is worked out once for each rate, so that the sum of roundings stays below a cent a rate.
function quoteOf(order_id, order, catalogue) {
  const lines = order.lines.map((line, index) => priced(line, index + 1, catalogue.products[line.sku]));
  const discount_cents = order.discount_code ? discount(lines, catalogue.discounts[order.discount_code]) : 0;
  const goods_cents = sum(lines.map((line) => line.net_cents));
  const { shipping } = catalogue;
  const shipping_cents = goods_cents >= shipping.free_from_cents ? 0 : shipping.cents;
  const nets = new Map([[shipping.tax, shipping_cents]]);
  for (const line of lines) nets.set(line.tax, (nets.get(line.tax) ?? 0) + line.net_cents);
  const tax_cents = sum([...nets].map(([rate, net]) => share(net, catalogue.tax_basis_points[rate], 10000)));
  return {
    order_id,
    currency: catalogue.currency,
    lines: lines.map(({ tax, category, ...line }) => line),
    goods_cents,
    discount_cents,
    shipping_cents,
    tax_cents,
    total_cents: goods_cents + shipping_cents + tax_cents,
  };
}

function priced(line, number, product) {
  const { sku, quantity } = line;
  const { name, category, tax, cents: unit_cents } = product;
  const net_cents = unit_cents * quantity;
  return { number, sku, name, quantity, unit_cents, discount_cents: 0, net_cents, tax, category };
}

// Spreads a discount over the lines it applies to. What rounding leaves over goes to the last of them.
function discount(lines, rule) {
  const eligible = lines.filter((line) => !rule.category || line.category === rule.category);
  const base = sum(eligible.map((line) => line.net_cents));
  const whole = rule.percent ? share(base, rule.percent, 100) : Math.min(rule.cents, base);
  let left = whole;
  eligible.forEach((line, index) => {
    const isLast = index === eligible.length - 1;
    line.discount_cents = isLast ? left : Math.floor((whole * line.net_cents) / base);
    line.net_cents -= line.discount_cents;
    left -= line.discount_cents;
  });
  return whole;
}

// ---- stock ----

// The key of an activity begins with its run, so a run finds what it has set aside by the beginning of the key.
const runOf = (ctx) => ctx.idempotencyKey.slice(0, ctx.idempotencyKey.lastIndexOf("/"));

export async function ReserveStock({ order_id, line }, ctx) {
  const catalogue = JSON.parse(await ctx.read("catalogue.json"));
  const key = `reservation/${ctx.idempotencyKey}`;
  const released = `released/${runOf(ctx)}`;
  return transact(ctx, async () => {
    const mine = await ctx.kv.get(key);
    if (mine) return { result: mine.reservation };
    if (await ctx.kv.get(released)) throw ApplicationFailure.nonRetryable("the order has been given up", "OrderGivenUp");
    const shelf = await stock(line.sku, catalogue, ctx);
    if (shelf.on_hand < line.quantity) throw outOfStock(line, shelf.on_hand);
    const on_hand = shelf.on_hand - line.quantity;
    const reservation = { sku: line.sku, quantity: line.quantity, left_in_stock: on_hand };
    return {
      check: [shelf.check, { key, version: null }, { key: released, version: null }],
      put: [
        { key: shelf.check.key, value: { on_hand } },
        { key, value: { order_id, reservation } },
      ],
      result: reservation,
    };
  });
}

// Everything of this run, one by one; it can be called again after any part of it. The mark comes first: an attempt of
// ReserveStock that everybody has given up on cannot take stock after it.
export async function ReleaseStock({ order_id }, ctx) {
  const catalogue = JSON.parse(await ctx.read("catalogue.json"));
  await ctx.kv.put(`released/${runOf(ctx)}`, { order_id });
  const taken = await all(`reservation/${runOf(ctx)}/`, ctx);
  for (const entry of taken) await release(entry.key, catalogue, ctx);
  if (taken.length > 0) ctx.log(`order ${order_id}: ${taken.length} lines are back in stock`);
  return taken.length;
}

function release(key, catalogue, ctx) {
  return transact(ctx, async () => {
    const entry = await ctx.kv.entry(key);
    if (!entry) return { result: false };
    const { sku, quantity } = entry.value.reservation;
    const shelf = await stock(sku, catalogue, ctx);
    return {
      check: [shelf.check, { key, version: entry.version }],
      put: [{ key: shelf.check.key, value: { on_hand: shelf.on_hand + quantity } }],
      delete: [key],
      result: true,
    };
  });
}

// What is on the shelf; an article that was never touched has what the catalogue says.
async function stock(sku, catalogue, ctx) {
  const key = `stock/${sku}`;
  const entry = await ctx.kv.entry(key);
  const on_hand = entry ? entry.value.on_hand : catalogue.products[sku].stock;
  return { on_hand, check: { key, version: entry ? entry.version : null } };
}

// Decides on what is there and commits on the condition that nobody changed it, until that holds.
async function transact(ctx, decide) {
  for (let tries = 0; tries < COMMIT_TRIES; tries++) {
    const { result, ...changes } = await decide();
    if (changes.put === undefined) return result;
    const committed = await ctx.kv.commit(changes);
    if (committed.ok) return result;
  }
  throw new ApplicationFailure("others keep changing the same keys", { type: "StockBusy" });
}

function outOfStock(line, on_hand) {
  const message = `${line.name}: ${line.quantity} wanted, ${on_hand} in stock`;
  const details = { sku: line.sku, wanted: line.quantity, in_stock: on_hand };
  return ApplicationFailure.nonRetryable(message, "OutOfStock", details);
}

// ---- the order table ----

export async function RecordOrder(entry, ctx) {
  const key = `order/${entry.order_id}`;
  const value = { ...entry, recorded_at: new Date().toISOString(), recorded_by: ctx.idempotencyKey };
  const committed = await ctx.kv.commit({ check: [{ key, version: null }], put: [{ key, value }] });
  if (committed.ok) return entry;
  const known = await ctx.kv.get(key);
  // An earlier attempt of this very call may have got through without its answer arriving.
  if (known.recorded_by === ctx.idempotencyKey) return entry;
  if (known.recorded_by.startsWith(`${runOf(ctx)}/`)) throw decided(known);
  throw duplicate(known);
}

export async function FindOrder(order_id, ctx) {
  const known = await ctx.kv.get(`order/${order_id}`);
  if (!known) throw ApplicationFailure.nonRetryable(`there is no order ${order_id}`, "OrderUnknown");
  return known;
}

function decided(known) {
  const message = `this run has recorded order ${known.order_id} as ${known.status}`;
  return ApplicationFailure.nonRetryable(message, "OrderDecided", { status: known.status });
}

function duplicate(known) {
  const message = `order ${known.order_id} has a record already: ${known.status}`;
  return ApplicationFailure.nonRetryable(message, "DuplicateOrder", { status: known.status });
}

export async function CountOrders(so_far, ctx) {
  const count = { ...so_far, by_status: { ...so_far.by_status } };
  for (let pages = 0; pages < PAGES && count.has_more; pages++) {
    const page = await ctx.kv.list("order/", { after: count.after || null, limit: PAGE });
    for (const { key, value } of page) {
      count.orders += 1;
      count.by_status[value.status] = (count.by_status[value.status] ?? 0) + 1;
      if (value.status === "completed") count.revenue_cents += value.total_cents;
      count.after = key;
    }
    count.has_more = page.length === PAGE;
  }
  return count;
}

export async function CountStock(_, ctx) {
  const catalogue = JSON.parse(await ctx.read("catalogue.json"));
  const report = [];
  for (const [sku, product] of Object.entries(catalogue.products)) {
    const { on_hand } = await stock(sku, catalogue, ctx);
    report.push({ sku, name: product.name, on_hand, taken: product.stock - on_hand });
  }
  return report;
}

async function all(prefix, ctx) {
  const entries = [];
  for (let after = null; ; ) {
    const page = await ctx.kv.list(prefix, { after, limit: PAGE });
    entries.push(...page);
    if (page.length < PAGE) return entries;
    after = page[page.length - 1].key;
  }
}
