-- A script is replaced while it runs: by SIGHUP, and by --watch when its file has changed.
local program = require "spec.helpers.program"
local uv = require "luv"

local complaint, cpgrun, file, line = program.complaint, program.cpgrun, program.file, program.line

-- Puts another text in the place of a script's file, as editors do: a file of its own, renamed.
local function replace(name, text)
  local new = file(name .. ".new", text)
  assert(uv.fs_rename(new, file(name .. ".lua")))
end

local function reload(it, name, text)
  replace(name, text)
  it:kill "sighup"
end

-- No other script on this Corosync has that name.
local function unique()
  return ("group_name = 'reload-%.0f' "):format(uv.hrtime())
end

describe("a reload #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  local NUMBERS = [[
    function config_change(members, left, joined) print("change", #members, #left, #joined) end
    function message_received(_, text) io.write(VERSION, " ", text, "\n") end]]

  it("switches between two messages: none is lost or repeated, and nobody leaves", function()
    local group = ("reload-%.0f"):format(uv.hrtime())
    local text = NUMBERS .. [[
      function before_reload() return { from = VERSION } end
      function after_reload(state) print("state", VERSION, state.from) end]]
    local it = cpgrun("switch", "VERSION = 'old'" .. text, "--group", group)
    line(it, "^change")
    local sender = cpgrun("sender", [[
      local sent, is_last = 0, false
      function config_change() end
      function line_received() is_last = true end
      function started()
        require("luv").new_timer():start(1, 1, function()
          for _ = 1, 5 do sent = sent + 1 assert(group:send_message(tostring(sent))) end
          if is_last then
            print("sent", sent)
            require("corosync").loop.stop()
          end
        end)
      end]], "--group", group)
    line(it, "^old 500$")
    reload(it, "switch", "VERSION = 'new'" .. text)
    line(it, "^state\tnew\told$")
    line(it, "^new %d")
    sender:write "\n"
    local count = line(sender, "^sent\t(%d+)$")
    line(it, ("^new %d$"):format(count))
    program.ended(sender, 0)
    line(it, "^change\t1\t1\t0$")
    local expected, changes = 1, 0
    for _, each in ipairs(it.lines) do
      local number = each:match "^%l+ (%d+)$"
      if number then
        assert.equal(expected, tonumber(number))
        expected = expected + 1
      end
      changes = changes + (each:match "^change" and 1 or 0)
    end
    assert.same({ count + 1, 3 }, { expected, changes })
  end)

  local OLD = [[
    counter, metatable = 41, {}
    setmetatable(_G, metatable)
    local module = require "reloaded_module"
    function message_received(_, text) print("old", text, counter, module.text, getmetatable(_G) == metatable) end
    cmap:track("spec.reload.", function(kind) print("tracked", kind) end)
    map "m":watch("", function(key, new) print("watched", key, new) end)
    function started() group:send_message "started" end
    local timer, asked = require("luv").new_timer(), false
    timer:start(10, 10, function()
      counter = counter + 1
      if asked and counter > 42 then
        print "old goes on"
        asked = false
      end
    end)
    require("luv").new_signal():start("sigusr1", function()
      asked = true
      map "m":set("k", counter, function(ok) print("set", ok) end)
      cmap:set("spec.reload.a", require("luv").hrtime() % 1e9, "u32")
      group:send_message "again"
    end)]]

  for what, broken in pairs {
    ["does not compile"] = "counter = = 1",
    ["raises an error"] = [[
      counter = "new"
      package.loaded.reloaded_module = nil
      map "m":watch("", function() print "new watched" end)
      cmap:track("spec.reload.", function() print "new tracked" end)
      require("luv").new_timer():start(1, 1, function() print "new timer" end)
      group.timeout = 3
      function message_received() print "new" end
      error "broken"]],
    ["defines no handler"] = "counter = 1 function mesage_received() end",
    ["would be a member of another group"] = "group_name = 'another' function config_change() end",
  } do
    it("leaves the running script as it is when the new one " .. what, function()
      file("reloaded_module.lua", "return { text = 'module' }")
      local head = unique()
      local it = cpgrun("kept", head .. OLD)
      line(it, "^old\tstarted\t%d+\tmodule\ttrue$")
      file("reloaded_module.lua", "return { text = 'new module' }")
      reload(it, "kept", broken:find "another" and broken or head .. broken)
      complaint(it, "kept.lua was not reloaded: the running script goes on$")
      it:kill "sigusr1"
      line(it, "^old goes on$")
      line(it, "^old\tagain\t%d+\tmodule\ttrue$")
      line(it, "^tracked")
      line(it, "^watched\tk")
      line(it, "^set\ttrue$")
      assert.not_matches("new", table.concat(it.lines, "\n"))
      it:kill "sigterm"
      program.ended(it, 0)
    end)
  end

  it("closes what the old script has open, and loads its modules anew", function()
    file("reloaded_module.lua", "return 'one'")
    local head = unique()
    local it = cpgrun("open", head .. [[
      print("module", (require "reloaded_module"))
      local corosync = require "corosync"
      local function change(members) print("other", #members) end
      local other = corosync.group("other-of-reload", { config_change = change })
      assert(corosync.loop.add(other))
      only_old = true
      cmap:track("spec.reload.", function() print "old tracked" end)
      function config_change() end
      function started() print "up" require("luv").new_timer():start(10, 10, function() print "old timer" end) end]])
    line(it, "^module\tone$")
    line(it, "^up$")
    line(it, "^old timer$")
    file("reloaded_module.lua", "return 'two'")
    reload(it, "open", head .. [[
      print("module", (require "reloaded_module"), only_old)
      cmap:track("spec.reload.", function() print "new tracked" end)
      function config_change() end
      function started()
        print "new started"
        assert(require("corosync").group("other-of-reload", { config_change = function() end }):activate())
        cmap:set("spec.reload.b", require("luv").hrtime() % 1000, "u32")
      end]])
    line(it, "^module\ttwo\tnil$")
    line(it, "^other\t0$")
    line(it, "^new tracked$")
    local at
    for i, each in ipairs(it.lines) do
      at = at or each == "new started" and i or nil
      assert.is_nil(at and each:match "^old")
    end
    assert.truthy(at)
  end)

  it("calls view_change of a new script, and no global of the old one, also with strict globals", function()
    local head = unique()
    local it = cpgrun("strict", head .. "function config_change() end function started() print 'up' end")
    line(it, "^up$")
    reload(it, "strict", head .. [[
      function view_change(view) print("view", #view.members) end
      function started() group:send_message "unheard" print(pcall(function() return undefined end)) end
      setmetatable(_G, { __index = function(_, name) error("undeclared " .. name, 2) end })]])
    line(it, "^view\t1$")
    line(it, "^false\t.*undeclared undefined$")
    reload(it, "strict", head .. "function config_change() end function started() print('plain', undefined) end")
    line(it, "^plain\tnil$")
    assert.not_matches("undeclared message_received", table.concat(it.errors, "\n"))
  end)

  it("happens with --watch when the file, or a module beside it, is replaced or written", function()
    file("watched_module.lua", "return 'one'")
    local text = "function config_change() end function started() print('%s', (require 'watched_module')) end"
    local it = cpgrun("watched", text:format "old", "--watch")
    line(it, "^old\tone$")
    replace("watched", text:format "renamed")
    line(it, "^renamed\tone$")
    file("watched.lua", text:format "written")
    line(it, "^written\tone$")
    file("watched_module.lua", "return 'two'")
    line(it, "^written\ttwo$")
    file("unrelated.lua", "return")
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("happens once more when SIGHUP comes while the new script runs luv's loop to load", function()
    local head = unique()
    local it = cpgrun("again", head .. "function config_change() end function started() print 'up' end map 'm'")
    line(it, "^up$")
    local path = file "again.first"
    reload(it, "again", head .. ([[
      local uv = require "luv"
      map "m"
      function config_change() end
      local is_first = io.open "%s" == nil
      print("loads", is_first)
      if is_first then
        assert(io.open("%s", "w")):close()
        uv.kill(uv.os_getpid(), "sighup")
        uv.run "once"
        print "loaded"
      end
      function after_reload() print("took over", is_first) end]]):format(path, path))
    line(it, "^took over\tfalse$")
    assert.same({ "up", "loads\ttrue", "loaded", "took over\ttrue", "loads\tfalse", "took over\tfalse" }, it.lines)
    it:kill "sigterm"
    program.ended(it, 0)
  end)

  it("does not happen at SIGHUP when the script waits while it stops", function()
    local it = cpgrun("stops", unique() .. [[
      local uv = require "luv"
      local m = map "m"
      function config_change() end
      function started() require("corosync").loop.stop() end
      function stopping()
        uv.kill(uv.os_getpid(), "sighup")
        print("set", (m:set("k", 1)))
      end]])
    program.ended(it, 0)
    assert.same({ "set\ttrue" }, it.lines)
    assert.not_matches("reloading", table.concat(it.errors, "\n"))
  end)

  it("is stopped by the limit of handlers when the new script does not return", function()
    local it = cpgrun("endless", program.NOTHING_BUT_UP, "--handler-timeout", "0.2")
    line(it, "^up$")
    reload(it, "endless", "while true do end")
    complaint(it, "handler%-timeout")
    complaint(it, "was not reloaded")
    reload(it, "endless", "function config_change() end function started() print 'again' end")
    line(it, "^again$")
  end)

  it("does not happen at SIGHUP when the terminal has hung up: then cpgrun stops", function()
    local path, told = file("terminal.lua", [[
      function config_change() end
      local told = io.open(arg[1], "w")
      told:setvbuf "no"
      function started() told:write(tostring(group:address().pid), "\n") end
      function stopping() told:write "stopping\n" end]]), file "terminal"
    local it = program.start("script", "-qc", ("exec cpgrun %s %s"):format(path, told), "/dev/null")
    local function text()
      local opened = io.open(told)
      local found = opened and opened:read "*a"
      return opened and opened:close() and found or ""
    end
    local wait = require "corosync.lab.wait"
    wait.until_true(function() return text():find "\n" end, 60)
    assert.matches("^%d+\n$", text())
    it:kill "sigkill"
    wait.until_true(function() return text():find "stopping" end, 60)
    assert.matches("^%d+\nstopping\n$", text())
  end)
end)
