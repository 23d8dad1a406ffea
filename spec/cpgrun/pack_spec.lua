local ordinary = require "spec.helpers.ordinary_user"
local program = require "spec.helpers.program"

local cpgrun, run_script = program.cpgrun, program.run_script
local file, line = program.file, program.line

local NOTHING = "function config_change() end\n"

-- Sends 1000 messages and a long one, checks their order, and says whether they were packed.
local MANY = [[
  local KEY = require "corosync.private"
  local count, long = 0, ("x"):rep(2000000)
  function config_change() end
  function message_received(_, message)
    if message == long then
      print("got", count, group[KEY].handle:max_message_size() > 2000000)
      require("corosync").loop.stop()
      return
    end
    count = count + 1
    assert(tonumber(message) == count)
  end
  local function send()
    for i = 1, 1000 do assert(group:send_message(tostring(i))) end
    local ok, _, code = group:send_message(long)
    if not ok then
      print(code)
      require("corosync").loop.stop()
    end
  end
]]

describe("packing in cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  for what, case in pairs {
    ["the global pack"] = { "pack = true\n" },
    ["the global pack as a table"] = { "pack = { bytes = 1400 }\n" },
    ["--pack"] = { "", "--pack" },
    ["both"] = { "pack = true\n", "--pack" },
  } do
    it("is switched on by " .. what .. ", when the script sends after it has started", function()
      local code, out, errors = run_script("packs", case[1] .. MANY .. "started = send", case[2])
      assert.equal(0, code, errors)
      assert.equal("got\t1000\ttrue", out)
    end)

    it("is switched on by " .. what .. ", when the script sends while it loads", function()
      local code, out, errors = run_script("packs", case[1] .. MANY .. "send()", case[2])
      assert.equal(0, code, errors)
      assert.equal("got\t1000\ttrue", out)
    end)
  end

  for what, text in pairs {
    ["by default"] = "", ["with pack = false"] = "pack = false\n",
    ["with a global function pack"] = "pack = table.pack or function() end\nunpack = table.unpack\n",
  } do
    it("is off " .. what, function()
      local code, out, errors = run_script("packs", text .. MANY .. "started = send")
      assert.equal(0, code, errors)
      assert.equal("too_big", out)
    end)
  end

  it("is switched on by the option also with a global function pack", function()
    local code, out, errors = run_script("packs", "pack = function() end\n" .. MANY .. "started = send", "--pack")
    assert.equal(0, code, errors)
    assert.equal("got\t1000\ttrue", out)
  end)

  it("uses the address that the script knew before it packed, and its handlers for errors", function()
    local code, out, errors = run_script("packs", [[
      local own = group:address()
      pack = true
      function config_change(members, _, joined) print("same", members[1] == own, #joined) end
      function message_received(address, message)
        if message == "x" then print("same", address == own) error "mine" end
        require("corosync").loop.stop()
      end
      function started() group:send_message "x" group:send_message "y" end]])
    assert.equal(0, code, errors)
    assert.equal("same\ttrue\t1\nsame\ttrue\nsame\tfalse\t0", out)
    assert.matches("error: .*packs.lua:5: mine\nstack traceback", errors)
  end)

  for what, case in pairs {
    ["--pack"] = { "", "got\t1000\ttrue", "--pack" },
    ["the global pack"] = { "pack = true\n", "got\t1000\ttrue" },
    ["a limit"] = { "pack = { limit = 1999999 }\n", "too_big" },
    ["neither"] = { "", "too_big" },
  } do
    it("works with --user, although the user may not connect, with " .. what, function()
      if #ordinary.prefix == 0 then
        pending "no other user exists in this namespace"
        return
      end
      local it = cpgrun("packs", case[1] .. MANY .. "started = send", "--user", "nobody", case[3])
      assert.same({ 0, 0 }, { it:wait(60) }, table.concat(it.errors, "\n"))
      assert.same({ case[2] }, it.lines)
    end)
  end

  it("delivers all that was sent at the end", function()
    local name = "packs-" .. require("luv").os_getpid()
    local other = cpgrun("other", NOTHING .. [[
      local count = 0
      function message_received(_, message)
        count = count + 1
        assert(count == tonumber(message))
        if count == 1000 then print "all" end
      end
      function started() print "up" end]], "--pack", "--group", name)
    line(other, "^up$")
    local code, _, errors = run_script("packs", "pack = true\n" .. NOTHING .. [[
      function started() require("corosync").loop.stop() end
      function stopping() for i = 1, 1000 do assert(group:send_message(tostring(i))) end end]], "--group", name)
    assert.equal(0, code, errors)
    line(other, "^all$")
  end)

  it("reports members that do not pack once each", function()
    local name = "packs-mixed-" .. require("luv").os_getpid()
    local other = cpgrun("other", "pack = true\n" .. NOTHING .. "function started() print 'up' end", "--group", name)
    line(other, "^up$")
    local code, _, errors = run_script("plain", NOTHING .. [[
      local count = 0
      function message_received() count = count + 1 if count == 3 then require("corosync").loop.stop() end end
      function started() for _ = 1, 3 do group:send_message "x" end end]], "--group", name)
    assert.equal(0, code, errors)
    program.complaint(other, "error: member %d+:%d+ of group '.*' sends messages that are not packed: "
      .. "use the option 'pack' in all members of a group, or in none$")
    other:kill "sigterm"
    assert.equal(0, (other:wait(60)))
    assert.equal(1, select(2, table.concat(other.errors, "\n"):gsub("not packed", "")))
  end)

  for what, case in pairs {
    ["a number"] = { "1", "the global 'pack' is a number: set it to true, or to a table" },
    ["a text"] = { "'yes'", "the global 'pack' is a string: set it to true, or to a table" },
    ["an unknown field"] = { "{ byte = 1 }", "the table 'pack', .*'bytes' and 'limit', .*unknown field 'byte'" },
    ["a wrong size"] = { "{ bytes = 1 }", "the table 'pack', .*: field 'bytes' must be a whole number from 64" },
  } do
    it("refuses " .. what .. " as the global pack", function()
      for _, rest in ipairs { "", "group:send_message 'x'", "local ok, why = group:activate() error(why)" } do
        local code, out, errors = run_script("wrong", "pack = " .. case[1] .. "\n" .. NOTHING .. rest)
        if rest == "" then
          assert.equal(1, code, out)
        end
        assert.matches("error: [^\n]*wrong.lua:1: " .. case[2], errors)
        assert.not_matches("joined", errors)
      end
      local code, _, errors = program.run("unshare", "-n", "cpgrun", "--check", file("wrong.lua",
        "pack = " .. case[1] .. "\n" .. NOTHING))
      assert.equal(1, code)
      assert.matches("error: [^\n]*wrong.lua:1: " .. case[2], errors)
    end)
  end

  it("keeps the sizes of the global pack with --pack, and refuses a wrong one", function()
    local code, out, errors = run_script("sizes", "pack = { limit = 2000 }\n" .. NOTHING .. [[
      function started()
        print(select(3, group:send_message(("x"):rep(2001))))
        require("corosync").loop.stop()
      end]], "--pack")
    assert.equal(0, code, errors)
    assert.matches("too_big", out)
    code, out, errors = run_script("wrong", "pack = 'yes'\n" .. NOTHING, "--pack")
    assert.equal(1, code, out)
    assert.matches("the global 'pack' is a string", errors)
  end)

  it("warns of a global pack that is set after the group has been joined", function()
    local code, _, errors = run_script("late", NOTHING .. [[
      function started()
        pack = true
        local timer = require("luv").new_timer()
        timer:start(0, 0, function() timer:close() require("corosync").loop.stop() end)
      end]])
    assert.equal(0, code, errors)
    assert.matches("warning: the global 'pack' was set after group 'late' had been joined", errors)
  end)

  it("is accepted by --check", function()
    for _, words in ipairs { { "pack = true\n" }, { "pack = { limit = 1000 }\n" }, { "", "--pack" } } do
      local text = words[1] .. NOTHING .. "assert(group:send_message 'x')"
      local code, out, errors = run_script("checked", text, "--check", words[2])
      assert.equal(0, code, errors)
      assert.matches("would run in group 'checked'$", out)
    end
  end)
end)

describe("packing in cpgrun's lab #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  local function run(text, ...)
    local it = cpgrun("packs", text .. [[
      local KEY = require "corosync.private"
      local counts, total, sends = {}, 0, false
      function config_change(members)
        if #members == 3 and not sends then
          sends = true
          for i = 1, 1000 do assert(group:send_message(tostring(i))) end
        end
      end
      function message_received(address, message)
        counts[address] = (counts[address] or 0) + 1
        total = total + 1
        -- A node that has seen all three later than another one lacks nothing of what came since then.
        assert(tonumber(message) == counts[address], "out of order")
        if total == 3000 then print("all", group[KEY].handle:max_message_size() > 2000000) end
      end]], "--lab", "3", ...)
    for node = 1, 3 do
      line(it, ("^%d| all\ttrue$"):format(node))
    end
    it:write "stop()\n"
    program.ended(it, 0)
    assert.not_matches("error", table.concat(it.errors, "\n"))
  end

  it("is switched on by --pack", function()
    run("", "--pack")
  end)

  it("is switched on by the global pack", function()
    run "pack = true\n"
  end)
end)
