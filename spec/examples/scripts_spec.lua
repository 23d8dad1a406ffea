local program = require "spec.helpers.program"
local wait = require "corosync.lab.wait"

local ended = program.ended

local file, line, complaint = program.file, program.line, program.complaint

local function messages(it, node)
  local list = {}
  for _, text in ipairs(it.lines) do
    list[#list + 1] = text:match(("^%d|%%s+(%%d+:%%d+: .*)$"):format(node))
  end
  return list
end

describe("cpgrun --lab #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  describe("examples/", function()
    it("chat shows one order to all", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/chat.lua")
      for node = 1, 3 do
        line(it, ("^%d| %%* 3 here$"):format(node))
        complaint(it, ("^%d| .*joined"):format(node))
      end
      it:write "1: hello\n2: hi there\n3: good morning\n"
      for node = 1, 3 do
        for _, text in ipairs { "hello", "hi there", "good morning" } do
          line(it, ("^%d| %%d:%%d+: %s$"):format(node, text))
        end
      end
      assert.equal(3, #messages(it, 1))
      assert.same(messages(it, 1), messages(it, 2))
      assert.same(messages(it, 1), messages(it, 3))
    end)

    it("chat reads a file", function()
      local it = program.start("sh", "-c", "exec cpgrun examples/chat.lua <$1", "sh", file("said", "from a file\n"))
      line(it, "^%d+:%d+: from a file$")
      it:kill "sigint"
      ended(it, 0)
    end)

    -- Waits for a node's election, other than that of `before`; returns the node and the token.
    local function elected(it, before)
      local node, token
      assert(wait.until_true(function()
        for _, text in ipairs(it.lines) do
          local of, its_token = text:match "^(%d)| I lead with token (%d+)$"
          if of and tonumber(its_token) > before then
            node, token = of, tonumber(its_token)
          end
        end
        return node
      end, 60), "nobody leads:\n" .. table.concat(it.lines, "\n") .. "\n" .. table.concat(it.errors, "\n"))
      return node, token
    end

    it("leader elects another with a greater token when the leader is killed or cut off", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/leader.lua")
      for node = 1, 3 do
        complaint(it, ("^%d| .*joined"):format(node))
      end
      local first, token = elected(it, 0)
      it:write(("kill(%s)\n"):format(first))
      line(it, ("^%s| I no longer lead: disconnected$"):format(first))
      it:write(("restart(%s)\n"):format(first)) -- another may not have had the state yet
      local second, greater = elected(it, token)
      it:write(("kill_host(%s)\n"):format(second))
      assert.are_not.equal(second, (elected(it, greater)))
    end)

    it("in_lab runs a program that uses the binding, and makes faults", function()
      local script = file("alone.lua", [[
        io.stdout:setvbuf "line"
        local corosync = require "corosync"
        local mark = arg[0] .. os.getenv "NODE"
        local title = io.open(mark) and "restarted" or "members"
        io.open(mark, "w"):close()
        local group
        group = corosync.group("alone", {
          config_change = function(members, left, joined)
            print(title, #members, (joined[1] or left[1]).reason)
          end,
          disconnected = function()
            print "lost"
            corosync.loop.stop()
          end,
        })
        assert(corosync.loop.add(group))
        corosync.loop.run()
      ]])
      local it = program.start(os.getenv("LUA"):match "%S+$", "examples/in_lab.lua", "2", script)
      line(it, "^1| members\t2\tjoin$")
      line(it, "^2| members\t2\tjoin$")
      it:write "2: echo $COROSYNC_LAB is here\n"
      line(it, "^2| %S+ is here$")
      it:write "partition({1},{2})\n"
      for node = 1, 2 do line(it, ("^%d| members\t1\tnodedown$"):format(node)) end
      it:write "heal()\n"
      for node = 1, 2 do line(it, ("^%d| members\t2\tnodeup$"):format(node)) end
      it:write "kill_host(2)\n"
      line(it, "^1| members\t1\tprocdown$")
      it:write "restart(2)\n"
      line(it, "^2| restarted\t2\t%l+$")
      it:write "fall(1)\n"
      line(it, "^there is no command fall: type help$")
      it:write "kill(1) kill(2)\n"
      for node = 1, 2 do line(it, ("^%d| lost$"):format(node)) end
      assert.same({ 0, 0 }, { assert(it:wait(60)) }, table.concat(it.errors, "\n"))
    end)

    it("in_lab lists its commands, and ends when it is told to stop", function()
      local it = program.start(os.getenv("LUA"):match "%S+$", "examples/in_lab.lua", "1", "sleep", "10000")
      it:write "help\nhelp me\n"
      line(it, "stop%(%) +ends the lab")
      line(it, "^typed:1: .*: type help$")
      it:write "stop()\n"
      ended(it, 0)
    end)

    it("in_lab lets a program with another Lua find the modules of its own", function()
      local it = program.start("env", "-u", "LUA_PATH", "-u", "LUA_CPATH", os.getenv("LUA"):match "%S+$",
        "examples/in_lab.lua", "1", "luajit", "-e", "print(package.path:match 'lua/5.[2-5]' or 'its own')")
      line(it, "^1| its own$")
      ended(it, 0)
    end)

    it("counter gives each sum to one member, during a partition and after kills", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/counter.lua")
      local function counts_on(node, after)
        local sum
        assert(wait.until_true(function()
          for i = #it.lines, 1, -1 do
            sum = tonumber(it.lines[i]:match(("^%d| (%%d+)$"):format(node)))
            if sum then return sum > after end
          end
        end, 60), ("node %d does not count on:\n"):format(node) .. table.concat(it.lines, "\n") .. "\n"
          .. table.concat(it.errors, "\n"))
        return sum
      end
      local function all_count_on(after)
        return math.max(counts_on(1, after), counts_on(2, after), counts_on(3, after))
      end
      local highest = all_count_on(3)
      it:write "partition({1,2},{3})\n"
      line(it, "^3| cannot submit to machine 'counter' of replica 'counter': .*$")
      highest = math.max(counts_on(1, highest), counts_on(2, highest))
      it:write "heal()\n"
      highest = all_count_on(highest)
      for _, node in ipairs { 3, 1 } do
        it:write(("kill_host(%d)\nrestart(%d)\n"):format(node, node))
        highest = all_count_on(highest)
      end
      local owner, last = {}, {}
      for _, each in ipairs(it.lines) do
        local node, sum = each:match "^(%d)| (%d+)$"
        if node then
          assert.is_nil(owner[sum], ("the sum %s is on node %s, too"):format(sum, node))
          assert.is_true(tonumber(sum) > (last[node] or 0), ("node %s prints %s late"):format(node, sum))
          owner[sum], last[node] = node, tonumber(sum)
        end
      end
    end)
  end)
end)
