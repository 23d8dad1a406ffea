-- Messages that a change of ring may have cut. Corosync cuts messages into frames, and may send some frames of a
-- message before the change and the others after it. Then only members that were on both rings with the sender deliver
-- it.
local cut = {}

-- By digest, because equal messages cannot be told apart: whether the sender sent it before a change of ring and
-- delivered it after, or never.
local function straddling_of(sender)
  local rings, found = {}, {}
  for _, session in ipairs(sender.sessions) do
    for _, configuration in ipairs(session.configurations) do
      for _, delivery in ipairs(configuration.deliveries) do
        if delivery.sender == sender.address and delivery.position then
          rings[delivery.position] = delivery.rings
        end
      end
    end
  end
  for position, digest in ipairs(sender.sent) do
    found[digest] = found[digest] or rings[position] ~= sender.sent_in[position]
  end
  return found
end

--- Whether others may miss a message of a member that was delivered on that ring. One that was sent on the same ring
-- had no frame on another.
function cut.may_be_cut(sender, delivery, ring)
  sender.straddling = sender.straddling or straddling_of(sender)
  if not sender.straddling[delivery.digest] then
    return false
  end
  local sent_on = sender.positions[delivery.digest] and delivery.position and sender.sent_on[delivery.position]
  return not sent_on or sent_on ~= ring
end

return cut
