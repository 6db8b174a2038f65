// Activities of namespace payments: cards and the ledger.
//
// Keys: `charge/<idempotency key>` a charge, `void/<idempotency key>` that no charge may be made under that key any more.

const PAGE = 100;
const PAGES = 5; // of one call

// ---- cards ----

export async function CheckCard(method, ctx) {
  const { brands, declined, review_seconds } = JSON.parse(await ctx.read("cards.json"));
  const number = method.card.replace(/[ -]/g, "");
  const brand = brandOf(number, brands);
  const last4 = number.slice(-4);
  if (!brand || !luhn(number)) throw refused("invalid_number", `${mask(last4)} is no card number`);
  if (isExpired(method.expiry, new Date())) throw refused("expired_card", `the card ${mask(last4)} expired in ${method.expiry}`);
  if (Object.hasOwn(declined, number)) throw refused(declined[number], `the issuer declined the card ${mask(last4)}: ${declined[number]}`);
  const seconds = review_seconds[number] ?? 0;
  if (seconds > 0) ctx.log(`the issuer looks at the card ${mask(last4)} for ${seconds} seconds`);
  return { brand, last4, review_seconds: seconds };
}

// Never more of a number than its end: messages are kept in histories.
const mask = (last4) => `…${last4}`;

const refused = (reason, message) => ApplicationFailure.nonRetryable(message, "CardDeclined", { reason });

function brandOf(number, brands) {
  if (!/^\d+$/.test(number)) return undefined;
  const fits = ({ from, to, digits, lengths }) => {
    const prefix = Number(number.slice(0, digits));
    return lengths.includes(number.length) && prefix >= from && prefix <= to;
  };
  return brands.find(fits)?.name;
}

// The check digit of ISO/IEC 7812-1: every second digit from the right counts twice.
function luhn(number) {
  let total = 0;
  for (let place = 0; place < number.length; place++) {
    const digit = Number(number[number.length - 1 - place]);
    const counted = place % 2 === 1 ? digit * 2 : digit;
    total += counted > 9 ? counted - 9 : counted;
  }
  return total % 10 === 0;
}

// A card is good to the last day of its month. What cannot be read counts as expired.
function isExpired(expiry, now) {
  const read = /^(0[1-9]|1[0-2])\/(\d\d)$/.exec(expiry);
  if (!read) return true;
  const endsBefore = Date.UTC(2000 + Number(read[2]), Number(read[1]), 1);
  return now.getTime() >= endsBefore;
}

// ---- the ledger ----

export async function CaptureCharge({ payment, check }, ctx) {
  const key = `charge/${payment.idempotency_key}`;
  const barred = `void/${payment.idempotency_key}`;
  const charge = {
    charge_id: `ch_${fingerprint(payment.idempotency_key)}`,
    amount_cents: payment.amount_cents,
    currency: payment.currency,
    brand: check.brand,
    last4: check.last4,
  };
  const value = { ...charge, order_id: payment.order_id, status: "captured", at: new Date().toISOString() };
  const committed = await ctx.kv.commit({
    check: [{ key, version: null }, { key: barred, version: null }],
    put: [{ key, value }],
  });
  if (committed.ok) return charge;
  const earlier = await ctx.kv.get(key);
  if (earlier?.status === "captured") return charge;
  throw ApplicationFailure.nonRetryable("the caller has taken this payment back", "ChargeVoided");
}

export async function ReverseCharge(request, ctx) {
  const { idempotency_key, reason } = request;
  const key = `charge/${idempotency_key}`;
  const entry = await ctx.kv.entry(key);
  const done = (refunded_cents) => ({ idempotency_key, refunded_cents, voided: refunded_cents === 0 });
  if (entry?.value.status === "refunded") return done(entry.value.amount_cents);
  const committed = await ctx.kv.commit({
    check: [{ key, version: entry ? entry.version : null }],
    put: entry ? refunded(key, entry.value, reason) : [{ key: `void/${idempotency_key}`, value: { reason } }],
  });
  // A charge came in between, or its refund did: the next attempt sees it.
  if (!committed.ok) throw new ApplicationFailure("the charge has just changed", { type: "LedgerBusy" });
  return done(entry ? entry.value.amount_cents : 0);
}

function refunded(key, charge, reason) {
  return [{ key, value: { ...charge, status: "refunded", reason, refunded_at: new Date().toISOString() } }];
}

// 64 bits of FNV-1a: short, and the same for the same key.
function fingerprint(text) {
  let hash = 0xcbf29ce484222325n;
  for (const char of text) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(char.codePointAt(0))) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

export async function SumLedger(so_far, ctx) {
  const sum = { ...so_far };
  for (let pages = 0; pages < PAGES && sum.has_more; pages++) {
    const page = await ctx.kv.list("", { after: sum.after || null, limit: PAGE });
    for (const { key, value } of page) {
      add(sum, key, value);
      sum.after = key;
    }
    sum.has_more = page.length === PAGE;
  }
  return sum;
}

function add(sum, key, charge) {
  if (key.startsWith("void/")) {
    sum.voids += 1;
  } else if (charge.status === "captured") {
    sum.charges += 1;
    sum.captured_cents += charge.amount_cents;
  } else {
    sum.charges += 1;
    sum.refunds += 1;
    sum.refunded_cents += charge.amount_cents;
  }
}
