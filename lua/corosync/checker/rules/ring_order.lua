local rings = require "corosync.checker.ring"

local ring_order = {
  name = "ring_order",
  guarantee = "The rings of a member have ascending numbers, and a change of nodes is followed by its ring before any "
    .. "message or other change.",
  messages = {
    older = "%s was told of ring %s after ring %s",
    no_ring_before_change = "%s was told that a process joined or left before the ring of the last change of nodes",
    no_ring_before_message = "%s delivered a message before the ring of the last change of nodes",
  },
}

function ring_order.on_ring(report, member, event)
  if member.session and rings.is_older(event[2], member.ring) then
    report:add(ring_order, "older", member, event.line, member.address, event[2], member.ring)
  end
end

local function has(reasons, wanted)
  for _, reason in pairs(reasons) do
    if reason == wanted then
      return true
    end
  end
  return false
end

function ring_order.on_change(report, member, change, is_foreign)
  if is_foreign or not member.session or change.is_own_join or not member.awaits_ring then
    return
  elseif has(change.left_for, "leave") or has(change.joined_for, "join") then
    report:add(ring_order, "no_ring_before_change", member, change.line, member.address)
  end
end

function ring_order.on_message(report, member, event)
  if member.session and member.awaits_ring and member.rings > 0 then
    report:add(ring_order, "no_ring_before_message", member, event.line, member.address)
  end
end

return ring_order
