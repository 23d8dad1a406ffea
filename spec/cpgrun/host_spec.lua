local tools = require "corosync.lab.tools"
local program = require "spec.helpers.program"

local cpgrun, run_script = program.cpgrun, program.run_script

local file, line, complaint = program.file, program.line, program.complaint

local NOTHING = "function config_change() end\n"

-- This node has one vote.
local function set_votes(count)
  assert.equal(0, (program.run(tools.find "corosync-cmapctl", "-s", "quorum.expected_votes", "u32", tostring(count))))
end

describe("cpgrun", function()
  after_each(program.clean)
  teardown(program.remove)

  it("calls started after the join, and all handlers", function()
    local it = cpgrun("calls", [[
      function config_change(members, left, joined)
        print("change", #members, #left, #joined, joined[1] == group:address(), joined[1] and joined[1].reason)
      end
      function message_received(address, message) print("message", address == group:address(), message) end
      function ring_change(ring, nodes) print("ring", ring.node, #nodes) end
      function started() print "started" assert(group:send_message "hello") end]])
    line(it, "^message\ttrue\thello$")
    assert.equal("change\t1\t0\t1\ttrue\tjoin", it.lines[1])
    line(it, "^ring\t1\t1$")
    line(it, "^started$")
  end)

  it("joins while the script loads when the script sends", function()
    local it = cpgrun("early", [[
      function config_change(members) print("change", #members) end
      assert(group:send_message "early")
      print("sent", group:is_active())
      group_name = "other"
      function message_received(_, message) print(message, group.name) end]])
    line(it, "^early\tearly$")
    assert.same({ "change\t1", "sent\ttrue" }, { it.lines[1], it.lines[2] })
  end)

  it("runs groups that the script creates while it loads and later", function()
    local it = cpgrun("more", [[
      local corosync = require "corosync"
      local function another(name)
        local other
        other = corosync.group(name, { message_received = function(_, message) print(name, message) end })
        assert(corosync.loop.add(other))
        assert(other:send_message "hi")
      end
      function config_change() end
      function message_received() another "second" end
      another "first"
      function started() assert(group:send_message "go") end]])
    line(it, "^first\thi$")
    line(it, "^second\thi$")
  end)

  it("delivers views to a script that defines view_change only", function()
    local it = cpgrun("views", [[
      function view_change(view)
        print("view", #view.members, #view.nodes, view.quorate, #view.joined, view == group:view())
      end]])
    line(it, "^view\t1\t1\ttrue\t1\ttrue$")
    local other = cpgrun("views", "function view_change(view) print(#view.members) end")
    line(it, "^view\t2\t1\ttrue\t1\ttrue$")
    line(other, "^2$")
    other:kill "sigterm"
    line(it, "^view\t1\t1\ttrue\t0\ttrue$")
    assert.equal(3, #it.lines)
  end)

  it("delivers quorum changes to the current handler", function()
    local it = cpgrun("quorum", NOTHING .. [[
      function quorum_change(quorate, members)
        print("first", quorate, #members, members[1])
        function quorum_change(now_quorate) print("second", now_quorate) end
      end
      function started() print "up" end]])
    line(it, "^first\ttrue\t1\t1$")
    line(it, "^up$")
    finally(function() set_votes(1) end)
    set_votes(3)
    line(it, "^second\tfalse$")
    set_votes(1)
    line(it, "^second\ttrue$")
  end)

  it("provides cmap and quorum while the script loads", function()
    local it = cpgrun("services", NOTHING .. [[
      print("ready", cmap:get "totem.version", quorum:quorate())
      assert(cmap:set("spec.cpgrun.key", 41, "u32"))
      assert(cmap:increment "spec.cpgrun.key")
      print("value", cmap:get "spec.cpgrun.key")
      cmap:track("spec.cpgrun.", function(kind, key, new_value) print(kind, key, new_value) end)
      function started() print "up" end]])
    line(it, "^ready\t2\ttrue$")
    line(it, "^value\t42\tu32$")
    line(it, "^up$")
    assert.equal(0, (program.run(tools.find "corosync-cmapctl", "-s", "spec.cpgrun.key", "u32", "43")))
    line(it, "^modify\tspec.cpgrun.key\t43$")
    assert.equal(0, (program.run(tools.find "corosync-cmapctl", "-d", "spec.cpgrun.key")))
    line(it, "^delete\tspec.cpgrun.key\tnil$")
  end)

  it("logs errors of trackers and of quorum and view handlers, and continues", function()
    local it = cpgrun("troubles", [[
      function quorum_change() error "in quorum_change" end
      function view_change(view)
        error("in view_change " .. #view.members)
      end
      cmap:track("spec.cpgrun.", function(kind) error("in the tracker " .. kind) end)
      function started() print "up" end]])
    line(it, "^up$")
    complaint(it, "^%S+ error: [^\n]*troubles.lua:1: in quorum_change$")
    complaint(it, "^%S+ error: [^\n]*troubles.lua:3: in view_change 1$")
    assert.equal(0, (program.run(tools.find "corosync-cmapctl", "-s", "spec.cpgrun.trouble", "u32", "1")))
    complaint(it, "^%S+ error: [^\n]*troubles.lua:5: in the tracker add$")
    assert.equal(0, (program.run(tools.find "corosync-cmapctl", "-d", "spec.cpgrun.trouble")))
    complaint(it, "^%S+ error: [^\n]*troubles.lua:5: in the tracker delete$")
    cpgrun("troubles", NOTHING)
    complaint(it, "^%S+ error: [^\n]*troubles.lua:3: in view_change 2$")
    complaint(it, "^stack traceback:$")
    assert.is_false(it.exited)
  end)

  it("continues with fetched events after an error outside handlers, such as no memory", function()
    local it = cpgrun("memory", NOTHING .. [[
      local corosync, uv = require "corosync", require "luv"
      local handle = assert(corosync.cpg.open { message_received = function(_, message) print("heard", message) end })
      assert(handle:join "spec-memory")
      local fails, object = false, {}
      function object.fd() return handle:fd() end
      function object.dispatch(_, budget)
        if fails then
          fails = false
          assert(handle:fetch(1))
          error("not enough memory", 0)
        end
        return handle:dispatch(budget)
      end
      function config_change(members)
        if #members > 0 then assert(corosync.loop.add(object)) end
      end
      function started()
        uv.new_timer():start(100, 0, function()
          fails = true
          assert(handle:send "it")
        end)
      end]])
    complaint(it, "^%S+ error: not enough memory$")
    line(it, "^heard\tit$")
    assert.is_false(it.exited)
  end)

  for _, closed in ipairs { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" } do
    it("runs without standard descriptors: " .. closed, function()
      local path, told = file("closed.lua", NOTHING .. [[
        local told = io.open(arg[1], "w")
        function started() told:write "started" told:close() require("corosync").loop.stop() end]]), file "told"
      assert.equal(0, (program.run("sh", "-c", ("exec cpgrun %s %s %s"):format(path, told, closed))))
      local kept = assert(io.open(told))
      assert.equal("started", kept:read "*a")
      kept:close()
    end)
  end

  it("allows a script to close cmap and quorum", function()
    local code, out = run_script("close", NOTHING .. [[
      function started()
        print(cmap:close(), quorum:close())
        require("luv").new_timer():start(10, 0, function() require("corosync").loop.stop() end)
      end]])
    assert.same({ 0, "true\ttrue" }, { code, out })
  end)

  it("exchanges messages with a plain C program unchanged", function()
    local member = file "member"
    assert.equal(0, (program.run(tools.find "cc", "-o", member, "spec/helpers/clients/member.c", "-lcpg")))
    local c = program.start(member, "bytes")
    line(c, "^members 1$")
    local it = cpgrun("bytes", [[
      local function hex(text) return (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)) end
      function config_change() end
      function message_received(address, message)
        print("received", #message, hex(message))
        if address ~= group:address() then assert(group:send_message(message .. "\0\255")) end
      end
      function started() print "up" assert(group:send_message "") end]])
    line(it, "^up$")
    line(c, "^message 1 $")
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = ("%02x"):format(byte)
    end
    all = table.concat(all)
    for _, message in ipairs { "00", "000a00", all, "" } do
      c:write(message .. "\n")
      line(it, ("^received\t%d\t%s$"):format(#message / 2, message))
      line(c, ("^message 1 %s$"):format(message .. "00ff"))
    end
  end)
end)
