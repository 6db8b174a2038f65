import { total } from "./lib/money";
import rates from "../data/rates.json";

export const Charge: Activities["Charge"] = async ({ order, card }, ctx) => {
  const body = { card, cents: Math.round(total(order.lines) * (1 + rates.standard)) };
  const answer = await ctx.http("https://api.example.com/charges", { method: "POST", body });
  if (!answer.ok) throw new ApplicationFailure(`the bank said ${answer.status}`, { type: "BankError" });
  ctx.log("info", ctx.idempotencyKey ?? "", order.note?.length ?? 0);
  return { paid: true, at: new Date(ctx.time.now()).toISOString(), lines: order.lines };
};

export const Refund: Activities["Refund"] = async (id, ctx) => {
  await ctx.kv.put(`refund/${id}`, true);
};
