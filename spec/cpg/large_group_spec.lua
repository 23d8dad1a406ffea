-- Groups of more than 128 members, whose list libcpg does not deliver.
local changes = require "spec.helpers.membership_changes"
local cpg = require "corosync.cpg"
local groups = require "spec.helpers.groups"
local handles = require "spec.helpers.handles"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local DEADLINE = 120

describe("a group of more than 128 members", function()
  local handle, log, name, programs

  local function eventually(condition)
    local ok, message = wait.until_true(function()
      local more
      repeat
        more = select(2, assert(handle:dispatch()))
      until not more
      return condition()
    end, DEADLINE)
    if not ok then
      for _, program in ipairs(programs) do
        message = (message or "") .. "\n" .. table.concat(program.errors, "\n")
      end
      error(("%d members; %s"):format(#log.members, message))
    end
  end

  local function has_members(number)
    eventually(function() return #log.members == number end)
    assert.is_nil(log.problem)
  end

  local function start(number)
    programs[#programs + 1] = groups.spawn {
      groups.interpreter, "spec/helpers/clients/crowd.lua", name, tostring(number) }
  end

  local function say(text)
    handles.send(handle, text)
  end

  local function others(number)
    local addresses = {}
    for i = #log.members, 1, -1 do
      if log.members[i] ~= handle:address() and #addresses < number then
        addresses[#addresses + 1] = log.members[i]
      end
    end
    return addresses
  end

  local function texts(addresses)
    local list = {}
    for i, address in ipairs(addresses) do
      list[i] = tostring(address)
    end
    return table.concat(list, " ")
  end

  local function seen()
    local lines = {}
    for _, program in ipairs(programs) do
      for _, line in ipairs(program.lines) do
        lines[#lines + 1] = line:match "^seen .*"
      end
    end
    return lines
  end

  -- All members have been notified of the same changes since their own join.
  local function all_agree(number)
    local before, lines = #seen()
    say "report"
    eventually(function()
      lines = seen()
      return #lines == before + number
    end)
    for i = before + 1, #lines do
      local address, count, digest, members, listed, rest = lines[i]:match "^seen (%S+) (%d+) (%d+) (%d+) (%d+) (.*)$"
      assert.truthy(rest:match "^join:", address .. ": " .. rest)
      assert.equal(#log.members, tonumber(members))
      assert.equal(#log.members, tonumber(listed))
      assert.equal(log:digest(tonumber(count)), tonumber(digest))
    end
  end

  before_each(function()
    name, programs, log = groups.name(), {}, changes.new()
    handle = assert(cpg.open {
      config_change = function(members, left, joined) log:note(members, left, joined) end,
    })
    assert(handles.join(handle, name))
    eventually(function() return log.members end)
  end)

  after_each(function()
    say "end"
    eventually(function() return #log.members == 1 end)
    handle:close()
    groups.clean()
  end)

  for _, size in ipairs { 140, 420 } do
    local tag = size > 140 and "slow" or "once"
    it(("reports all joins, leaves and reasons to %d members #%s"):format(size, tag), function()
      start(size)
      has_members(size + 1)
      all_agree(size)
      local gone = others(12)
      for i = 1, 4 do
        assert(uv.kill(gone[i].pid, "sigkill"))
      end
      say("leave " .. texts { gone[5], gone[6], gone[7], gone[8] })
      say("drop " .. texts { gone[9], gone[10], gone[11], gone[12] })
      has_members(size + 1 - 12)
      start(4)
      has_members(size + 1 - 12 + 4)
      assert.equal(("join:%d leave:4 procdown:8"):format(size + 5), log:reasons_told())
      all_agree(size - 8)
    end)
  end

  it("reports all leaves until few members remain #once", function()
    start(140)
    has_members(141)
    say("leave " .. texts(others(20)))
    has_members(121)
    say("drop " .. texts(others(100)))
    has_members(21)
    assert.equal("join:141 leave:20 procdown:100", log:reasons_told())
    all_agree(20)
  end)
end)
