-- Matches each delivery to the send that it comes from: by its digest, and where a sender sent equal messages, by its
-- neighbours. Notifies the rules of deliveries that match no send, or not the next one.
local MOST_TRIES = 100 -- equal messages that are tried; with more of them their places stay unknown

-- ---- where a message is among those of its sender ----

-- Adds `positions` to a member: by digest the position among its sends, or false for a digest that was sent repeatedly;
-- and `equal`: by digest all its positions.
local function add_index(member)
  member.positions, member.equal = {}, {}
  for i, digest in ipairs(member.sent) do
    if member.positions[digest] == nil then
      member.positions[digest], member.equal[digest] = i, { i }
    else
      member.positions[digest] = false
      table.insert(member.equal[digest], i)
    end
  end
end

local function is_at(sender, batch, offset)
  for i, delivery in ipairs(batch) do
    if sender.sent[offset + i] ~= delivery.digest then
      return false
    end
  end
  return true
end

-- Returns after how many of the sender's messages the batch begins: one's own follows the last; others' is found by a
-- message that was sent once. Nil if that cannot be known because equal messages were sent.
local function offset_of(sender, batch, last, is_own)
  if is_own and is_at(sender, batch, last) then
    return last
  end
  local before = 0
  for _, delivery in ipairs(batch) do
    local position = sender.positions[delivery.digest]
    if position then
      return math.max(position - before - 1, 0)
    end
    before = position == nil and before or before + 1
  end
  local equal = sender.equal[batch[1].digest] or {}
  for i = 1, math.min(#equal, MOST_TRIES) do
    if is_at(sender, batch, equal[i] - 1) then
      return nil
    end
  end
  return #equal <= MOST_TRIES and last or nil
end

-- ---- a batch: what a session delivered of one sender in one configuration ----

-- The hook for a delivery that is not of the `expected` message.
local function hook_of(session, sender, delivery, position, expected)
  if position == nil then
    return sender.refused[delivery.digest] and "on_refused" or "on_unsent"
  elseif position and session.member.seen[sender.number * 2 ^ 32 + position] then
    return "on_repeated"
  elseif position and position < expected then
    return "on_late"
  end
  return "on_gap"
end

-- Returns the position of the delivery, if it has one.
local function mismatch(session, sender, delivery, expected)
  local position = sender.positions[delivery.digest]
  session.member.notify(hook_of(session, sender, delivery, position, expected), session, delivery,
    sender.sent[expected])
  return position
end

-- A process that was killed may not have made some of the sends that had not returned: these are skipped. (Cut
-- messages are missing at a batch's front, where its offset skips them.)
local function skip_unsent(sender, digest, position)
  for i = position, #sender.sent do
    if sender.sent[i] == digest then
      return i
    end
  end
  return position
end

local function match_batch(session, sender, batch, last)
  local offset = offset_of(sender, batch, last, sender.address == session.address)
  if not offset then
    return last
  end
  local expected = offset + 1
  if expected <= last and sender.sent[expected] == batch[1].digest then
    mismatch(session, sender, batch[1], last + 1)
  end
  for _, delivery in ipairs(batch) do
    if expected > sender.certain then
      expected = skip_unsent(sender, delivery.digest, expected)
    end
    local position = sender.sent[expected] == delivery.digest and expected
      or mismatch(session, sender, delivery, expected)
    if position then
      delivery.id, delivery.position = sender.number * 2 ^ 32 + position, position
      session.member.seen[delivery.id] = true
      expected = position + 1
    end
  end
  return expected - 1
end

-- Equal messages may have no positions, but none is delivered more often than it was sent.
local function count_equal(session, sender, batch)
  local counts = session.member.counts
  for _, delivery in ipairs(batch) do
    local sent = sender.equal[delivery.digest]
    delivery.has_equals = sent ~= nil and #sent > 1
    if delivery.has_equals then
      local key = sender.number .. " " .. delivery.digest
      counts[key] = (counts[key] or 0) + 1
      if counts[key] == #sent + 1 then
        session.member.notify("on_excess", session, delivery, #sent)
      end
    end
  end
end

-- ---- a session ----

local function batches_of(configuration)
  local batches, senders = {}, {}
  for _, delivery in ipairs(configuration.deliveries) do
    local batch = batches[delivery.sender]
    if not batch then
      batch = {}
      batches[delivery.sender] = batch
      senders[#senders + 1] = delivery.sender
    end
    batch[#batch + 1] = delivery
  end
  return batches, senders
end

local function match_configuration(session, configuration, members)
  local batches, senders = batches_of(configuration)
  local last = session.member.last
  for _, address in ipairs(senders) do
    local sender, batch = members[address], batches[address]
    if sender then
      count_equal(session, sender, batch)
      last[address] = match_batch(session, sender, batch, last[address] or 0)
    else
      session.member.notify("on_unknown_sender", session, batch[1])
    end
  end
end

--- Gives deliveries the `position` of the message among those of its sender, and an `id` that is the same for all
-- members. A delivery of a message that its sender sent repeatedly (`has_equals`) may lack both.
local function match_deliveries(trace)
  for number, member in ipairs(trace.members) do
    member.number = number
    add_index(member)
    -- Of its deliveries: the digests seen, the counts of equal messages, and the last position of each sender.
    member.seen, member.counts, member.last = {}, {}, {}
  end
  for _, session in ipairs(trace.sessions) do
    local last = session.member.last
    last[session.address] = math.max(last[session.address] or 0, session.first - 1)
    for _, configuration in ipairs(session.configurations) do
      match_configuration(session, configuration, trace.groups[session.group])
    end
  end
end

return match_deliveries
