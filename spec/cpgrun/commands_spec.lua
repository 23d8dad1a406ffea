-- The commands for a shell: cpgrun map, lock, members, send and listen.
local json = require "dkjson"
local lab = require "corosync.lab"
local program = require "spec.helpers.program"
local uv = require "luv"
local wait = require "corosync.lab.wait"

local complaint, cpgrun, line, run, start = program.complaint, program.cpgrun, program.line, program.run, program.start

local unpack = table.unpack or unpack -- luacheck: ignore 113
local count = 0

-- The exit status and the standard output of cpgrun.
local function outcome(...)
  local code, out = run("cpgrun", ...)
  return { code, out }
end

local function decoded(lines)
  local values = {}
  for text in lines:gmatch "[^\n]+" do
    values[#values + 1] = json.decode(text)
  end
  return values
end

-- No other script on this Corosync has that name.
local function new_name()
  count = count + 1
  return ("spec-%.0f-%d"):format(uv.hrtime(), count)
end

describe("cpgrun for a shell #slow:", function()
  after_each(program.clean)
  teardown(program.remove)

  -- A script that holds the replica of a new name, and prints what changes in its map m.
  local function holder()
    local name = new_name()
    local it = cpgrun("holder", [[
      map "m":watch("", function(...) print("told", ...) end)
      function message_received(address, message) print("got", address.node, message) end
      map "m":set("up", true) ]], "--group", name)
    line(it, "^told\tup")
    complaint(it, "info: joined group")
    return name, it
  end

  describe("map", function()
    it("sets, gets, replaces, increments, lists and deletes", function()
      local name, it = holder()
      local m = name .. ".m"
      assert.same({ 0, "" }, outcome("map", m, "set", "tea", "3"))
      assert.equal("3", line(it, "^told\ttea\t(%d)\tnil"))
      assert.same({ 0, "3" }, outcome("map", m, "get", "tea"))
      assert.equal(0, (run("cpgrun", "map", m, "replace", "tea", "3", "4")))
      assert.same({ 0, "7" }, outcome("map", m, "increment", "n", "7"))
      assert.same({ 0, "9" }, outcome("map", m, "increment", "n", "2"))
      assert.same({ 0, "8" }, outcome("map", m, "increment", "n", "--", "-1"))
      assert.same({ 0, "n\t8\ntea\t4\nup\ttrue" }, outcome("map", m, "list"))
      assert.same({ 0, "tea\t4" }, outcome("map", m, "list", "te"))
      assert.equal(0, (run("cpgrun", "map", m, "delete", "tea")))
      assert.equal(1, (run("cpgrun", "map", m, "get", "tea")))
    end)

    it("takes and prints JSON", function()
      local m = holder() .. ".m"
      assert.equal(0, (run("cpgrun", "map", "--json", m, "set", "k", '{"a":[1,true,"x"]}')))
      assert.same({ 0, '{"a":[1,true,"x"]}' }, outcome("map", "--json", m, "get", "k"))
      assert.same({ 0, '{"a":[1,true,"x"]}' }, outcome("map", m, "get", "k"))
      local code, _, errors = run("cpgrun", "map", "--json", m, "set", "k", "{")
      assert.equal(125, code)
      assert.matches("Error: '{' is not JSON: ", errors)
    end)

    it("loads what list has printed", function()
      local m, other = holder() .. ".m", holder() .. ".m"
      for key, value in pairs { ["a\tb\n"] = '{"a":[1,2.5,"x"],"b":{"c":false}}', number = "-3", text = '"\\u00e9"' } do
        assert.equal(0, (run("cpgrun", "map", "--json", m, "set", "--", key, value)))
      end
      local _, backup = run("cpgrun", "map", "--json", m, "list")
      local loader = start("cpgrun", "map", other, "load")
      assert(loader:write(backup))
      loader:close_stdin()
      program.ended(loader, 0)
      assert.same(decoded(backup), decoded((select(2, run("cpgrun", "map", "--json", other, "list")))))
    end)

    it("loads thousands of keys", function()
      local m, lines = holder() .. ".m", {}
      for i = 1, 3000 do
        lines[i] = ('{"key":"key%d","value":%d}\n'):format(i, i)
      end
      local loader = start("cpgrun", "map", m, "load")
      assert(loader:write(table.concat(lines)))
      loader:close_stdin()
      program.ended(loader, 0)
      local _, keys = run("cpgrun", "map", m, "list", "key")
      assert.equal(3000, select(2, keys:gsub("key(%d+)\t%1", "")))
    end)

    it("loads nothing from damaged input, and says which line is wrong", function()
      local m = holder() .. ".m"
      for text, problem in pairs { ['{"key":"k",'] = "unterminated", ['{"key":"k"}'] = "a key or value is missing",
        ["k\tv"] = "no valid JSON value", [("["):rep(100000)] = "it is nested too deeply",
        ['{"key":"k","value":1}{"key":"l","value":2}'] = "more text after the value",
        ['{"key":"","value":1}'] = "bad argument #1 'key' to 'set' %(1 to 1024 bytes expected, got 0%)" } do
        local loader = start("cpgrun", "map", m, "load")
        assert(loader:write('{"key":"first","value":1}\n' .. text .. "\n"))
        loader:close_stdin()
        program.ended(loader, 125)
        program.complaint(loader, "line 2 of standard input is not like .*: " .. problem .. ".*; nothing was changed")
      end
      assert.equal(1, (run("cpgrun", "map", m, "get", "first")))
    end)

    it("exits with 1 where a change is refused", function()
      local m = holder() .. ".m"
      local code, _, errors = run("cpgrun", "map", m, "replace", "up", "no", "yes")
      assert.equal(1, code)
      assert.matches("error: cannot replace key '.-' of map 'm' .*: the value is not the expected one", errors)
      assert.equal(1, (run("cpgrun", "map", m, "increment", "up")))
    end)

    it("lets a value expire", function()
      local name, it = holder()
      assert.equal(0, (run("cpgrun", "map", "--ttl", "1", name .. ".m", "set", "brief", "1")))
      line(it, "^told\tbrief\tnil\t1")
    end)

    it("watches, from the state that is there", function()
      local m = holder() .. ".m"
      local watcher = start("cpgrun", "map", m, "watch")
      local as_json = start("cpgrun", "map", "--json", m, "watch", "k")
      repeat -- until both are watching
        assert.equal(0, (run("cpgrun", "map", m, "increment", "k")))
      until #watcher.lines > 0 and #as_json.lines > 0
      assert.equal(0, (run("cpgrun", "map", m, "set", "k", "v")))
      assert.equal(0, (run("cpgrun", "map", m, "delete", "k")))
      line(watcher, "^set\tk\tv$")
      line(watcher, "^delete\tk$")
      assert.matches('"value":"v"', line(as_json, '^({.*"value":"v".*})$'))
      watcher:kill "sigint"
      program.ended(watcher, 130)
    end)

    it("says that nobody holds the map", function()
      for _, words in ipairs { { "get", "k" }, { "set", "k", "v" } } do
        local code, _, errors = run("cpgrun", "map", new_name() .. ".m", unpack(words))
        assert.equal(2, code)
        assert.matches("error: nobody holds replica 'spec%-.*': no process on this cluster is a member of it", errors)
      end
    end)

    it("gives up when the holders do not serve in time", function()
      local name, it = holder()
      it:kill "sigstop"
      local code, _, errors = run("cpgrun", "map", "--timeout", "1", name .. ".m", "get", "up")
      it:kill "sigcont"
      assert.equal(124, code)
      assert.matches("error: replica '.*' is not ready after 1 s: ", errors)
    end)
  end)

  describe("lock", function()
    it("runs a command with the token, and exits with its status; nobody else runs", function()
      local name = new_name()
      local lock = name .. ".l"
      local code, token = run("cpgrun", "lock", lock, "--", "sh", "-c", "echo $CPGRUN_TOKEN; exit 7")
      assert.equal(7, code)
      assert.is_truthy(tonumber(token))
      local later = select(2, run("cpgrun", "lock", lock, "--", "sh", "-c", "echo $CPGRUN_TOKEN"))
      assert.is_true(tonumber(later) > tonumber(token), later .. " after " .. token)
      assert.same({ 1, "" }, outcome("members", name .. ".replica"))
    end)

    it("waits for its turn, or gives up", function()
      local lock = holder() .. ".l"
      local first = start("cpgrun", "lock", lock, "--", "sh", "-c", "echo one; read line; echo over")
      line(first, "^one$")
      local code, _, errors = run("cpgrun", "lock", "--nonblock", lock, "--", "echo", "two")
      assert.equal(124, code)
      assert.matches("error: cannot acquire lock 'l' of replica '.*': member 1:%d+ holds it", errors)
      assert.equal(124, (run("cpgrun", "lock", "--timeout", "1", lock, "--", "echo", "two")))
      local second = start("cpgrun", "lock", lock, "--", "echo", "two")
      assert(first:write "\n")
      line(second, "^two$")
      program.ended(first, 0)
      program.ended(second, 0)
    end)

    describe("that is lost", function()
      local cluster -- whose token is lost sooner than that of the specs' own

      setup(function() cluster = assert(lab.start(1)) end)
      teardown(function() assert(cluster:stop()) end)

      -- Starts a command with a lock, and pauses a member of the replica, which confirms nothing more.
      local function lose(grace, command)
        local it = assert(cluster:run(1, { "cpgrun", "--group", "lost", program.file("member.lua", "map 'm'") }))
        complaint(it, "info: joined group")
        local held = assert(cluster:run(1, { "cpgrun", "lock", "--grace", grace, "lost.l", "--", "sh", "-c", command }))
        line(held, "^up$")
        it:kill "sigstop"
        complaint(held, "error: lock 'l' was lost %(expired%): ending the command")
        it:kill "sigkill"
        return held
      end

      it("ends the command and its children", function()
        local held = lose("60", "trap 'echo asked; exit 0' TERM; echo up; sleep 600 & wait")
        line(held, "^asked$")
        program.ended(held, 123)
      end)

      it("kills a command that does not end", function()
        program.ended(lose("0.1", "trap '' TERM; echo up; while :; do sleep 600; done"), 123)
      end)
    end)

    it("passes signals to the command, and exits as it does", function()
      local lock = holder() .. ".l"
      local held = start("cpgrun", "lock", lock, "--", "sh", "-c", "echo up; sleep 600")
      line(held, "^up$")
      held:kill "sigterm"
      program.ended(held, 128 + 15)
      assert.equal(0, (run("cpgrun", "lock", "--nonblock", lock, "--", "true")))
    end)

    it("exits with 127 and 126 for a command that cannot be run", function()
      local lock = holder() .. ".l"
      local code, _, errors = run("cpgrun", "lock", lock, "--", "no-such-command")
      assert.equal(127, code)
      assert.matches("error: cannot run 'no%-such%-command': ENOENT", errors)
      assert.equal(126, (run("cpgrun", "lock", lock, "--", "/")))
    end)
  end)

  it("members lists a group without joining it", function()
    local name = holder()
    local code, out = run("cpgrun", "members", name)
    assert.equal(0, code)
    assert.matches("^1:%d+$", out)
    assert.matches('^%[{.*"node":1.*}%]$', (select(2, run("cpgrun", "members", "--json", name))))
    assert.same({ 1, "" }, outcome("members", new_name()))
    assert.same({ 1, "[]" }, outcome("members", "--json", new_name()))
    assert.matches("warning: group 'nobodys' has no members$", (select(3, run("cpgrun", "members", "nobodys"))))
  end)

  it("send and listen exchange messages with a group", function()
    local name, it = holder()
    local listener = start("cpgrun", "listen", name, "--count", "1", "--json")
    local plain = start("cpgrun", "listen", name, "--count", "1")
    repeat -- until both have joined
      local _, out = run("cpgrun", "members", name)
    until select(2, out:gsub("\n", "")) == 2
    assert.equal(0, (run("cpgrun", "send", name, "hello")))
    line(it, "^got\t1\thello$")
    assert.matches('"message":"hello"', line(listener, "^({.*})$"))
    line(plain, "^1:%d+\thello$")
    program.ended(listener, 0)
    program.ended(plain, 0)
    assert.equal(124, (run("cpgrun", "listen", name, "--count", "1", "--timeout", "0.5")))
    assert.equal(0, (run("cpgrun", "listen", name, "--timeout", "0.5")))
  end)

  it("send and load end on a signal while they wait for standard input", function()
    for _, words in ipairs { { "send", "nobodys", "-" }, { "map", "nobodys.m", "load" } } do
      local it = start("cpgrun", unpack(words))
      assert(it:write(("x"):rep(4000000)))
      assert(wait.until_true(function() return it.stdin:get_write_queue_size() == 0 end, 60)) -- so it reads
      it:kill "sigint"
      assert.same({ 0, 2 }, { assert(it:wait(60)) })
    end
  end)

  local COMMAND = "the command is missing: write it after --"
  for _, each in ipairs {
    { "map shop get k", "'shop' is not a replica's name" },
    { "map a.b take k", "unknown action: the actions are get KEY, set KEY VALUE, " },
    { "map a.b", "the action is missing: get KEY, set KEY VALUE, " },
    { "map a.b get", "get takes 1 word, not 0: get KEY" },
    { "map a.b set k", "set takes 2 words, not 1: set KEY VALUE" },
    { "map a.b increment", "increment takes 1 to 2 words, not 0: increment KEY [BY]" },
    { "map a.b load k", "load takes 0 words, not 1: load" },
    { "map a.b increment k -1", "unknown option '-1'\nDid you mean '-h'?\nWrite -- before a word that begins with - " },
    { "send a -x", "unknown option '-x'\nDid you mean '-h'?\nWrite -- before a word that begins with - " },
    { "map a.b increment k x", "increment takes a number, not 'x'" }, { "map", "missing argument 'REPLICA.MAP'" },
    { "lock a.b --", COMMAND }, { "lock a.b true", COMMAND }, { "lock a.b ls -l", COMMAND },
    { "send a", "missing argument 'MESSAGE'" }, { "members", "missing argument 'GROUP'" },
  } do
    local words, message = unpack(each)
    it(words .. " fails with 125 and says why", function()
      local code, _, errors = run("sh", "-c", "exec cpgrun " .. words)
      assert.equal(125, code)
      assert.matches("^Usage: cpgrun " .. words:match "^%a+", errors)
      assert.is_truthy(errors:find("\nError: " .. message, 1, true), errors)
    end)
  end

  it("the man page has each option and exit status of --help", function()
    local file = assert(io.open "docs/cpgrun.1")
    local page = file:read "*a":gsub("\\%-", "-")
    file:close()
    local section = page:match "\n%.SH SHELL COMMANDS\n(.-)\n%.SH "
    for _, command in ipairs { "map", "lock", "members", "send", "listen" } do
      local code, help = run("cpgrun", command, "--help")
      assert.equal(0, code)
      for option in help:gmatch "%-%-%l+" do
        assert.is_truthy(option == "--help" or section:find(option, 1, true), command .. " " .. option)
      end
      for status in help:match("Exit status:.*"):gmatch "(%d+):" do
        assert.is_truthy(section:find("\n.B " .. status .. "\n", 1, true), command .. " " .. status)
      end
    end
  end)
end)
