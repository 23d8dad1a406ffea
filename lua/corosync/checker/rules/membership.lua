local changes = require "corosync.checker.change"
local list = require "corosync.list"

local membership = {
  name = "membership",
  guarantee = "The members are those before, less those in `left`, plus those in `joined`, each with a reason that "
    .. "Corosync has for it.",
  messages = {
    foreign = "the history is of %s, but has a configuration that was delivered to %s",
    rejoined = "%s rejoined without a leave, a disconnect or `activate()`",
    reason = "%s is in `%s` with the reason '%s'",
    twice = "%s is in `%s` twice",
    left_and_joined = "%s is in `left` and in `joined` of the same configuration",
    no_change = "a configuration in which no member left or joined was delivered to %s",
    not_alone = "a process that joined or left by itself was reported to %s together with other changes",
    own_join = "%s joined, but its own join has the reason '%s'",
    own_leave = "%s left, but its own leave has the reason '%s'",
    not_a_member = "%s joined but is not among the members",
    was_no_member = "%s left but was not a member",
    was_a_member = "%s joined but was a member already",
    members = "the members of %s are %s, but those before and this change make %s",
  },
}

local REASONS = {
  left = { leave = true, nodedown = true, procdown = true },
  joined = { join = true, nodeup = true },
}
local OF_NODES = { nodedown = true, nodeup = true }

-- ---- one change by itself ----

local function check_reasons(which, reasons, complain)
  for address, reason in pairs(reasons) do
    if not REASONS[which][reason] then
      complain("reason", address, which, reason)
    end
  end
end

local function check_once(change, which, complain)
  local seen = {}
  for _, address in ipairs(change[which]) do
    if seen[address] then
      complain("twice", address, which)
    end
    seen[address] = true
  end
end

local function check_lists(change, complain)
  for _, address in ipairs(change.joined) do
    if change.left_for[address] then
      complain("left_and_joined", address)
    end
  end
  if #change.left == 0 and #change.joined == 0 then
    complain("no_change", change.own)
  end
end

-- Corosync reports processes one by one, and all members of nodes that go or come at once.
local function check_alone(change, complain)
  local has_process = false
  for _, reasons in ipairs { change.left_for, change.joined_for } do
    for _, reason in pairs(reasons) do
      has_process = has_process or not OF_NODES[reason]
    end
  end
  if has_process and #change.left + #change.joined > 1 then
    complain("not_alone", change.own)
  end
end

local function check_own(change, complain)
  local left, joined = change.left_for[change.own], change.joined_for[change.own]
  if joined and joined ~= "join" then
    complain("own_join", change.own, joined)
  elseif left and left ~= "leave" then
    complain("own_leave", change.own, left)
  end
end

local function check_alone_and_lists(change, complain)
  for which in pairs(REASONS) do
    check_reasons(which, change[which .. "_for"], complain)
  end
  for _, which in ipairs { "members", "left", "joined" } do
    check_once(change, which, complain)
  end
  check_lists(change, complain)
  check_alone(change, complain)
  check_own(change, complain)
end

-- ---- a change after the one before ----

-- The first configuration of a session: the members before are unknown.
local function check_first(change, complain)
  local present = list.set(change.members)
  for _, address in ipairs(change.joined) do
    if not present[address] then
      complain("not_a_member", address)
    end
  end
end

local function expected_of(change, before, complain)
  local expected, present = {}, {}
  for _, address in ipairs(before) do
    if not change.left_for[address] then
      expected[#expected + 1], present[address] = address, true
    end
  end
  for _, address in ipairs(change.joined) do
    if present[address] then
      complain("was_a_member", address)
    else
      expected[#expected + 1] = address
    end
  end
  return changes.sorted(expected)
end

-- A process that ends while rings merge is left to membership_accuracy.
local function check_after(change, session, complain)
  for _, address in ipairs(change.left) do
    if not session.configuration.present[address] and change.left_for[address] ~= "procdown" then
      complain("was_no_member", address)
    end
  end
  local expected, members = expected_of(change, session.members, complain), changes.sorted(change.members)
  if members ~= expected then
    complain("members", change.own, members, expected)
  end
end

function membership.on_change(report, member, change, is_foreign)
  local function complain(message, ...) report:add(membership, message, member, change.line, ...) end
  if is_foreign then
    return complain("foreign", member.address, change.own)
  end
  check_alone_and_lists(change, complain)
  if change.is_own_join then
    -- A process whose Corosync was restarted may join again before it is notified of the disconnect.
    if member.session and member.wanted ~= nil and not member.asked_again then
      complain("rejoined", change.own)
    end
    check_first(change, complain)
  elseif member.session then
    check_after(change, member.session, complain)
  end
end

return membership
