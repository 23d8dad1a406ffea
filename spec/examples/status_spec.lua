-- examples/status.lua, on the cluster of one node that the specs run in, and on labs of its own.
local lab = require "corosync.lab"
local procfs = require "corosync.lab.procfs"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local file, line = program.file, program.line

local HOME, HIDE_CURSOR, SHOW_CURSOR = "\27[H", "\27[?25l", "\27[?25h"
local TERMINAL = "stty cols %d rows %d; %s TERM=xterm exec cpgrun %s examples/status.lua"

local function text(it)
  return table.concat(it.lines, "\n")
end

local function ended(it, code)
  assert.same({ code, 0 }, { assert(it:wait(60)) }, table.concat(it.errors, "\n"))
end

-- No topic is printed twice in a row with the same text.
local function assert_no_repeats(it)
  local last = {}
  for _, each in ipairs(it.lines) do
    local topic, said = each:match "^%d%d:%d%d:%d%d ([^:]+): (.*)$"
    assert.is_truthy(topic, "not a line of status: " .. each)
    assert.not_equal(last[topic], said, topic)
    last[topic] = said
  end
end

local function visitor(name)
  return program.start("cpgrun", "--log-level", "error", file(name .. ".lua", "function config_change() end"))
end

describe("examples/status.lua #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  it("passes cpgrun --check", function()
    local code, out = program.run("cpgrun", "--check", "examples/status.lua")
    assert.equal(0, code)
    assert.matches("would run in group 'status'", out, 1, true)
  end)

  describe("in lines", function()
    it("prints the state and its changes", function()
      local it = program.start("cpgrun", "examples/status.lua")
      line(it, " cluster: quorate, 1 of 1 votes, 1 needed$")
      line(it, " totem: ring 1%.%x+, 1 node$")
      line(it, " node1: member$")
      line(it, (" group status: node1:%d$"):format(it.pid))
      local other = visitor "visitors"
      line(it, (" group visitors: node1:%d$"):format(other.pid))
      other:kill "sigkill"
      line(it, " group visitors: gone$")
      it:kill "sigterm"
      ended(it, 0)
      assert_no_repeats(it)
      assert.not_matches("problem", text(it))
    end)

    it("escapes a group name that cannot be printed", function()
      local it = program.start("cpgrun", "examples/status.lua")
      local script = file("bytes.lua", [[group_name = "a\n\27[2J\\\255\0" function config_change() end]])
      program.start("cpgrun", script)
      line(it, [[ group a\x0a\x1b%[2J\x5c\xff\x00: node1:%d+$]])
    end)

    it("prints a partition and its merge", function()
      local it = program.start("cpgrun", "--lab", "3", "examples/status.lua")
      for node = 1, 3 do
        line(it, ("^%d| .* group status: node1:%%d+ node2:%%d+ node3:%%d+$"):format(node))
        line(it, ("^%d| .* cluster: quorate, 3 of 3 votes, 2 needed$"):format(node))
        line(it, ("^%d| .* totem: ring 1%%.%%x+, 3 nodes$"):format(node))
      end
      it:write "partition({1,2},{3})\n"
      line(it, "^1| .* cluster: quorate, 2 of 3 votes, 2 needed$")
      line(it, "^1| .* node3: ABSENT, link 0 DOWN$")
      line(it, "^1| .* totem: ring 1%.%x+, 2 nodes$")
      line(it, "^1| .* group status: node1:%d+ node2:%d+$")
      line(it, "^3| .* cluster: NOT QUORATE, 1 of 3 votes, 2 needed$")
      line(it, "^3| .* totem: ring 3%.%x+, 1 node$")
      line(it, "^3| .* group status: node3:%d+$")
      local before = #it.lines
      it:write "heal()\n"
      local function is_whole()
        return table.concat(it.lines, "\n", before):match "\n3| [^\n]* cluster: quorate, 3 of 3 votes"
      end
      assert.is_true(wait.until_true(is_whole, 60), text(it))
    end)
  end)

  describe("in a terminal", function()
    -- A picture of 80 columns and 24 lines, or so many.
    local function start(options)
      options = options or {}
      local command = TERMINAL:format(options.columns or 80, options.rows or 24, options.env or "", options.lab or "")
      return program.start("script", "-qefc", command, "/dev/null")
    end

    -- The pictures so far; the last may be half a one.
    local function pictures(it)
      local list = {}
      local all = text(it)
      local from = all:find(HOME, 1, true)
      while from do
        local next_one = all:find(HOME, from + 1, true)
        list[#list + 1] = all:sub(from + #HOME, (next_one or 0) - 1)
        from = next_one
      end
      return list
    end

    -- Waits for a whole picture that matches.
    local function picture(it, pattern)
      local found
      assert(wait.until_true(function()
        for _, each in ipairs(pictures(it)) do
          found = found or each:match "\27%[J" and each:match(pattern) and each
        end
        return found
      end, 60), ("no picture like '%s' in:\n%s\n%s"):format(pattern, text(it), table.concat(it.errors, "\n")))
      return found
    end

    local function lines_of(shown)
      local list = {}
      local plain = shown:gsub("\27%[[%d;?]*%a", ""):gsub("\r", ""):gsub("\n$", "")
      for each in (plain .. "\n"):gmatch "([^\n]*)\n" do
        list[#list + 1] = each
      end
      return list
    end

    local function own_pid(it)
      picture(it, "node1")
      return procfs.children(it.pid)[1]
    end

    local function assert_restored(it)
      local all = text(it)
      assert.is_truthy(all:find(HIDE_CURSOR, 1, true))
      local last = all:match ".*()\27%[H"
      assert.is_truthy(all:find(SHOW_CURSOR, last, true))
    end

    it("draws the state in place, and groups as they appear and disappear", function()
      local it = start()
      local shown = picture(it, "status")
      assert.matches("lab on node1", shown)
      assert.matches("quorate, 1 of 1 votes, 1 needed; ring 1%.%x+, 1 node", shown)
      assert.matches("1  node1  member +1  10%.9%.0%.1  this node", shown)
      assert.not_matches("problem", shown)
      local other = visitor "visitors"
      picture(it, ("visitors +1 +node1:%d"):format(other.pid))
      other:kill "sigterm"
      assert(other:wait(60))
      local seen = #pictures(it)
      picture(it, "per second +[%d.]+")
      assert(wait.until_true(function()
        local list = pictures(it)
        return #list > seen + 1 and not list[#list - 1]:match "visitors"
      end, 60))
      it:write "\3" -- Ctrl-C
      ended(it, 0)
      assert_restored(it)
      assert.matches("stopping on SIGINT", text(it):match ".*\27%[H(.*)")
    end)

    it("restores the terminal on SIGTERM", function()
      local it = start()
      uv.kill(own_pid(it), "sigterm")
      ended(it, 0)
      assert_restored(it)
    end)

    it("restores the terminal on Ctrl-Z and redraws when it continues", function()
      local it = start()
      local pid = own_pid(it)
      local function is_stopped(process)
        return function() return procfs.read(("/proc/%d/stat"):format(process)):match "%) T" end
      end
      it:write "\26"
      assert(wait.until_true(is_stopped(pid), 60))
      assert(wait.until_true(is_stopped(it.pid), 60)) -- script stops with its child, and later goes on with it
      it:kill "sigcont"
      assert(wait.until_true(function()
        return text(it):match "\27%[%?25l.*\27%[%?25h.*\27%[%?25l"
      end, 60))
      it:write "\3"
      ended(it, 0)
      assert_restored(it)
    end)

    it("fits the terminal, also after a resize", function()
      for i = 1, 5 do visitor("visitors" .. i) end
      local it = start { columns = 40, rows = 12 }
      local shown = lines_of(picture(it, "visitors1.*%.%.%. and %d more"))
      assert.equal(11, #shown)
      for _, each in ipairs(shown) do
        assert.is_true(#each < 40, each)
      end
      local terminal = assert(uv.fs_readlink(("/proc/%d/fd/1"):format(own_pid(it))))
      assert.equal(0, program.run("stty", "-F", terminal, "cols", "130", "rows", "50"))
      shown = picture(it, "PROGRAM HERE +CONNECTIONS +REQUESTS/s +EVENTS/s")
      assert.matches("visitors5", shown)
    end)

    for env, coloured in pairs { ["NO_COLOR=1"] = false, ["NO_COLOR="] = true } do
      it(coloured and "uses colours" or "uses no colours when they are disabled", function()
        local it = start { env = env }
        assert.equal(coloured, picture(it, "quorate"):match "\27%[[%d;]+m" ~= nil)
      end)
    end

    it("prints lines on a dumb terminal", function()
      local it = program.start("script", "-qefc", "TERM=dumb exec cpgrun examples/status.lua", "/dev/null")
      line(it, " cluster: quorate")
      assert.not_matches("\27", text(it), 1, true)
    end)

    it("leaves the last picture and the reason when Corosync stops, and redraws when it is back", function()
      local cluster = assert(lab.start(1))
      finally(function() cluster:stop() end)
      local it = assert(cluster:run(1, { "script", "-qefc", TERMINAL:format(80, 24, "", ""), "/dev/null" }))
      picture(it, "status")
      assert(cluster:kill(1))
      assert(cluster:wait_for(function() return text(it):match "reconnecting" end, 60))
      assert_restored(it)
      assert.matches("warning: .*Corosync on this node has gone", text(it):match ".*\27%[H(.*)")
      assert(cluster:restart(1))
      assert(cluster:wait_for(function() return text(it):match "rejoined group 'status'.*\27%[H" end, 60))
    end)
  end)
end)
