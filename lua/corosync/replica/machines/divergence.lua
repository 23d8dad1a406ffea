-- Detects diverged states. Members with the same commands have the same state, unless a script's `apply` depends on
-- anything else, so members send each other digests of their results and states, and compare them.
local divergence = {}

-- Comparing thousands of machines takes long, so it is done at every tick only until nothing has changed for some.
local SETTLED = 3 -- ticks
local RARELY = 20 -- ticks: how often it is done after that

local Divergence = {}
Divergence.__index = Divergence

function divergence.new(machines)
  return setmetatable({ machines = machines, told = {}, quiet = 0 }, Divergence)
end

function Divergence:forget(member)
  self.told[member] = nil
end

function Divergence:forget_all()
  self.told, self.sent = {}, nil
end

-- Takes the digests of another member, by names of machines.
function Divergence:take(from, digests)
  self.told[from], self.quiet = digests, 0
end

-- Called at each tick, with the index of the last command that was applied. Returns whether to look for differences.
function Divergence:is_due(index)
  self.quiet = index == self.index and self.quiet + 1 or 0
  self.index = index
  return self.quiet < SETTLED or self.quiet % RARELY == 0
end

-- Returns the digests to send to the others, or nil if nothing has changed. States are digested only when no command
-- has come since the last call.
function Divergence:news()
  local digests = self.machines:digests(false)
  local is_same, is_new = true, false
  for name, each in pairs(digests) do
    local before = self.sent and self.sent[name]
    is_same = is_same and before ~= nil and before[1] == each[1]
    is_new = is_new or not before or before[1] ~= each[1] or not before.is_whole
  end
  if not is_new then
    return nil
  end
  digests = self.machines:digests(is_same)
  self.sent = digests
  for _, each in pairs(digests) do
    each.is_whole = is_same
  end
  self.own = digests
  return digests
end

-- Returns true if the digests are equal, false if they differ, nil if that is unknown; and the index.
local function compare(self, name, theirs)
  local machine = self.machines.by_name[name]
  local own = machine and machine.chain.at[theirs[1]]
  local whole = self.own and self.own[name]
  if not own then
    return nil
  elseif own ~= theirs[2] then
    return false, theirs[1]
  elseif whole and whole[1] == theirs[1] and whole[3] and theirs[3] and whole[3] ~= theirs[3] then
    return false, theirs[1]
  end
  return true
end

-- Returns the name of the first machine in which a member differs, and the index; or nil.
local function difference(self, digests)
  for _, name in ipairs(self.machines.names) do
    if digests[name] then
      local is_equal, index = compare(self, name, digests[name])
      if is_equal == false then
        return name, index
      end
    end
  end
end

-- Compares with the digests of all members. Returns nil if nothing differs; else { machine, index, members }, and
-- whether this member must take the others' state. The minority must; of two equal parts, the one without the lowest
-- address.
function Divergence:find(own_address, full)
  local equal, differing, found = { full[own_address] and own_address }, {}, nil
  for address, digests in pairs(self.told) do
    if full[address] then
      local name, index = difference(self, digests)
      table.insert(name and differing or equal, address)
      if name and (not found or index < found.index) then
        found = { machine = name, index = index }
      end
    end
  end
  if not found then
    return nil
  end
  table.sort(equal)
  table.sort(differing)
  found.members = differing
  local is_wrong = #equal < #differing or #equal == #differing and differing[1] < equal[1]
  return found, is_wrong
end

return divergence
