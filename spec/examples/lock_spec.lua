local program = require "spec.helpers.program"
local wait = require "corosync.lab.wait"

local line = program.line

describe("cpgrun --lab #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("examples/lock", function()
    local run

    -- The latest holder and its token.
    local function holder()
      local node, token
      for _, text in ipairs(run.lines) do
        local a, b = text:match "^(%d)| on duty, with token (%d+)$"
        node, token = a or node, tonumber(b) or token
      end
      return node, token
    end

    -- All three members know the holder.
    local function start()
      run = program.start("cpgrun", "--lab", "3", "examples/lock.lua")
      for node = 1, 3 do
        line(run, ("^%d| on duty since"):format(node))
      end
      return holder()
    end

    local function passes_on(node, token)
      assert(wait.until_true(function() return select(2, holder()) > token end, 60), table.concat(run.lines, "\n"))
      assert.not_equal(node, (holder()))
    end

    it("passes to another member when the holder is killed", function()
      local node, token = start()
      run:write(("kill_host(%s)\n"):format(node))
      passes_on(node, token)
    end)

    it("tells a holder that is cut off, and passes to another member", function()
      local node, token = start()
      run:write(("partition({%s})\n"):format(node))
      line(run, ("^%s| off duty: expired$"):format(node))
      passes_on(node, token)
    end)
  end)

  it("examples/backup makes one backup at a time, with growing tokens", function()
    local folder = program.file("folder", "what is saved"):match "^(.*)/"
    local it = program.start("cpgrun", "--lab", "3", "examples/backup.lua", folder .. "/folder", folder)
    for _ = 1, 3 do
      line(it, "^%d| begins ")
    end
    assert(wait.until_true(function()
      return select(2, table.concat(it.lines, "\n"):gsub("| ends ", "")) == 3
    end, 60), table.concat(it.lines, "\n"))
    local running, last = nil, ""
    for _, text in ipairs(it.lines) do
      local began, ended = text:match "| begins (.*)$", text:match "| ends +(.*): code 0, signal 0$"
      if began then
        assert.is_nil(running)
        assert.is_true(began > last)
        running, last = began, began
      elseif ended then
        assert.equal(running, ended)
        running = nil
      end
    end
  end)

  it("examples/cron runs each tick once, also when nodes are killed and cut off", function()
    local it = program.start("cpgrun", "--lab", "3", "examples/cron.lua")
    local function ticks()
      local count, ran = 0, {}
      for _, text in ipairs(it.lines) do
        local tick = text:match "| heartbeat (%d+),"
        if tick then
          assert.is_nil(ran[tick], text)
          count, ran[tick] = count + 1, true
        end
      end
      return count
    end
    local function await(count)
      local goal = ticks() + count
      assert(wait.until_true(function() return ticks() >= goal end, 60), table.concat(it.lines, "\n"))
    end
    await(2)
    it:write "partition({1,2},{3})\n"
    await(2)
    it:write "heal()\n"
    await(2)
    it:write "kill_host(1)\n"
    await(3)
  end)
end)
