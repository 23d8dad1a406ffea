-- Checks each membership change of a member against the one before, and sums up all.
local Changes = {}
Changes.__index = Changes

local PRIME = 2147483647
local JOINED = { join = true, nodeup = true }
local LEFT = { leave = true, nodedown = true, procdown = true }
local WEIGHTS = { join = 3, leave = 5, nodedown = 7, nodeup = 11, procdown = 13 }

local function weight(address)
  return (address.node * 7919 + address.pid) ^ 2 % PRIME
end

local function sum(addresses, with_reason)
  local total = 0
  for _, address in ipairs(addresses) do
    total = (total + weight(address) * (with_reason and WEIGHTS[address.reason] or 1)) % PRIME
  end
  return total
end

local function set_of(addresses)
  local set = {}
  for _, address in ipairs(addresses) do
    set[tostring(address)] = true
  end
  return set
end

function Changes:_complain(text, ...)
  self.problem = self.problem or ("change %d: " .. text):format(#self.sums, ...)
end

function Changes:_apply(addresses, reasons, joins, present)
  for _, address in ipairs(addresses) do
    local key = tostring(address)
    if (self.present[key] ~= true) ~= joins then
      self:_complain("%s %s, and was %s", key, joins and "joined" or "left", joins and "there" or "not there")
    elseif (present[key] == true) ~= joins then
      self:_complain("%s %s, and is %s", key, joins and "joined" or "left", joins and "not there" or "there")
    elseif not reasons[address.reason] then
      self:_complain("%s has the reason %s", key, tostring(address.reason))
    end
    self.present[key] = joins or nil
    local reason = tostring(address.reason)
    self.reasons[reason] = (self.reasons[reason] or 0) + 1
  end
end

--- For config_change.
function Changes:note(members, left, joined)
  local present = set_of(members)
  self.sums[#self.sums + 1] = (sum(members) + sum(left, true) + sum(joined, true)) % PRIME
  if not self.present then -- the own join
    self.present = set_of(members)
    for _, address in ipairs(joined) do
      self.present[tostring(address)] = nil
    end
  end
  self:_apply(left, LEFT, false, present)
  self:_apply(joined, JOINED, true, present)
  local expected = 0
  for key in pairs(self.present) do
    expected = expected + 1
    if not present[key] then
      self:_complain("%s is missing", key)
    end
  end
  if #members ~= expected then
    self:_complain("%d members, and those before make %d", #members, expected)
  end
  self.members = members
end

--- One number for the last changes, so many.
function Changes:digest(count)
  local total = 0
  for i = #self.sums - count + 1, #self.sums do
    total = (total * 31 + self.sums[i]) % PRIME
  end
  return total
end

--- Like "join:2 leave:1".
function Changes:reasons_told()
  local texts = {}
  for reason, count in pairs(self.reasons) do
    texts[#texts + 1] = reason .. ":" .. count
  end
  table.sort(texts)
  return table.concat(texts, " ")
end

return { new = function() return setmetatable({ sums = {}, reasons = {} }, Changes) end }
