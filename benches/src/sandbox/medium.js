// A handler as people write them: checks its input, groups, matches, renders.
class Invalid extends Error {
  constructor(field, why) {
    super(`${field}: ${why}`);
    this.field = field;
  }
}

const EMAIL = /^[^@\s]+@[^@\s]+\.[a-z]{2,}$/i;
const SKU = /^(?<kind>[A-Z]{2})-(?<number>\d{4})$/;

function checked(order) {
  if (typeof order.customer?.name !== "string") throw new Invalid("customer.name", "is missing");
  if (!EMAIL.test(order.customer.email)) throw new Invalid("customer.email", "is no address");
  for (const [at, line] of order.lines.entries()) {
    if (!SKU.test(line.sku)) throw new Invalid(`lines[${at}].sku`, `${line.sku} is none`);
    if (!Number.isInteger(line.quantity) || line.quantity < 1) throw new Invalid(`lines[${at}].quantity`, "is too small");
  }
  return order;
}

function grouped(lines) {
  const groups = new Map();
  for (const line of lines) {
    const { kind } = SKU.exec(line.sku).groups;
    const group = groups.get(kind) ?? { kind, cents: 0, lines: [] };
    group.cents += line.quantity * line.cents;
    group.lines.push(line.sku);
    groups.set(kind, group);
  }
  return [...groups.values()].sort((a, b) => b.cents - a.cents);
}

const money = (cents) => `${(cents / 100).toFixed(2)} EUR`;

function rendered(order, groups) {
  const rows = groups.map((it) => `${it.kind.padEnd(4)} ${money(it.cents).padStart(12)}  ${it.lines.join(", ")}`);
  const total = groups.reduce((sum, it) => sum + it.cents, 0);
  return [`Dear ${order.customer.name.replace(/\s+/g, " ")},`, ...rows, `Total ${money(total)}`].join("\n");
}

export function Main(e) {
  const lines = Array.from({ length: 8 }, (_, at) => ({
    sku: `${at % 2 ? "TE" : "CO"}-${String(1000 + at + e.n)}`,
    quantity: at + 1,
    cents: 450 + at,
  }));
  const order = checked({ customer: { name: "Ada  Lovelace", email: "ada@example.com" }, lines });
  const groups = grouped(order.lines);
  return { ok: true, text: rendered(order, groups), groups: groups.length };
}
