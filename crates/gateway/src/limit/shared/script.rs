//! The script: how often something may happen, decided for a whole bill at once.
//!
//! It is [`crate::limit::gcra`] once more, on numbers that floating point holds exactly, and by the clock of Redis: clocks of
//! servers do not matter. It gives the time and how every counter stood; what follows from that is worked out where it is
//! asked. Counters of those who are back at rest expire.

use std::sync::LazyLock;

use redis::{Script, ScriptInvocation};

use crate::limit::counters::{Bill, Mode};
use crate::redis::Redis;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local told, ahead, is_refused = { string.format('%.0f', now) }, {}, false
for index, key in ipairs(KEYS) do
    local interval, tolerance = tonumber(ARGV[2 * index]), tonumber(ARGV[2 * index + 1])
    local state = ahead[key] or tonumber(redis.call('GET', key) or '') or now
    state = math.min(math.max(state, now), now + tolerance)
    told[index + 1] = string.format('%.0f', state)
    if ARGV[1] == 'take' then
        if state + interval - now > tolerance then
            is_refused = true
            break
        end
        ahead[key] = state + interval
    end
end
if not is_refused then
    for key, state in pairs(ahead) do
        redis.call('SET', key, string.format('%.0f', state), 'PX', math.ceil((state - now) / 1000))
    end
end
return told",
    )
});

/// What is asked for a bill.
pub(super) fn invocation(redis: &Redis, bill: &Bill, mode: Mode) -> ScriptInvocation<'static> {
    let mut invocation = SCRIPT.prepare_invoke();
    invocation.arg(match mode {
        Mode::Take => "take",
        Mode::Look => "look",
    });
    for charge in bill.charges() {
        invocation.key(redis.key("limit", &format!("{}:{:016x}", charge.kind.name(), charge.key)));
        invocation.arg(charge.rate.interval()).arg(charge.rate.tolerance());
    }
    invocation
}
