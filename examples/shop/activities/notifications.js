// Activities of namespace notifications: letters, and the outbox they wait in. Key: `outbox/<order id>`.

const WIDTH = 64;

export async function RenderConfirmation({ customer, receipt }, ctx) {
  const amount = (cents) => money(cents, receipt.currency);
  const lines = receipt.lines.map((line) => row(`${line.quantity} × ${line.name}`, amount(line.net_cents)));
  const goods = receipt.lines.reduce((total, line) => total + line.net_cents, 0);
  const body = [
    `Dear ${customer.name},`,
    "",
    `thank you for your order ${receipt.order_id}.`,
    "",
    ...lines,
    row("shipping and tax", amount(receipt.total_cents - goods)),
    "-".repeat(WIDTH),
    row("total", amount(receipt.total_cents)),
    "",
    `Paid with ${receipt.paid_with}. Thank you.`,
    "",
  ].join("\n");
  ctx.log(`letter for order ${receipt.order_id}: ${body.length} characters`);
  return { to: customer.email, subject: `Your order ${receipt.order_id}`, body };
}

// Exact for every amount: cents never become a fraction.
function money(cents, currency) {
  const euros = String(Math.trunc(cents / 100)).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${euros}.${String(cents % 100).padStart(2, "0")} ${currency}`;
}

function row(left, right) {
  const room = WIDTH - right.length - 1;
  const text = left.length > room ? `${left.slice(0, room - 1)}…` : left;
  return text.padEnd(room) + " " + right;
}

export async function WriteOutbox({ order_id, letter }, ctx) {
  const key = `outbox/${order_id}`;
  const value = { ...letter, written_at: new Date().toISOString() };
  const committed = await ctx.kv.commit({ check: [{ key, version: null }], put: [{ key, value }] });
  return { key, is_new: committed.ok };
}

export async function ReadOutbox(order_id, ctx) {
  const letter = await ctx.kv.get(`outbox/${order_id}`);
  if (!letter) throw ApplicationFailure.nonRetryable(`there is no letter for order ${order_id}`, "LetterUnknown");
  return letter;
}
