-- What becomes of maps, locks, elections and machines when a script is replaced while it runs.
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local complaint, cpgrun, file, line = program.complaint, program.cpgrun, program.file, program.line

local function reload(it, name, text)
  assert(uv.fs_rename(file(name .. ".new", text), file(name .. ".lua")))
  it:kill "sighup"
end

-- No other script on this Corosync has that name.
local function unique()
  return ("group_name = 'reload-%.0f' "):format(uv.hrtime())
end

describe("a reload of a script with a replica #slow", function()
  after_each(program.clean)
  teardown(program.remove)

  it("keeps what the new script uses: values, locks and elections with their tokens, functions for calls", function()
    local head = unique()
    local text = [[
      local function text_of(token) return ("%.0f"):format(token) end
      local values = map "m"
      values:watch("", function(key, new) print(NAME, "told", key, new) end)
      local function acquire()
        local held = lock "one":acquire { lost = function(why) print(NAME, "lost", why) end }
        print(NAME, "held", held and text_of(held.token))
      end
      coroutine.wrap(acquire)()
      leader("it", { elected = function(token) print(NAME, "elected", text_of(token)) end,
        deposed = function(why) print(NAME, "deposed", why) end })
      local rpc = calls { name = function() return NAME end }
      every("second", 1, function() print(NAME, "tick") end)
      require("luv").new_signal():start("sigusr1", function()
        coroutine.wrap(function() print("called", rpc:any "name") end)()
      end)]]
    local it = cpgrun("all", head .. "NAME = 'old' " .. text .. " values:set('k', 1)")
    line(it, "^old\ttold\tk\t1$")
    local held, elected = line(it, "^old\theld\t(%d+)$"), line(it, "^old\telected\t(%d+)$")
    line(it, "^old\ttick$")
    reload(it, "all", head .. "NAME = 'new' " .. text .. " values:set('n', 1, function() end)")
    line(it, "^new\ttold\tk\t1$")
    line(it, "^new\ttold\tn\t1$")
    assert.equal(held, line(it, "^new\theld\t(%d+)$"))
    assert.equal(elected, line(it, "^new\telected\t(%d+)$"))
    line(it, "^new\ttick$")
    it:kill "sigusr1"
    line(it, "^called\tnew$")
    it:kill "sigterm"
    program.ended(it, 0)
    line(it, "^new\tlost\tclosed$")
    line(it, "^new\tdeposed\tclosed$")
    local lines = table.concat(it.lines, "\n")
    assert.not_matches("old\tlost", lines)
    assert.not_matches("old\tdeposed", lines)
  end)

  it("passes on a lock that the new script does not use, and tells the old one", function()
    local head = unique()
    local it = cpgrun("unused", head .. [[
      assert(lock "one":acquire { lost = function(why) print("lost", why) end })
      leader("it", { elected = function() print "elected" end, deposed = function(why) print("deposed", why) end })]])
    line(it, "^elected$")
    local waiter = cpgrun("waiter", head .. [[
      coroutine.wrap(function() print("waiter", lock "one":acquire() ~= nil) end)()
      leader("it", { elected = function() print "elected" end })
      print "waits"]])
    line(waiter, "^waits$")
    reload(it, "unused", head .. "map 'm' function started() print 'up' end")
    line(it, "^lost\treloaded$")
    line(it, "^deposed\treloaded$")
    line(waiter, "^waiter\ttrue$")
    line(waiter, "^elected$")
  end)

  it("lets after_reload take a lock, and what before_reload has released is free", function()
    local head = unique()
    local it = cpgrun("pass", head .. [[
      local one = assert(lock "one":acquire { lost = print })
      local two = assert(lock "two":acquire())
      print("old", ("%.0f"):format(one.token))
      function before_reload() two:release() return { token = one.token } end]])
    local token = line(it, "^old\t(%d+)$")
    reload(it, "pass", head .. [[
      map "m"
      function after_reload(state)
        coroutine.wrap(function()
          print("new", ("%.0f"):format(lock "one":acquire().token))
          print("two", lock "two":acquire().token > state.token)
        end)()
      end]])
    line(it, "^new\t" .. token .. "$")
    line(it, "^two\ttrue$")
  end)

  it("leaves locks, waiters and commands as they are when it fails", function()
    local head = unique()
    local other = cpgrun("holder", head .. [[
      local held = assert(lock "two":acquire())
      require("luv").new_signal():start("sigusr1", function() held:release() end)
      print "held"]])
    line(other, "^held$")
    local it = cpgrun("kept", head .. [[
      local held = assert(lock "one":acquire { lost = function(why) print("lost", why) end })
      coroutine.wrap(function() print("two", lock "two":acquire() ~= nil) end)()
      map "m":watch("", function(key, new) print("told", key, new) end)
      print("token", held.token)
      require("luv").new_signal():start("sigusr1", function()
        print("still", lock "one".token == held.token)
        map "m":set("b", 1)
      end)]])
    line(it, "^token")
    reload(it, "kept", head .. [[
      coroutine.wrap(function() print("new", lock "one":acquire()) end)()
      coroutine.wrap(function() print("new", lock "two":acquire()) end)()
      map "m":set("a", 1, print)
      leader("it", { elected = print })
      print("waits", map "m":set("a", 1))
      error "broken"]])
    line(it, "^waits\tnil\t.*so it cannot wait for the result here.*\tdispatching$")
    complaint(it, "was not reloaded")
    it:kill "sigusr1"
    line(it, "^still\ttrue$")
    line(it, "^told\tb\t1$")
    other:kill "sigusr1"
    line(it, "^two\ttrue$")
    local lines = table.concat(it.lines, "\n")
    assert.not_matches("new", lines)
    assert.not_matches("told\ta", lines)
  end)

  it("passes on a state, also of another form, and keeps one whose machine the new script lacks", function()
    local head = unique()
    local plain = [[
      local replica = require "corosync.replica"
      local app = assert(replica(group_name .. "-own", { ready = function() print(NAME, "ready") end }))
      local sum = app:machine("sum", {
        apply = function(state, n) state.n = (state.n or 0) + tonumber(n) + (BONUS or 0) return state.n end })
      require("luv").new_signal():start("sigusr1", function()
        sum:submit("1", function(n) print(NAME, "sum", n) end)
      end)]]
    local it = cpgrun("sum", head .. "NAME = 'first' " .. plain)
    line(it, "^first\tready$")
    it:kill "sigusr1"
    line(it, "^first\tsum\t1$")
    reload(it, "sum", head .. "NAME, BONUS = 'second', 10 " .. plain)
    line(it, "^second\tready$")
    it:kill "sigusr1"
    line(it, "^second\tsum\t12$")
    reload(it, "sum", head .. "require 'corosync.replica'(group_name .. '-own') function started() print 'third' end")
    line(it, "^third$")
    reload(it, "sum", head .. "NAME = 'fourth' " .. plain)
    line(it, "^fourth\tready$")
    it:kill "sigusr1"
    line(it, "^fourth\tsum\t13$")
  end)

  -- A state that is too large to be copied at once is passed on as an older one with the commands since.
  local LARGE = [[
    local replica = require "corosync.replica"
    local app = assert(replica(group_name .. "-own", { ready = function() print(NAME, "ready") end }))
    local sum = app:machine("sum", {
      initial = function()
        local entries = {}
        for i = 1, 20000 do entries[i] = i end
        return { n = 0, entries = entries }
      end,
      apply = function(state, n)
        while ENDLESS do end
        state.n = state.n + tonumber(n)
        return state.n
      end })
    require("luv").new_signal():start("sigusr1", function()
      sum:submit("1", function(n) print(NAME, "sum", n) end)
    end) ]]

  it("fails when the new script exceeds the limit of time with an older command", function()
    local head = unique()
    local it = cpgrun("large", head .. "NAME = 'first' " .. LARGE, "--handler-timeout", "2")
    line(it, "^first\tready$")
    it:kill "sigusr1"
    line(it, "^first\tsum\t1$")
    reload(it, "large", head .. "NAME, ENDLESS = 'endless', true " .. LARGE)
    complaint(it, "error: machine 'sum' cannot take over its state: [^\n]*stopped because it has run for more than 2")
    complaint(it, "large.lua was not reloaded: the running script goes on$")
    it:kill "sigusr1"
    line(it, "^first\tsum\t2$")
    reload(it, "large", head .. "NAME = 'second' " .. LARGE)
    line(it, "^second\tready$")
    it:kill "sigusr1"
    line(it, "^second\tsum\t3$")
  end)

  it("fails when the new script exceeds the limit of time with a command for a machine that it adds", function()
    local head = unique()
    local it = cpgrun("added", head .. [[
      local app = require "corosync.replica"(group_name .. "-own", { ready = function() print "bare" end })
      require("luv").new_signal():start("sigusr1", function()
        app:barrier(function(ok) print("barrier", ok) end)
      end)]], "--handler-timeout", "2")
    line(it, "^bare$")
    local other = cpgrun("other", head .. "NAME = 'other' " .. LARGE)
    line(other, "^other\tready$")
    other:kill "sigusr1"
    line(other, "^other\tsum\t1$")
    it:kill "sigusr1"
    line(it, "^barrier\ttrue$")
    reload(it, "added", head .. "NAME, ENDLESS = 'endless', true " .. LARGE)
    complaint(it, "error: machine 'sum' cannot take over its state: [^\n]*stopped because it has run for more than 2")
    complaint(it, "added.lua was not reloaded: the running script goes on$")
  end)

  it("fails when the new script has another patience", function()
    local head = unique()
    local text = [[
      function config_change() end
      function started() print "up" end
      assert(require "corosync.replica"(group_name, { patience = %d }))]]
    local it = cpgrun("patient", head .. text:format(2))
    line(it, "^up$")
    reload(it, "patient", head .. text:format(3))
    complaint(it, "cannot change the option 'patience'")
    complaint(it, "the running script goes on$")
  end)

  it("closes a replica that the new script does not make", function()
    local head = unique()
    local it = cpgrun("gone", head .. "map 'm' local app = require 'corosync.replica' 'gone-of-reload' print 'up'")
    line(it, "^up$")
    reload(it, "gone", head .. "function config_change() end function started() print 'new' end")
    line(it, "^new$")
    assert(wait.until_true(function()
      return select(2, program.run("cpgrun", "members", "gone-of-reload.replica")) == ""
    end, 60))
  end)
end)
