-- The rules, in the order of docs/testing.md. A rule has its `name`, its `guarantee`, the `messages` of its violations,
-- and the `exceptions`: names of faults of Corosync that it lets pass. It has `check`, which is called once with all
-- that was reconstructed, or hooks `on_…`, which are called while histories are replayed and deliveries are matched to
-- sends.
local NAMES = {
  "integrity", "refused_sends", "fifo", "agreed_order", "same_configuration", "self_delivery", "accepted_sends",
  "virtual_synchrony", "members_only", "membership", "membership_agreement", "membership_accuracy", "ring_order",
  "convergence", "reported_errors", "leaks", "linearizable", "unique", "exclusive",
}

local rules = {}
for i, name in ipairs(NAMES) do
  rules[i] = require("corosync.checker.rules." .. name)
end
return rules
