-- Checks the guarantees of replicas. `operations` has one item for each command ever submitted; the item's number is
-- the command.
local sets = require "sim.sets"

local checks = {}

local unpack = table.unpack or unpack -- luacheck: ignore

local Checks = {}
Checks.__index = Checks

-- `needed`: how many nodes must have a command before it is confirmed; `hosts`: all hosts that ever existed, by
-- address; `log(line)`, if given, is called for each thing that happens; `keeps_all`: no confirmed command may be lost
-- in any case.
function checks.new(needed, hosts, log, keeps_all)
  return setmetatable({
    needed = needed, keeps_all = keeps_all, hosts = hosts, log = log,
    operations = {},
    at = {}, -- by index: the command that was applied there
    digests = {}, -- by index: of the state after it
    highest = 0, -- the greatest index of a result
    doubt = 0, -- commands up to this index may have got others in a doubtful generation
    forfeited = 0, -- the last of the commands that may be lost
  }, Checks)
end

local function fail(format, ...)
  error({ problem = format:format(...) }, 0)
end
checks.fail = fail

local function describe(value)
  if type(value) ~= "table" then
    return tostring(value)
  elseif value.replica then
    local active = value.replica.active
    return ("%s(%s %s)"):format(value.address, value.replica.status, active and active.tag or "")
  elseif value.members then
    local left = #value.left > 0 and " left " .. table.concat(value.left, ",") or ""
    return table.concat(value.members, ",") .. (value.breaks and " breaks" or "") .. left
  elseif value.ring then
    return ("%d.%d"):format(value.ring.node, value.ring.seq)
  end
  local message, words = value.message, {}
  for _, key in ipairs { "kind", "tag", "seq", "client", "index", "digest", "nonce", "who", "to" } do
    words[#words + 1] = message[key] and key .. "=" .. tostring(message[key])
  end
  return "from " .. value.from .. ": " .. table.concat(words, " ")
end

function Checks:note(format, ...)
  if not self.log then
    return
  end
  local words = {}
  for i = 1, select("#", ...) do
    words[i] = describe((select(i, ...)))
  end
  self.log(format:format(unpack(words)))
end

function Checks:submit(host)
  local id = #self.operations + 1
  self.operations[id] = { least = self.highest, host = host }
  self:note("%s submits %s", host, id)
  host:submit(id)
  return self.operations[id]
end

-- All members apply the same command to the same state at an index.
function Checks:applied(host, id, index)
  local known = self.at[index]
  if known and known ~= id then
    fail("%s applies command %d at index %d, where another member has applied %d", host.address, id, index, known)
  elseif known and self.digests[index] ~= host.digest then
    fail("the state of %s at index %d differs from another member's", host.address, index)
  end
  self.at[index], self.digests[index] = id, host.digest
  local operation = self.operations[id]
  if operation.host == host then
    operation.full = sets.sorted_keys(host.replica.active.full)
  end
end

-- If a command was submitted after another one was confirmed, it must have the greater index. Then commands take effect
-- in the order of their indices, as if executed in one place.
local function check_result(self, id, operation, result)
  if self.at[result] ~= id then
    fail("command %d was confirmed at index %d, which has %s", id, result, tostring(self.at[result]))
  elseif result <= operation.least then
    fail("command %d got index %d, and %d was confirmed before it was submitted", id, result, operation.least)
  end
  self.highest = math.max(self.highest, result)
end

-- Whether a process has a command, applied or not.
local function has_command(host, id, index)
  local log = host.replica.log
  for first, batch in pairs(log and log.tail or {}) do
    if first <= index and batch.list[index - first + 1] then
      return batch.list[index - first + 1] == id
    end
  end
  for i = #host.commands, 1, -1 do
    if host.commands[i].index <= index then
      return host.commands[i].id == id
    end
  end
  return false
end

-- Returns what a process keeps a command with: its connection (`life`), and its storage, if it has any.
local function keeper_of(process)
  return { process = process, life = process.life, disk = process.disk, wipes = process.wipes }
end

-- All members that were full at the point in the order where a command was confirmed must have it, and must be on
-- enough nodes. Returns them as a list.
local function check_keepers(self, id, index, full)
  local keepers, nodes, count = {}, {}, 0
  for _, address in ipairs(full) do
    local host = self.hosts[address]
    count, nodes[host.process.node] = count + (nodes[host.process.node] and 0 or 1), true
    if not host:is_without_state() then
      keepers[#keepers + 1] = keeper_of(host.process)
      if host.process.alive and not has_command(host, id, index) then
        fail("command %d was confirmed at index %d, but %s does not have it", id, index, address)
      elseif host.process.alive and host.process.disk and not host.process.disk:has(index) then
        fail("command %d was confirmed at index %d, but %s has not synced it", id, index, address)
      end
    end
  end
  if count < self.needed then
    fail("command %d was confirmed by %d nodes only", id, count)
  end
  return keepers
end

local NEVER_APPLIED = { not_ready = true }

function Checks:replied(host, id, result, code)
  local operation = self.operations[id]
  self:note("%s replies to %s: %s %s", host, id, result, code)
  if operation.code then
    fail("command %d got a second reply", id)
  elseif operation.host ~= host then
    fail("%s replied to command %d of %s", host.address, id, operation.host.address)
  end
  operation.code = result and "ok" or code
  if result then
    check_result(self, id, operation, result)
    local keepers = check_keepers(self, id, result, operation.full)
    operation.result, operation.keepers = result, id > self.forfeited and keepers or nil
  end
end

-- A doubtful generation begins, whose indices are above this one.
function Checks:doubts(index)
  self.doubt = math.max(self.doubt, index)
end

-- Commands that were confirmed until now may be lost, and so may those that acknowledgements under way will confirm.
function Checks:lost()
  self.forfeited = #self.operations
  for _, operation in ipairs(self.operations) do
    operation.keepers = nil
  end
end

-- Without storage, a process keeps a command only if it has been connected all the time: when all processes of a
-- majority are gone at once, it does not matter whether they have ended or lost their connections.
local function still_keeps(keeper)
  local process, disk = keeper.process, keeper.disk
  return disk and disk.wipes == keeper.wipes or not disk and process.alive and process.life == keeper.life
end

-- Returns the confirmed commands that a process or a storage has acknowledged and still keeps.
local function kept_commands(self)
  local kept = {}
  for id, operation in ipairs(self.operations) do
    kept[id] = self.keeps_all and operation.result or nil
    for _, keeper in ipairs(operation.keepers or {}) do
      kept[id] = still_keeps(keeper) and operation.result or kept[id]
    end
  end
  return kept
end

local function indices_of(self, host)
  local has = {}
  for _, command in ipairs(host.commands) do
    if has[command.id] then
      fail("%s has applied command %d twice", host.address, command.id)
    elseif NEVER_APPLIED[self.operations[command.id].code] then
      fail("%s has applied command %d, whose reply was %s", host.address, command.id, self.operations[command.id].code)
    end
    has[command.id] = command.index
  end
  return has
end

-- Compares all living members at the end, when they are full.
function Checks:compare(hosts)
  local kept = kept_commands(self)
  for _, host in ipairs(hosts) do
    local has = indices_of(self, host)
    for id, index in pairs(kept) do
      local was_moved = has[id] and index < has[id] and index <= self.doubt
      if has[id] ~= index and not was_moved then
        fail("command %d, confirmed at index %d, is not in the state of %s", id, index, host.address)
      end
    end
  end
end

return checks
